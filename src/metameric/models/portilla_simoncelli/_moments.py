"""Raw moments of one scale's coefficients: all that its statistics need of its pixels.

`plain` says what is computed, with any kind of derivative. `moments` gives the same by way of `FusedMoments`, whose
backward pass is written out: it keeps moduli, doubled phases and spectra, and makes as few passes as it can.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, fft

from metameric.models.portilla_simoncelli import _statistics as statistics
from metameric.models.portilla_simoncelli._spectrum import doubled_lag_matrices, without_mean


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
        pixels = band.shape[-2] * band.shape[-1]
        m, spectrum, sums = _forward_band(band)
        kept = [band, m, spectrum]
        if parent is not None:
            p, u, more = _forward_parent(parent, m, band.select(1, 0).flatten(-2))
            sums += more
            kept += [parent, p, u]
        ctx.save_for_backward(*kept)
        return _lags(spectrum, band.shape[-1], width), *(total.div_(pixels) for total in sums)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        band, m, spectrum, *of_parent = ctx.saved_tensors
        if torch.is_grad_enabled():
            inputs = [band, *of_parent[:1]]
            outputs = [value for value in plain(band, of_parent[0] if of_parent else None, ctx.width) if value is not None]
            return None, *torch.autograd.grad(outputs, inputs, gradients, create_graph=True)
        pixels = band.shape[-2] * band.shape[-1]
        # Gradients of means, as factors on single pixels.
        g = Moments(gradients[0], *(gradient / pixels for gradient in gradients[1:]))
        to_m = _lags_backward(spectrum, g.lags, band.shape[-1], ctx.width)
        to_m.baddbmm_(g.mm + g.mm.mT, m).add_(g.m[..., None])
        if not of_parent:
            return None, _band_backward(band, m, to_m)
        parent, p, u = of_parent
        to_m.baddbmm_(torch.as_tensor(g.mp), p)
        to_band = _band_backward(band, m, to_m, g, u)
        return None, to_band, _parent_backward(parent, p, u, m, band.select(1, 0).flatten(-2), g)


def _forward_band(band: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Magnitudes (images, k, pixels), their half spectra, and sums over pixels."""
    a, b = band.flatten(-2).unbind(1)
    m = (a * a).addcmul_(b, b).sqrt_()
    return m, without_mean(m.view(band[:, 0].shape)), [m.sum(-1), m @ m.mT]


def _forward_parent(parent: Tensor, m: Tensor, a: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Magnitudes (images, k, pixels), phase-doubled coefficients (images, 2 k, pixels), and sums over pixels."""
    c, d = parent.flatten(-2).unbind(1)
    u = torch.empty_like(parent.flatten(-2))
    first, second = u.unbind(1)
    squares, across = c * c, d * d
    p = (squares + across).sqrt_()
    inverse = _inverse(p)
    torch.mul(squares.sub_(across), inverse, out=first)
    torch.mul(torch.mul(c, d, out=across), inverse.mul_(2), out=second)
    u = u.flatten(1, 2)
    return p, u, [p.sum(-1), _square(p), m @ p.mT, _square(a), _square(u), a @ u.mT]


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


def _band_backward(band: Tensor, m: Tensor, to_m: Tensor, g: Moments | None = None, u: Tensor | None = None) -> Tensor:
    """Gradient of the bands from that of their magnitudes and, where there are parents, of their real parts."""
    a, b = band.flatten(-2).unbind(1)
    radial = to_m.mul_(_inverse(m))
    result = torch.empty_like(band)
    to_a, to_b = result.flatten(-2).unbind(1)
    torch.mul(radial, b, out=to_b)
    if g is None or u is None or g.aa is None:
        torch.mul(radial, a, out=to_a)
    else:
        torch.addcmul(torch.as_tensor(g.au) @ u, radial.add_(2 * g.aa[..., None]), a, out=to_a)
    return result


def _parent_backward(parent: Tensor, p: Tensor, u: Tensor, m: Tensor, a: Tensor, g: Moments) -> Tensor:
    """Gradient of the parents: u = z**2 / p with w = z / p has du = 2 w dz - w**2 dp."""
    gp, gpp, gmp, _, guu, gau = (torch.as_tensor(value) for value in g[3:])
    c, d = parent.flatten(-2).unbind(1)
    inverse = _inverse(p)
    to_u = torch.baddbmm(u * (2 * guu[..., None]), gau.mT, a)
    to_p = torch.baddbmm(p * (2 * gpp[..., None]), gmp.mT, m).add_(gp[..., None])
    (first, second), (to_first, to_second) = u.chunk(2, 1), to_u.chunk(2, 1)
    radial = to_p.addcmul_((first * to_first).addcmul_(second, to_second), inverse, value=-1).mul_(inverse)
    to_u.unflatten(1, (2, -1)).mul_(inverse.mul_(2)[:, None])
    result = torch.empty_like(parent)
    along, across = result.flatten(-2).unbind(1)
    torch.mul(radial + to_first, c, out=along).addcmul_(to_second, d)
    torch.mul(radial.sub_(to_first), d, out=across).addcmul_(to_second, c)
    return result
