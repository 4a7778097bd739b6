"""Memory for large tensors: whose it is, how long it lasts."""

import copy
import mmap
import pickle

import pytest
import torch

from metameric._core import memory

LARGE = (3, 700, 600)


@pytest.mark.parametrize("shape", [(3, 5), LARGE])
def test_empty_has_the_shape_and_can_be_used_like_any_tensor(shape):
    values = memory.empty(shape, torch.empty(0), torch.float64)
    assert (values.shape, values.dtype) == (shape, torch.float64)
    expected = torch.arange(values.numel(), dtype=torch.float64).reshape(shape)
    values.copy_(expected)
    for same in (values, copy.deepcopy(values), pickle.loads(pickle.dumps(values)), torch.from_numpy(values.numpy())):
        assert torch.equal(same, expected)
    (values.requires_grad_() * 2).sum().backward()
    assert torch.equal(values.grad, torch.full_like(expected, 2))


def test_large_tensors_do_not_share_memory():
    first, second = (memory.empty(LARGE, torch.empty(0), torch.float32).fill_(i) for i in range(2))
    view = first[0, 0]
    del first
    assert view.sum() == 0 and (second == 1).all()


def test_without_huge_pages_memory_is_ordinary(monkeypatch):
    monkeypatch.setattr(memory, "_ADVICE", None)
    assert memory.empty(LARGE, torch.empty(0), torch.float32).shape == LARGE


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="only Linux can be asked")
def test_a_kernel_that_refuses_is_no_error(monkeypatch):
    monkeypatch.setattr(memory, "_ADVICE", -1)
    assert memory.empty(LARGE, torch.empty(0), torch.float32).fill_(1).sum() == torch.Size(LARGE).numel()


def test_tensors_that_only_pretend_stay_so():
    like = torch.empty(0, device="meta")
    assert memory.empty(LARGE, like, torch.float32).device.type == "meta"
    assert memory.scratch(LARGE, like, torch.float32, "x").device.type == "meta"


def test_scratch_is_kept_per_slot_until_it_grows():
    like = torch.empty(0)
    first = memory.scratch((4, 4), like, torch.float64, "a")
    again = memory.scratch((2, 3), like, torch.complex64, "a")
    other = memory.scratch((4, 4), like, torch.float64, "b")
    assert first.data_ptr() == again.data_ptr() != other.data_ptr()
    assert memory.scratch((64, 64), like, torch.float64, "a").shape == (64, 64)


def test_scratch_made_in_inference_mode_can_be_written_to_outside():
    like = torch.empty(0)
    with torch.inference_mode():
        memory.scratch((1000, 100), like, torch.float32, "inference")
    memory.scratch((1000, 100), like, torch.float32, "inference").fill_(1)


def test_very_large_scratch_is_not_kept(monkeypatch):
    monkeypatch.setattr(memory, "KEPT_AT_MOST", 100)
    first = memory.scratch((8, 8), torch.empty(0), torch.float64, "large").fill_(0)
    memory.scratch((8, 8), torch.empty(0), torch.float64, "large").fill_(1)
    assert (first == 0).all()
