"""The texture model."""

from collections.abc import Sequence
from math import prod
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metameric._core.errors import InputError
from metameric._core.none import are_none, of_none
from metameric._core.replay import replayable
from metameric.models.portilla_simoncelli import _statistics as statistics
from metameric.models.portilla_simoncelli._arguments import check_options
from metameric.models.portilla_simoncelli._filters import HalfFilters
from metameric.models.portilla_simoncelli._fused import Fused
from metameric.models.portilla_simoncelli._layout import Layout, Representation, Scale
from metameric.models.portilla_simoncelli._normalise import Normalisation
from metameric.models.portilla_simoncelli._plain import raw_moments
from metameric.models.portilla_simoncelli._plot import draw, grouped
from metameric.models.portilla_simoncelli._slots import Slots
from metameric.models.portilla_simoncelli._transform import texture_bank
from metameric.process.steerable._arguments import check_image, check_names, check_shape
from metameric.process.steerable._design import Design
from metameric.process.steerable._masks import Profiles


class PortillaSimoncelli(nn.Module):
    """Texture statistics of Portilla & Simoncelli (2000).

    Joint statistics of the coefficients of a complex steerable pyramid: correlations between positions, orientations
    and scales of the coefficients' magnitudes, of their real parts with the phase-doubled coarser scale, and of
    low-pass images, together with marginal moments of grey values. Each batch entry and channel is measured on its own.
    By default there are 710 statistics; those that symmetry makes redundant are left out.

    Parameters
    ----------
    image_shape
        Height and width of the images, each divisible by ``2**n_scales``.
    n_scales
        Number of scales.
    n_orientations
        Number of orientations, 2 to 16.
    spatial_corr_width
        Lags per axis of the autocorrelations, odd.

    Raises
    ------
    InputError
        If an argument is outside its range.

    Notes
    -----
    Statistics are correlations, where the published MATLAB code gives covariances. A variance below the rounding error
    of the image counts as zero, and correlations that would be divided by it are zero.

    References
    ----------
    Portilla & Simoncelli, International Journal of Computer Vision 40(1), 49-71, 2000.

    Examples
    --------
    >>> import metameric as mm, torch
    >>> model = mm.models.PortillaSimoncelli((64, 64), n_scales=2, n_orientations=2, spatial_corr_width=5)
    >>> statistics = model(torch.linspace(0, 1, 64 * 64).reshape(1, 1, 64, 64))
    >>> list(model.convert_to_dict(statistics))[0]
    'pixel_statistics'
    """

    profiles = Profiles()
    preferred_start = "random_phase"
    """Where metamers start: an image with the target's power spectrum is near already; noise ends in poor minima."""

    def __init__(
        self,
        image_shape: tuple[int, int],
        n_scales: int = 4,
        n_orientations: int = 4,
        spatial_corr_width: int = 7,
    ) -> None:
        super().__init__()
        self.image_shape = check_shape(image_shape)
        n_scales, n_orientations, spatial_corr_width = check_options(
            self.image_shape, n_scales, n_orientations, spatial_corr_width
        )
        self.n_scales, self.n_orientations = n_scales, n_orientations
        self.spatial_corr_width = spatial_corr_width
        self._layout = Layout(n_scales, n_orientations, spatial_corr_width)
        self.scales: list[Scale] = self._layout.scales
        self._design = Design(
            self.image_shape,
            n_scales,
            order=n_orientations - 1,
            twidth=1,
            is_complex=True,
            downsample=True,
            tight_frame=False,
        )
        self._bank = texture_bank(self._design, self._profiles)
        self._filters = HalfFilters(self._design, self._profiles)
        self._plans: dict[tuple[Scale, ...], tuple[Slots, Normalisation]] = {}

    @replayable
    def forward(
        self, image: Float[Tensor, "batch channel height width"], scales: Sequence[Scale] | None = None
    ) -> Float[Tensor, "batch channel statistics"]:
        """Measure the statistics.

        Parameters
        ----------
        image
            Real images, any range.
        scales
            Which of the attribute `scales` to measure; all by default. Less is computed for fewer scales.

        Returns
        -------
        representation
            Families in the order of `convert_to_dict`, scales from fine to coarse within each.

        Raises
        ------
        InputError
            If the image has another number of dimensions or size, or a scale does not exist.
        InputTypeError
            If the image is not of 32 or 64 bit real numbers.

        Examples
        --------
        >>> import metameric as mm, torch
        >>> model = mm.models.PortillaSimoncelli((128, 128))
        >>> model(torch.zeros(1, 3, 128, 128)).shape
        torch.Size([1, 3, 710])
        """
        if image.ndim != 4:
            raise InputError(f"image must have shape (batch, channel, height, width), found {tuple(image.shape)}.")
        check_image(image, self.image_shape)
        wanted = self.scales if scales is None else check_names(scales, self.scales, "scales")
        if are_none(image):
            return of_none(lambda zeros: self.forward(zeros, scales), image)
        slots, normalisation = self._plan(tuple(wanted))
        floor = statistics.rounding_variance(image)
        return normalisation(self._moments(slots, image), floor)

    def _plan(self, wanted: tuple[Scale, ...]) -> tuple[Slots, Normalisation]:
        """What some scales need, prepared on first use."""
        if wanted not in self._plans:
            bands = [scale for scale in range(self.n_scales) if scale in wanted]
            lows = bands + [self.n_scales] * ("residual_lowpass" in wanted)
            pixels = [prod(self._filters.size(scale)) for scale in range(self.n_scales + 1)]
            size = (pixels, self.n_orientations, self.spatial_corr_width)
            slots = Slots(lows, bands, "residual_highpass" in wanted, *size)
            self._plans[wanted] = slots, Normalisation(self._layout, slots, wanted)
        return self._plans[wanted]

    def _moments(self, slots: Slots, image: Tensor) -> Tensor:
        if torch._C._are_functorch_transforms_active() or torch.autograd.forward_ad._current_level >= 0:
            return self._plain(slots, image)
        moments: Tensor = Fused.apply(slots, self._filters, self._plain, image.flatten(0, 1))
        return moments.unflatten(0, image.shape[:2])

    def _plain(self, slots: Slots, images: Tensor) -> Tensor:
        return raw_moments(slots, self._filters, self._bank, images)

    def _profiles(self) -> Profiles:
        return self.profiles

    def remove_scales(
        self, representation_tensor: Float[Tensor, "batch channel statistics"], scales_to_keep: Sequence[Scale]
    ) -> Float[Tensor, "batch channel fewer"]:
        """Keep only the statistics of some scales.

        Parameters
        ----------
        representation_tensor
            Output of the model for all scales.
        scales_to_keep
            Some of the attribute `scales`.

        Raises
        ------
        InputError
            If a scale does not exist or the tensor has another number of statistics.
        """
        check_names(scales_to_keep, self.scales, "scales_to_keep")
        if representation_tensor.shape[-1] != len(self._layout):
            raise InputError(
                f"representation_tensor must have {len(self._layout)} statistics, those of all scales, found "
                f"{representation_tensor.shape[-1]}."
            )
        kept = self._layout.of_scales(scales_to_keep, representation_tensor.device)
        return representation_tensor.index_select(-1, kept)

    def convert_to_tensor(self, representation_dict: Representation) -> Float[Tensor, "batch channel statistics"]:
        """Flatten a dictionary of statistics, leaving redundant ones out.

        Raises
        ------
        InputError
            If a family of statistics is missing.
        """
        return self._layout.to_tensor(representation_dict)

    def convert_to_dict(self, representation_tensor: Float[Tensor, "batch channel statistics"]) -> Representation:
        """Arrange statistics by families.

        Parameters
        ----------
        representation_tensor
            Output of the model for all scales.

        Returns
        -------
        representation
            Families by name, shape (batch, channel, ...), the last dimension scales from fine to coarse. Redundant
            statistics are NaN. Shapes: ``auto_correlation_magnitude`` (lag, lag, orientation, scale);
            ``auto_correlation_reconstructed`` (lag, lag, scale); ``cross_orientation_correlation_magnitude``
            (orientation, orientation, scale); ``cross_scale_correlation_magnitude`` (orientation, orientation of the
            coarser scale, scale); ``cross_scale_correlation_real`` (likewise, real then imaginary parts).

        Raises
        ------
        InputError
            If the tensor has another number of statistics.
        """
        return self._layout.to_dict(representation_tensor)

    def plot_representation(
        self,
        data: Tensor | Representation,
        ax: Any = None,
        figsize: tuple[float, float] | None = None,
        ylim: tuple[float, float] | Literal[False] | None = None,
        batch_idx: int = 0,
        title: str | None = None,
    ) -> tuple[Any, list[Any]]:
        """Draw the statistics as stem plots, one per group of families; channels are averaged.

        Parameters
        ----------
        data
            Output of the model for all scales, or of `convert_to_dict`.
        ax
            Matplotlib axes to divide; by default those of a new figure.
        figsize
            Size of the new figure in inches.
        ylim
            A pair, ``False`` for free limits, ``None`` for limits that all correlations share.
        batch_idx
            Batch entry.
        title
            Added to the titles of the groups.

        Returns
        -------
        figure, axes
            The figure and the list of its axes.
        """
        return draw(grouped(self._as_dict(data), batch_idx), ax, figsize, ylim, title or "")

    def update_plot(
        self,
        axes: list[Any],
        data: Tensor | Representation,
        batch_idx: int = 0,
        rescale_ylim: bool = False,
    ) -> list[Any]:
        """Show other statistics in the axes that `plot_representation` made; returns the artists changed."""
        from metameric.plot._update import update_plot

        return list(update_plot(axes, grouped(self._as_dict(data), batch_idx), rescale_ylim=rescale_ylim))

    def _as_dict(self, data: Tensor | Representation) -> Representation:
        return self.convert_to_dict(data) if isinstance(data, Tensor) else data
