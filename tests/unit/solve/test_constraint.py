"""Sets of stimuli: what is nearest on them, and how far they are."""

import torch

import metameric as mm
from metameric._solve._constraint import distance_to


def test_distance_is_the_root_mean_square_over_the_elements():
    x = torch.tensor([[3.0, 0.5, 0.5, 0.5], [0.5, 0.5, 0.0, 1.0], [-1.0, 2.0, -1.0, 2.0]])
    torch.testing.assert_close(distance_to(mm.Box(0, 1), x), torch.tensor([1.0, 0.0, 1.0]))


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
