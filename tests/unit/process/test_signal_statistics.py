"""Signals and moments: exact values, constants, seeds, and sizes that peers get wrong."""

import pytest
import torch

from metameric import process


@pytest.mark.parametrize("name", ["variance", "skew", "kurtosis"])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_constants_have_finite_moments_and_gradients(name, value, dtype):
    x = torch.full((2, 5, 7), value, dtype=dtype, requires_grad=True)
    moment = getattr(process, name)(x, dim=(-2, -1))
    expected = {"variance": 0.0, "skew": 0.0, "kurtosis": 3.0}[name]
    torch.testing.assert_close(
        moment, torch.full((2,), expected, dtype=dtype), atol=1e-2 if value > 1 else 1e-12, rtol=0
    )
    assert torch.autograd.grad(moment.sum(), x)[0].isfinite().all()


@pytest.mark.parametrize("keepdim", [True, False])
def test_known_mean_and_variance_are_used_in_either_shape(keepdim, rng):
    x = torch.rand(2, 3, 8, 9, generator=rng, dtype=torch.float64)
    mean, var = x.mean((2, 3), keepdim=keepdim), process.variance(x, dim=(2, 3), keepdim=keepdim)
    torch.testing.assert_close(process.variance(x, mean, (2, 3)), process.variance(x, dim=(2, 3)))
    torch.testing.assert_close(process.skew(x, mean, var, (2, 3)), process.skew(x, dim=(2, 3)))
    torch.testing.assert_close(process.kurtosis(x, mean, var, [2, 3]), process.kurtosis(x, dim=(2, 3)))


def test_noise_is_exact_seeded_and_leaves_the_global_state_alone(dtype):
    image = torch.zeros(1, 2, 8, 8, dtype=dtype)
    before = torch.get_rng_state()
    first, second = (process.add_noise(image, [0.1, 0.5], seed=3) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, second) and not torch.equal(first, process.add_noise(image, [0.1, 0.5], seed=4))
    expected = torch.tensor([[0.1, 0.1], [0.5, 0.5]], dtype=dtype)
    torch.testing.assert_close(first.square().mean((2, 3)), expected)
    source = torch.Generator().manual_seed(3)
    assert torch.equal(process.add_noise(image, [0.1, 0.5], seed=source), first)
    assert torch.equal(process.add_noise(image, 0), image)


def test_noise_is_exact_over_the_plane_and_not_row_by_row():
    noise = process.add_noise(torch.zeros(1, 1, 16, 16), 1.0, seed=0)
    assert float(noise.square().mean()) == pytest.approx(1)
    assert float(noise.square().mean(-1).std()) > 0.1


def test_autocorrelation_of_odd_sizes_against_the_definition(rng):
    x = torch.rand(5, 7, generator=rng, dtype=torch.float64)
    lags = process.autocorrelation(x)
    for i, j in [(0, 0), (1, 0), (-2, 3), (2, -3)]:
        expected = (x * x.roll((i, j), (0, 1))).mean()
        torch.testing.assert_close(lags[2 + i, 3 + j], expected)


def test_phase_of_nothing(dtype):
    z = torch.zeros(3, dtype=torch.complex64 if dtype == torch.float32 else torch.complex128, requires_grad=True)
    doubled = process.modulate_phase(z)
    assert (doubled == 0).all()
    assert torch.autograd.grad(doubled.abs().square().sum(), z)[0].isfinite().all()


def test_rescale_takes_integers_and_constants():
    assert process.rescale(torch.tensor([0, 5, 10])).tolist() == [0.0, 0.5, 1.0]
    assert process.rescale(torch.ones(3), 0.2, 1).tolist() == pytest.approx([0.2] * 3)


def test_expand_to_an_odd_size_keeps_the_mean(rng):
    x = torch.rand(6, 6, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(process.expand(x, 1.5).mean(), x.mean())


def test_shrink_to_one_pixel_is_the_mean(rng):
    x = torch.rand(12, 12, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(process.shrink(x, 12)[0, 0], x.mean())


def test_gain_control_of_nothing_has_finite_gradients():
    x = torch.zeros(1, 1, 8, 8, requires_grad=True)
    norm, direction = process.local_gain_control(x)
    assert torch.autograd.grad(norm.sum() + direction.sum(), x)[0].isfinite().all()


def test_a_variance_given_as_a_number_leaves_the_precision(rng):
    x = torch.rand(9, generator=rng)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert process.kurtosis(x, var=0.1).dtype == process.skew(x, var=0.1).dtype == torch.float32
    finally:
        torch.set_default_dtype(before)
