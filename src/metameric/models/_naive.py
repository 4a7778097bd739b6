"""The simplest models: the image itself, and linear filters."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metameric._core.errors import InputError
from metameric._core.random import fresh_seed, generator
from metameric._core.replay import replayable
from metameric._core.types import Image, Number
from metameric.models._stages import (
    Bank,
    FilterBank,
    KernelSize,
    as_kernel_size,
    as_pad_mode,
    check_channels,
    spatial_filtering,
)
from metameric.process._convolution import convolve
from metameric.process._filters import circular_gaussian2d, gaussian_profiles
from metameric.process._separable import Terms

Values = Number | Sequence[Number] | Tensor


class Identity(nn.Module):
    """The image as its own representation.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.models.Identity()(torch.ones(1, 1, 2, 2)).sum().item()
    4.0
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return a copy of `x`, a tensor of any shape."""
        return x.clone()


class Linear(nn.Module):
    """Two linear filters, by default a low-pass and a band-pass, as a `torch.nn.Conv2d` that keeps the size.

    Parameters
    ----------
    kernel_size
        Height and width of the filters in pixels.
    pad_mode
        ``"circular"``, ``"reflect"``, ``"replicate"`` or ``"constant"``.
    default_filters
        A Gaussian of variance 3 and the difference between one of variance 1 and it; else random filters, drawn
        from metameric's own source (see `set_seed`).

    Raises
    ------
    ValueError
        If the kernel size is not one or two positive integers, or `pad_mode` is unknown.

    Notes
    -----
    The band-pass filter sums to zero. plenoptic divides it by that sum, a rounding error, and so has filters of
    arbitrary scale (1e6 to infinite); its ``state_dict`` can be loaded.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.models.Linear()(torch.rand(2, 1, 8, 8)).shape
    torch.Size([2, 2, 8, 8])
    """

    def __init__(
        self, kernel_size: KernelSize = (3, 3), pad_mode: str = "circular", default_filters: bool = True
    ) -> None:
        super().__init__()
        self.kernel_size = as_kernel_size(kernel_size)
        self.pad_mode = as_pad_mode(pad_mode)
        # Without the usual initialisation, which would draw from the global random state.
        self.conv = nn.utils.skip_init(nn.Conv2d, 1, 2, self.kernel_size, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(self._default() if default_filters else self._random())

    def _default(self) -> Bank:
        low, narrow = circular_gaussian2d(self.kernel_size, (3**0.5, 1.0)).split(1)
        return torch.cat([low, narrow - low])

    def _random(self) -> Bank:
        height, width = self.kernel_size
        bound = (height * width) ** -0.5
        return (2 * torch.rand(2, 1, height, width, generator=generator(fresh_seed())) - 1) * bound

    @replayable
    def forward(self, x: Image) -> Float[Tensor, "batch 2 height width"]:
        """Filter images (batch, 1, height, width) into two channels."""
        check_channels(x, 2)
        filtered = convolve(x, self.conv.weight, self.pad_mode)
        return filtered if self.conv.bias is None else filtered + self.conv.bias[:, None, None]


class Gaussian(FilterBank):
    """Circularly symmetric Gaussian filters of sum one.

    Parameters
    ----------
    kernel_size
        Height and width of the filters in pixels.
    std
        Standard deviation in pixels, above zero; several make one channel each. Kept as a parameter.
    pad_mode
        ``"reflect"``, ``"replicate"``, ``"circular"`` or ``"constant"``.
    out_channels
        Number of filters. By default as many as `std` has values.
    cache_filt
        Accepted for plenoptic's sake: filters are always kept until `std` changes.

    Raises
    ------
    ValueError
        If a size, a deviation or `out_channels` is not positive, the latter two disagree, or `pad_mode` is unknown.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.models.Gaussian(7, std=[1, 2])(torch.rand(2, 1, 16, 16)).shape
    torch.Size([2, 2, 16, 16])
    """

    made_from = ("std",)
    std: nn.Parameter

    def __init__(
        self,
        kernel_size: KernelSize,
        std: Values = 3.0,
        pad_mode: str = "reflect",
        out_channels: int | None = None,
        cache_filt: bool = False,
    ) -> None:
        values = per_channel(std, "std", out_channels)
        super().__init__(kernel_size, pad_mode, len(values), cache_filt)
        self.std = nn.Parameter(values)

    def make_terms(self, dtype: torch.dtype | None = None) -> Terms:
        """Compute the profiles of the filters from `std`."""
        down, along = gaussian_profiles(self.kernel_size, self.std.to(dtype))
        return Terms(torch.ones_like(down[:, :1]), down[:, None], along[:, None])

    def forward(self, x: Image, **conv2d_kwargs: Any) -> Tensor:
        """Filter images at their own size.

        Parameters
        ----------
        x
            Images (batch, channel, height, width). One filter treats every channel alike; several need
            images of a single channel.
        **conv2d_kwargs
            Options of `torch.nn.functional.conv2d`; with any, that function filters the padded image.
        """
        if conv2d_kwargs:
            return spatial_filtering(x, self.filt, self.pad_mode, **conv2d_kwargs)
        return super().forward(x)


class CenterSurround(FilterBank):
    """Differences of Gaussians: a centre and an opposed surround, summing to zero.

    The filter is ``amplitude_ratio * (center - surround)``, both Gaussians of sum one, or its negative.

    Parameters
    ----------
    kernel_size
        Height and width of the filters in pixels.
    on_center
        Whether the centre is positive; several values make one channel each.
    amplitude_ratio
        Ratio of the amplitudes of centre and surround before the sum is made zero; at least 1.
    center_std, surround_std
        Standard deviations in pixels, above zero; one or one per channel. Kept as parameters.
    out_channels
        Number of filters. By default as many as the longest of `on_center` and the deviations.
    pad_mode, cache_filt
        As for `Gaussian`.

    Raises
    ------
    ValueError
        If a number is out of its range, or lengths disagree.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> model = mm.models.CenterSurround(9, on_center=[True, False])
    >>> model(torch.rand(1, 1, 16, 16)).sum(1).abs().max().item() < 1e-6
    True
    """

    made_from = ("center_std", "surround_std", "amplitude_ratio")
    center_std: nn.Parameter
    surround_std: nn.Parameter
    amplitude_ratio: Tensor

    def __init__(
        self,
        kernel_size: KernelSize,
        on_center: bool | Sequence[bool] = True,
        amplitude_ratio: Number = 1.25,
        center_std: Values = 1.0,
        surround_std: Values = 4.0,
        out_channels: int | None = None,
        pad_mode: str = "reflect",
        cache_filt: bool = False,
    ) -> None:
        if amplitude_ratio < 1:
            raise InputError(f"amplitude_ratio is {amplitude_ratio:g}; expected at least 1.")
        signs = (on_center,) if isinstance(on_center, bool) else tuple(bool(on) for on in on_center)
        if out_channels is None:
            out_channels = max(len(signs), *(torch.as_tensor(std).numel() for std in (center_std, surround_std)))
        center = per_channel(center_std, "center_std", out_channels)
        surround = per_channel(surround_std, "surround_std", out_channels)
        if len(signs) not in (1, out_channels):
            raise InputError(f"on_center has {len(signs)} values for {out_channels} channels; give one, or one each.")
        super().__init__(kernel_size, pad_mode, out_channels, cache_filt)
        self.on_center = signs if len(signs) == out_channels else signs * out_channels
        self.center_std = nn.Parameter(center)
        self.surround_std = nn.Parameter(surround)
        self.register_buffer("amplitude_ratio", torch.as_tensor(float(amplitude_ratio)))

    def settings(self) -> tuple[Any, ...]:
        """Return what else the filters are made from."""
        return (*super().settings(), tuple(self.on_center))

    def make_terms(self, dtype: torch.dtype | None = None) -> Terms:
        """Compute the profiles of centre and surround, and their weights, from the parameters."""
        stds = torch.stack([self.center_std, self.surround_std], 1).to(dtype)
        down, along = (p.unflatten(0, stds.shape) for p in gaussian_profiles(self.kernel_size, stds))
        signs = stds.new_tensor([[1.0, -1.0] if on else [-1.0, 1.0] for on in self.on_center])
        return Terms(signs * self.amplitude_ratio.to(stds.dtype), down, along)


def per_channel(values: Values, name: str, out_channels: int | None) -> Float[Tensor, " out_channels"]:
    """Make one positive value per channel, of the default dtype, from one or several."""
    dtype = values.dtype if isinstance(values, Tensor) and values.is_floating_point() else torch.get_default_dtype()
    given = torch.as_tensor(values, dtype=dtype).detach().clone().reshape(-1)
    if given.numel() == 0 or not bool((given > 0).all()):
        raise InputError(f"{name} is {values}; expected standard deviations above zero, in pixels.")
    if out_channels is None:
        return given
    if out_channels != int(out_channels) or out_channels < 1:
        raise InputError(f"out_channels is {out_channels}; expected a positive integer.")
    if given.numel() not in (1, out_channels):
        raise InputError(f"{name} has {given.numel()} values for {out_channels} channels; give one, or one each.")
    return given.expand(int(out_channels)).clone()
