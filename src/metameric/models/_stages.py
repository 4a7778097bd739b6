"""The stages that the front-end models are built from: banks of filters, joint filtering, gain control."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from metameric._core.counts import height_and_width
from metameric._core.errors import InputError
from metameric._core.linear import Kept, can_keep
from metameric._core.replay import replayable
from metameric._core.types import Image
from metameric.process._convolution import convolve
from metameric.process._padding import PAD_MODES, pad, same_pads
from metameric.process._quotient import quotient
from metameric.process._separable import SeparableBank, Terms

KernelSize = int | Sequence[int]
Bank = Float[Tensor, "out_channels 1 kernel_height kernel_width"]
Response = Float[Tensor, "batch out_channels height width"]

# Added to the local contrast, as in the published models.
CONTRAST_FLOOR = 1e-6


def as_kernel_size(kernel_size: KernelSize) -> tuple[int, int]:
    """Height and width of a kernel from one number or two, checked."""
    return height_and_width("kernel_size", kernel_size)


def as_pad_mode(pad_mode: str) -> str:
    """Check the name of a way of padding."""
    if pad_mode not in PAD_MODES:
        raise InputError(f"pad_mode is {pad_mode!r}; expected one of {', '.join(map(repr, PAD_MODES))}.")
    return pad_mode


class FilterBank(nn.Module, ABC):
    """Filters made from a few parameters. They are made anew only when a parameter has changed."""

    made_from: ClassVar[tuple[str, ...]]
    """Names of the parameters and buffers."""

    kernel_size: tuple[int, int]
    pad_mode: str
    out_channels: int

    def __init__(self, kernel_size: KernelSize, pad_mode: str, out_channels: int, cache_filt: bool) -> None:
        super().__init__()
        self.kernel_size = as_kernel_size(kernel_size)
        self.pad_mode = as_pad_mode(pad_mode)
        self.out_channels = out_channels
        self.cache_filt = cache_filt
        self._kept = Kept[Tensor]()
        self._filtering = Filtering()

    @abstractmethod
    def make_terms(self, dtype: torch.dtype | None = None) -> Terms:
        """Compute the filters from the parameters, as sums of separable terms, by default in the parameters' dtype."""

    def sources(self) -> list[Tensor]:
        """Return the tensors that the filters are made from; where they are parametrised, what that gives."""
        return [getattr(self, name) for name in self.made_from]

    def settings(self) -> tuple[Any, ...]:
        """Return what else the filters are made from."""
        return (self.kernel_size,)

    @property
    def filt(self) -> Bank:
        """The filters, (out_channels, 1, kernel height, kernel width); a copy of those that are kept."""
        return self.kept_filters().clone()

    def kept_filters(self) -> Bank:
        """Return the filters themselves, which are the same tensor as long as nothing changes; only to be read."""
        return self._kept.get(self.sources(), lambda: self.make_terms().kernels(), self.settings())

    @replayable
    def forward(self, x: Image) -> Response:
        """Filter images at their own size.

        Parameters
        ----------
        x
            Images (batch, channel, height, width). One filter treats every channel alike; several need
            images of a single channel and give `out_channels`.
        """
        return self._filtering.each_channel(x, [self])[0]

    def root_mean_square(self, x: Response) -> Response:
        """Return the root of the filtered square, of each channel by the filter of its own (or by the only one)."""
        own = x if self.out_channels > 1 else x.reshape(-1, 1, *x.shape[-2:])
        return self._filtering.root_mean_square(own, self).reshape(x.shape)


def check_channels(x: Tensor, n_filters: int) -> None:
    """Check that filters suit the image's channels; a single filter serves any number of them."""
    if n_filters > 1 and (x.ndim != 4 or x.shape[1] != 1):
        raise InputError(
            f"image of shape {tuple(x.shape)} for a model of {n_filters} filters; expected "
            "(batch, 1, height, width). Make it grey, or treat its channels one by one."
        )


class Filtering:
    """Filters of one or several banks on the same image, in the way that costs least."""

    def __init__(self) -> None:
        self._kernels = Kept[Tensor]()
        self._separable = Kept[SeparableBank]()

    def __call__(self, x: Image, banks: Sequence[FilterBank]) -> tuple[Response, ...]:
        """Return the response of each bank, (batch, its channels, height, width).

        All filters are of the single channel of `x`; or else, if there is only one bank, of a channel each.
        """
        pad_mode, groups = banks[0].pad_mode, [bank.out_channels for bank in banks]
        separable = self._to_separate(x, banks)
        if separable:
            return separable.split(x, pad_mode, groups)
        responses = self._convolve(x, banks)
        # Parts of one tensor could not be changed in place.
        return responses.split(groups, dim=1) if len(groups) > 1 else (responses,)

    def _to_separate(self, x: Tensor, banks: Sequence[FilterBank]) -> SeparableBank | None:
        sources = [source for bank in banks for source in bank.sources()]
        settings = [bank.settings() for bank in banks]
        if not all(can_keep(s) and s.dtype == x.dtype and s.device == x.device for s in sources):
            return None
        separable = self._separable.get(sources, lambda: SeparableBank(_joint_terms(banks), x.dtype), settings)
        return separable if separable.pays(x, banks[0].pad_mode) else None

    def _convolve(self, x: Tensor, banks: Sequence[FilterBank]) -> Response:
        filters = [bank.kept_filters() for bank in banks]
        joint = self._kernels.get(filters, lambda: torch.cat(filters)) if len(banks) > 1 else filters[0]
        return convolve(x, joint[:, 0], banks[0].pad_mode)

    def root_mean_square(self, x: Response, bank: FilterBank) -> Response:
        """Return the root of the filtered square, of each channel by the filter of its own."""
        separable = self._to_separate(x, [bank])
        if separable:
            return separable.root_mean_square(x, bank.pad_mode)
        energy = self._convolve(x.square(), [bank])
        # Rounding may leave an energy of zero below zero, and the root has no slope at zero.
        tiny = torch.finfo(energy.dtype).tiny
        return F.threshold(energy, tiny, tiny).sqrt()

    def each_channel(self, x: Image, banks: Sequence[FilterBank]) -> tuple[Response, ...]:
        """Return responses to images whose channels are images of their own, for banks of one filter."""
        check_channels(x, banks[0].out_channels)
        if x.shape[1] == 1:
            return self(x, banks)
        responses = self(x.reshape(-1, 1, *x.shape[-2:]), banks)
        return tuple(r.reshape(x.shape) for r in responses)


def _joint_terms(banks: Sequence[FilterBank]) -> Terms:
    """Put the kernels of all banks into one list; where there are fewer terms, others of weight zero."""
    terms = [bank.make_terms(torch.float64) for bank in banks]
    most = max(t.weights.shape[1] for t in terms)
    filled = [[F.pad(part, (0, 0) * (part.ndim - 2) + (0, most - part.shape[1])) for part in t] for t in terms]
    return Terms(*(torch.cat(parts) for parts in zip(*filled, strict=True)))


def luminance_gain_control(signal: Image, luminance: Image, scalar: Tensor) -> Image:
    """Divide by the local luminance."""
    return quotient(signal, (scalar.reshape(1, -1, 1, 1) * luminance).add_(1))


def contrast_gain_control(signal: Image, bank: FilterBank, scalar: Tensor) -> Image:
    """Divide by the local contrast, the root of the blurred square, in each channel by a filter of its own."""
    scalar = scalar.reshape(1, -1, 1, 1)
    weighted = scalar * bank.root_mean_square(signal)
    return quotient(signal, weighted.add_(1 + CONTRAST_FLOOR * scalar))


def spatial_filtering(x: Image, filters: Bank, pad_mode: str, **conv2d_kwargs: Any) -> Tensor:
    """Filter with options of `torch.nn.functional.conv2d`."""
    pads = same_pads((x.shape[-2], x.shape[-1]), (filters.shape[-2], filters.shape[-1]), pad_mode)
    return F.conv2d(pad(x, pads, pad_mode), filters, **conv2d_kwargs)
