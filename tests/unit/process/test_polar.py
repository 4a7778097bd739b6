"""Amplitudes and phases, of signals and of pyramids."""

import torch

from metameric import process


def test_an_amplitude_of_zero_is_one():
    found = process.polar_to_rectangular(torch.tensor([0.0, 2.0]), torch.tensor([1.0, torch.pi]))
    torch.testing.assert_close(found, torch.tensor([0.0, -2.0]) + 0j)


def test_residuals_are_kept_when_asked_for_and_passed_on(rng):
    image = torch.rand(1, 1, 16, 16, generator=rng, dtype=torch.float64)
    pyramid = process.SteerablePyramidFreq((16, 16), is_complex=True)
    coefficients = pyramid(image)
    energy, state = process.rectangular_to_polar_dict(coefficients)
    assert energy.keys() == state.keys() == {0, 1}
    energy, state = process.rectangular_to_polar_dict(coefficients, residuals=True)
    assert energy.keys() == coefficients.keys() and state.keys() == {0, 1}
    joined = process.polar_to_rectangular_dict(energy, state)
    for name, value in coefficients.items():
        torch.testing.assert_close(joined[name], value)
