"""The rules that turn images into a pair (darkest, brightest) of displayed values."""

from collections.abc import Sequence

import numpy as np

from metameric._core.errors import InputError
from metameric._core.panels import Real

Range = tuple[Real, Real]
RULES = tuple(f"{scope}{kind}" for scope in ("auto", "indep") for kind in range(4))
_SHORT = {"auto": "auto1", "indep": "indep1"}


def _symmetric(values: np.ndarray) -> Range:
    top = float(np.abs(values).max()) or 1.0  # of zeros: what is in the middle of any range about zero
    return -top, top


def _extent(values: np.ndarray) -> Range:
    return float(values.min()), float(values.max())


def _two_deviations(values: np.ndarray) -> Range:
    mean, deviation = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    return mean - 2 * deviation, mean + 2 * deviation


def _percentiles(values: np.ndarray) -> Range:
    # Puts the 10th and the 90th percentile at 10 % and 90 % of the range.
    low, high = (float(q) for q in np.percentile(values, (10, 90)))
    return low - (high - low) / 8, high + (high - low) / 8


_KINDS = (_symmetric, _extent, _two_deviations, _percentiles)


def _finite(image: np.ndarray) -> np.ndarray:
    if image.dtype.kind != "f":
        return image.ravel()
    finite = np.isfinite(image)
    return image.ravel() if finite.all() else image[finite]


def _one(images: Sequence[np.ndarray], kind: int) -> Range:
    kept = [_finite(image) for image in images]
    values = kept[0] if len(kept) == 1 else np.concatenate([np.asarray(k, dtype=np.float64) for k in kept])
    return _KINDS[kind](values) if values.size else (0.0, 1.0)


def resolve(images: Sequence[np.ndarray], vrange: object) -> list[Range]:
    """Give the range of displayed values of each image.

    ``"auto<kind>"`` computes one range over all images, ``"indep<kind>"`` one for each; kind 0 is symmetric about
    zero, 1 from minimum to maximum, 2 the mean plus and minus two standard deviations, 3 puts the 10th and the
    90th percentile at a tenth and nine tenths of the range; without a kind it is 1. Values that are not finite are
    left out.
    """
    if not isinstance(vrange, str):
        try:
            low, high = (float(v) for v in vrange)  # type: ignore[attr-defined]
        except (TypeError, ValueError):
            raise InputError(f"vrange is {vrange!r}; expected two numbers or one of {', '.join(RULES)}.") from None
        if not low <= high:
            raise InputError(f"vrange is {vrange!r}; expected the darkest value first, and no NaN.")
        return [(low, high)] * len(images)
    vrange = _SHORT.get(vrange, vrange)
    if vrange not in RULES:
        raise InputError(f"vrange is {vrange!r}; expected two numbers or one of {', '.join(RULES)}.")
    kind = int(vrange[-1])
    if vrange.startswith("auto"):
        return [_one(images, kind)] * len(images)
    return [_one([image], kind) for image in images]


def is_signed(vrange: object) -> bool:
    """Whether a rule asks for a range that is symmetric about zero, so for a map of signed data."""
    return isinstance(vrange, str) and vrange.endswith("0")
