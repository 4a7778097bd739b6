"""The steerable pyramid."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from metameric._core.errors import InputError
from metameric._core.replay import replayable
from metameric.process.steerable import _arguments, _bands, _boundary, _masks, _packing, _reconstruct, _steer
from metameric.process.steerable._arguments import HIGHPASS, LOWPASS, Coefficients, Scale
from metameric.process.steerable._design import Design
from metameric.process.steerable._octaves import Shape


class SteerablePyramidFreq(nn.Module):
    r"""Steerable pyramid, computed in the Fourier domain.

    An image is split into a high-pass residual, bands of ``height`` scales an octave apart, each in ``order + 1``
    orientations, and a low-pass residual. The radial amplitudes are raised cosines of log frequency and the angular
    ones :math:`\cos^{order}(\theta - \pi k / (order + 1))`; their squares sum to one, so that `recon_pyr` returns the
    image up to rounding, for even and odd sizes alike.

    Parameters
    ----------
    image_shape
        Height and width of the images.
    height
        Number of scales; ``"auto"`` is the most that fit: ``floor(log2(min(image_shape))) - 2``.
    order
        Order of the directional derivative, 0 to 15.
    twidth
        Width of the transitions of the radial amplitudes in octaves.
    is_complex
        Whether bands are analytic: the real part is the band of the real pyramid, the imaginary part its quadrature.
    downsample
        Whether each scale has half the samples per axis of the one before; else all have the size of the image.
    tight_frame
        Whether the energy of the coefficients equals that of the image. Without it, amplitudes are those of the
        original MATLAB tools.
    boundary
        What lies beyond the image: its periodic repetition, its mirror image, or zeros. The last two compute a pyramid
        of twice the height and width and keep the part that belongs to the image; only ``"circular"`` can be inverted.

    Raises
    ------
    InputError
        If an argument is outside its range.

    References
    ----------
    Simoncelli & Freeman, ICIP 1995; Karasaridis & Simoncelli, ICASSP 1996.

    Examples
    --------
    >>> import metameric as mm, torch
    >>> pyramid = mm.process.SteerablePyramidFreq((32, 48), order=1)
    >>> image = torch.linspace(0, 1, 32 * 48).reshape(1, 1, 32, 48)
    >>> coefficients = pyramid(image)
    >>> coefficients[1].shape
    torch.Size([1, 1, 2, 16, 24])
    >>> bool((pyramid.recon_pyr(coefficients) - image).abs().max() < 1e-6)
    True
    """

    profiles = _masks.Profiles()

    def __init__(
        self,
        image_shape: tuple[int, int],
        height: Literal["auto"] | int = "auto",
        order: int = 3,
        twidth: float = 1,
        is_complex: bool = False,
        downsample: bool = True,
        tight_frame: bool = False,
        *,
        boundary: Literal["circular", "reflect", "zero"] = "circular",
    ) -> None:
        super().__init__()
        self.image_shape = _arguments.check_shape(image_shape)
        self.num_scales = _arguments.check_height(height, self.image_shape)
        _arguments.check_options(order, twidth, boundary)
        self.order, self.twidth, self.boundary = int(order), twidth, boundary
        self.num_orientations = self.order + 1
        self.is_complex, self.downsample, self.tight_frame = is_complex, downsample, tight_frame
        self.scales: list[Scale] = [LOWPASS, *reversed(range(self.num_scales)), HIGHPASS]
        arguments = (self.num_scales, self.order, twidth, is_complex, downsample, tight_frame)
        inner = Design(self.image_shape, *arguments)
        self.pyr_size: OrderedDict[Scale, Shape] = OrderedDict(
            (name, inner.crop(name) if downsample else self.image_shape) for name in inner.names()
        )
        doubled = (2 * self.image_shape[0], 2 * self.image_shape[1])
        self._design = inner if boundary == "circular" else replace(inner, shape=doubled)
        self._bank = self._design.bank(self._profiles)

    @replayable
    def forward(
        self, image: Float[Tensor, "*lead height width"], scales: Sequence[Scale] | None = None
    ) -> Coefficients:
        """Compute the coefficients.

        Parameters
        ----------
        image
            Real images, any leading dimensions.
        scales
            Which of the attribute `scales` to compute; all by default. The order within the list does not matter.

        Returns
        -------
        coefficients
            From fine to coarse: ``"residual_highpass"``, shape (..., height, width); scales 0, 1, ..., shape
            (..., orientation, height, width); ``"residual_lowpass"``. Sizes are in the attribute `pyr_size`.

        Raises
        ------
        InputError
            If the image has another size than `image_shape`, or a scale does not exist.
        InputTypeError
            If the image is not of 32 or 64 bit real numbers.

        Examples
        --------
        >>> import metameric as mm, torch
        >>> pyramid = mm.process.SteerablePyramidFreq((32, 32), is_complex=True)
        >>> list(pyramid(torch.zeros(1, 1, 32, 32), scales=[1, "residual_lowpass"]))
        [1, 'residual_lowpass']
        """
        _arguments.check_image(image, self.image_shape)
        wanted = self.scales if scales is None else _arguments.check_names(scales, self.scales, "scales")
        names = [name for name in self.pyr_size if name in wanted]
        if not names:
            return OrderedDict()
        outputs = self._bank.analyse(_boundary.extended(image, self.boundary), names)
        if self.boundary != "circular":
            outputs = tuple(map(_boundary.kept, outputs, (self.pyr_size[name] for name in names)))
        parts = (
            value if isinstance(name, int) else value.squeeze(-3) for name, value in zip(names, outputs, strict=True)
        )
        return OrderedDict(zip(names, parts, strict=True))

    def recon_pyr(
        self,
        pyr_coeffs: Coefficients,
        levels: Literal["all"] | Sequence[Scale] = "all",
        bands: Literal["all"] | Sequence[int] = "all",
    ) -> Float[Tensor, "*lead height width"]:
        """Reconstruct images from all or some coefficients.

        Parameters
        ----------
        pyr_coeffs
            As `forward` returns them.
        levels
            Which of the attribute `scales` to use.
        bands
            Which orientations to use, integers from 0 to ``num_orientations - 1``. Residuals have none.

        Raises
        ------
        InputError
            If a level or band does not exist or is missing, or the boundary is not circular.
        InputTypeError
            If `levels` or `bands` is neither a list nor ``"all"``.
        """
        if self.boundary != "circular":
            raise InputError(
                f"The coefficients of a pyramid with boundary={self.boundary!r} leave out what lies beyond the image "
                "and cannot be inverted: use boundary='circular'."
            )
        return _reconstruct.reconstruct(self._bank, self._design, pyr_coeffs, levels, bands)

    def steer_coeffs(
        self, pyr_coeffs: Coefficients, angles: Sequence[float] | Tensor, even_phase: bool = True
    ) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        r"""Interpolate bands to other orientations.

        Parameters
        ----------
        pyr_coeffs
            As `forward` returns them; residuals are ignored.
        angles
            Orientations in radians; ``k * pi / num_orientations`` gives band k back.
        even_phase
            If False, the harmonics of the angular function are turned by a quarter period (cosine to sine).

        Returns
        -------
        steered
            Scale to tensor of shape (..., angle, height, width).
        weights
            Scale to the weights used, shape (orientation, angle).

        Examples
        --------
        >>> import metameric as mm, torch
        >>> pyramid = mm.process.SteerablePyramidFreq((16, 16), order=1)
        >>> steered, weights = pyramid.steer_coeffs(pyramid(torch.ones(1, 1, 16, 16)), [torch.pi / 4])
        >>> weights[0].ravel()
        tensor([0.7071, 0.7071])
        """
        return _steer.steer(pyr_coeffs, self.order, angles, even_phase)

    def convert_pyr_to_tensor(
        self, pyr_coeffs: Coefficients, split_complex: bool = False
    ) -> tuple[Shaped[Tensor, "batch band height width"], _packing.PackInfo]:
        """Stack all coefficients as channels of one tensor; needs ``downsample=False``.

        Parameters
        ----------
        pyr_coeffs
            As `forward` returns them for images of shape (batch, channel, height, width).
        split_complex
            Whether a complex band becomes two neighbouring channels, its real and its imaginary part.

        Returns
        -------
        tensor
            All bands of the first channel, from ``"residual_highpass"`` to ``"residual_lowpass"``, then the next's.
        info
            What `convert_tensor_to_pyr` needs besides the tensor.

        Raises
        ------
        StateError
            If the scales have different sizes.

        Examples
        --------
        >>> import metameric as mm, torch
        >>> pyramid = mm.process.SteerablePyramidFreq((16, 16), downsample=False)
        >>> tensor, info = pyramid.convert_pyr_to_tensor(pyramid(torch.ones(1, 1, 16, 16)))
        >>> tensor.shape
        torch.Size([1, 10, 16, 16])
        >>> coefficients = pyramid.convert_tensor_to_pyr(tensor, *info)
        """
        return _packing.pack(pyr_coeffs, split_complex)

    def convert_tensor_to_pyr(
        self,
        pyr_tensor: Shaped[Tensor, "batch band height width"],
        num_channels: int,
        pyr_keys: Sequence[Scale],
        pack_info: Sequence[torch.Size],
        split_complex_pack_info: Sequence[torch.Size] | bool,
    ) -> Coefficients:
        """Undo `convert_pyr_to_tensor`; all arguments but the first are the elements of its second output."""
        return _packing.unpack(pyr_tensor, num_channels, pyr_keys, pack_info, split_complex_pack_info)

    def describe_bands(self, pixels_per_degree: float | None = None) -> list[_bands.Band]:
        """Preferred frequency, bandwidths and spatial extent of every band.

        Parameters
        ----------
        pixels_per_degree
            Resolution of the display at the eye. If given, frequencies are in cycles per degree and extents in
            degrees of visual angle, else cycles per pixel and pixels.

        Examples
        --------
        >>> import metameric as mm
        >>> pyramid = mm.process.SteerablePyramidFreq((64, 64))
        >>> [band.peak_frequency for band in pyramid.describe_bands(pixels_per_degree=32)[::4]]
        [8.0, 4.0, 2.0, 1.0]
        """
        return _bands.describe(self.num_scales, self.order, self.twidth, pixels_per_degree)

    def filters(self, domain: Literal["fourier", "spatial"] = "spatial") -> Coefficients:
        """Every filter at the resolution and size of the image, its origin in the centre (index size // 2).

        Coefficients are the circular convolution of the image with the spatial filter, sampled every ``2**scale``
        pixels and multiplied by ``4**scale``. That factor is ``2**scale`` for a tight frame (times the square root of
        one half if complex) and without downsampling; with both it is 1.

        Parameters
        ----------
        domain
            ``"fourier"`` for the complex transfer functions, ``"spatial"`` for the impulse responses.

        Examples
        --------
        >>> import metameric as mm
        >>> mm.process.SteerablePyramidFreq((32, 32)).filters("spatial")[0].shape
        torch.Size([4, 32, 32])
        """
        if domain not in ("fourier", "spatial"):
            raise InputError(f"domain must be 'fourier' or 'spatial', found {domain!r}.")
        return _bands.filters(replace(self._design, shape=self.image_shape), self.profiles, domain)

    def _profiles(self) -> _masks.Profiles:
        return self.profiles

    def extra_repr(self) -> str:
        """Arguments that make this pyramid."""
        return (
            f"{self.image_shape}, height={self.num_scales}, order={self.order}, is_complex={self.is_complex}, "
            f"downsample={self.downsample}, tight_frame={self.tight_frame}, boundary={self.boundary!r}"
        )
