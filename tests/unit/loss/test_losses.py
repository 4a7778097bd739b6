import copy
import pickle

import pytest
import torch

import metameric as mm

LOSSES = [mm.loss.mse, mm.loss.l2_norm, mm.loss.relative_sse]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_zero_and_finite_gradient_at_the_target(loss, dtype):
    ref = torch.randn(2, 3, 4, dtype=dtype, generator=torch.Generator().manual_seed(0))
    x = ref.clone().requires_grad_()
    value = loss(x, ref)
    value.backward()
    assert value == 0
    assert value.dtype == dtype
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_each_is_the_loss_of_each_entry_alone(loss):
    a, b = torch.rand(3, 5), torch.rand(3, 5)
    alone = torch.stack([loss(a[i : i + 1], b[i : i + 1]) for i in range(3)])
    assert torch.allclose(loss.each(a, b), alone)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_complex_representations(loss):
    a, b = torch.randn(2, 5, dtype=torch.complex64), torch.randn(2, 5, dtype=torch.complex64)
    real = loss(torch.view_as_real(a), torch.view_as_real(b))
    expected = real * 2 if loss is mm.loss.mse else real
    assert torch.allclose(loss(a, b), expected)


def test_values():
    a, b = torch.ones(2, 1, 3, 3), 2 * torch.ones(2, 1, 3, 3)
    assert mm.loss.mse(a, b) == 1
    assert torch.isclose(mm.loss.l2_norm(a, b), torch.tensor(18.0).sqrt())
    assert torch.isclose(mm.loss.relative_sse(a, b), torch.tensor(0.25))


def test_relative_sse_of_a_zero_reference_is_the_plain_sum():
    assert mm.loss.relative_sse(torch.ones(1, 4), torch.zeros(1, 4)) == 4


def test_parity_with_plenoptic():
    po = pytest.importorskip("plenoptic")
    a, b = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    for name in ("mse", "l2_norm", "relative_sse"):
        assert torch.allclose(getattr(mm.loss, name)(a, b), getattr(po.loss, name)(a, b))


@pytest.mark.parametrize("function", [mm.loss.mse, mm.loss.l2_norm, mm.loss.relative_sse, mm.regularize.penalize_range])
def test_built_in_functions_stay_one_object(function):
    assert pickle.loads(pickle.dumps(function)) is function
    assert copy.deepcopy(function) is function


def test_a_metamer_can_be_sent_elsewhere(rng):
    metamer = mm.Metamer(torch.rand(1, 1, 8, 8, generator=rng), mm.models.Identity())
    metamer.setup(seed=0)
    metamer.synthesize(2, progress=False)
    others = [pickle.loads(pickle.dumps(metamer)), copy.deepcopy(metamer)]
    for each in (metamer, *others):
        each.synthesize(2, progress=False)
    assert all(torch.equal(metamer.metamer, other.metamer) for other in others)
