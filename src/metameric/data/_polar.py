"""Images of polar coordinates, and the soft disk made from them."""

import math
from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.counts import height_and_width, pair
from metameric._core.errors import InputError
from metameric._core.types import Number

Size = int | Sequence[int]
Device = str | torch.device | None
Plane = Float[Tensor, "height width"]


def as_size(size: Size) -> tuple[int, int]:
    """Height and width from one number or a pair, checked."""
    return height_and_width("size", size)


def _offsets(
    size: Size, origin: int | tuple[Number, Number] | None, device: Device, dtype: torch.dtype | None = None
) -> tuple[Tensor, Tensor]:
    """Rows (down) and columns (right), in pixels from the origin; as (height, 1) and (1, width)."""
    height, width = as_size(size)
    middle = (height + 1) / 2, (width + 1) / 2
    row, column = pair(cast(Number | tuple[Number, Number], middle if origin is None else origin))
    dtype = dtype or torch.get_default_dtype()
    rows = torch.arange(1, height + 1, device=device, dtype=dtype) - row
    columns = torch.arange(1, width + 1, device=device, dtype=dtype) - column
    return rows[:, None], columns[None, :]


def polar_radius(
    size: Size,
    exponent: Number = 1.0,
    origin: int | tuple[Number, Number] | None = None,
    device: Device = None,
    *,
    dtype: torch.dtype | None = None,
) -> Plane:
    """Make an image of the distance from a point, raised to a power.

    Parameters
    ----------
    size
        Height and width in pixels; one number makes a square.
    exponent
        Power of the distance. A negative one would be infinite at the origin: the pixel there takes the value
        that is half a pixel away.
    origin
        (row, column) of the point, counted from 1; one number for both. By default the centre, (size + 1) / 2.
    device, dtype
        Where to make the tensor, and of which type (torch's default).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.polar_radius(3)[1]
    tensor([1., 0., 1.])
    """
    rows, columns = _offsets(size, origin, device, dtype)
    squared = rows**2 + columns**2
    if exponent < 0:
        squared = torch.where(squared == 0, 0.25, squared)
    return squared ** (exponent / 2)


def polar_angle(
    size: Size,
    phase: Number = 0.0,
    origin: int | tuple[Number, Number] | None = None,
    direction: str = "clockwise",
    device: Device = None,
) -> Plane:
    """Make an image of the angle around a point, in radians from the x axis, between -pi and pi.

    Parameters
    ----------
    size
        Height and width in pixels; one number makes a square.
    phase
        Angle that becomes zero, in radians.
    origin
        (row, column) of the point, counted from 1; one number for both. By default the centre, (size + 1) / 2.
    direction
        ``"clockwise"`` or ``"counter-clockwise"``.
    device
        Where to make the tensor.

    Raises
    ------
    ValueError
        If `direction` is neither of the two.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.polar_angle(3)[:, 1]
    tensor([-1.5708,  0.0000,  1.5708])
    """
    if direction not in ("clockwise", "counter-clockwise"):
        raise InputError(f"direction is {direction!r}; expected 'clockwise' or 'counter-clockwise'.")
    rows, columns = _offsets(size, origin, device)
    if direction == "counter-clockwise":
        rows = -rows
    angle = torch.atan2(rows, columns)
    return (angle - phase + math.pi).remainder(2 * math.pi) - math.pi


def disk(
    img_size: Size,
    outer_radius: Number | None = None,
    inner_radius: Number | None = None,
    *,
    device: Device = None,
    dtype: torch.dtype | None = None,
) -> Plane:
    """Make a disk: one in the middle, zero outside, with half a cosine wave between.

    Parameters
    ----------
    img_size
        Height and width in pixels.
    outer_radius
        Radius in pixels from which the image is zero. By default the largest that fits, (min(img_size) - 1) / 2.
    inner_radius
        Radius in pixels up to which the image is one; half of `outer_radius` by default. If both are equal
        the edge is sharp.
    device, dtype
        Where to make the tensor, and of which type (torch's default).

    Raises
    ------
    ValueError
        If a radius is negative, or the inner one is larger than the outer one.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.disk((5, 5))[2]
    tensor([0., 1., 1., 1., 0.])
    """
    size = as_size(img_size)
    outer = (min(size) - 1) / 2 if outer_radius is None else outer_radius
    inner = outer / 2 if inner_radius is None else inner_radius
    if not 0 <= inner <= outer:
        raise InputError(f"inner_radius is {inner:g} and outer_radius {outer:g}; expected 0 <= inner <= outer.")
    radius = polar_radius(size, device=device, dtype=dtype)
    if inner == outer:
        return (radius <= inner).to(radius.dtype)
    ramp = ((radius - inner) / (outer - inner)).clamp(0, 1)
    return 0.5 + 0.5 * torch.cos(math.pi * ramp)
