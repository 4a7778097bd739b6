"""A bank of Fourier filters as one linear operator with a hand-written adjoint.

Every output is ``inverse DFT(mask * DFT(image))`` on a grid of its own size. The operator and its adjoint are each
other's derivative, so both can be differentiated any number of times, backward and forward, and neither keeps anything
for the backward pass. Real outputs are computed from half spectra.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor

from metameric._core.memory import empty
from metameric._core.replay import Replays, replayed
from metameric.process.steerable import _direct, _passes
from metameric.process.steerable._octaves import Shape, cropped, united


@dataclass(frozen=True, eq=False)
class Filters:
    """Filters that share one output grid.

    Attributes
    ----------
    mask
        Builds the masks, (filters, rows, columns) over the lowest frequencies that the filters pass, unshifted.
    channels
        Number of outputs.
    crop
        Height and width of that set of frequencies.
    size
        Height and width of the outputs, at least `crop`.
    kind
        ``"complex"``: each filter has a complex output. ``"pair"``: its real and imaginary part are one real output
        each; all real parts come before all imaginary ones. ``"single"``: it has one real output; masks as for
        ``rfft2``.
    """

    mask: Callable[[], Any]
    channels: int
    crop: Shape
    size: Shape
    kind: Literal["complex", "pair", "single"] = "complex"

    @property
    def is_real(self) -> bool:
        """Whether the outputs are real."""
        return self.kind != "complex"


class FilterBank:
    """Named groups of filters on images of one size."""

    def __init__(self, image_shape: Shape, groups: Mapping[Hashable, Filters]) -> None:
        self.image_shape = image_shape
        self.groups = dict(groups)
        self._masks: dict[Hashable, Tensor] = {}
        self._replays = Replays()

    def mask(self, name: Hashable, like: Tensor) -> Tensor:
        """Masks in the precision and on the device of a tensor, built on first use.

        Real outputs have masks for half spectra. They are (columns, outputs, rows) for `_passes`, and (outputs, rows,
        columns) for `_direct`.
        """
        direct = is_direct(like)
        key = (name, like.real.dtype, like.device, direct)
        if key not in self._masks:
            group = self.groups[name]
            # A mask first needed under inference mode must serve a later backward pass too.
            with torch.inference_mode(False):
                mask = torch.as_tensor(group.mask())
                mask = _parted(mask, group) if group.kind == "pair" else mask
                if direct:
                    self._masks[key] = mask.to(like.device, like.real.dtype.to_complex()).contiguous()
                    return self._masks[key]
                # Complex even where real: products of complex with real numbers are many times slower.
                held = empty((mask.shape[2], mask.shape[0], mask.shape[1]), like, like.real.dtype.to_complex())
                self._masks[key] = held.copy_(mask.permute(2, 0, 1))
        return self._masks[key]

    def adjoint_weights(self, names: Sequence[Hashable]) -> tuple[float, ...]:
        """Weights that make `synthesise` the adjoint of `analyse`."""
        return tuple(prod(self.image_shape) / prod(self.groups[name].size) for name in names)

    def analyse(self, image: Tensor, names: Sequence[Hashable]) -> tuple[Tensor, ...]:
        """Filter images.

        Parameters
        ----------
        image
            Real, shape (..., height, width).
        names
            Groups wanted.

        Returns
        -------
        outputs
            One tensor per group, shape (..., channels, *size).
        """
        outputs: tuple[Tensor, ...] = _Analysis.apply(self, tuple(names), image)
        return outputs

    def synthesise(self, outputs: Sequence[Tensor], names: Sequence[Hashable], weights: Sequence[float]) -> Tensor:
        """Filter every output once more with the conjugate of its own filter and add all up, each group weighted."""
        fixed = tuple(names), tuple(weights)
        image: Tensor = replayed(self._replays, fixed, lambda *given: _Synthesis.apply(self, *fixed, *given), outputs)
        return image

    def _analyse(self, image: Tensor, names: Sequence[Hashable]) -> tuple[Tensor, ...]:
        lead, images = image.shape[:-2], image.reshape(-1, *self.image_shape)
        groups, masks = [self.groups[name] for name in names], [self.mask(name, image) for name in names]
        if is_direct(image):
            return tuple(out.reshape(*lead, *out.shape[1:]) for out in _direct.analyse(images, groups, masks))
        pieces = self._pieces(images, groups)
        # What a single piece gives is the result itself; several are copied into place.
        results = [_result(images, group) if len(pieces) != 1 else None for group in groups]
        for piece in pieces:
            halves, wholes = {self.image_shape: _half_spectrum(images[piece])}, {}
            if not all(group.is_real for group in groups):
                wholes[self.image_shape] = _passes.whole(halves[self.image_shape], self.image_shape[1])
            for i, (group, mask) in enumerate(zip(groups, masks, strict=True)):
                spectrum = cropped(halves if group.is_real else wholes, group.crop, group.is_real)
                results[i] = _filter(spectrum, group, mask, results[i], piece)
        return tuple(result.reshape(*lead, *result.shape[1:]) for result in results if result is not None)

    def _synthesise(
        self, names: Sequence[Hashable], weights: Sequence[float], outputs: Sequence[Tensor | None]
    ) -> Tensor:
        given = [
            (self.groups[name], self.mask(name, output), weight, output.reshape(-1, *output.shape[-3:]))
            for name, weight, output in zip(names, weights, outputs, strict=True)
            if output is not None
        ]
        lead = next(output for output in outputs if output is not None).shape[:-3]
        example = given[0][-1]
        if is_direct(example):
            groups, masks, weights, parts = zip(*given, strict=True)
            image = _direct.synthesise(parts, groups, masks, weights, self.image_shape)
            return image.reshape(*lead, *self.image_shape)
        images = empty((example.shape[0], *self.image_shape), example, example.real.dtype)
        for piece in self._pieces(images, [group for group, *_ in given]):
            halves: dict[Shape, Tensor] = {}
            wholes: dict[Shape, Tensor] = {}
            for group, mask, weight, output in given:
                totals = halves if group.is_real else wholes
                total = _collected(output[piece], group, mask, weight)
                totals[group.crop] = totals[group.crop].add_(total) if group.crop in totals else total
            sums = [united(halves, self.image_shape, True)] if halves else []
            if wholes:
                sums.append(_passes.folded(united(wholes, self.image_shape, False)))
            # They are of conjugates, which is what an inversion without a mask expects.
            _passes.invert(sum(sums[1:], sums[0]), None, self.image_shape, True, images[piece])
        return images.reshape(*lead, *self.image_shape)

    def _pieces(self, images: Tensor, groups: Sequence[Filters]) -> list[slice]:
        """Slices of images to be filtered together: all filters of several, or a single one."""
        planes = max(group.channels * prod(group.size) for group in groups)
        return _passes.parts(images.shape[0], max(planes, prod(self.image_shape)), images)


def is_direct(like: Tensor) -> bool:
    """Tell whether two-dimensional transforms in one go are the faster way."""
    return like.device.type != "cpu"


def _parted(mask: Tensor, group: Filters) -> Tensor:
    """Masks, on half spectra, of the real parts and the imaginary parts that these masks give."""
    mirrored = mask.flip(-2, -1).roll((1, 1), (-2, -1)).conj()
    parts = torch.cat([(mask + mirrored) / 2, (mask - mirrored) / 2j])[: group.channels]
    return parts[..., : group.crop[1] // 2 + 1]


def _half_spectrum(images: Tensor) -> Tensor:
    """Half spectra (columns, images, rows)."""
    slabs = list(_passes.spectra(images, (images.shape[-2], images.shape[-1]), conjugate=False))
    if len(slabs) == 1:
        return slabs[0][1].transpose(0, 1)
    return torch.cat([slab.transpose(0, 1) for _, slab in slabs])


def _result(images: Tensor, group: Filters) -> Tensor:
    dtype = images.dtype if group.is_real else images.dtype.to_complex()
    return empty((images.shape[0], group.channels, *group.size), images, dtype)


def _filter(spectrum: Tensor, group: Filters, mask: Tensor, result: Tensor | None, piece: slice) -> Tensor:
    """Filter spectra (columns, images, rows); the outputs (images, channels, *size) become a piece of the result."""
    images = spectrum.shape[1]
    parts = _passes.parts(group.channels, images * prod(group.size), spectrum)
    if result is None:
        if len(parts) == 1:
            return _passes.invert(spectrum, mask, group.size, group.is_real).unflatten(0, (images, -1))
        result = _result(spectrum.real[0], group)
    for part in parts:
        _passes.invert(spectrum, mask[:, part], group.size, group.is_real, result[piece, part].flatten(0, 1))
    return result


def _collected(output: Tensor, group: Filters, mask: Tensor, weight: float) -> Tensor:
    """Conjugate spectra (columns, images, rows) of the outputs, masked once more and added up."""
    images = output.shape[0]
    parts = _passes.parts(group.channels, images * prod(group.size), output)
    total: Tensor | None = None
    for part in parts:
        for slab, spectra in _passes.spectra(output[:, part].flatten(0, 1), group.crop, conjugate=True):
            values, factors = spectra.unflatten(0, (images, -1)), mask[slab, part]
            if len(parts) == 1 and len(factors) == len(mask):
                products = values.mul_(factors.transpose(0, 1))
                total = (products.sum(1) if products.shape[1] > 1 else products.squeeze(1)).transpose(0, 1)
                continue
            if total is None:
                total = empty((mask.shape[0], images, mask.shape[2]), output, mask.dtype).zero_()
            for spectrum, factor in zip(values.unbind(1), factors.split(1, 1), strict=True):
                total[slab].addcmul_(spectrum.transpose(0, 1), factor)
    total = torch.as_tensor(total)
    return total if weight == 1 else total.mul_(weight)


def _to_front(tensor: Tensor | None, dim: int | None, count: int) -> Tensor | None:
    if tensor is None:
        return None
    return tensor.expand(count, *tensor.shape) if dim is None else tensor.movedim(dim, 0)


class _Analysis(torch.autograd.Function):
    """``outputs = bank._analyse(image)`` with its adjoint."""

    @staticmethod
    def forward(bank: FilterBank, names: tuple[Hashable, ...], image: Tensor) -> tuple[Tensor, ...]:
        return bank._analyse(image, names)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.bank, ctx.names, _ = inputs
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[None, None, Tensor | None]:
        if all(gradient is None for gradient in gradients):
            return None, None, None
        weights = ctx.bank.adjoint_weights(ctx.names)
        return None, None, _Synthesis.apply(ctx.bank, ctx.names, weights, *gradients)

    @staticmethod
    def jvp(ctx: Any, _bank: None, _names: None, tangent: Tensor) -> tuple[Tensor, ...]:
        outputs: tuple[Tensor, ...] = _Analysis.apply(ctx.bank, ctx.names, tangent)
        return outputs

    @staticmethod
    def vmap(info: Any, dims: Any, bank: FilterBank, names: tuple[Hashable, ...], image: Tensor) -> Any:
        outputs = _Analysis.apply(bank, names, _to_front(image, dims[2], info.batch_size))
        return outputs, (0,) * len(outputs)


class _Synthesis(torch.autograd.Function):
    """``image = bank._synthesise(outputs)`` with its adjoint."""

    @staticmethod
    def forward(
        bank: FilterBank, names: tuple[Hashable, ...], weights: tuple[float, ...], *outputs: Tensor | None
    ) -> Tensor:
        return bank._synthesise(names, weights, outputs)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.bank, ctx.names, ctx.weights, *_ = inputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        needed = [i for i, need in enumerate(ctx.needs_input_grad[3:]) if need]
        analysed = _Analysis.apply(ctx.bank, tuple(ctx.names[i] for i in needed), gradient)
        adjoint = ctx.bank.adjoint_weights(ctx.names)
        gradients: list[Tensor | None] = [None] * len(ctx.names)
        for i, output in zip(needed, analysed, strict=True):
            gradients[i] = output * (ctx.weights[i] / adjoint[i])
        return None, None, None, *gradients

    @staticmethod
    def jvp(ctx: Any, _bank: None, _names: None, _weights: None, *tangents: Tensor | None) -> Tensor:
        image: Tensor = _Synthesis.apply(ctx.bank, ctx.names, ctx.weights, *tangents)
        return image

    @staticmethod
    def vmap(
        info: Any,
        dims: Any,
        bank: FilterBank,
        names: tuple[Hashable, ...],
        weights: tuple[float, ...],
        *outputs: Tensor | None,
    ) -> Any:
        moved = [_to_front(output, dim, info.batch_size) for output, dim in zip(outputs, dims[3:], strict=True)]
        return _Synthesis.apply(bank, names, weights, *moved), 0
