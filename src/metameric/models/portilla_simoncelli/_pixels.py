"""Moments of one scale's coefficients and their gradients, in pieces of pixels that fit a CPU's cache.

Bands and parents are planes (images, 2, orientation, pixels): real parts, then imaginary ones.
"""

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from metameric._core.linear import constants

PIECE_BYTES = 2**16
"""Size of a piece of a plane on a CPU."""

Sums = dict[str, Tensor]


def pieces(*planes: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Parts of planes (..., pixels), the same pixels of all."""
    step = PIECE_BYTES // planes[0].element_size() if planes[0].device.type == "cpu" else planes[0].shape[-1]
    return zip(*(plane.split(step, -1) for plane in planes), strict=True)


def band_sums(band: Tensor, parent: Tensor | None, m: Tensor, p: Tensor | None) -> Sums:
    """Sums over pixels, named as in `Slots`; the magnitudes m of the bands and p of the parents are written.

    Imaginary parts of the doubled phases count half.
    """
    totals: Sums = {}
    coarser = () if parent is None or p is None else (*parent.unbind(1), p)
    for a, b, own, *rest in pieces(*band.unbind(1), m, *coarser):
        square = _squared(b).addcmul_(a, a)
        torch.mul(square, square.rsqrt(), out=own)
        sums = {"mm": torch.bmm(own, own.mT)}
        if rest:
            c, d, coarse = rest
            u = _doubled(c, d, coarse)
            sums |= {
                "p": coarse.sum(-1),
                "uu": _square(u),
                "aa": _square(a),
                "mp": torch.bmm(own, coarse.mT),
                "au": torch.bmm(a, u.mT),
            }
        totals = sums if not totals else {name: total.add_(sums[name]) for name, total in totals.items()}
    return totals


def _squared(plane: Tensor) -> Tensor:
    """Squares and the least normal number, which keeps what they are added to from having no inverse."""
    return torch.addcmul(_least(plane.dtype, plane.device), plane, plane)


@lru_cache
def _least(dtype: torch.dtype, device: torch.device) -> Tensor:
    with constants():
        return torch.full((), torch.finfo(dtype).tiny, dtype=dtype, device=device)


def _doubled(c: Tensor, d: Tensor, p: Tensor) -> Tensor:
    """Write the modulus p of z = c + i d and return z**2 / p: real planes, then half the imaginary ones."""
    square, across = c * c, _squared(d)
    u, first, second = _pair(c)
    torch.sub(square, across, out=first)
    torch.mul(c, d, out=second)
    inverse = across.add_(square).rsqrt()
    torch.mul(across, inverse, out=p)
    return u.mul_(inverse[:, None]).flatten(1, 2)


def _pair(plane: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Room for the planes of two parts (images, 2, ...), and each of them."""
    both = plane.new_empty(len(plane), 2, *plane.shape[1:])
    first, second = both.unbind(1)
    return both, first, second


def _square(planes: Tensor) -> Tensor:
    return torch.linalg.vector_norm(planes, dim=-1).square_()


def band_gradients(
    g: Sums, through_lags: Tensor, band: Tensor, parent: Tensor | None, m: Tensor, p: Tensor | None
) -> None:
    """Replace bands and parents by the gradients with respect to them.

    `g` holds the gradients of the sums, twice those of squares; `through_lags` that of the magnitudes by way of their
    lags.
    """
    symmetric = g["mm"] + g["mm"].mT
    coarser = () if parent is None or p is None else (*parent.unbind(1), p)
    for a, b, own, to_m, *rest in pieces(*band.unbind(1), m, through_lags, *coarser):
        to_m.baddbmm_(symmetric, own)
        if rest:
            c, d, coarse = rest
            to_a = _parent_gradients(g, c, d, coarse, own, a, to_m)
            radial = to_m.div_(own)
            torch.addcmul(to_a, radial + g["aa"][..., None], a, out=a)
        else:
            radial = to_m.div_(own)
            a.mul_(radial)
        b.mul_(radial)


def _parent_gradients(g: Sums, c: Tensor, d: Tensor, p: Tensor, m: Tensor, a: Tensor, to_m: Tensor) -> Tensor:
    """Replace parents z = c + i d by their gradients, add to that of m, and return what the phases add to that of a.

    u = z**2 / p with w = z / p has du = 2 w dz - w**2 dp.
    """
    inverse = p.reciprocal()
    u, first, second = _pair(c)
    torch.mul(c, c, out=first).addcmul_(d, d, value=-1)
    torch.mul(c, d, out=second)
    u = u.mul_(inverse[:, None]).flatten(1, 2)
    to_m.baddbmm_(g["mp"], p)
    to_a = torch.bmm(g["au"], u)
    to_u = (u * g["uu"][..., None]).baddbmm_(g["au"].mT, a)
    to_first, to_second = to_u.unflatten(1, (2, -1)).mul_(inverse[:, None]).unbind(1)
    radial = first.mul_(to_first).addcmul_(second, to_second)
    torch.sub(g["p"][..., None], radial, out=radial).baddbmm_(g["mp"].mT, m).mul_(inverse)
    cross = to_second * c
    c.mul_(torch.add(radial, to_first, alpha=2, out=inverse)).addcmul_(to_second, d)
    d.mul_(radial.sub_(to_first, alpha=2)).add_(cross)
    return to_a


def pixel_moments(images: Tensor) -> Tensor:
    """Mean, unbiased variance, third and fourth central moment, minimum and maximum of images (images, pixels)."""
    count = images.shape[-1]
    mean = images.mean(-1, keepdim=True)
    centred = images - mean
    square = centred * centred
    powers = [torch.linalg.vecdot(square, other)[:, None] / count for other in (centred, square)]
    variance = square.sum(-1, keepdim=True) / max(count - 1, 1)
    low, high = images.amin(-1, keepdim=True), images.amax(-1, keepdim=True)
    return torch.cat([mean, variance, *powers, low, high], -1)


def pixel_gradient(images: Tensor, moments: Tensor, gradient: Tensor) -> Tensor:
    """Gradient of `pixel_moments`; where several pixels are the least or the greatest, they share it."""
    count = images.shape[-1]
    mean, _, _, _, *extremes = moments.split(1, -1)
    to_mean, to_variance, to_third, to_fourth, *to_extremes = gradient.split(1, -1)
    centred = images - mean
    # c**2 and c**3 about their means, for the mean is taken from the image itself.
    result = (centred * (4 / count * to_fourth)).add_(3 / count * to_third).mul_(centred)
    result.add_(2 / max(count - 1, 1) * to_variance).mul_(centred)
    constant = to_mean / count - result.mean(-1, keepdim=True)
    for value, share in zip(extremes, to_extremes, strict=True):
        there = torch.eq(images, value, out=torch.empty_like(images))
        result.addcmul_(there, share / there.sum(-1, keepdim=True))
    return result.add_(constant)
