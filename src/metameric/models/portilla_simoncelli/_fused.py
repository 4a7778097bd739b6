"""Raw moments of images in one step whose derivative is written out.

`Fused` goes image by image, where they are large. The backward pass uses up the coefficients that the forward pass
kept; a second one computes them anew.
"""

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import torch
from torch import Tensor

from metameric._core.functions import Function, are_plain, stepwise_gradient, unrecorded
from metameric._core.memory import empty
from metameric.models.portilla_simoncelli import _filters
from metameric.models.portilla_simoncelli._filters import HalfFilters, numbers, plane, spectral, spectrum
from metameric.models.portilla_simoncelli._pixels import band_gradients, band_sums, pixel_gradient, pixel_moments
from metameric.models.portilla_simoncelli._slots import Key, Slots
from metameric.models.portilla_simoncelli._spectrum import filtered, lags

PIECE_PIXELS = 2**16
"""Pixels of the images treated at a time on a CPU."""

Planes = dict[Key, Tensor]
Plain = Callable[[Slots, Tensor], Tensor]


class Fused(Function):
    """Raw moments (images, slots) of images (images, height, width); second derivatives go through `plain`."""

    @staticmethod
    def forward(ctx: Any, slots: Slots, filters: HalfFilters, plain: Plain, images: Tensor) -> Tensor:
        ctx.slots, ctx.filters, ctx.plain = slots, filters, plain
        results, ctx.kept = [], []
        for part in _parts(images):
            piece = _Piece(slots, filters, images[part])
            with unrecorded():
                results.append(piece.measure())
            if ctx.needs_input_grad[3]:
                ctx.kept.append(piece)
            else:
                piece.forget()
        moments = torch.cat(results)
        ctx.save_for_backward(images, moments)
        return moments

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, None, Tensor | None]:
        images, moments = ctx.saved_tensors
        if torch.is_grad_enabled() or not are_plain(gradient):
            (result,) = stepwise_gradient(lambda x: ctx.plain(ctx.slots, x), [images], [True], gradient)
            return None, None, None, result
        pieces, ctx.kept = ctx.kept, []
        results = []
        for number, part in enumerate(_parts(images)):
            if number < len(pieces):
                piece = pieces[number]
            else:
                piece = _Piece(ctx.slots, ctx.filters, images[part])
                with unrecorded():
                    piece.measure()
            with unrecorded():
                results.append(piece.gradient(moments[part], gradient[part]))
            piece.forget()
        return None, None, None, torch.cat(results)


def _parts(images: Tensor) -> Iterator[slice]:
    count = images.shape[0]
    step = max(1, PIECE_PIXELS // prod(images.shape[-2:])) if images.device.type == "cpu" else max(1, count)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


class _Piece:
    """Some images, and what is computed of them.

    Coefficients are the planes ("low", s), ("band", s), ("parent", s), their magnitudes ("m", s), ("p", s), and
    ("spectrum", s) of m.
    """

    def __init__(self, slots: Slots, filters: HalfFilters, images: Tensor) -> None:
        self.slots, self.filters, self.images = slots, filters, images
        self.spectra: dict[int, Tensor] = {}
        self.planes: Planes = {}

    def forget(self) -> None:
        """Give up the coefficients."""
        self.planes, self.spectra = {}, {}

    def _room(self) -> Planes:
        k, images, shapes = self.slots.orientations, len(self.images), dict[Key, tuple[int, ...]]()
        for scale in self.slots.bands:
            rows, columns = self.filters.size(scale)
            kinds = {"band": 2 * k, "m": k} | ({"parent": 2 * k, "p": k} if scale in self.slots.parents else {})
            shapes |= {(kind, scale): (count, rows, columns) for kind, count in kinds.items()}
        sizes = [images * prod(shape) for shape in shapes.values()]
        parts = empty((sum(sizes),), self.images, self.images.dtype).split(sizes)
        return {key: part.view(images, *shape) for (key, shape), part in zip(shapes.items(), parts, strict=True)}

    def measure(self) -> Tensor:
        self.planes, self.spectra = self._room(), {0: without_mean(spectrum(self.images))}
        values = [pixel_moments(self.images.flatten(1))]
        if self.slots.highpass:
            both = numbers(self.spectra[0])
            counted = self.filters.mask("highpass", 0, self.images)[1]
            values.append(torch.linalg.vecdot((both * counted).flatten(1), both.flatten(1)))
        for scale in self.slots.lows:
            values += self._low(scale)
        for scale in self.slots.bands:
            values += self._band(scale)
        flat = [value if value.ndim == 2 else value.reshape(len(value), -1) for value in values]
        sums = torch.cat(flat, 1)
        return sums.mul_(self.slots.weights(self.images)[0])

    def _low(self, scale: int) -> list[Tensor]:
        low, size = self._low_numbers(scale), self.filters.size(scale)
        image = self.planes["low", scale] = plane(spectral(low), size[1])
        flat, square = image.flatten(1), image.square().flatten(1)
        return [lags(low, size, self.slots.width), *(torch.linalg.vecdot(square, other) for other in (flat, square))]

    def _low_numbers(self, scale: int) -> Tensor:
        own = _filters.cropped(self.spectra, scale)
        return numbers(own) * self.filters.mask("low", scale, self.images)

    def _band(self, scale: int) -> list[Tensor]:
        size, turned = self.filters.size(scale), self.filters.turned
        band, parent = self.planes["band", scale], self.planes.get(("parent", scale))
        finer = self.planes.get(("parent", scale - 1))
        own = _filters.cropped(self.spectra, scale)
        if finer is None:
            _filters.analyse(own, self.filters.mask("band", scale, self.images), turned, band)
        else:
            # These bands interpolated are the parents of the finer scale: every second pixel is one of theirs.
            torch.mul(finer[..., ::2, ::2], 4, out=band)
        if parent is not None:
            _filters.analyse(own, self.filters.mask("parent", scale, self.images), turned, parent)
        sums = band_sums(*self._flat(scale))
        transformed = numbers(spectrum(self.planes["m", scale], norm="forward"))
        sums["m"] = transformed[..., 0, 0].clone()
        transformed[..., 0, :2] = 0
        self.planes["spectrum", scale] = transformed
        sums["lags"] = lags(transformed, size, self.slots.width)
        return [sums[name] for name, s in self.slots.shapes if s == scale and name in sums]

    def gradient(self, moments: Tensor, gradient: Tensor) -> Tensor:
        """Gradient of the images; the coefficients are used up."""
        g = self.slots.divided(gradient * self.slots.weights(self.images)[1])
        totals: dict[int, Tensor] = {}
        for scale in sorted({0, *self.slots.lows, *self.slots.bands}, reverse=True):
            total = totals[scale] = torch.zeros_like(_filters.cropped(self.spectra, scale))
            if scale in self.slots.bands:
                self._band_gradient(scale, g, total)
            if scale in self.slots.lows:
                self._low_gradient(scale, g, total)
        if self.slots.highpass:
            weighted = numbers(self.spectra[0]) * self.filters.mask("highpass", 0, self.images)[0]
            numbers(totals[0]).add_(weighted.mul_(g["highpass", 0][:, None, None]))
        result = plane(_filters.united(totals), self.images.shape[-1], norm="forward")
        own = pixel_gradient(self.images.flatten(1), moments[:, :6], g["pixels", 0])
        return result.add_(own.view_as(result))

    def _low_gradient(self, scale: int, g: Planes, total: Tensor) -> None:
        low, size = self.planes["low", scale], self.filters.size(scale)
        third, fourth = (g[name, scale][:, None, None] for name in ("third", "fourth"))
        to_low = (low * fourth).add_(third).mul_(low).mul_(low)
        through_lags = filtered(self._low_numbers(scale), g["low_lags", scale], size, self.slots.width)
        both = numbers(spectrum(to_low, norm="forward")).add_(through_lags)
        numbers(total).addcmul_(both, self.filters.mask("low", scale, self.images))

    def _flat(self, scale: int) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
        """Bands and parents (images, 2, orientation, pixels), magnitudes (images, orientation, pixels)."""
        band, m = _complex(self.planes["band", scale]), self.planes["m", scale].flatten(-2)
        if ("parent", scale) not in self.planes:
            return band, None, m, None
        return band, _complex(self.planes["parent", scale]), m, self.planes["p", scale].flatten(-2)

    def _band_gradient(self, scale: int, g: Planes, total: Tensor) -> None:
        size, turned = self.filters.size(scale), self.filters.turned
        band, parent = self.planes["band", scale], self.planes.get(("parent", scale))
        response = filtered(self.planes["spectrum", scale], g["lags", scale], size, self.slots.width)
        # The gradient of the mean is a constant plane.
        response[..., 0, 0] = g["m", scale]
        through_lags = plane(spectral(response), size[1])
        own = {name: value for (name, s), value in g.items() if s == scale}
        band_gradients(own, through_lags.flatten(-2), *self._flat(scale))
        if ("parent", scale - 1) not in self.planes:
            _filters.adjoint(band, self.filters.mask("band", scale, self.images), turned, total)
        if parent is not None:
            coarser = self.planes.get(("band", scale + 1))
            if coarser is not None:
                parent[..., ::2, ::2].add_(coarser, alpha=4)
            _filters.adjoint(parent, self.filters.mask("parent", scale, self.images), turned, total)


def _complex(planes: Tensor) -> Tensor:
    """Real planes, then imaginary ones, as (images, 2, orientation, pixels)."""
    images, count, *size = planes.shape
    return planes.view(images, 2, count // 2, prod(size))


def without_mean(spectra: Tensor) -> Tensor:
    """Set zero frequency to zero, in place."""
    spectra[..., 0, 0] = 0
    return spectra
