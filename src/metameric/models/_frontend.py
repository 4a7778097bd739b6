"""Models of the early visual system: centre-surround filters, then gain control, then an activation.

Berardino, A., Laparra, V., Ballé, J. & Simoncelli, E. P. (2017). Eigen-distortions of hierarchical representations.
NeurIPS 30, arXiv:1710.02266. The four models differ only in which stages they have.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from metameric._core.errors import InputError
from metameric._core.linear import constants
from metameric._core.random import fresh_seed, generator
from metameric._core.replay import replayable
from metameric._core.types import Image, Number
from metameric.data._polar import disk
from metameric.models._fitted import (
    KERNEL_SIZE,
    LINEAR_NONLINEAR,
    LUMINANCE_CONTRAST_GAIN_CONTROL,
    LUMINANCE_GAIN_CONTROL,
    ON_OFF,
    Fitted,
)
from metameric.models._naive import CenterSurround, Gaussian
from metameric.models._stages import (
    FilterBank,
    Filtering,
    KernelSize,
    Response,
    as_kernel_size,
    contrast_gain_control,
    luminance_gain_control,
)

Activation = Callable[[Tensor], Tensor]


class _FrontEnd(nn.Module):
    """A centre-surround bank, then whichever gain controls the model has, then the activation."""

    fitted: ClassVar[Fitted]
    filter_titles: ClassVar[tuple[str, ...]]
    columns: ClassVar[int]

    center_surround: CenterSurround
    luminance: Gaussian
    contrast: Gaussian
    luminance_scalar: Tensor
    contrast_scalar: Tensor

    def __init__(
        self,
        kernel_size: KernelSize,
        on_center: bool | Sequence[bool] = True,
        amplitude_ratio: Number = 1.25,
        pad_mode: str = "reflect",
        pretrained: bool = False,
        activation: Activation = softplus,
        cache_filt: bool = False,
    ) -> None:
        super().__init__()
        size = as_kernel_size(kernel_size)
        if pretrained and size != KERNEL_SIZE:
            raise InputError(f"kernel_size is {size}, but the pretrained parameters belong to {KERNEL_SIZE}; use that.")
        n = len(self.fitted.center_std)
        self.center_surround = CenterSurround(
            size, on_center, amplitude_ratio, out_channels=n, pad_mode=pad_mode, cache_filt=cache_filt
        )
        if self.fitted.luminance_std:
            self.luminance = Gaussian(size, pad_mode=pad_mode, out_channels=n, cache_filt=cache_filt)
            self.luminance_scalar = _random_scalar(n)
        if self.fitted.contrast_std:
            self.contrast = Gaussian(size, pad_mode=pad_mode, out_channels=n, cache_filt=cache_filt)
            self.contrast_scalar = _random_scalar(n)
        self.activation = activation
        self._filtering = Filtering()
        if pretrained:
            self._take_fitted()

    def _take_fitted(self) -> None:
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                values = getattr(self.fitted, name.removeprefix("center_surround.").replace(".", "_"))
                parameter.copy_(torch.tensor(values, dtype=parameter.dtype))

    @replayable
    def forward(self, x: Image) -> Response:
        """Compute the model's response.

        Parameters
        ----------
        x
            Images, (batch, channel, height, width), values in [0, 1]. `OnOff` takes a single channel and gives
            two; the others treat every channel alike.

        Raises
        ------
        ValueError
            If the image is smaller than padding for the kernel allows, or of another dtype than the model.
        """
        if self.fitted.luminance_std:
            signal, luminance = self._filtering.each_channel(x, (self.center_surround, self.luminance))
            signal = luminance_gain_control(signal, luminance, self.luminance_scalar)
        else:
            signal = self.center_surround(x)
        if self.fitted.contrast_std:
            signal = contrast_gain_control(signal, self.contrast, self.contrast_scalar)
        return self.activation(signal)

    def display_filters(
        self,
        vrange: str = "indep0",
        zoom: Number | None = 5.0,
        title: str | Sequence[str] | None = None,
        col_wrap: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Show the filters, each in a panel, and return the figure.

        Parameters
        ----------
        vrange, zoom, title, col_wrap, **kwargs
            As for `metameric.plot.imshow`; by default the panels carry the names of the stages.
        """
        from metameric.plot._imshow import imshow

        filters = torch.cat([bank.filt.detach() for bank in self.children() if isinstance(bank, FilterBank)])
        title = list(self.filter_titles) if title is None else title
        return imshow(
            filters.transpose(0, 1), vrange=vrange, zoom=zoom, title=title, col_wrap=col_wrap or self.columns, **kwargs
        )


def _random_scalar(n: int) -> nn.Parameter:
    return nn.Parameter(10 * torch.rand(n, generator=generator(fresh_seed())))


class LinearNonlinear(_FrontEnd):
    """A centre-surround filter and an activation (LN).

    Parameters
    ----------
    kernel_size
        Height and width of the filters in pixels; 31 for `pretrained`.
    on_center
        Whether the centre is positive.
    amplitude_ratio
        Ratio of the amplitudes of centre and surround, at least 1 (see `CenterSurround`).
    pad_mode
        ``"reflect"``, ``"replicate"``, ``"circular"`` or ``"constant"``.
    pretrained
        Take the parameters fitted by Berardino et al. (2017); else standard deviations of 1 (centre), 4 (surround)
        and 3 pixels, and scalars drawn from metameric's own source (see `set_seed`).
    activation
        Function of a tensor applied at the end.
    cache_filt
        Accepted for plenoptic's sake: filters are always kept until a parameter changes.

    Raises
    ------
    ValueError
        If an option is out of its range, or `pretrained` is asked for another kernel size.

    Examples
    --------
    >>> import metameric as mm
    >>> model = mm.models.LinearNonlinear(31, pretrained=True)
    >>> model(mm.data.image("camera", size=64)).shape
    torch.Size([1, 1, 64, 64])
    """

    fitted = LINEAR_NONLINEAR
    filter_titles = ("linear filter",)
    columns = 1


class LuminanceGainControl(_FrontEnd):
    """A centre-surround filter divided by the local luminance, and an activation (LG).

    The response is ``activation(c / (1 + s * l))``: c is the centre-surround filtered image, l the image under
    a Gaussian, s the `luminance_scalar`.

    Parameters
    ----------
    kernel_size, on_center, amplitude_ratio, pad_mode, pretrained, activation, cache_filt
        As for `LinearNonlinear`.

    Raises
    ------
    ValueError
        If an option is out of its range, or `pretrained` is asked for another kernel size.

    Examples
    --------
    >>> import metameric as mm
    >>> model = mm.models.LuminanceGainControl(31, pretrained=True)
    >>> model(mm.data.image("camera", size=64)).shape
    torch.Size([1, 1, 64, 64])
    """

    fitted = LUMINANCE_GAIN_CONTROL
    filter_titles = ("linear filt", "luminance filt")
    columns = 2


class LuminanceContrastGainControl(_FrontEnd):
    """A centre-surround filter divided by the local luminance, then by the local contrast, and an activation (LGG).

    With y the luminance-controlled signal of `LuminanceGainControl`, the response is
    ``activation(y / (1 + s * e))``: e is the root of the square of y under a Gaussian, plus 1e-6, and s the
    `contrast_scalar`.

    Parameters
    ----------
    kernel_size, on_center, amplitude_ratio, pad_mode, pretrained, activation, cache_filt
        As for `LinearNonlinear`.

    Raises
    ------
    ValueError
        If an option is out of its range, or `pretrained` is asked for another kernel size.

    Examples
    --------
    >>> import metameric as mm
    >>> model = mm.models.LuminanceContrastGainControl(31, pretrained=True)
    >>> model(mm.data.image("camera", size=64)).shape
    torch.Size([1, 1, 64, 64])
    """

    fitted = LUMINANCE_CONTRAST_GAIN_CONTROL
    filter_titles = ("linear filt", "luminance filt", "contrast filt")
    columns = 3


class OnOff(_FrontEnd):
    """Two channels, on-centre and off-centre, each with luminance and contrast gain control of its own.

    Parameters
    ----------
    kernel_size, amplitude_ratio, pad_mode, pretrained, activation, cache_filt
        As for `LinearNonlinear`.
    apply_mask
        Multiply the response by `metameric.data.disk` of the image's size, so that nothing in the periphery counts.

    Raises
    ------
    ValueError
        If an option is out of its range, or `pretrained` is asked for another kernel size.

    Notes
    -----
    Each channel is as in `LuminanceContrastGainControl`.

    Examples
    --------
    >>> import metameric as mm
    >>> model = mm.models.OnOff(31, pretrained=True)
    >>> model(mm.data.image("camera", size=64)).shape
    torch.Size([1, 2, 64, 64])
    """

    fitted = ON_OFF
    filter_titles = tuple(f"{stage} filt {on}" for stage in ("linear", "luminance", "contrast") for on in ("on", "off"))
    columns = 2

    def __init__(
        self,
        kernel_size: KernelSize,
        amplitude_ratio: Number = 1.25,
        pad_mode: str = "reflect",
        pretrained: bool = False,
        activation: Activation = softplus,
        apply_mask: bool = False,
        cache_filt: bool = False,
    ) -> None:
        super().__init__(kernel_size, (True, False), amplitude_ratio, pad_mode, pretrained, activation, cache_filt)
        self.apply_mask = apply_mask

    @replayable
    def forward(self, x: Image) -> Float[Tensor, "batch 2 height width"]:
        """Compute the response, (batch, 2, height, width), on-centre first, to images (batch, 1, height, width)."""
        response = super().forward(x)
        return response * _mask(x.shape[-2:], x.dtype, x.device) if self.apply_mask else response


@lru_cache(maxsize=32)
def _mask(size: torch.Size, dtype: torch.dtype, device: torch.device) -> Tensor:
    with constants():
        return disk(size, device=device, dtype=dtype)
