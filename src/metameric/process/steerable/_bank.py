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

from metameric._core.functions import Function, owned
from metameric._core.linear import constants
from metameric._core.memory import empty
from metameric._core.replay import Replays, replayed
from metameric.process.steerable import _direct, _passes
from metameric.process.steerable._octaves import Shape


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
        self._largest = max(prod(image_shape), *(prod(group.size) for group in groups.values()))
        self._masks: dict[Hashable, Tensor] = {}
        self._signs: dict[Hashable, int] = {}
        self._replays = Replays()

    def mask(self, name: Hashable, like: Tensor, form: Literal["direct", "conjugate", "passes"]) -> Tensor:
        """Masks in the precision and on the device of a tensor, built on first use.

        Real outputs have masks for half spectra. They are (outputs, rows, columns) for `_direct` and (outputs, columns,
        rows) for `_passes`.
        """
        key = (name, like.real.dtype, like.device, form)
        if key not in self._masks:
            group = self.groups[name]
            with constants():
                mask = torch.as_tensor(group.mask())
                mask = _parted(mask, group) if group.kind == "pair" else mask
                self._signs[name] = _sign(mask)
                mask = mask.mT if form == "passes" else mask.conj() if form == "conjugate" else mask
                self._masks[key] = _copied(mask, like)
        return self._masks[key]

    def conjugate_mask(self, name: Hashable, like: Tensor) -> tuple[Tensor, int]:
        """Masks for `_direct` that are conjugates of the filters', up to a sign: most filters are their own."""
        mask = self.mask(name, like, "direct")
        sign = self._signs[name]
        return (mask, sign) if sign else (self.mask(name, like, "conjugate"), 1)

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
        groups = [self.groups[name] for name in names]
        if not len(images):
            outputs = [_none(image, group) for group in groups]
        elif image.device.type != "cpu" or self._largest <= _direct.LARGEST:
            outputs = _direct.analyse(images, groups, [self.mask(name, image, "direct") for name in names])
        else:
            outputs = _passes.analyse(images, groups, [self.mask(name, image, "passes") for name in names])
        return tuple(owned(output.reshape(*lead, *output.shape[1:])) for output in outputs)

    def _synthesise(
        self, names: Sequence[Hashable], weights: Sequence[float], outputs: Sequence[Tensor | None]
    ) -> Tensor:
        given = []
        for name, weight, output in zip(names, weights, outputs, strict=True):
            if output is not None:
                conjugate, sign = self.conjugate_mask(name, output)
                given.append((output.reshape(-1, *output.shape[-3:]), self.groups[name], conjugate, sign * weight))
        parts, groups, conjugates, factors = zip(*given, strict=True)
        lead = next(output for output in outputs if output is not None).shape[:-3]
        if 0 in lead:
            return parts[0].real.new_empty(*lead, *self.image_shape)
        image = _direct.synthesise(parts, groups, conjugates, factors, self.image_shape)
        return owned(image.reshape(*lead, *self.image_shape))


def _copied(mask: Tensor, like: Tensor) -> Tensor:
    """Masks as complex numbers, even where real: products of complex with real numbers are many times slower."""
    plain = torch.empty(0, device=like.device)
    return empty(mask.shape, plain, like.real.dtype.to_complex()).copy_(mask)


def _none(image: Tensor, group: Filters) -> Tensor:
    """Outputs of no images, which transforms refuse."""
    dtype = image.dtype if group.is_real else image.dtype.to_complex()
    return image.new_empty((0, group.channels, *group.size), dtype=dtype)


def _sign(mask: Tensor) -> int:
    """What makes a mask its own conjugate: one if it is real, minus one if it is imaginary; zero for others."""
    if not mask.is_complex() or not mask.imag.any():
        return 1
    return 0 if mask.real.any() else -1


def _parted(mask: Tensor, group: Filters) -> Tensor:
    """Masks, on half spectra, of the real parts and the imaginary parts that these masks give."""
    mirrored = mask.flip(-2, -1).roll((1, 1), (-2, -1)).conj()
    parts = torch.cat([(mask + mirrored) / 2, (mask - mirrored) / 2j])[: group.channels]
    return parts[..., : group.crop[1] // 2 + 1]


def _to_front(tensor: Tensor | None, dim: int | None, count: int) -> Tensor | None:
    if tensor is None:
        return None
    return tensor.expand(count, *tensor.shape) if dim is None else tensor.movedim(dim, 0)


class _Analysis(Function):
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


class _Synthesis(Function):
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
