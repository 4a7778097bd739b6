"""Stem plots of vectors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import Real
from metameric._core.tensors import to_numpy
from metameric.plot._axes import Limits, current_axes, plain, whole_ticks
from metameric.plot._colors import BLUE, MUTED


def stem_plot(
    data: Tensor | np.ndarray,
    ax: Axes | None = None,
    title: str | None = "",
    ylim: Limits | list[Real] = None,
    xvals: tuple[Sequence[Real], Sequence[Real]] | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw one stem for each number of a vector.

    Parameters
    ----------
    data
        Real numbers, (n,); dimensions of length one are dropped.
    ax
        Axes to draw on; pyplot's current ones by default.
    title
        Title; ``None`` leaves the one that is there.
    ylim
        A pair; ``None`` begins at 0 where no value is negative; ``False`` leaves the limits alone.
    xvals
        Where the pieces of the base line begin and end, to tell groups of stems apart.
    **kwargs
        Passed to :meth:`matplotlib.axes.Axes.stem`.

    Raises
    ------
    InputError
        If the data are complex or have more than one dimension.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.plot.stem_plot(torch.arange(6.0), title="six").get_title()
    'six'
    """
    values = np.atleast_1d(to_numpy(data, squeeze=True))
    if values.ndim != 1 or values.size == 0 or np.iscomplexobj(values):
        raise InputError(
            f"Found {values.dtype} data of shape {values.shape}; expected real numbers of shape (n,), one or more."
        )
    ax = current_axes(ax)
    stems = ax.stem(np.arange(values.size), values, **{"basefmt": " ", **kwargs})
    if not {"linefmt", "markerfmt"} & set(kwargs):
        stems.markerline.set(color=BLUE, markersize=4 if values.size <= 60 else 2, markeredgewidth=0)
        stems.stemlines.set(color=BLUE, linewidth=1)
    starts, stops = ([-0.5], [values.size - 0.5]) if xvals is None else xvals
    if "basefmt" not in kwargs:
        ax.hlines(np.zeros(len(starts)), starts, stops, color=MUTED, linewidth=0.8, zorder=1)
    plain(ax, title)
    whole_ticks(ax)
    ax.set_xlim(-0.5 - 0.02 * values.size, values.size - 0.5 + 0.02 * values.size)
    _set_limits(ax, values, ylim)
    return ax


def _set_limits(ax: Axes, values: np.ndarray, ylim: Limits | list[Real]) -> None:
    if isinstance(ylim, (tuple, list)):
        ax.set_ylim(*ylim)
    elif ylim is None and values.size and values.min() >= 0:
        ax.set_ylim(bottom=0)
