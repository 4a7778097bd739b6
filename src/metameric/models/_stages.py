"""The stages that the front-end models are built from: banks of filters, joint filtering, gain control."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from metameric._core.errors import InputError
from metameric._core.linear import Kept
from metameric._core.types import Image
from metameric.process._convolution import convolve
from metameric.process._padding import PAD_MODES, pad, same_pads

KernelSize = int | Sequence[int]
Bank = Float[Tensor, "out_channels 1 kernel_height kernel_width"]
Response = Float[Tensor, "batch out_channels height width"]

# Added to the local contrast, as in the published models.
CONTRAST_FLOOR = 1e-6


def as_kernel_size(kernel_size: KernelSize) -> tuple[int, int]:
    """Height and width of a kernel from one number or two, checked."""
    pair = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
    if len(pair) != 2 or any(k != int(k) or k < 1 for k in pair):
        raise InputError(f"kernel_size is {kernel_size}; expected one or two positive integers (height, width).")
    return int(pair[0]), int(pair[1])


def as_pad_mode(pad_mode: str) -> str:
    """Check the name of a way of padding."""
    if pad_mode not in PAD_MODES:
        raise InputError(f"pad_mode is {pad_mode!r}; expected one of {', '.join(map(repr, PAD_MODES))}.")
    return pad_mode


class FilterBank(nn.Module, ABC):
    """Filters made from a few parameters. They are made anew only when a parameter has changed."""

    kernel_size: tuple[int, int]
    pad_mode: str
    out_channels: int

    def __init__(self, kernel_size: KernelSize, pad_mode: str, out_channels: int, cache_filt: bool) -> None:
        super().__init__()
        self.kernel_size = as_kernel_size(kernel_size)
        self.pad_mode = as_pad_mode(pad_mode)
        self.out_channels = out_channels
        self.cache_filt = cache_filt
        self._kept = Kept()

    @abstractmethod
    def make_filters(self) -> Bank:
        """Compute the filters from the parameters."""

    @property
    def filt(self) -> Bank:
        """The filters, (out_channels, 1, kernel height, kernel width)."""
        return self._kept.get([*self.parameters(), *self.buffers()], self.make_filters)

    def forward(self, x: Image) -> Response:
        """Filter images at their own size.

        Parameters
        ----------
        x
            Images (batch, channel, height, width). One filter treats every channel alike; several need
            images of a single channel and give `out_channels`.
        """
        return convolve(x, matched_filters(x, self.filt), self.pad_mode)


def matched_filters(x: Tensor, filters: Tensor) -> Tensor:
    """Check that filters suit the image's channels; a single filter serves any number of them."""
    if filters.shape[0] == 1:
        return filters[0, 0]
    if x.ndim != 4 or x.shape[1] != 1:
        raise InputError(
            f"image of shape {tuple(x.shape)} for a model of {filters.shape[0]} filters; expected "
            "(batch, 1, height, width). Make it grey, or treat its channels one by one."
        )
    return filters


class JointFiltering:
    """Several banks on the same image: one transform of the image serves them all."""

    def __init__(self) -> None:
        self._kept = Kept()

    def __call__(self, x: Image, banks: Sequence[FilterBank]) -> tuple[Response, ...]:
        """Return the response of each bank, (batch, its channels, height, width)."""
        filters = [bank.filt for bank in banks]
        matched_filters(x, filters[0])
        joint = self._kept.get(filters, lambda: torch.cat(filters))
        # Channels of a colour image are images of their own.
        alone = x.reshape(-1, 1, *x.shape[-2:])
        responses = convolve(alone, joint, banks[0].pad_mode).split([f.shape[0] for f in filters], dim=1)
        return tuple(r.reshape(x.shape[0], -1, *x.shape[-2:]) for r in responses)


def luminance_gain_control(signal: Image, luminance: Image, scalar: Tensor) -> Image:
    """Divide by the local luminance."""
    return signal / (1 + scalar.reshape(1, -1, 1, 1) * luminance)


def contrast_gain_control(signal: Image, bank: FilterBank, scalar: Tensor) -> Image:
    """Divide by the local contrast, the root of the blurred square, in each channel by a filter of its own."""
    filters = bank.filt[:, 0] if bank.out_channels > 1 else bank.filt[0, 0]
    energy = convolve(signal.square(), filters, bank.pad_mode)
    # Rounding may leave an energy of zero below zero, and the root has no slope at zero.
    contrast = energy.clamp(min=torch.finfo(energy.dtype).tiny).sqrt() + CONTRAST_FLOOR
    return signal / (1 + scalar.reshape(1, -1, 1, 1) * contrast)


def spatial_filtering(x: Image, filters: Bank, pad_mode: str, **conv2d_kwargs: Any) -> Tensor:
    """Filter with options of `torch.nn.functional.conv2d`."""
    pads = same_pads((x.shape[-2], x.shape[-1]), (filters.shape[-2], filters.shape[-1]), pad_mode)
    return F.conv2d(pad(x, pads, pad_mode), filters, **conv2d_kwargs)
