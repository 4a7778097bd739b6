"""Sets of stimuli: what is nearest on them, and how far they are."""

import pytest
import torch

import metameric as mm
from metameric._solve._constraint import distance_to, remembering


def test_distance_is_the_root_mean_square_over_the_elements():
    x = torch.full((3, 9), 0.5)
    x[0, 4], x[1, :2], x[2] = 4, torch.tensor([0.0, 1.0]), -1
    torch.testing.assert_close(distance_to(mm.Box(0, 1), x), torch.tensor([1.0, 0.0, 1.0]))


def test_two_sets_are_met_by_going_from_one_to_the_other_again_and_again(rng):
    both = mm.Intersection(mm.NormSphere(2.0), mm.Box(0.0, 1.0))
    x = both.project(2 * torch.randn(3, 16, generator=rng, dtype=torch.float64))
    assert x.min() >= 0 and x.max() <= 1
    assert (distance_to(mm.NormSphere(2.0), x) < 1e-3).all()


def test_a_direction_that_two_sets_leave_open_is_open_to_both():
    fixed = mm.FixedPixels(torch.tensor([True, False, False]), 0.6)
    x, d = torch.tensor([[0.6, 0.8, 0.0]]), torch.tensor([[0.0, 1.0, 2.0]])
    along = mm.Intersection(mm.NormSphere(1.0), fixed).tangent(x, d)
    assert along[0, 0] == 0 and along[0, 2] == 2
    assert (along * x).sum().abs() < 0.05 * (d * x).sum()


def test_a_flat_stimulus_gets_the_wanted_spectrum_too(rng):
    image = torch.rand(1, 1, 8, 8, generator=rng, dtype=torch.float64)
    x = mm.FixedSpectrum(image).project(torch.zeros_like(image))
    torch.testing.assert_close(torch.fft.rfft2(x).abs(), torch.fft.rfft2(image).abs())


def test_a_norm_sphere_lies_around_its_center():
    sphere = mm.NormSphere(5.0, torch.tensor([1.0, 2.0]))
    x = torch.tensor([[1.3, 2.4]])
    torch.testing.assert_close(sphere.project(x), torch.tensor([[4.0, 6.0]]))
    along = sphere.tangent(x, torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(along, torch.tensor([[0.64, -0.48]]))


def test_a_box_remembers_the_limits_at_two_points(monkeypatch):
    asked = []
    limits = mm.Box.limits
    monkeypatch.setattr(mm.Box, "limits", lambda self, x: asked.append(1) or limits(self, x))
    box = remembering(mm.Box(0, 1))
    first, second = torch.tensor([[0.0, 0.5, 1.0]]), torch.tensor([[1.0, 0.0, 0.3]])
    way = torch.tensor([[-1.0, -1.0, 1.0]])
    for _ in range(3):
        for x, wanted in ((first, [0.0, -1.0, 0.0]), (second, [-1.0, 0.0, 1.0])):
            assert torch.equal(box.tangent(x, way), torch.tensor([wanted]))
    assert len(asked) == 2
    first[0, 1] = 0.0
    assert torch.equal(box.tangent(first, way), torch.zeros(1, 3))
    assert torch.equal(box.tangent(first.clone(), way), torch.zeros(1, 3))
    assert torch.equal(box.move(second, way), torch.tensor([[0.0, 0.0, 1.0]]))
    assert remembering(mm.Free()) == mm.Free()


@pytest.mark.parametrize("shape", [(2, 6, 7), (2, 3, 6, 7), (2, 1, 3, 6, 7)])
def test_spectra_are_those_of_the_last_two_dimensions(shape, rng):
    stimulus = torch.rand(shape[1:], dtype=torch.float64, generator=rng)
    spectrum = mm.FixedSpectrum(stimulus)
    x = spectrum.project(torch.rand(shape, dtype=torch.float64, generator=rng))
    amplitude = torch.fft.rfft2(stimulus).abs().expand(*shape[:-1], -1)
    torch.testing.assert_close(torch.fft.rfft2(x).abs(), amplitude, rtol=1e-9, atol=1e-9)
    along = spectrum.tangent(x, torch.rand(shape, dtype=torch.float64, generator=rng))
    off = torch.fft.rfft2(spectrum.project(x + 1e-7 * along) - (x + 1e-7 * along)).abs().max()
    assert along.shape == x.shape and float(along.abs().max()) > 0.01 and float(off) < 1e-11
