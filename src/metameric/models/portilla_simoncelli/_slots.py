"""Where the raw moments lie in one flat tensor."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import numpy as np
import torch
from torch import Tensor

from metameric._core.linear import constants

Key = tuple[str, int]
EXPONENTS = {"highpass": 2, "third": 3, "fourth": 4, "uu": 2, "aa": 2}


class Slots:
    """The flat tensor for one choice of scales.

    All are means over positions but ``pixels``: mean, variance (unbiased), third and fourth central moment, minimum and
    maximum of the image. With magnitudes m of a scale's k bands and p of their parents, real parts a of the bands and u
    of the phase-doubled parents (real, then imaginary parts): ``lags`` of the autocovariance of m (to the right, down),
    those to the left being the same by symmetry, the mean ``m``, ``mm`` = m m'; and where there are parents ``p``,
    ``uu`` (elementwise; its two parts add up to p p), ``aa``, ``mp`` = m p' and ``au`` = a u'. Of a low-pass image
    without its mean: ``low_lags``, ``third`` and ``fourth`` power. ``highpass`` is the variance of the high-pass
    residual.

    Attributes
    ----------
    lows, bands, parents
        Scales that are measured.
    highpass
        Whether the high-pass residual is.
    shapes
        Shape of each entry, in the order of the tensor.

    `pixels` are those of each scale, the last one being that of the residual; `k` the orientations.
    """

    def __init__(
        self, lows: Sequence[int], bands: Sequence[int], highpass: bool, pixels: Sequence[int], k: int, width: int
    ) -> None:
        n = len(pixels) - 1
        self.lows, self.bands, self.highpass = tuple(lows), tuple(bands), highpass
        self.parents = tuple(scale for scale in bands if scale < n - 1)
        self.orientations, self.width = k, width
        lags = (width // 2 + 1, width)
        self.shapes: dict[Key, tuple[int, ...]] = {("pixels", 0): (6,)}
        if highpass:
            self.shapes["highpass", 0] = ()
        for s in self.lows:
            self.shapes |= {("low_lags", s): lags, ("third", s): (), ("fourth", s): ()}
        for s in self.bands:
            self.shapes |= {("lags", s): (k, *lags), ("m", s): (k,), ("mm", s): (k, k)}
            if s in self.parents:
                parent = {"p": (k,), "uu": (2 * k,), "aa": (k,), "mp": (k, k), "au": (k, 2 * k)}
                self.shapes |= {(name, s): shape for name, shape in parent.items()}
        self.sizes = [prod(shape) for shape in self.shapes.values()]
        self._starts = dict(zip(self.shapes, pairwise([0, *np.cumsum(self.sizes).tolist()]), strict=True))
        self._pixels = tuple(pixels)
        self._weights: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def __len__(self) -> int:
        return sum(self.sizes)

    def index(self, name: str, scale: int) -> np.ndarray:
        """Positions of an entry's members."""
        return np.arange(*self._starts[name, scale]).reshape(self.shapes[name, scale])

    def divided(self, flat: Tensor) -> dict[Key, Tensor]:
        """Views of the entries."""
        parts = flat.split(self.sizes, -1)
        return {
            key: part if len(shape) == 1 else part.reshape(*flat.shape[:-1], *shape)
            for (key, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def weights(self, like: Tensor) -> Tensor:
        """Factors of sums over pixels that make moments of them, and of gradients; shape (2, slots).

        Sums take half the imaginary part of u, and spectra that are not divided by pixels for ``low_lags``. The
        derivative of a power has its exponent as a factor.
        """
        key = (like.dtype, like.device)
        if key not in self._weights:
            forward, backward = np.ones((2, len(self)))
            for name, scale in self.shapes:
                index = self.index(name, scale)
                if name not in ("pixels", "highpass", "lags", "m"):
                    forward[index] /= self._pixels[scale] ** (2 if name == "low_lags" else 1)
                if name in ("au", "uu"):
                    forward[index[..., self.orientations :]] *= 2 if name == "au" else 4
                backward[index] = forward[index] * EXPONENTS.get(name, 1)
            with constants():
                weights = torch.as_tensor(np.stack([forward, backward]), device=like.device, dtype=like.dtype)
                self._weights[key] = weights
        return self._weights[key]
