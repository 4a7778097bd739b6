"""Distributions of values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import Real
from metameric._core.tensors import to_numpy
from metameric.plot._axes import current_axes, plain
from metameric.plot._canvas import FONT_SIZE
from metameric.plot._colors import CYCLE
from metameric.plot._pictures import check_index


def histogram(
    data: Tensor | Sequence[Tensor],
    labels: str | Sequence[str] | None = None,
    batch_idx: int | None = 0,
    channel_idx: int | None = None,
    ylim: tuple[Real, Real] | bool = False,
    xlim: str | tuple[Real, Real] | bool = "range",
    xlabel: str = "Values",
    ax: Axes | None = None,
    title: str = "Histogram of tensor values",
    alpha: Real = 0.4,
    **kwargs: Any,
) -> Axes:
    """Draw the distribution of the values of one or more tensors over the same bins.

    Parameters
    ----------
    data
        A tensor (batch, channel, ...) or a list of them.
    labels
        Names for the legend, one for each tensor.
    batch_idx, channel_idx
        Which entry or channel to take; ``None`` takes all.
    ylim
        Limits of the axis; ``False`` leaves them.
    xlim
        ``"range"`` spans the values; a pair sets the limits; ``False`` leaves them.
    **kwargs
        Passed to :meth:`matplotlib.axes.Axes.hist`.

    Raises
    ------
    InputError
        If there are not as many labels as tensors.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> axes = mm.plot.histogram([torch.rand(1, 1, 8, 8), torch.randn(1, 1, 8, 8)], labels=["a", "b"])
    """
    tensors = [data] if isinstance(data, (Tensor, np.ndarray)) else list(data)
    if isinstance(labels, str):
        labels = [labels]
    if labels is not None and len(labels) != len(tensors):
        raise InputError(f"{len(labels)} labels for {len(tensors)} tensors; give one label for each tensor.")
    values = [_values(t, batch_idx, channel_idx) for t in tensors]
    ax = current_axes(ax)
    shown = values_range(values)
    options = {"bins": np.linspace(*shown, 51), "histtype": "stepfilled", "alpha": alpha, **kwargs}
    for i, entries in enumerate(values):
        color = CYCLE[i % len(CYCLE)]
        label = labels[i] if labels is not None else None
        ax.hist(entries, **{"facecolor": color, "edgecolor": color, "label": label, **options})
    if labels is not None:
        ax.legend(fontsize=FONT_SIZE - 1, frameon=False, loc="upper right")
        leave_room(ax, max(float(path.get_path().get_extents().y1) for path in ax.patches), len(tensors))
    plain(ax, title, xlabel, "Count")
    if xlim is not False:
        ax.set_xlim(shown if isinstance(xlim, (str, bool)) else xlim)
    if not isinstance(ylim, bool):
        ax.set_ylim(ylim)
    return ax


def leave_room(ax: Axes, top: Real, n_labels: int) -> None:
    """Fit the counts' axis, whose uppermost part is for the legend."""
    ax.set_ylim(0, (1.1 + 0.08 * n_labels) * top or 1)


def values_range(values: Sequence[np.ndarray]) -> tuple[Real, Real]:
    """Smallest and largest of all values, apart even where all are the same."""
    low = min((float(v.min()) for v in values if v.size), default=0.0)
    high = max((float(v.max()) for v in values if v.size), default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _values(tensor: Tensor, batch_idx: int | None, channel_idx: int | None) -> np.ndarray:
    array = to_numpy(tensor)
    for name, index, dim in (("batch_idx", batch_idx, 0), ("channel_idx", channel_idx, 1)):
        if index is not None and array.ndim > dim:
            array = array.take([check_index(name, index, array.shape[dim])], axis=dim)
    array = array.ravel()
    if np.iscomplexobj(array):
        raise InputError("Found complex values; take their real part, magnitude or phase first.")
    return array[np.isfinite(array)] if array.dtype.kind == "f" else array
