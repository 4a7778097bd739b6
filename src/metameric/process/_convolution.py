"""Filtering of images at the same size: spatial for small kernels, by real Fourier transforms for large ones.

The Fourier way is the product of spectra: a kernel's spectrum is kept while the kernel lives unchanged, the
gradient is the same product with the conjugate spectrum, and several kernels share one transform of the image.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from scipy.fft import next_fast_len
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from metameric._core.errors import InputError
from metameric._core.linear import can_keep, constants, is_constant, linear_map
from metameric._core.none import are_none, of_none
from metameric._core.types import Images
from metameric._core.verbatim import as_written
from metameric.process._padding import fold, pad, same_pads

# Forward plus gradient at 256 x 256 on one CPU core: equal between 3 x 3 and 5 x 5, thirty times apart at 31 x 31.
LARGEST_SPATIAL_AREA = 16

Size = tuple[int, int]
Kernel = Float[Tensor, "*bank kernel_height kernel_width"]
Filtered = Float[Tensor, "*out height width"]


@as_written
def convolve(image: Images, kernel: Kernel, pad_mode: str = "reflect", *, method: str = "auto") -> Filtered:
    """Filter images at their own size (cross-correlation, as `torch.nn.functional.conv2d`).

    Parameters
    ----------
    image
        Images, (..., height, width); for more than one kernel, (..., channel, height, width).
    kernel
        (height, width): one kernel for all channels; (n, height, width): one per channel, or `n` kernels for
        a single channel; (n, 1, height, width): `n` kernels for a single channel.
    pad_mode
        ``"reflect"``, ``"replicate"``, ``"circular"`` or ``"constant"`` (zeros).
    method
        ``"spatial"``, ``"fourier"``, or ``"auto"``: the faster of the two for the kernel's size.

    Raises
    ------
    ValueError
        If the shapes do not match, the image is smaller than the padding allows, or an option is unknown.

    Notes
    -----
    Of an even kernel length k, k/2 - 1 samples are padded before and k/2 after.

    Examples
    --------
    >>> import torch
    >>> from metameric.process._convolution import convolve
    >>> convolve(torch.ones(1, 1, 4, 4), torch.full((3, 3), 1 / 9), "constant")[0, 0, 0]
    tensor([0.4444, 0.6667, 0.6667, 0.4444])
    """
    kernel = _as_bank(kernel, image)
    plan = _plan(tuple(image.shape[-2:]), tuple(kernel.shape[-2:]), pad_mode)
    if are_none(image):
        return of_none(lambda zeros: convolve(zeros, kernel, pad_mode, method=method), image)
    if not _use_fourier(method, image, kernel):
        return _spatial(image, kernel, plan)
    if not is_constant(kernel):
        spectrum = _spectrum(kernel, plan)
        return _crop(_multiply(_pad(image, plan), spectrum, plan), plan.size)
    return _constant_fourier(image, kernel, plan)


def _as_bank(kernel: Tensor, image: Tensor) -> Tensor:
    if kernel.dtype != image.dtype or kernel.device != image.device:
        raise InputError(
            f"image is {image.dtype} on {image.device}, the filter is {kernel.dtype} on {kernel.device}; "
            "move the image or the model with `.to(...)` so that they agree."
        )
    if kernel.ndim == 2:
        return kernel
    n_channels = image.shape[-3] if image.ndim > 2 else 0
    n_kernels = kernel.shape[0]
    bank = kernel.ndim == 4 and kernel.shape[1] == 1
    if n_channels == 1 and (bank or kernel.ndim == 3):
        return kernel.reshape(n_kernels, *kernel.shape[-2:])
    if n_channels == n_kernels and kernel.ndim == 3:
        return kernel
    raise InputError(
        f"image of shape {tuple(image.shape)} and kernel of shape {tuple(kernel.shape)} do not match; "
        "expected a kernel (height, width), one kernel per channel (channel, height, width), or "
        "n kernels (n, 1, height, width) for an image with a single channel."
    )


def _use_fourier(method: str, image: Tensor, kernel: Tensor) -> bool:
    if method not in ("auto", "spatial", "fourier"):
        raise InputError(f"method is {method!r}; expected 'auto', 'spatial' or 'fourier'.")
    if method == "auto":
        # Half precision has no Fourier transform on CPUs.
        has_transform = image.dtype in (torch.float32, torch.float64)
        return has_transform and math.prod(kernel.shape[-2:]) > LARGEST_SPATIAL_AREA
    return method == "fourier"


@dataclass(frozen=True)
class _Plan:
    """How one image size is padded, transformed and cropped."""

    size: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]
    pad_mode: str
    # True: the kernel's origin is its middle and the transform does the padding; False: the image is padded.
    centred: bool
    transform: tuple[int, int]


@lru_cache(maxsize=1024)
def _plan(size: tuple[int, int], kernel_size: tuple[int, int], pad_mode: str) -> _Plan:
    pads = same_pads(size, kernel_size, pad_mode)
    fits = all(k <= n for k, n in zip(kernel_size, size, strict=True))
    if pad_mode == "circular" and fits:
        return _Plan(size, pads, pad_mode, True, size)
    if pad_mode == "constant":
        # What wraps around must be zero: room for the longer of the two sides is enough.
        room = (max(n + max(p), k) for n, p, k in zip(size, pads, kernel_size, strict=True))
        return _Plan(size, pads, pad_mode, True, _fast(*room))
    padded = (n + sum(p) for n, p in zip(size, pads, strict=True))
    return _Plan(size, pads, pad_mode, False, _fast(*padded))


def _fast(height: int, width: int) -> tuple[int, int]:
    return next_fast_len(height, real=True), next_fast_len(width, real=True)


def _pad(image: Tensor, plan: _Plan) -> Tensor:
    return image if plan.centred else pad(image, plan.pads, plan.pad_mode)


def _fold(gradient: Tensor, plan: _Plan) -> Tensor:
    if plan.centred:
        return _crop(gradient, plan.size)
    (top, bottom), (left, right) = plan.pads
    padded = _crop(gradient, (plan.size[0] + top + bottom, plan.size[1] + left + right))
    return fold(padded, plan.pads, plan.pad_mode)


def _crop(image: Tensor, size: tuple[int, int]) -> Tensor:
    for dim, n in zip((-2, -1), size, strict=True):
        if image.shape[dim] != n:
            image = image.narrow(dim, 0, n)
    return image


def _spectrum(kernel: Tensor, plan: _Plan) -> Tensor:
    if plan.centred:
        missing = [n - k for n, k in zip(plan.transform, kernel.shape[-2:], strict=True)]
        kernel = F.pad(kernel, (0, missing[1], 0, missing[0]))
        kernel = kernel.roll((-plan.pads[0][0], -plan.pads[1][0]), (-2, -1))
    return torch.fft.rfft2(kernel, s=plan.transform).conj().resolve_conj()


def _multiply(image: Tensor, spectrum: Tensor, plan: _Plan) -> Tensor:
    return torch.fft.irfft2(torch.fft.rfft2(image, s=plan.transform) * spectrum, s=plan.transform)


_spectra = WeakIdKeyDictionary()


def _kept_spectra(kernel: Tensor, plan: _Plan) -> tuple[Tensor, Tensor]:
    """Return the spectrum and its conjugate, the adjoint's."""
    if not can_keep(kernel):
        return _with_conjugate(_spectrum(kernel, plan))
    # Only the owner of the storage lives as long as the filter does; `_base` is that owner for a view.
    owner = kernel if kernel._base is None else kernel._base
    state = (owner._version, owner.dtype, owner.device, owner.untyped_storage().data_ptr())
    seen, kept = _spectra.get(owner, (None, {}))
    if seen != state:
        kept = {}
        _spectra[owner] = (state, kept)
    key = (plan, kernel.shape, kernel.stride(), kernel.storage_offset())
    if key not in kept:
        with constants():
            kept[key] = _with_conjugate(_spectrum(kernel, plan))
    return kept[key]


def _with_conjugate(spectrum: Tensor) -> tuple[Tensor, Tensor]:
    return spectrum, spectrum.conj().resolve_conj()


def _constant_fourier(image: Tensor, kernel: Tensor, plan: _Plan) -> Tensor:
    fan_out = kernel.ndim == 3 and image.shape[-3] == 1 < kernel.shape[0]

    def apply(x: Tensor) -> Tensor:
        return _crop(_multiply(_pad(x, plan), _kept_spectra(kernel, plan)[0], plan), plan.size)

    def adjoint(y: Tensor) -> Tensor:
        product = torch.fft.rfft2(y, s=plan.transform) * _kept_spectra(kernel, plan)[1]
        if fan_out:
            product = product.sum(-3, keepdim=True)
        return _fold(torch.fft.irfft2(product, s=plan.transform), plan)

    return linear_map(image, apply, adjoint)


def _spatial(image: Tensor, kernel: Tensor, plan: _Plan) -> Tensor:
    if not is_constant(kernel):
        return _correlate(pad(image, plan.pads, plan.pad_mode), kernel)
    fan_out = kernel.ndim == 3 and image.shape[-3] == 1 < kernel.shape[0]
    height, width = kernel.shape[-2:]
    margins = (height - 1, height - 1), (width - 1, width - 1)

    def apply(x: Tensor) -> Tensor:
        return _correlate(pad(x, plan.pads, plan.pad_mode), kernel)

    def adjoint(y: Tensor) -> Tensor:
        # A correlation with the kernel turned by half a turn; several times faster than conv2d's own gradient.
        spread = _correlate(pad(y, margins, "constant"), kernel.flip(-2, -1))
        if fan_out:
            spread = spread.sum(-3, keepdim=True)
        return fold(spread, plan.pads, plan.pad_mode)

    return linear_map(image, apply, adjoint)


def _correlate(image: Tensor, kernel: Tensor) -> Tensor:
    """Correlate without padding."""
    n_channels = 1 if kernel.ndim == 2 else image.shape[-3]
    lead = image.shape[:-2] if kernel.ndim == 2 else image.shape[:-3]
    stack = image.reshape(-1, n_channels, *image.shape[-2:])
    weight = kernel.reshape(-1, 1, *kernel.shape[-2:])
    out = F.conv2d(stack, weight, groups=n_channels)
    n_out = () if kernel.ndim == 2 else (out.shape[1],)
    return out.reshape(*lead, *n_out, *out.shape[-2:])
