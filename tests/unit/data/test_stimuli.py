"""Synthetic stimuli: range, spectrum, orientation, contrast, seeds."""

import math

import pytest
import torch

from metameric._core.errors import InputError
from metameric.data._noise import pink_noise_texture, power_law_noise
from metameric.data._stimuli import checkerboard, gabor, grating, plaid, zone_plate

ALL = [grating, gabor, plaid, zone_plate, checkerboard, power_law_noise, pink_noise_texture]


@pytest.mark.parametrize("make", ALL)
def test_form(make, dtype):
    image = make((24, 32), dtype=dtype, contrast=0.5)
    assert image.shape == (1, 1, 24, 32) and image.dtype == dtype
    assert make(16).dtype == torch.float32
    assert (image - 0.5).abs().max() <= 0.25 + 1e-6
    assert (image - 0.5).abs().max() > 0.2
    assert torch.equal(make(16, contrast=0), torch.full((1, 1, 16, 16), 0.5))


@pytest.mark.parametrize("make", ALL)
def test_contrast_is_checked(make):
    with pytest.raises(InputError, match=r"contrast is 1\.5; expected 0 to 1"):
        make(16, contrast=1.5)
    with pytest.raises(InputError, match=r"dtype is torch\.int32; expected a floating point type"):
        make(16, dtype=torch.int32)
    with pytest.raises(InputError, match="size is 0; expected"):
        make(0)


@pytest.mark.parametrize("make", [grating, gabor, plaid, zone_plate, checkerboard])
def test_frequency_is_checked(make):
    with pytest.raises(InputError, match=r"frequency is 0\.6 cycles per pixel; expected 0 to 0\.5"):
        make(16, frequency=0.6)


def peak(image: torch.Tensor) -> tuple[int, int]:
    power = torch.fft.rfft2(image[0, 0] - image.mean()).abs()
    row, column = divmod(int(power.argmax()), power.shape[1])
    return (row if row <= 32 else row - 64), column


@pytest.mark.parametrize(("orientation", "expected"), [(0.0, (0, 8)), (math.pi / 4, (8, 8)), (math.pi / 2, (8, 0))])
def test_grating_has_one_frequency(orientation, expected):
    frequency = math.hypot(*expected) / 64
    row, column = peak(grating(64, frequency=frequency, orientation=orientation))
    assert (abs(row), column) == expected
    assert row * expected[0] >= 0 or column == 0


def test_phase_zero_is_a_maximum_at_the_centre():
    for make in (grating, gabor, plaid, zone_plate):
        assert make(33)[0, 0, 16, 16].item() == pytest.approx(1)
        assert make(33, phase=math.pi)[0, 0, 16, 16].item() == pytest.approx(0, abs=1e-6)


def test_gabor_is_grey_far_away_and_aspect_ratio_lengthens_the_stripes():
    patch = gabor(65, std=4, aspect_ratio=3, frequency=0.1)[0, 0] - 0.5
    assert patch[:, 0].abs().max() < 1e-6
    assert patch[32 + 12, 32] / patch[32, 32] == pytest.approx(math.exp(-0.5), rel=1e-5)


def test_plaid_is_the_mean_of_its_gratings():
    both = plaid(32, frequency=(0.1, 0.2), orientation=(0.3, 1.2), phase=(0, 1.0))
    first = grating(32, frequency=0.1, orientation=0.3)
    second = grating(32, frequency=0.2, orientation=1.2, phase=1.0)
    torch.testing.assert_close(both, (first + second) / 2)
    with pytest.raises(InputError, match="a plaid has two gratings"):
        plaid(32, frequency=(0.1, 0.2, 0.3))


def test_zone_plate_frequency_grows_with_radius():
    line = zone_plate(257, frequency=0.25, dtype=torch.float64)[0, 0, 128, 128:] - 0.5
    crossings = (line[1:] * line[:-1] < 0).nonzero().flatten()
    # Phase pi * f r**2 / 128 gives f R**2 / 128 half cycles within R pixels.
    assert len(crossings) == pytest.approx(0.25 * 128, abs=1)


def test_checkerboard_alternates():
    board = checkerboard(8, frequency=0.25)[0, 0]
    assert set(board.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(board[:-2, :], 1 - board[2:, :]) and torch.equal(board[:, :-2], 1 - board[:, 2:])


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_spectrum_of_power_law_noise(exponent):
    image = power_law_noise(128, exponent=exponent, dtype=torch.float64)[0, 0]
    amplitude = torch.fft.rfft2(image - 0.5).abs()
    v, u = torch.fft.fftfreq(128)[:, None], torch.fft.rfftfreq(128)[None]
    radius = torch.hypot(u, v)
    inside = (radius > 0.02) & (radius < 0.4)
    x, y = radius[inside].log().double(), amplitude[inside].log()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    assert slope.item() == pytest.approx(-exponent, abs=0.1)


@pytest.mark.parametrize("make", [power_law_noise, pink_noise_texture])
def test_noise_follows_its_seed_only(make):
    before = torch.get_rng_state()
    assert torch.equal(make(16, seed=1), make(16, seed=1))
    assert not torch.equal(make(16, seed=1), make(16, seed=2))
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(make(16, dtype=torch.float64).float(), make(16))


def test_texture_orientation():
    vertical = pink_noise_texture(64)[0, 0]
    horizontal = pink_noise_texture(64, orientation=math.pi / 2)[0, 0]
    assert vertical.diff(dim=1).square().mean() > 5 * vertical.diff(dim=0).square().mean()
    assert horizontal.diff(dim=0).square().mean() > 5 * horizontal.diff(dim=1).square().mean()
    with pytest.raises(InputError, match="bandwidth is 0; expected radians above zero"):
        pink_noise_texture(16, bandwidth=0)
    with pytest.raises(InputError, match="std is 0 and aspect_ratio 1"):
        gabor(16, std=0)
    with pytest.raises(InputError, match="expected at least two pixels of noise"):
        power_law_noise(1)


@pytest.mark.parametrize("make", [grating, gabor, plaid, zone_plate, checkerboard, pink_noise_texture])
@pytest.mark.parametrize("name", ["orientation", "phase"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_angles_are_checked(make, name, value):
    if (make, name) in ((zone_plate, "orientation"), (pink_noise_texture, "phase")):
        return
    with pytest.raises(InputError, match=f"{name} is {value}; expected a finite number"):
        make(16, **{name: value})


def test_checks_have_a_size():
    with pytest.raises(InputError, match="frequency is 0; expected above 0"):
        checkerboard(4, frequency=0)


@pytest.mark.parametrize("exponent", [math.nan, math.inf, -2000])
def test_exponents_are_checked(exponent):
    with pytest.raises(InputError, match=f"exponent is {exponent}; expected -1000 to 1000"):
        power_law_noise(16, exponent=exponent)


@pytest.mark.parametrize("exponent", [-1000, -400, 400, 1000])
def test_steep_spectra_are_images(exponent):
    image = power_law_noise(16, exponent=exponent, dtype=torch.float64)[0, 0]
    power = torch.fft.rfft2(image - 0.5).abs()
    around = (torch.fft.fftfreq(16)[:, None].abs() * 16) ** 2 + (torch.fft.rfftfreq(16)[None] * 16) ** 2
    only = around == (1 if exponent > 0 else 128)
    assert power[only].min() > 1e-6 and power[~only].max() < 1e-8


@pytest.mark.parametrize("bandwidth", [3e-4, 1e-6])
@pytest.mark.parametrize("orientation", [0, 0.3])
def test_narrow_textures_are_images(bandwidth, orientation):
    image = pink_noise_texture(16, orientation=orientation, bandwidth=bandwidth, dtype=torch.float64)
    assert (image - 0.5).abs().max().item() == pytest.approx(0.5)


@pytest.mark.parametrize("orientation", [0, math.pi / 2, math.pi, 3 * math.pi / 2])
@pytest.mark.parametrize(
    ("size", "frequency", "phase"), [(9, 0.25, 0), (33, 1 / 8, 0), (64, 1 / 8, math.pi / 8), (30, 1 / 3, math.pi / 3)]
)
def test_checks_are_whole(size, frequency, phase, orientation):
    rows = checkerboard(size, frequency=frequency, orientation=orientation, phase=phase)[0, 0]
    for lines in (rows, rows.T):
        assert all(torch.equal(line, lines[0]) or torch.equal(line, 1 - lines[0]) for line in lines)


def test_checks_along_the_diagonal_are_whole():
    image = checkerboard(33, frequency=1 / 8, orientation=math.pi / 4)[0, 0]
    along = torch.arange(-16, 17) * (2**0.5 / 4)  # in checks; across, all of these pixels are on one edge
    assert torch.equal(image.flip(1).diagonal(), 1 - along.floor().remainder(2))
