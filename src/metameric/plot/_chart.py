"""Line charts as the numbers that a page needs to draw them."""

from typing import Any

import numpy as np

from metameric._core.panels import CurvesPanel
from metameric._core.tensors import to_numpy
from metameric.plot._axes import power_of_ten

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 80, 12, 14, 44
MAX_POINTS = 1000


def chart(panel: CurvesPanel) -> dict[str, Any]:
    """Polylines, ticks and labels of a panel of curves, in the units of a picture of 640 by 260."""
    series = {label: to_numpy(values).astype(float) for label, values in panel.curves.items()}
    finite = np.concatenate([v[np.isfinite(v)] for v in series.values()] or [np.zeros(1)])
    log = panel.log and finite.size > 0 and bool((finite > 0).all())
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    ticks = _decades(low, high) if log else _steps(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    n = max((len(v) for v in series.values()), default=1)

    def across(i: Any) -> Any:
        return LEFT + (WIDTH - LEFT - RIGHT) * i / max(n - 1, 1)

    def up(v: Any) -> Any:
        share = np.log(v / low) / (np.log(high / low) or 1) if log else (v - low) / ((high - low) or 1)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    lines = []
    for label, values in series.items():
        kept = np.unique(np.linspace(0, len(values) - 1, min(len(values), MAX_POINTS)).round().astype(int))
        kept = kept[np.isfinite(values[kept])]
        points = " ".join(f"{across(i):.1f},{up(values[i]):.1f}" for i in kept)
        lines.append({"label": label, "points": points})
    steps = [t for t in _steps(0, n - 1) if float(t).is_integer() and 0 <= t <= n - 1]
    return {
        "title": panel.ylabel,
        "xlabel": panel.xlabel,
        "lines": lines,
        "x_ticks": [(f"{across(t):.1f}", f"{t:g}") for t in steps],
        "y_ticks": [(f"{up(t):.1f}", text) for t, text in zip(ticks, _labels(ticks, log), strict=True)],
        "description": f"{panel.ylabel} from {finite[0]:.3g} to {finite[-1]:.3g}" if finite.size else panel.ylabel,
    }


def _decades(low: float, high: float) -> list[float]:
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    step = max(1, -(-(last - first) // 6))
    return [10.0**k for k in range(first, max(last, first + 1) + step, step)]


def _steps(low: float, high: float) -> list[float]:
    if high <= low:
        high = low + 1
    rough = (high - low) / 4
    scale = 10 ** np.floor(np.log10(rough))
    step = scale * min((m for m in (1, 2, 5, 10) if m * scale >= rough), default=10)
    first = np.floor(low / step)
    return [float(step * k) for k in np.arange(first, np.ceil(high / step) + 1)]


def _labels(ticks: list[float], log: bool) -> list[str]:
    """Powers of ten, or numbers with as many digits as tell them apart."""
    if log:
        return [power_of_ten(t) for t in ticks]
    for digits in range(3, 17):
        found = [f"{t:.{digits}g}" for t in ticks]
        if len(set(found)) == len(ticks):
            break
    return found
