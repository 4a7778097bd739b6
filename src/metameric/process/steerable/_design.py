"""From the arguments of a pyramid to its bank of filters."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod, sqrt

from jaxtyping import Complex128
from numpy import ndarray

from metameric.process.steerable import _masks
from metameric.process.steerable._arguments import HIGHPASS, LOWPASS, Scale
from metameric.process.steerable._bank import FilterBank, Filters
from metameric.process.steerable._masks import Grid, Profiles
from metameric.process.steerable._octaves import Shape

Complexes = Complex128[ndarray, "..."]


@dataclass(frozen=True)
class Design:
    """Everything the masks depend on."""

    shape: Shape
    num_scales: int
    order: int
    twidth: float
    is_complex: bool
    downsample: bool
    tight_frame: bool

    def names(self) -> list[Scale]:
        """All parts, from fine to coarse."""
        return [HIGHPASS, *range(self.num_scales), LOWPASS]

    def crop(self, name: Scale) -> Shape:
        """Height and width of the frequencies that a part passes, which is its size when downsampled."""
        return halved(self.shape, self.level(name))

    def level(self, name: Scale) -> int:
        """Number of octaves between the top of a part's pass band and the Nyquist frequency."""
        if isinstance(name, int):
            return name
        return self.num_scales if name == LOWPASS else 0

    def mask(self, name: Scale, crop: Shape, profiles: Profiles) -> Grid:
        """Real amplitudes on the whole plane, (filters, *crop)."""
        log_radius, angle = _masks.polar_grid(self.shape, crop)
        if name == HIGHPASS:
            return _masks.octave(log_radius, 0, self.twidth, profiles)[1][None]
        if name == LOWPASS:
            return _masks.lowpass(log_radius, self.num_scales, self.twidth, profiles)[None]
        angular = _masks.orientations(angle, self.order, profiles)
        if self.is_complex:
            angular = 2 * _masks.half_planes(angle, self.order) * angular
        return angular * _masks.bandpass(log_radius, int(name), self.twidth, profiles)

    def gain(self, name: Scale) -> float:
        """Factor on a part's coefficients."""
        if not self.tight_frame:
            # Downsampled coefficients grow fourfold per scale by themselves; others are made to grow twofold.
            return 1.0 if self.downsample else 2.0 ** self.level(name)
        size = self.crop(name) if self.downsample else self.shape
        quadrature = sqrt(0.5) if self.is_complex and isinstance(name, int) else 1.0
        return quadrature * sqrt(prod(size) / prod(self.shape))

    def phase(self, name: Scale) -> complex:
        """Phase of a part's transfer function at its preferred frequency."""
        return (1, -1j, -1, 1j)[self.order % 4] if isinstance(name, int) else 1

    def inverse_weight(self, name: Scale) -> float:
        """Weight of a part in the reconstruction, which filters it with its own filter once more."""
        counted = 2 if self.is_complex and isinstance(name, int) else 1
        return 1 / (counted * self.gain(name) ** 2)

    def filters(self, name: Scale, profiles: Callable[[], Profiles]) -> Filters:
        """One part of the bank."""
        crop = self.crop(name)
        is_band = isinstance(name, int)
        return Filters(
            mask=partial(_stored, self, name, profiles),
            channels=self.order + 1 if is_band else 1,
            crop=crop,
            size=crop if self.downsample else self.shape,
            kind="complex" if is_band and self.is_complex else "single",
        )

    def bank(self, profiles: Callable[[], Profiles]) -> FilterBank:
        """All parts as one linear operator. `profiles` is asked when a mask is first needed."""
        return FilterBank(self.shape, OrderedDict((name, self.filters(name, profiles)) for name in self.names()))


def halved(shape: Shape, times: int) -> Shape:
    """Size after repeated halving; an odd size keeps the larger half, so that no frequency is lost."""
    height, width = shape
    for _ in range(times):
        height, width = (height + 1) // 2, (width + 1) // 2
    return height, width


def _stored(design: Design, name: Scale, profiles: Callable[[], Profiles]) -> Complexes | Grid:
    crop = design.crop(name)
    mask = design.mask(name, crop, profiles())
    mask *= design.gain(name)
    if not (isinstance(name, int) and design.is_complex):
        mask = mask[..., : crop[1] // 2 + 1]
    return design.phase(name) * mask
