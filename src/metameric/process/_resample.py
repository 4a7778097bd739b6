"""Resampling by two with small filters, and padding that keeps sizes."""

import math
from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Num
from torch import Tensor

from metameric._core.counts import pair
from metameric._core.errors import InputError, InputTypeError
from metameric._core.types import Images
from metameric._core.verbatim import as_written
from metameric.process._padding import PAD_MODES, Pads, pad

Pair = tuple[int, int]
Signal = Num[Tensor, "*lead height width"]


def same_padding(
    image: Signal,
    kernel_size: int | Pair,
    stride: int | Pair = (1, 1),
    dilation: int | Pair = (1, 1),
    pad_mode: str = "circular",
) -> Num[Tensor, "*lead padded_height padded_width"]:
    """Pad images so that a convolution gives one output per `stride` pixels, ceil(size / stride) in all.

    Parameters
    ----------
    image
        Shape (..., height, width).
    kernel_size, stride, dilation
        Of the convolution to come; one number for both axes, or (vertical, horizontal).
    pad_mode
        ``"circular"``, ``"reflect"``, ``"replicate"`` or ``"constant"`` (zeros).

    Raises
    ------
    ValueError
        If `pad_mode` is unknown, or the image smaller than it needs.

    Notes
    -----
    Of an odd number of samples to add, the larger half goes to the bottom and right.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.same_padding(torch.rand(1, 1, 8, 8), (5, 4)).shape
    torch.Size([1, 1, 12, 11])
    """
    check_plane(image)
    pads = []
    for n, k, s, d in zip(image.shape[-2:], _pair(kernel_size), _pair(stride), _pair(dilation), strict=True):
        total = max((math.ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    return _pad(image, (pads[0], pads[1]), pad_mode)


@as_written
def correlate_downsample(
    image: Signal, filt: Num[Tensor, "rows columns"], padding_mode: str = "reflect"
) -> Num[Tensor, "*lead half_height half_width"]:
    """Correlate with a filter and keep every second pixel, (0, 0) first.

    Parameters
    ----------
    image
        Shape (..., height, width).
    filt
        Shape (rows, columns), of the image's dtype and device; a low-pass filter prevents aliasing.
    padding_mode
        ``"reflect"``, ``"constant"``, ``"replicate"`` or ``"circular"``.

    Raises
    ------
    ValueError
        If the filter has not two dimensions, or the image is smaller than the padding needs.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.correlate_downsample(torch.rand(1, 1, 9, 8), torch.ones(3, 3) / 9).shape
    torch.Size([1, 1, 5, 4])
    """
    _check_filter(image, filt)
    padded = same_padding(image, (filt.shape[0], filt.shape[1]), pad_mode=padding_mode)
    out = F.conv2d(_single_channel(padded), filt[None, None], stride=2)
    return out.reshape(*image.shape[:-2], *out.shape[-2:])


@as_written
def upsample_convolve(
    image: Signal, odd: Pair, filt: Num[Tensor, "rows columns"], padding_mode: str = "reflect"
) -> Num[Tensor, "*lead double_height double_width"]:
    """Put zeros between pixels and convolve with a filter: the adjoint of `correlate_downsample`, edges aside.

    Parameters
    ----------
    image
        Shape (..., height, width).
    odd
        Whether the result has an odd (1) or even (0) height and width: it has 2 x height - odd[0] rows.
    filt
        Shape (rows, columns), of the image's dtype and device.
    padding_mode
        How the image is continued: ``"reflect"``, ``"constant"``, ``"replicate"`` or ``"circular"``.

    Raises
    ------
    ValueError
        If the filter has not two dimensions, `odd` is not two of 0 and 1, or the image is smaller than the padding.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.upsample_convolve(torch.rand(1, 1, 5, 4), (1, 0), torch.ones(3, 3)).shape
    torch.Size([1, 1, 9, 8])
    """
    _check_filter(image, filt)
    check_odd(odd)
    rows, columns = (enlargement(image.shape[axis - 2], odd[axis], filt.shape[axis]) for axis in (0, 1))
    padded = _pad(image, (rows.pads, columns.pads), padding_mode)
    out = F.conv_transpose2d(_single_channel(padded), filt[None, None], stride=2)
    out = out.narrow(-2, rows.start, rows.length).narrow(-1, columns.start, columns.length)
    return out.reshape(*image.shape[:-2], rows.length, columns.length)


class Enlargement(NamedTuple):
    """How one axis is padded, and which part of what a filter spreads out is kept, when its length is doubled."""

    pads: Pair
    start: int
    length: int


def enlargement(n: int, odd: int, filter_length: int) -> Enlargement:
    """Plan the doubling of an axis of `n` pixels: it is padded by what the filter reaches at the low resolution."""
    origin, length = (filter_length - 1) // 2, 2 * n - odd
    before, after = (filter_length - 1 - origin) // 2, max((length - 1 + origin) // 2 - (n - 1), 0)
    # A filter of one sample leaves the last pixel of an even length to the next sample.
    after = max(after, 1) if filter_length == 1 and not odd else after
    return Enlargement((before, after), origin + 2 * before, length)


def check_odd(odd: Pair) -> None:
    """Refuse anything but two of 0 and 1."""
    if len(tuple(odd)) != 2 or any(o not in (0, 1) for o in odd):
        raise InputError(f"odd is {odd}; expected two numbers, 1 for an odd and 0 for an even height and width.")


def check_padding(image: Tensor, pads: Pads, mode: str) -> None:
    """Refuse unknown modes and images smaller than what a mode copies from them."""
    if mode not in PAD_MODES:
        raise InputError(f"pad_mode is {mode!r}; expected one of {', '.join(map(repr, PAD_MODES))}.")
    least = {"reflect": 1, "circular": 0}.get(mode)
    if least is not None and any(max(p) + least > n for p, n in zip(pads, image.shape[-2:], strict=True)):
        needed = " x ".join(str(max(p) + least) for p in pads)
        raise InputError(
            f"image of {image.shape[-2]} x {image.shape[-1]} pixels is too small for {mode!r} padding; expected at "
            f"least {needed}. Use a larger image, fewer scales, a smaller filter, or another padding."
        )


def _pad(image: Tensor, pads: Pads, mode: str) -> Tensor:
    check_padding(image, pads, mode)
    return pad(image, pads, mode)


def check_plane(image: Tensor) -> None:
    """Refuse what is not (..., height, width) of floats."""
    if image.ndim < 2:
        raise InputError(f"image has shape {tuple(image.shape)}; expected (..., height, width).")
    if not (image.is_floating_point() or image.is_complex()):
        raise InputTypeError(f"image has dtype {image.dtype}; expected floats. Convert it with `.to(torch.float32)`.")


def _check_filter(image: Images, filt: Tensor) -> None:
    check_plane(image)
    if filt.ndim != 2:
        raise InputError(f"filt has shape {tuple(filt.shape)}; expected two dimensions (rows, columns).")
    if filt.dtype != image.dtype or filt.device != image.device:
        raise InputError(
            f"filt is {filt.dtype} on {filt.device}, the image {image.dtype} on {image.device}; "
            "move one with `.to(...)` so that they agree."
        )


def _single_channel(image: Tensor) -> Tensor:
    return image.reshape(-1, 1, *image.shape[-2:])


def _pair(value: int | Pair) -> Pair:
    first, second = pair(value)
    return first, second
