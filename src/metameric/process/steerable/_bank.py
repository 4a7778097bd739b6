"""A bank of Fourier filters as one linear operator with a hand-written adjoint.

Every output is ``inverse DFT(mask * DFT(image))`` on a grid of its own size. The operator and its adjoint are each
other's derivative, so both can be differentiated any number of times, backward and forward, and neither keeps anything
for the backward pass. Two real filters share one complex transform, as its real and its imaginary part.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor, fft

from metameric.process.steerable._octaves import Shape, blocks, cropped, united

CACHE_ELEMENTS = 2**18
"""Numbers transformed at a time on a CPU: larger intermediate results fall out of its cache and cost fresh memory."""


@dataclass(frozen=True, eq=False)
class Filters:
    """Filters that share one output grid.

    Attributes
    ----------
    mask
        Builds the masks, (transforms, rows, columns) over the lowest frequencies that the filters pass, unshifted.
    channels
        Number of outputs.
    crop
        Height and width of that set of frequencies.
    size
        Height and width of the outputs, at least `crop`.
    phase
        Factor of modulus one that the masks, otherwise real, have in common; only for complex outputs.
    kind
        ``"complex"``: each transform is a complex output. ``"pair"``: its real and imaginary part are one real output
        each, of masks ``first + 1j * second``; all real parts come before all imaginary ones. ``"single"``: it is one
        real output; masks as for ``rfft2``.
    """

    mask: Callable[[], Any]
    channels: int
    crop: Shape
    size: Shape
    phase: complex = 1
    kind: Literal["complex", "pair", "single"] = "complex"


class FilterBank:
    """Named groups of filters on images of one size."""

    def __init__(self, image_shape: Shape, groups: Mapping[Hashable, Filters]) -> None:
        self.image_shape = image_shape
        self.groups = dict(groups)
        self._masks: dict[tuple[Hashable, torch.dtype, torch.device], Tensor] = {}

    def mask(self, name: Hashable, like: Tensor) -> Tensor:
        """Mask of a group in the precision and on the device of a tensor, built on first use."""
        key = (name, like.real.dtype, like.device)
        if key not in self._masks:
            # A mask first needed under inference mode must serve a later backward pass too.
            with torch.inference_mode(False):
                mask = torch.as_tensor(self.groups[name].mask())
                # Complex even where real: products of complex with real numbers are many times slower.
                self._masks[key] = mask.to(device=like.device, dtype=like.real.dtype.to_complex()).contiguous()
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
        image: Tensor = _Synthesis.apply(self, tuple(names), tuple(weights), *outputs)
        return image

    def _analyse(self, image: Tensor, names: Sequence[Hashable]) -> tuple[Tensor, ...]:
        lead, images = image.shape[:-2], image.reshape(-1, *self.image_shape)
        groups, masks = [self.groups[name] for name in names], [self.mask(name, image) for name in names]
        parts = list(_parts(images, prod(self.image_shape)))
        # What a single piece gives is the result itself; several are copied into place.
        results = [_empty(images, group) if len(parts) > 1 else None for group in groups]
        for part in parts:
            spectra = {self.image_shape: fft.fft2(images[part])}
            for i, (group, mask, result) in enumerate(zip(groups, masks, results, strict=True)):
                spectrum = cropped(spectra, group.crop)
                results[i] = _filter(spectrum, group, mask, result, part)
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
        example = given[0][-1].real
        images = example.new_empty(example.shape[0], *self.image_shape)
        for part in _parts(images, prod(self.image_shape)):
            totals: dict[Shape, Tensor] = {}
            for group, mask, weight, output in given:
                filtered = _collected(output[part], group, mask, weight, self.image_shape[1])
                if group.crop not in totals:
                    shape = (filtered.shape[0], *group.crop)
                    totals[group.crop] = filtered if filtered.shape == shape else filtered.new_zeros(shape)
                if totals[group.crop] is not filtered:
                    totals[group.crop][..., : filtered.shape[-1]].add_(filtered)
            # The sums hold conjugates, for which a forward transform is the inverse one.
            images[part] = fft.fft2(united(totals, self.image_shape), norm="forward").real
        return images.reshape(*lead, *self.image_shape)


def _parts(tensor: Tensor, elements: int) -> Iterator[slice]:
    """Slices of the first dimension, of pieces that fit a CPU's cache; everything at once on other devices."""
    step = tensor.shape[0] if tensor.device.type != "cpu" else max(1, CACHE_ELEMENTS // elements)
    for start in range(0, tensor.shape[0], max(1, step)):
        yield slice(start, min(start + step, tensor.shape[0]))


def _empty(images: Tensor, group: Filters) -> Tensor:
    dtype = images.dtype.to_complex() if group.kind == "complex" else images.dtype
    return images.new_empty(images.shape[0], group.channels, *group.size, dtype=dtype)


def _filter(spectrum: Tensor, group: Filters, mask: Tensor, result: Tensor | None, rows: slice) -> Tensor:
    """Filter cropped spectra (images, *crop); the outputs (images, channels, *size) become rows of the result."""
    parts = list(_parts(mask, spectrum.shape[0] * prod(group.size)))
    if result is None:
        if len(parts) == 1 and group.kind != "pair":
            return _transformed(spectrum, group, mask)
        result = _empty(spectrum.real, group)
    for part in parts:
        outputs = _transformed(spectrum, group, mask[part])
        if group.kind != "pair":
            result[rows, part] = outputs
            continue
        result[rows, part] = outputs.real
        second = result[rows, mask.shape[0] :][:, part]
        second.copy_(outputs.imag[:, : second.shape[1]])
    return result


def _transformed(spectrum: Tensor, group: Filters, mask: Tensor) -> Tensor:
    """Inverse transforms of the masked spectra."""
    single = group.kind == "single"
    low = spectrum[:, None, :, : mask.shape[-1]]
    if group.crop == group.size:
        product = low * mask
    else:
        product = low.new_zeros(low.shape[0], mask.shape[0], group.size[0], mask.shape[-1] if single else group.size[1])
        for own, target in blocks(group.crop, group.size, single):
            torch.mul(low[..., *own], mask[..., *own], out=product[..., *target])
    return fft.irfft2(product, s=group.size) if single else fft.ifft2(product)


def _collected(output: Tensor, group: Filters, mask: Tensor, weight: float, columns: int) -> Tensor:
    """Conjugate spectra (images, *crop) of the outputs, masked once more and added up; of a single, their left half."""
    single = group.kind == "single"
    total: Tensor | None = None
    for part in _parts(mask, output.shape[0] * prod(group.size)):
        spectra, masks = _spectra(output, group, part), mask[part]
        if group.crop == group.size:
            products = spectra.mul_(masks)
        else:
            products = spectra.new_empty(*spectra.shape[:2], *mask.shape[-2:])
            for own, target in blocks(group.crop, group.size, single):
                torch.mul(spectra[..., *target], masks[..., *own], out=products[..., *own])
        for product in products.unbind(1):
            total = product if total is None else total.add_(product)
    if total is None:
        return output.new_zeros(output.shape[0], *mask.shape[-2:], dtype=mask.dtype)
    if group.kind != "pair":
        total.conj_physical_()
    # For pairs, i times the conjugate of the outputs was transformed.
    factor = weight * (-1j if group.kind == "pair" else group.phase**2)
    if factor != 1:
        total.mul_(factor)
    if single:
        # The real part of the whole plane's transform halves what the mirrored half would have brought.
        total[..., 1 : (columns + 1) // 2].mul_(2)
    return total


def _spectra(output: Tensor, group: Filters, part: slice) -> Tensor:
    if group.kind == "single":
        return fft.rfft2(output[:, part])
    if group.kind == "complex":
        return fft.fft2(output[:, part])
    first, second = output[:, : (group.channels + 1) // 2][:, part], output[:, (group.channels + 1) // 2 :][:, part]
    if second.shape[1] < first.shape[1]:
        second = torch.cat([second, torch.zeros_like(first[:, :1])], 1)
    return fft.ifft2(torch.complex(second, first), norm="forward")


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
