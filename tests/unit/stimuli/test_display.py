"""Displays: encoding, quantisation, placing, and the way back."""

import pytest
import torch

from metameric._core.errors import InputError
from metameric.stimuli import Display


@pytest.fixture
def picture():
    return torch.rand(2, 1, 6, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("values", ["encoded", "linear"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("canvas", [None, (20, 21)])
def test_decoding_undoes_encoding_up_to_half_a_level(picture, values, bits, canvas):
    display = Display(values=values, canvas=canvas, gamma=2.2)
    encoded = display.encode(picture, bits)
    assert encoded.shape[-2:] == (canvas or picture.shape[-2:])
    levels = encoded * (2**bits - 1)
    assert torch.allclose(levels, levels.round(), atol=1e-9)
    back = display.decode(encoded, (6, 8))
    exponent = 1 if values == "encoded" else 1 / 2.2
    assert (back**exponent - picture**exponent).abs().max() <= 0.5001 / (2**bits - 1)


def test_linear_values_are_luminances(picture):
    display = Display(values="linear", gamma=2.0)
    assert torch.allclose(display.encode(picture, 16) ** 2, picture, atol=1e-4)


def test_a_display_of_few_bits_uses_their_levels_only(picture):
    for file_bits in (8, 16):
        levels = 15 * Display(bits=4).encode(picture, file_bits)
        assert torch.allclose(levels, levels.round(), atol=15 / 2**file_bits)


def test_the_stimulus_is_centred_on_the_surround(picture):
    field = Display(canvas=(10, 12), surround=0.5, values="linear", gamma=2.0).encode(picture, 16)
    around = field.clone()
    around[..., 2:8, 2:10] = torch.nan
    assert torch.allclose(around[~around.isnan()], torch.tensor(0.5**0.5, dtype=torch.float64), atol=1e-4)


def test_facts():
    image = torch.tensor([-0.1, 0.5, 0.5, 1.2]).reshape(1, 1, 2, 2)
    (facts,) = Display(gamma=2.0, peak_luminance=100, pixels_per_degree=4).facts(image)
    assert facts["clipped_fraction"] == 0.5
    assert facts["height_degrees"] == facts["width_degrees"] == 0.5
    assert facts["mean_luminance"] == pytest.approx(100 * (0 + 0.25 + 0.25 + 1) / 4)


@pytest.mark.parametrize(("values", "gamma"), [("linear", 2.0), ("encoded", 2.0)])
def test_luminance_of_colours(values, gamma):
    image = torch.tensor([0.5, 0.25, 1.0]).reshape(1, 3, 1, 1).expand(1, 3, 2, 2)
    (facts,) = Display(values=values, gamma=gamma, peak_luminance=100).facts(image)
    light = image[0, :, 0, 0] ** (1 if values == "linear" else gamma)
    expected = 100 * (0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2])
    assert facts["mean_luminance"] == pytest.approx(float(expected), rel=1e-3)


def test_too_small_a_canvas(picture):
    with pytest.raises(InputError, match="6 x 8 pixels does not fit a canvas of 4 x 4"):
        Display(canvas=4).encode(picture, 8)
