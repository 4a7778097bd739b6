"""Raw moments of one scale's coefficients: all that its statistics need of its pixels.

`plain` says what is computed, with any kind of derivative. `moments` gives the same by way of `FusedMoments`, which
goes through the pixels in pieces that fit the cache, forward and backward, and keeps nothing but its input.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, fft

from metameric.models.portilla_simoncelli import _statistics as statistics
from metameric.models.portilla_simoncelli._spectrum import lag_matrices, once_columns, without_mean

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
        ctx.save_for_backward(*([band] if parent is None else [band, parent]))
        parts = [_forward(width, *inputs) for inputs in _images(band, parent)]
        return tuple(torch.cat(values) for values in zip(*parts, strict=True))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        band, *parents = ctx.saved_tensors
        parent = parents[0] if parents else None
        if torch.is_grad_enabled():
            outputs = [value for value in plain(band, parent, ctx.width) if value is not None]
            inputs = [value for value in (band, parent) if value is not None]
            return None, *torch.autograd.grad(outputs, inputs, gradients, create_graph=True)
        results = [torch.empty_like(value) for value in (band, *parents)]
        step = band.shape[0] if band.device.type != "cpu" else 1
        for start in range(0, band.shape[0], max(step, 1)):
            rows = slice(start, start + step)
            given = Moments(*(gradient[rows] for gradient in gradients))
            _backward(ctx.width, [v[rows] for v in (band, *parents)], given, [v[rows] for v in results])
        return None, *results


def _images(band: Tensor, parent: Tensor | None) -> Iterator[tuple[Tensor, Tensor | None]]:
    if band.device.type != "cpu":
        yield band, parent
        return
    for index in range(band.shape[0]):
        yield band[index : index + 1], None if parent is None else parent[index : index + 1]


def _pieces(pixels: int, device: torch.device) -> Iterator[slice]:
    step = PIXELS if device.type == "cpu" else pixels
    for start in range(0, pixels, step):
        yield slice(start, start + step)


def _polar(real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Modulus, cosine and sine of the phase."""
    modulus = (real * real).addcmul_(imaginary, imaginary).sqrt_()
    inverse = modulus.clamp_min(torch.finfo(real.dtype).tiny).reciprocal_()
    return modulus, real * inverse, inverse.mul_(imaginary)


def _forward(width: int, band: Tensor, parent: Tensor | None) -> list[Tensor]:
    planes = band.flatten(-2)
    pixels = planes.shape[-1]
    magnitudes = band.new_empty(band[:, 0].shape)
    m = magnitudes.flatten(-2)
    sums: list[Tensor] = []
    for piece in _pieces(pixels, band.device):
        a, b = planes[:, 0, :, piece], planes[:, 1, :, piece]
        part = (a * a).addcmul_(b, b).sqrt_()
        m[..., piece] = part
        terms = [part.sum(-1), part @ part.mT]
        if parent is not None:
            c, d = parent.flatten(-2)[..., piece].unbind(1)
            p, cosine, sine = _polar(c, d)
            u = torch.cat([cosine.mul_(c).sub_(sine * d), sine.mul_(c).mul_(2)], 1)
            terms += [p.sum(-1), _square(p), part @ p.mT, _square(a), _square(u), a @ u.mT]
        sums = terms if not sums else [total.add_(term) for total, term in zip(sums, terms, strict=True)]
    left, right = lag_matrices(*band.shape[-2:], width, band.dtype, band.device)
    lags = []
    for k in range(m.shape[1]):
        spectrum = without_mean(magnitudes[:, k])
        power = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
        both = left @ power @ right
        lags.append(both[..., :width, :width] - both[..., width:, width:])
    return [torch.stack(lags, 1), *(total.div_(pixels) for total in sums)]


def _square(planes: Tensor) -> Tensor:
    return torch.linalg.vecdot(planes, planes)


def _backward(width: int, inputs: list[Tensor], given: Moments, results: list[Tensor]) -> None:
    band = inputs[0]
    planes = band.flatten(-2)
    pixels = planes.shape[-1]
    # Gradients of means, as factors on single pixels.
    g = given._replace(**{name: v / pixels for name, v in given._asdict().items() if name != "lags" and v is not None})
    symmetric = g.mm + g.mm.mT
    through_lags = _lag_gradient(band, g.lags, width).flatten(-2)
    to_band = results[0].flatten(-2)
    for piece in _pieces(pixels, band.device):
        a, b = planes[:, 0, :, piece], planes[:, 1, :, piece]
        m, cosine, sine = _polar(a, b)
        to_m = through_lags[..., piece].add_(g.m[..., None]).add_(symmetric @ m)
        if len(inputs) == 1:
            torch.mul(to_m, cosine, out=to_band[:, 0, :, piece])
        else:
            to_a = _parent_gradient(inputs[1], results[1], g, piece, m, a, to_m)
            torch.addcmul(to_a, to_m, cosine, out=to_band[:, 0, :, piece])
        torch.mul(to_m, sine, out=to_band[:, 1, :, piece])


def _parent_gradient(
    parent: Tensor, result: Tensor, g: Moments, piece: slice, m: Tensor, a: Tensor, to_m: Tensor
) -> Tensor:
    """Write the gradient of the parents, add to that of the magnitudes, return that of the bands' real parts."""
    gp, gpp, gmp, gaa, guu, gau = (torch.as_tensor(value) for value in g[3:])
    c, d = parent.flatten(-2)[..., piece].unbind(1)
    p, cosine, sine = _polar(c, d)
    first, second = (cosine * c).sub_(sine * d), (sine * c).mul_(2)
    u = torch.cat([first, second], 1)
    to_m.add_(gmp @ p)
    to_a = (gau @ u).add_(a * (2 * gaa[..., None]))
    to_u = (gau.mT @ a).add_(u.mul_(2 * guu[..., None]))
    to_p = (gmp.mT @ m).add_(gp[..., None]).add_(p.mul_(2 * gpp[..., None]))
    to_first, to_second = to_u.chunk(2, 1)
    # u = (x + iy)**2 / p with w = (x + iy) / p: du = 2 w dz - w**2 dp.
    double = cosine.square().sub_(sine.square())
    radial = to_p.sub_(double.mul_(to_first)).sub_((cosine * sine).mul_(2).mul_(to_second))
    to_parent = result.flatten(-2)
    along = (to_first * cosine).addcmul_(to_second, sine).mul_(2)
    torch.addcmul(along, radial, cosine, out=to_parent[:, 0, :, piece])
    across = (to_second * cosine).sub_(to_first * sine).mul_(2)
    torch.addcmul(across, radial, sine, out=to_parent[:, 1, :, piece])
    return to_a


def _lag_gradient(band: Tensor, gradient: Tensor, width: int) -> Tensor:
    """Gradient of the lags with respect to the magnitudes: each plane filtered by its few lags."""
    height, columns = band.shape[-2:]
    left, right = lag_matrices(height, columns, width, band.dtype, band.device)
    once = once_columns(columns, band.dtype, band.device)
    result = band.new_empty(band[:, 0].shape)
    for k in range(band.shape[2]):
        a, b = band[:, 0, k], band[:, 1, k]
        spectrum = without_mean((a * a).addcmul_(b, b).sqrt_())
        response = left[:width].mT @ gradient[:, k] @ right[:, :width].mT
        response -= left[width:].mT @ gradient[:, k] @ right[:, width:].mT
        result[:, k] = fft.irfft2(spectrum.mul_(response.mul_(once)), s=(height, columns))
    return result
