"""Parametrisations of stimuli, and what a path does where the model sees no change."""

import pytest
import torch

import metameric as mm
from metameric._objective._diverse import spread_of


def test_colour_axes_are_orthonormal_and_the_first_is_grey(rng):
    image = torch.rand(1, 3, 8, 8, generator=rng, dtype=torch.float64)
    fourier = mm.FourierPixels(8, 8, decay=0)
    spread = torch.tensor([1.0, 0.25, 0.1], dtype=torch.float64)[:, None, None]

    def along_axes(x):
        return torch.view_as_complex(fourier.encode(x)) * spread

    power = torch.fft.rfft2(image, norm="ortho").abs().square().sum(1)
    torch.testing.assert_close(along_axes(image).abs().square().sum(1), power, rtol=1e-6, atol=1e-6)
    grey = along_axes(image.mean(1, keepdim=True).expand(1, 3, 8, 8))
    assert grey[:, 1:].abs().max() < 1e-6
    assert grey[:, 0].abs().max() > 1


@pytest.mark.parametrize("decay", [0, 1, 2])
def test_white_parameters_give_images_of_the_same_variance_whatever_the_decay(decay, rng):
    fourier = mm.FourierPixels(16, 12, decay=decay)
    weights = torch.fft.rfft2(fourier(torch.ones(1, 1, 16, 7, 2) / 2**0.5), norm="ortho").abs()
    gain = torch.fft.rfft2(fourier(torch.stack([torch.ones(1, 1, 16, 7), torch.zeros(1, 1, 16, 7)], -1)), norm="ortho")
    torch.testing.assert_close(gain.real.square().mean(), torch.tensor(1.0))
    assert weights[0, 0, 1, 0] / weights[0, 0, 2, 0] == pytest.approx(2.0**decay, rel=1e-4)


def test_a_path_along_which_nothing_changes_for_the_model_is_not_jerky():
    blind = mm.problems.LinearModel(torch.tensor([[1.0, 0.0]]))
    geodesic = mm.Geodesic(torch.zeros(1, 2), torch.tensor([[0.0, 1.0]]), blind, 4)
    result = geodesic.synthesize(5, progress=False)
    assert float(result.figures["jerkiness"]) == 0


def test_the_smooth_least_distance_of_each_set_is_just_below_its_least():
    one = torch.tensor([[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]])
    found = spread_of(torch.stack([one, 10 * one]), "least")
    assert 0.9 < float(found[0]) <= 1
    torch.testing.assert_close(found[1], 10 * found[0])
    assert spread_of(one[None], "mean") == 2


def test_a_sigmoid_goes_there_and_back_in_any_range(rng):
    x = 1.5 + 3 * torch.rand(2, 3, 4, 4, generator=rng, dtype=torch.float64)
    sigmoid = mm.SigmoidPixels(1.0, 5.0)
    torch.testing.assert_close(sigmoid(sigmoid.encode(x)), x)


def test_frequencies_weigh_one_over_f_by_default():
    z = torch.ones(1, 1, 16, 9, 2)
    torch.testing.assert_close(mm.FourierPixels(16, 16)(z), mm.FourierPixels(16, 16, decay=1)(z))
