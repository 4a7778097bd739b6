"""Polar images and the disk."""

import math

import pytest
import torch

from metameric._core.errors import InputError
from metameric.data._polar import disk, polar_angle, polar_radius


def test_radius_from_a_given_origin():
    radius = polar_radius((4, 5), origin=(2, 3))
    assert radius[1, 2] == 0
    assert radius[1, 4] == 2 and radius[3, 2] == 2
    torch.testing.assert_close(polar_radius((4, 5), exponent=2.0, origin=(2, 3)), radius**2)


def test_negative_exponent_is_finite_at_the_origin():
    assert polar_radius(3, exponent=-1.0)[1, 1] == 2


def test_angle_turns_both_ways():
    clockwise = polar_angle(5)
    assert clockwise[4, 2] == pytest.approx(math.pi / 2)
    assert polar_angle(5, direction="counter-clockwise")[4, 2] == pytest.approx(-math.pi / 2)
    shifted = polar_angle(6, phase=1.0)
    assert shifted.min() >= -math.pi and shifted.max() <= math.pi
    torch.testing.assert_close(shifted.cos(), (polar_angle(6) - 1).cos())


def test_disk_profile():
    mask = disk((21, 21), outer_radius=8, inner_radius=4)
    assert mask[10, 14] == 1 and mask[10, 18] == 0
    assert mask[10, 16].item() == pytest.approx(0.5, abs=1e-6)
    assert set(disk((9, 9), 3, 3).unique().tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: polar_radius(0), "size is 0; expected one or two positive integers"),
        (lambda: polar_radius((3, 3, 3)), r"size is \(3, 3, 3\)"),
        (lambda: polar_angle(3, direction="left"), "direction is 'left'; expected 'clockwise'"),
        (lambda: disk((9, 9), 2, 3), "inner_radius is 3 and outer_radius 2; expected 0 <= inner <= outer"),
    ],
)
def test_errors(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize("options", [{}, {"origin": (2, 3)}, {"origin": 1}])
def test_parity(options):
    pytest.importorskip("plenoptic", reason="plenoptic IS MISSING: parity with it is NOT tested")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import plenoptic as po
    for size in (8, (7, 10)):
        for exponent in (1.0, 2.0, 0.5):
            expected = po.data.polar_radius(size, exponent, **options)
            torch.testing.assert_close(polar_radius(size, exponent, **options), expected)
        # Counter-clockwise, the peer counts the rows of a given origin from below, against its own documentation.
        for direction in ("clockwise",) if options else ("clockwise", "counter-clockwise"):
            expected = po.data.polar_angle(size, 0.7, direction=direction, **options)
            torch.testing.assert_close(polar_angle(size, 0.7, direction=direction, **options), expected)
    for args in (((8, 10),), ((9, 9), 4, 2), ((30, 20), 9, 9)):
        torch.testing.assert_close(disk(*args), po.data.disk(*args))
