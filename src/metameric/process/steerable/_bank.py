"""A bank of Fourier filters as one linear operator with a hand-written adjoint.

Every output is ``inverse DFT(mask * DFT(image))`` on a grid of its own size. The operator and its adjoint are each
other's derivative, so both can be differentiated any number of times, backward and forward, and neither keeps anything
for the backward pass.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fft

from metameric.process.steerable._masks import Grid

Shape = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Filters:
    """Filters that share one output grid.

    Attributes
    ----------
    mask
        Builds the real amplitudes, (filters, rows, columns) over the lowest frequencies that the filters pass, in
        the order of ``fft2`` when `analytic`, else of ``rfft2``.
    crop
        Height and width of that set of frequencies in the full plane.
    size
        Height and width of the outputs, at least `crop`.
    phase
        Factor on the spectrum. With two, the second serves the second half of the filters.
    analytic
        Whether the outputs are complex.
    """

    mask: Callable[[], Grid]
    crop: Shape
    size: Shape
    phase: tuple[complex, ...] = (1,)
    analytic: bool = False

    @property
    def columns(self) -> int:
        """Number of stored columns of the spectrum."""
        return self.crop[1] if self.analytic else self.crop[1] // 2 + 1

    def cut(self, spectrum: Tensor) -> Tensor:
        """Keep the lowest frequencies of a spectrum."""
        kept = _cut(spectrum, self.crop[0], -2)
        return _cut(kept, self.crop[1], -1) if self.analytic else kept[..., : self.columns]

    def inverse(self, spectra: Tensor) -> Tensor:
        """Transform filtered spectra to the output grid."""
        spectra = _spread(spectra, self.size[0], -2)
        if self.analytic:
            return fft.ifft2(_spread(spectra, self.size[1], -1))
        # In two steps: irfft2 would first copy its input, and here the missing columns need no transform along rows.
        return fft.irfft(fft.ifft(spectra, dim=-2), n=self.size[1], dim=-1)

    def spectra(self, outputs: Tensor) -> Tensor:
        """Lowest frequencies of outputs: undoes `inverse`."""
        if self.analytic:
            return self.cut(fft.fft2(outputs))
        if self.size == self.crop:
            return fft.rfft2(outputs)
        rows = fft.rfft(outputs, dim=-1)[..., : self.columns]
        return _cut(fft.fft(rows, dim=-2), self.crop[0], -2)


def _cut(spectrum: Tensor, kept: int, dim: int) -> Tensor:
    if kept == spectrum.shape[dim]:
        return spectrum
    negative = kept // 2
    parts = (spectrum.narrow(dim, 0, kept - negative), spectrum.narrow(dim, spectrum.shape[dim] - negative, negative))
    return torch.cat(parts, dim)


def _spread(spectrum: Tensor, size: int, dim: int) -> Tensor:
    kept = spectrum.shape[dim]
    if kept == size:
        return spectrum
    negative = kept // 2
    gap = list(spectrum.shape)
    gap[dim] = size - kept
    parts = (
        spectrum.narrow(dim, 0, kept - negative),
        spectrum.new_zeros(gap),
        spectrum.narrow(dim, kept - negative, negative),
    )
    return torch.cat(parts, dim)


class FilterBank:
    """Named groups of filters on images of one size."""

    def __init__(self, image_shape: Shape, groups: Mapping[Hashable, Filters]) -> None:
        self.image_shape = image_shape
        self.groups = dict(groups)
        self._masks: dict[tuple[Hashable, torch.dtype, torch.device], Tensor] = {}

    def mask(self, name: Hashable, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Mask of a group as a tensor, built on first use."""
        key = (name, dtype, device)
        if key not in self._masks:
            # A mask first needed under inference mode must serve a later backward pass too.
            with torch.inference_mode(False):
                self._masks[key] = torch.as_tensor(self.groups[name].mask(), dtype=dtype, device=device).contiguous()
        return self._masks[key]

    def adjoint_weights(self, names: Sequence[Hashable]) -> tuple[float, ...]:
        """Weights that make `synthesise` the adjoint of `analyse`."""
        height, width = self.image_shape
        sizes = (self.groups[name].size for name in names)
        return tuple(height * width / (rows * columns) for rows, columns in sizes)

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
            One tensor per group, shape (..., filters, *size).
        """
        outputs: tuple[Tensor, ...] = _Analysis.apply(self, tuple(names), image)
        return outputs

    def synthesise(self, outputs: Sequence[Tensor], names: Sequence[Hashable], weights: Sequence[float]) -> Tensor:
        """Filter every output once more with the conjugate of its own filter and add all up, each group weighted."""
        image: Tensor = _Synthesis.apply(self, tuple(names), tuple(weights), *outputs)
        return image

    def _analyse(self, image: Tensor, names: Sequence[Hashable]) -> tuple[Tensor, ...]:
        whole = any(self.groups[name].analytic for name in names)
        spectrum = fft.fft2(image) if whole else fft.rfft2(image)
        return tuple(self._filter(spectrum, name, image.dtype) for name in names)

    def _filter(self, spectrum: Tensor, name: Hashable, dtype: torch.dtype) -> Tensor:
        group, mask = self.groups[name], self.mask(name, dtype, spectrum.device)
        low = group.cut(spectrum)
        turned = torch.stack([low if phase == 1 else low * phase for phase in group.phase], dim=-3)
        filtered = turned.unsqueeze(-3) * mask.reshape(len(group.phase), -1, *mask.shape[1:])
        return group.inverse(filtered.reshape(*low.shape[:-2], *mask.shape))

    def _synthesise(
        self, names: Sequence[Hashable], weights: Sequence[float], outputs: Sequence[Tensor | None]
    ) -> Tensor:
        given = [
            (name, weight, output)
            for name, weight, output in zip(names, weights, outputs, strict=True)
            if output is not None
        ]
        whole = any(self.groups[name].analytic for name, _, _ in given)
        total: Tensor | None = None
        for name, weight, output in given:
            total = self._add(total, self._collect(output, name, weight), self.groups[name], whole)
        if whole:
            return fft.ifft2(total).real.contiguous()
        return fft.irfft(fft.ifft(total, dim=-2), n=self.image_shape[1], dim=-1)

    def _collect(self, output: Tensor, name: Hashable, weight: float) -> Tensor:
        """Low frequencies of one group's contribution."""
        group = self.groups[name]
        mask = self.mask(name, output.real.dtype, output.device)
        filtered = group.spectra(output).mul_(mask)
        filtered = filtered.reshape(*filtered.shape[:-3], len(group.phase), -1, *mask.shape[1:]).sum(-3)
        factors = [weight * complex(phase).conjugate() for phase in group.phase]
        parts = [low if factor == 1 else low * factor for low, factor in zip(filtered.unbind(-3), factors, strict=True)]
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def _add(self, total: Tensor | None, low: Tensor, group: Filters, whole: bool) -> Tensor:
        height, width = self.image_shape
        if whole and not group.analytic:
            # The real part of the whole plane's inverse halves what the mirrored half would have brought.
            low[..., 1 : (width + 1) // 2].mul_(2)
        columns = width if whole else width // 2 + 1
        if total is None:
            if low.shape[-2:] == (height, columns):
                return low
            total = low.new_zeros(*low.shape[:-2], height, columns)
        if group.analytic:
            left = (group.crop[1] + 1) // 2
            _add_rows(total[..., width - group.crop[1] + left :], low[..., left:])
            low = low[..., :left]
        _add_rows(total[..., : low.shape[-1]], low)
        return total


def _add_rows(total: Tensor, part: Tensor) -> None:
    negative = part.shape[-2] // 2
    positive = part.shape[-2] - negative
    total[..., :positive, :].add_(part[..., :positive, :])
    total[..., total.shape[-2] - negative :, :].add_(part[..., positive:, :])


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
    def vmap(
        info: Any, dims: tuple[int | None, ...], bank: FilterBank, names: tuple[Hashable, ...], image: Tensor
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
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
        dims: tuple[int | None, ...],
        bank: FilterBank,
        names: tuple[Hashable, ...],
        weights: tuple[float, ...],
        *outputs: Tensor | None,
    ) -> tuple[Tensor, int]:
        moved = [_to_front(output, dim, info.batch_size) for output, dim in zip(outputs, dims[3:], strict=True)]
        return _Synthesis.apply(bank, names, weights, *moved), 0
