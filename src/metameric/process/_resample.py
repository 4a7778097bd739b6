"""Resampling by two with small filters, and padding that keeps sizes."""

import math

import torch.nn.functional as F
from jaxtyping import Num
from torch import Tensor

from metameric._core.errors import InputError, InputTypeError
from metameric._core.types import Images
from metameric.process._filters import named_filter
from metameric.process._padding import PAD_MODES, pad
from metameric.process._stencil import column_stencil, correlate, row_stencil, spread

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
    _check_plane(image)
    pads = []
    for n, k, s, d in zip(image.shape[-2:], _pair(kernel_size), _pair(stride), _pair(dilation), strict=True):
        total = max((math.ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    return _pad(image, (pads[0], pads[1]), pad_mode)


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
    padded, (top, left), (height, width) = _pad_for_upsampling(image, odd, (filt.shape[0], filt.shape[1]), padding_mode)
    out = F.conv_transpose2d(_single_channel(padded), filt[None, None], stride=2)
    out = out[..., top : top + height, left : left + width]
    return out.reshape(*image.shape[:-2], height, width)


def blur_downsample(
    image: Signal, n_scales: int = 1, filtname: str = "binom5", scale_filter: bool = True
) -> Num[Tensor, "*lead small_height small_width"]:
    """Blur with a named filter and keep every second pixel, `n_scales` times.

    Parameters
    ----------
    image
        Shape (..., height, width).
    n_scales
        How often, at least once.
    filtname
        ``"binomN"`` for any N, ``"haar"``, ``"gauss3"``, ``"gauss5"``, ``"daub2"`` to ``"daub4"``, or ``"qmfN"``
        for N = 5, 8, 9, 12, 13, 16.
    scale_filter
        The filter sums to one, which keeps the mean, if ``True``; else to two.

    Raises
    ------
    ValueError
        If `n_scales` is not positive, the name unknown, or an image smaller than the filter's reflected edges.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.blur_downsample(torch.rand(1, 1, 33, 16), n_scales=2).shape
    torch.Size([1, 1, 9, 4])
    """
    taps = _one_dimensional(image, n_scales, filtname, 1.0 if scale_filter else math.sqrt(2))
    down, along = column_stencil(taps, 2), row_stencil(taps, 2)
    for _ in range(n_scales):
        image = correlate(correlate(same_padding(image, len(taps), pad_mode="reflect"), down), along)
    return image


def upsample_blur(
    image: Signal, odd: Pair, n_scales: int = 1, filtname: str = "binom5", scale_filter: bool = True
) -> Num[Tensor, "*lead large_height large_width"]:
    """Put zeros between pixels and blur with a named filter, `n_scales` times.

    Parameters
    ----------
    image
        Shape (..., height, width).
    odd
        Whether each result has an odd (1) or even (0) height and width.
    n_scales, filtname
        As in `blur_downsample`.
    scale_filter
        The filter sums to four, which keeps the mean, if ``True``; else to two.

    Raises
    ------
    ValueError
        As `blur_downsample`, and if `odd` is not two of 0 and 1.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.upsample_blur(torch.rand(1, 1, 9, 4), (1, 0), n_scales=2).shape
    torch.Size([1, 1, 33, 16])
    """
    taps = _one_dimensional(image, n_scales, filtname, 2.0 if scale_filter else math.sqrt(2))
    down, along = column_stencil(taps, 2), row_stencil(taps, 2)
    for _ in range(n_scales):
        padded, (top, left), (height, width) = _pad_for_upsampling(image, odd, (len(taps),) * 2, "reflect")
        rows, columns = (2 * (n - 1) + len(taps) for n in padded.shape[-2:])
        tall = spread(padded, down, (rows, padded.shape[-1]))[..., top : top + height, :]
        image = spread(tall, along, (height, columns))[..., left : left + width]
    return image


def _pad_for_upsampling(image: Tensor, odd: Pair, filter_size: Pair, mode: str) -> tuple[Tensor, Pair, Pair]:
    """Pad by what the filter reaches at the low resolution; return also where the result lies and its size."""
    _check_plane(image)
    if len(tuple(odd)) != 2 or any(o not in (0, 1) for o in odd):
        raise InputError(f"odd is {odd}; expected two numbers, 1 for an odd and 0 for an even height and width.")
    pads, corner, size = [], [], []
    for n, o, k in zip(image.shape[-2:], odd, filter_size, strict=True):
        origin, length = (k - 1) // 2, 2 * n - o
        before, after = (k - 1 - origin) // 2, max((length - 1 + origin) // 2 - (n - 1), 0)
        pads.append((before, after))
        corner.append(origin + 2 * before)
        size.append(length)
    return _pad(image, (pads[0], pads[1]), mode), (corner[0], corner[1]), (size[0], size[1])


def _pad(image: Tensor, pads: tuple[Pair, Pair], mode: str) -> Tensor:
    if mode not in PAD_MODES:
        raise InputError(f"pad_mode is {mode!r}; expected one of {', '.join(map(repr, PAD_MODES))}.")
    least = {"reflect": 1, "circular": 0}.get(mode)
    if least is not None and any(max(p) + least > n for p, n in zip(pads, image.shape[-2:], strict=True)):
        needed = " x ".join(str(max(p) + least) for p in pads)
        raise InputError(
            f"image of {image.shape[-2]} x {image.shape[-1]} pixels is too small for {mode!r} padding; expected at "
            f"least {needed}. Use a larger image, fewer scales, a smaller filter, or another padding."
        )
    return pad(image, pads, mode)


def _one_dimensional(image: Tensor, n_scales: int, name: str, gain: float) -> list[float]:
    _check_plane(image)
    if n_scales != int(n_scales) or n_scales < 1:
        raise InputError(f"n_scales is {n_scales}; expected a positive integer.")
    return [gain * tap for tap in named_filter(name)]


def _check_plane(image: Tensor) -> None:
    if image.ndim < 2:
        raise InputError(f"image has shape {tuple(image.shape)}; expected (..., height, width).")
    if not (image.is_floating_point() or image.is_complex()):
        raise InputTypeError(f"image has dtype {image.dtype}; expected floats. Convert it with `.to(torch.float32)`.")


def _check_filter(image: Images, filt: Tensor) -> None:
    _check_plane(image)
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
    return (value, value) if isinstance(value, int) else (value[0], value[1])
