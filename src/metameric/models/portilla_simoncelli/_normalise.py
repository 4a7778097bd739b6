"""From raw moments to statistics, all at once: every one is (moment - product of means) times two factors.

Factors are inverse standard deviations or one. A variance below the rounding error of the image counts as zero, and so
does its inverse: a flat image has finite statistics and finite derivatives.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from metameric._core.linear import constants
from metameric.models.portilla_simoncelli._layout import Layout, Scale
from metameric.models.portilla_simoncelli._slots import Slots

ONE = 0
"""Position of the factor one."""
KURTOSIS_OF_CONSTANT = 3.0


class Normalisation:
    """Where the parts of each statistic are, for one choice of scales.

    Moments are followed by a zero. Factors are one, the third and the fourth powers of the inverse deviations of the
    image and its low-pass images, and the inverse deviations of all variances, those first.
    """

    def __init__(self, layout: Layout, slots: Slots, wanted: Sequence[Scale]) -> None:
        self._slots, self._zero = slots, len(slots)
        self._marginal = 1 + len(slots.lows)
        # Square, another to be added to it, mean, scale.
        self._variances: list[tuple[int, int, int, int]] = []
        parts = self._marginals() | self._bands()
        kept = np.array([label in wanted for label in layout.labels])
        columns = []
        for name, shape in layout.shapes.items():
            table = np.zeros((6, *shape), dtype=np.int64)
            for scale, positions in parts.get(name, {}).items():
                for row, values in zip(table, positions, strict=False):
                    row[..., scale] = values
            columns.append(table[:, layout.kept[name]])
        self._statistics = np.concatenate(columns, 1)[:, kept]
        self._counts = [len(self._variances)] * 3 + [self._statistics.shape[1]] * 3
        self._tensors: dict[tuple[torch.dtype, torch.device], tuple[list[Tensor], Tensor]] = {}

    def _factor(self, square: Any, scale: int, too: Any = None, mean: Any = None) -> ndarray:
        """Position of the inverse deviations of the variances ``square + too - mean**2``."""
        rows = [np.full(np.shape(square), self._zero) if row is None else row for row in (square, too, mean)]
        start = 1 + 2 * self._marginal + len(self._variances)
        self._variances += [(*row, scale) for row in np.stack(rows, -1).reshape(-1, 3).tolist()]
        return np.asarray(start + np.arange(np.size(square)).reshape(np.shape(square)))

    def _marginals(self) -> dict[str, dict[int, tuple[Any, ...]]]:
        """By family and scale: moment, means, factors; and which low-pass image, counted from one, may be constant."""
        slots, zero, lows = self._slots, self._zero, self._slots.lows
        lags = {s: _all_lags(slots.index("low_lags", s)) for s in lows}
        variance = {s: lags[s][slots.width // 2, slots.width // 2] for s in lows}
        pixels = slots.index("pixels", 0)
        self._factor(pixels[1], 0)
        for s in lows:
            self._factor(variance[s], s)
        own = {s: self._factor(variance[s], s) for s in lows}
        # By low-pass image, from one on, and zero for the image: third moment, fourth moment, position of the variance.
        images = {s: (slots.index("third", s), slots.index("fourth", s), i) for i, s in enumerate(lows, 1)}
        shape = {s: self._shape(*where) for s, where in images.items()}
        skewness, kurtosis = self._shape(pixels[2], pixels[3], 0)
        plain = {i: (pixels[i], zero, zero) for i in (0, 1, 4, 5)}
        return {
            "pixel_statistics": plain | {2: skewness, 3: kurtosis},
            "skew_reconstructed": {s: skewness for s, (skewness, _) in shape.items()},
            "kurtosis_reconstructed": {s: kurtosis for s, (_, kurtosis) in shape.items()},
            "auto_correlation_reconstructed": {s: (lags[s], zero, zero, own[s], own[s]) for s in lows},
            "std_reconstructed": {s: (variance[s], zero, zero, own[s], ONE) for s in lows},
            "var_highpass_residual": {0: (slots.index("highpass", 0), zero, zero)} if slots.highpass else {},
        }

    def _shape(self, third: Any, fourth: Any, image: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Skewness and kurtosis, with the factors that follow one."""
        cube, zero = 1 + image, self._zero
        return (third, zero, zero, cube, ONE), (fourth, zero, zero, cube + self._marginal, ONE, cube)

    def _bands(self) -> dict[str, dict[int, tuple[Any, ...]]]:
        slots, zero, k = self._slots, self._zero, self._slots.orientations
        families: dict[str, dict[int, tuple[Any, ...]]] = {
            "auto_correlation_magnitude": {},
            "cross_orientation_correlation_magnitude": {},
            "magnitude_std": {},
            "cross_scale_correlation_magnitude": {},
            "cross_scale_correlation_real": {},
        }
        lags_of, orientations, deviation, magnitudes, phases = families.values()
        for s in slots.bands:
            lags, m = _all_lags(slots.index("lags", s)), slots.index("m", s)
            variance = lags[:, slots.width // 2, slots.width // 2]
            own = self._factor(variance, s)
            lags_of[s] = (np.moveaxis(lags, 0, -1), zero, zero, own, own)
            orientations[s] = (slots.index("mm", s), m[:, None], m, own[:, None], own)
            deviation[s] = (variance, zero, zero, own, ONE)
            if s in slots.parents:
                p, uu = slots.index("p", s), slots.index("uu", s)
                coarse = self._factor(uu[:k], s, too=uu[k:], mean=p)
                magnitudes[s] = (slots.index("mp", s), m[:, None], p, own[:, None], coarse)
                # Real parts have no mean; that of the doubled phases is small and left in.
                amplitude, phase_amplitude = self._factor(slots.index("aa", s), s), self._factor(uu, s)
                phases[s] = (slots.index("au", s), zero, zero, amplitude[:, None], phase_amplitude)
        return families

    def __call__(self, moments: Tensor, floor: Tensor) -> Tensor:
        """Statistics (..., statistics).

        Parameters
        ----------
        moments
            Raw moments (..., slots).
        floor
            Variance of an image that counts as zero, (...). Low-pass images below a millionth of the variance of pixels
            have the skewness and kurtosis of a constant.
        """
        (of_moments, of_factors, of_constants), floors = self._on(moments)
        zero = torch.zeros_like(floor)[..., None]
        square, too, mean, moment, first, second = _gathered(torch.cat([moments, zero], -1), of_moments, self._counts)
        variance = torch.addcmul(square + too, mean, mean, value=-1)
        usable = variance > (floor[..., None] * floors[0]).maximum(variance[..., :1].detach() * floors[1])
        inverse = torch.where(usable, torch.where(usable, variance, 1).rsqrt(), 0)
        marginal = inverse[..., : self._marginal]
        factors = torch.cat([zero + 1, marginal**3, marginal**4, inverse], -1)
        constants = torch.cat([zero, torch.where(marginal == 0, KURTOSIS_OF_CONSTANT, zero)], -1)
        left, right = _gathered(factors, of_factors, 2)
        covariance = torch.addcmul(moment, first, second, value=-1)
        return torch.addcmul(constants[..., of_constants], covariance, left * right)

    def _on(self, like: Tensor) -> tuple[list[Tensor], Tensor]:
        """Positions among moments (of variances, then of statistics), factors and constants, and floors of variances.

        Floors are two rows: relative to that of the image, and to its variance.
        """
        key = (like.dtype, like.device)
        if key not in self._tensors:
            *positions, scale = np.array(self._variances, dtype=np.int64).reshape(-1, 4).T
            marginal = np.arange(len(scale)) < self._marginal
            floors = np.stack([16.0**scale, 1e-6 * marginal])
            with constants():
                moments, factors, constant = self._statistics[:3], self._statistics[3:5], self._statistics[5]
                tables = np.concatenate([*positions, *moments]), np.concatenate(factors), constant
                where = [torch.as_tensor(table, device=like.device) for table in tables]
                self._tensors[key] = where, torch.as_tensor(floors, dtype=like.dtype, device=like.device)
        return self._tensors[key]


def _gathered(values: Tensor, positions: Tensor, parts: Sequence[int] | int) -> Sequence[Tensor]:
    """Values at positions, the same ones of each row, in parts.

    The derivative of one `gather` is much faster than those of several indices.
    """
    found = values.gather(-1, positions.expand(*values.shape[:-1], -1))
    return found.chunk(parts, -1) if isinstance(parts, int) else found.split(list(parts), -1)


def _all_lags(right: ndarray) -> ndarray:
    """Positions of all lags (..., down, across) from those (..., to the right, down): both signs of a lag are one."""
    half = np.swapaxes(right, -1, -2)
    return np.concatenate([half[..., ::-1, :0:-1], half], -1)
