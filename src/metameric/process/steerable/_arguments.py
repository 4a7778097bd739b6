"""The arguments of a pyramid: names of its parts, and checks at the door."""

from collections import OrderedDict
from collections.abc import Sequence
from math import floor, log2
from operator import index
from typing import Any, Literal

import torch
from torch import Tensor

from metameric._core.counts import whole
from metameric._core.errors import InputError, InputTypeError
from metameric.process.steerable._octaves import Shape

Scale = int | Literal["residual_highpass", "residual_lowpass"]
Coefficients = OrderedDict[Scale, Tensor]
HIGHPASS: Literal["residual_highpass"] = "residual_highpass"
LOWPASS: Literal["residual_lowpass"] = "residual_lowpass"


def check_names(chosen: Sequence[Any], allowed: Sequence[Any], what: str) -> list[Any]:
    """Return the chosen names as a list if all of them are allowed."""
    if isinstance(chosen, str) or not hasattr(chosen, "__iter__"):
        raise InputTypeError(f"{what} must be a list with elements of {list(allowed)}, found {chosen!r}.")
    chosen = list(chosen)
    unknown = [name for name in chosen if name not in allowed]
    if unknown:
        raise InputError(f"{what} must be among {list(allowed)}, found {unknown}.")
    return chosen


def check_shape(image_shape: tuple[int, int]) -> Shape:
    """Return height and width as integers."""
    try:
        height, width = (index(size) for size in image_shape)
    except (TypeError, ValueError):
        raise InputError(f"image_shape must be two integers, height and width, found {image_shape!r}.") from None
    if min(height, width) < 1:
        raise InputError(f"image_shape must be positive, found {image_shape!r}.")
    return height, width


def check_height(height: Literal["auto"] | int, image_shape: Shape) -> int:
    """Return the number of scales."""
    highest = max(0, floor(log2(min(image_shape))) - 2)
    if height == "auto":
        return highest
    number = whole(height)
    if number is None or number < 0:
        raise InputError(f"height must be 'auto' or a non-negative integer, found {height!r}.")
    if number > highest:
        raise InputError(f"Images of {image_shape} allow at most {highest} scales, found height={number}.")
    return number


def check_options(order: int, twidth: float, boundary: str) -> None:
    """Refuse options outside their range."""
    if isinstance(order, bool) or order not in range(16):
        raise InputError(f"order must be an integer in the range [0, 15], found {order!r}.")
    if not twidth > 0:
        raise InputError(f"twidth must be positive (octaves), found {twidth!r}.")
    if boundary not in ("circular", "reflect", "zero"):
        raise InputError(f"boundary must be 'circular', 'reflect' or 'zero', found {boundary!r}.")


def check_image(image: Tensor, image_shape: Shape) -> None:
    """Refuse images of another size or of numbers that cannot be transformed."""
    if image.dtype not in (torch.float32, torch.float64):
        raise InputTypeError(f"image must have dtype float32 or float64, found {image.dtype}: convert it first.")
    if tuple(image.shape[-2:]) != image_shape:
        raise InputError(
            f"image must have height and width {image_shape}, found shape {tuple(image.shape)}: resize it or make a "
            "pyramid (model) of its size."
        )
