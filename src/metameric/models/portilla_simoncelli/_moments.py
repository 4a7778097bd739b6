"""Raw moments of one scale's coefficients: all that its statistics need of its pixels.

`plain` says what is computed, with any kind of derivative. `moments` gives the same by way of `FusedMoments`, whose
backward pass is written out: it keeps doubled phases and the bands' moduli and spectra, and goes through the pixels in
pieces that fit the cache.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, fft

from metameric.models.portilla_simoncelli import _statistics as statistics
from metameric.models.portilla_simoncelli._spectrum import doubled_lag_matrices, without_mean

PIXELS = 2**14
"""Pixels treated at a time on a CPU."""


class Moments(NamedTuple):
    """Means over positions, of k orientations.

    With magnitudes m of the bands and p of their parents, real parts a of the bands and u of the phase-doubled parents
    (real, then imaginary parts): central lags of the autocovariance of m, the mean of m and of m m'; and, where there
    are parents, of p, p p (elementwise), m p', a a, u u and a u'.
    """

    lags: Tensor
    m: Tensor
    mm: Tensor
    p: Tensor | None = None
    pp: Tensor | None = None
    mp: Tensor | None = None
    aa: Tensor | None = None
    uu: Tensor | None = None
    au: Tensor | None = None


def moments(band: Tensor, parent: Tensor | None, width: int) -> Moments:
    """Moments of bands and parents (..., 2, k, height, width)."""
    if torch._C._are_functorch_transforms_active() or torch.autograd.forward_ad._current_level >= 0:
        return plain(band, parent, width)
    lead = band.shape[:-4]
    flat = [part.reshape(-1, *part.shape[-4:]) for part in (band, parent) if part is not None]
    return Moments(*(value.reshape(*lead, *value.shape[1:]) for value in FusedMoments.apply(width, *flat)))


def plain(band: Tensor, parent: Tensor | None, width: int) -> Moments:
    """Moments by differentiable operations only."""
    m = statistics.magnitude(band)
    lags = statistics.autocovariance(statistics.power_spectrum(m), m.shape[-1], width)
    own = Moments(lags, m.mean((-2, -1)), statistics.cross_moment(m, m))
    if parent is None:
        return own
    doubled = statistics.phase_doubled(parent)
    a, p, u = band.select(-4, 0), doubled.select(-4, 0), doubled.narrow(-4, 1, 2).flatten(-4, -3)
    second = statistics.second_moment
    cross = statistics.cross_moment
    return own._replace(p=p.mean((-2, -1)), pp=second(p), mp=cross(m, p), aa=second(a), uu=second(u), au=cross(a, u))


class FusedMoments(torch.autograd.Function):
    """`plain` with a backward pass of its own; second derivatives go through `plain`."""

    @staticmethod
    def forward(ctx: Any, width: int, band: Tensor, parent: Tensor | None = None) -> tuple[Tensor, ...]:
        ctx.width = width
        z = band.flatten(-2)
        m = torch.empty_like(z[:, 0])
        kept, sums = [m], list[Tensor]()
        if parent is not None:
            kept += [torch.empty_like(m), torch.empty_like(z)]
        for piece in _pieces(z):
            terms = _forward_band(z[..., piece], m[..., piece])
            if parent is not None:
                terms += _forward_parent(
                    parent.flatten(-2)[..., piece], z[:, 0, :, piece], *(v[..., piece] for v in kept)
                )
            sums = terms if not sums else [total.add_(term) for total, term in zip(sums, terms, strict=True)]
        spectrum = without_mean(m.view(band[:, 0].shape))
        ctx.save_for_backward(spectrum, band, *kept[:1], *([] if parent is None else [parent, kept[2]]))
        return _lags(spectrum, band.shape[-1], width), *(total.div_(z.shape[-1]) for total in sums)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        spectrum, *kept = ctx.saved_tensors
        band, parent = kept[0], kept[2] if len(kept) > 2 else None
        if torch.is_grad_enabled():
            outputs = [value for value in plain(band, parent, ctx.width) if value is not None]
            return None, *torch.autograd.grad(outputs, kept[::2][:2], gradients, create_graph=True)
        # Gradients of means, as factors on single pixels.
        pixels = band.shape[-2] * band.shape[-1]
        g = Moments(gradients[0], *(gradient / pixels for gradient in gradients[1:]))
        symmetric = g.mm + g.mm.mT
        to_m = _lags_backward(spectrum, g.lags, band.shape[-1], ctx.width)
        results = [torch.empty_like(value) for value in (band, parent) if value is not None]
        flat = [value.flatten(-2) if value.ndim == 5 else value for value in (to_m, *results, *kept)]
        for piece in _pieces(to_m):
            _backward(g, symmetric, *(value[..., piece] for value in flat))
        return None, *results


def _pieces(planes: Tensor) -> Iterator[slice]:
    step = PIXELS if planes.device.type == "cpu" else planes.shape[-1]
    for start in range(0, planes.shape[-1], step):
        yield slice(start, start + step)


def _forward_band(band: Tensor, m: Tensor) -> list[Tensor]:
    """Write the magnitudes and return sums over pixels."""
    a, b = band.unbind(1)
    torch.mul(a, a, out=m).addcmul_(b, b).sqrt_()
    return [m.sum(-1), m @ m.mT]


def _forward_parent(parent: Tensor, a: Tensor, m: Tensor, p: Tensor, u: Tensor) -> list[Tensor]:
    """Write magnitudes and phase-doubled coefficients of the parents and return sums over pixels."""
    c, d = parent.unbind(1)
    first, second = u.unbind(1)
    squares, across = c * c, d * d
    torch.add(squares, across, out=p).sqrt_()
    inverse = _inverse(p)
    torch.mul(squares.sub_(across), inverse, out=first)
    torch.mul(torch.mul(c, d, out=across), inverse.mul_(2), out=second)
    u = u.flatten(1, 2)
    return [p.sum(-1), _square(p), m @ p.mT, _square(a), _square(u), a @ u.mT]


def _inverse(modulus: Tensor) -> Tensor:
    """Inverse modulus; where that would exceed the range of numbers, something finite."""
    return modulus.clamp_min(torch.finfo(modulus.dtype).tiny ** 0.5).reciprocal_()


def _square(planes: Tensor) -> Tensor:
    return torch.linalg.vecdot(planes, planes)


def _lags(spectrum: Tensor, columns: int, width: int) -> Tensor:
    left, right, _ = doubled_lag_matrices(spectrum.shape[-2], columns, width, spectrum.real.dtype, spectrum.device)
    numbers = torch.view_as_real(spectrum).flatten(-2)
    both = left @ ((numbers * numbers) @ right)
    return both[..., :width, :width] - both[..., width:, width:]


def _lags_backward(spectrum: Tensor, gradient: Tensor, columns: int, width: int) -> Tensor:
    """Gradient of the lags with respect to the planes (images, k, pixels): each filtered by its few lags."""
    rows = spectrum.shape[-2]
    left, _, right = doubled_lag_matrices(rows, columns, width, spectrum.real.dtype, spectrum.device)
    signed = torch.cat([gradient @ right[:width], gradient @ right[width:].neg()], -2)
    response = left.mT @ signed
    response.mul_(torch.view_as_real(spectrum).flatten(-2))
    filtered = torch.view_as_complex(response.unflatten(-1, (-1, 2)))
    return fft.irfft2(filtered, s=(rows, columns)).flatten(-2)


def _backward(
    g: Moments,
    symmetric: Tensor,
    to_m: Tensor,
    to_band: Tensor,
    *others: Tensor,
) -> None:
    """Write the gradients of bands and parents; `to_m` holds that of the magnitudes through the lags."""
    to_parent, (band, m, *of_parent) = (others[0], others[1:]) if len(others) > 2 else (None, others)
    to_m.baddbmm_(symmetric, m).add_(g.m[..., None])
    (a, b), (to_a, to_b) = band.unbind(1), to_band.unbind(1)
    if to_parent is not None:
        parent, u = of_parent[0], of_parent[1].flatten(1, 2)
        c, d = parent.unbind(1)
        p = (c * c).addcmul_(d, d).sqrt_()
        to_m.baddbmm_(torch.as_tensor(g.mp), p)
        _parent_backward(g, to_parent, parent, p, u, m, a)
    radial = to_m.mul_(_inverse(m))
    torch.mul(radial, b, out=to_b)
    if to_parent is None:
        torch.mul(radial, a, out=to_a)
    else:
        through_u = torch.as_tensor(g.au) @ u
        torch.addcmul(through_u, radial.add_(2 * torch.as_tensor(g.aa)[..., None]), a, out=to_a)


def _parent_backward(g: Moments, result: Tensor, parent: Tensor, p: Tensor, u: Tensor, m: Tensor, a: Tensor) -> None:
    """Write the gradient of the parents: u = z**2 / p with w = z / p has du = 2 w dz - w**2 dp."""
    gp, gpp, gmp, _, guu, gau = (torch.as_tensor(value) for value in g[3:])
    (c, d), (along, across) = parent.unbind(1), result.unbind(1)
    inverse = _inverse(p)
    to_u = torch.baddbmm(u * (2 * guu[..., None]), gau.mT, a)
    to_p = torch.baddbmm(p * (2 * gpp[..., None]), gmp.mT, m).add_(gp[..., None])
    (first, second), (to_first, to_second) = u.chunk(2, 1), to_u.chunk(2, 1)
    radial = to_p.addcmul_((first * to_first).addcmul_(second, to_second), inverse, value=-1).mul_(inverse)
    to_u.unflatten(1, (2, -1)).mul_(inverse.mul_(2)[:, None])
    torch.mul(radial + to_first, c, out=along).addcmul_(to_second, d)
    torch.mul(radial.sub_(to_first), d, out=across).addcmul_(to_second, c)
