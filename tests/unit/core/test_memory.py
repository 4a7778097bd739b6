"""Memory for large tensors: whose it is, how long it lasts."""

import copy
import mmap
import pickle
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from metameric._core import memory

LARGE = (5, 1300, 1300)


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
    assert memory.empty(LARGE, torch.empty(0, device="meta"), torch.float32).device.type == "meta"


def test_large_tensors_made_in_inference_mode_can_be_used_outside():
    with torch.inference_mode():
        values = memory.empty(LARGE, torch.empty(0), torch.float32).fill_(1)
    assert (values + values).max() == 2


def test_threads_do_not_share_memory():
    def kept(i):
        return memory.empty(LARGE if i % 2 else (100,), torch.empty(0), torch.float32).fill_(i)

    with ThreadPoolExecutor(4) as pool:
        assert all((values == i).all() for i, values in enumerate(pool.map(kept, range(16))))


FAULTS = """
from resource import RUSAGE_SELF, getrusage
import torch
from metameric._core import memory

memory.empty((1,), torch.empty(0), torch.float32)
for _ in range(2):
    before = getrusage(RUSAGE_SELF).ru_minflt
    several = [torch.ones(100_000) for _ in range(60)]
    del several
    faults = getrusage(RUSAGE_SELF).ru_minflt - before
print(faults)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have ways of their own")
def test_memory_that_became_free_is_not_fresh():
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    # Fresh, they would be 5860 pages.
    assert int(done.stdout) < 1000
