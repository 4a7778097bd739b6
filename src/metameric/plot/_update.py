"""New data for plots that are already there."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.container import StemContainer
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.tensors import to_numpy
from metameric.plot._axes import symmetric_limits
from metameric.plot._parts import Data, parts_of
from metameric.plot._pictures import check_index
from metameric.plot._pixels import block_mean

Drawn = StemContainer | Line2D | PathCollection | AxesImage


def update_plot(
    axes: Axes | Sequence[Axes], data: Data, model: Any = None, batch_idx: int = 0, rescale_ylim: bool = False
) -> list[Artist]:
    """Put new data into the stems, lines, points and images of existing axes, and return what changed.

    Parameters
    ----------
    axes
        A list of axes with one plot each, as `plot_representation` returns it, or single axes with any number.
    data
        Tensor with one channel for each plot, in their order: (batch, channel, n) for stems and lines,
        (batch, channel, height, width) for images, (batch, channel, n, 2) for points. Or a dictionary: for
        single axes its keys are the labels of the plots, for a list of axes only its order counts.
    model
        If it has ``update_plot(axes, data, batch_idx, rescale_ylim)``, that is used.
    batch_idx
        Batch entry to show.
    rescale_ylim
        Give all axes without images the same limits, symmetric about zero and wide enough for the new data.

    Raises
    ------
    InputError
        If there are not as many plots as data, or the data have another shape than the plot.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> axes = mm.plot.plot_representation(data=torch.zeros(1, 2, 5))
    >>> artists = mm.plot.update_plot(axes, torch.ones(1, 2, 5))
    """
    if hasattr(model, "update_plot"):
        return list(model.update_plot(axes=axes, data=data, batch_idx=batch_idx, rescale_ylim=rescale_ylim))
    single = isinstance(axes, Axes)
    all_axes: list[Axes] = [axes] if isinstance(axes, Axes) else list(axes)
    drawn = _labelled(all_axes[0]) if single else [("", plot) for a in all_axes for plot in drawn_in(a)[:1]]
    pairs = _pair(drawn, data, batch_idx, by_label=single and isinstance(data, Mapping))
    artists: list[Artist] = []
    for plot, values in pairs:
        artists.extend(set_values(plot, values))
    if rescale_ylim:
        limits = symmetric_limits([v for plot, v in pairs if not isinstance(plot, (AxesImage, PathCollection))])
        for a in all_axes:
            if not a.images:
                a.set_ylim(limits)
    return artists


def drawn_in(axes: Axes) -> list[Drawn]:
    """Plots in some axes: stems if there are any, else images, lines, points."""
    stems = [c for c in axes.containers if isinstance(c, StemContainer)]
    points = [c for c in axes.collections if isinstance(c, PathCollection)]
    for group in (stems, axes.images, axes.lines, points):
        if group:
            return list(group)
    return []


def _labelled(axes: Axes) -> list[tuple[str, Drawn]]:
    return [(str(plot.get_label()), plot) for plot in drawn_in(axes)]


def _pair(
    drawn: Sequence[tuple[str, Drawn]], data: Data, batch_idx: int, by_label: bool
) -> list[tuple[Drawn, np.ndarray]]:
    if by_label and isinstance(data, Mapping):
        known = dict(drawn)
        missing = [key for key in data if key not in known]
        if missing:
            raise InputError(f"No plot has the label {missing[0]!r}; the axes have {sorted(known)}.")
        return [(known[key], _entry(value, batch_idx)[0]) for key, value in data.items()]
    is_color = len(drawn) == 1 and isinstance(drawn[0][1], AxesImage) and np.asarray(drawn[0][1].get_array()).ndim == 3
    if isinstance(data, Mapping) or is_color:
        values = [part.values for part in parts_of(data, batch_idx, as_rgb=is_color)]
    else:
        values = list(_entry(data, batch_idx))
    if len(values) != len(drawn):
        raise InputError(f"{len(values)} sets of data for {len(drawn)} plots; give one channel or entry for each plot.")
    return [(plot, v) for (_, plot), v in zip(drawn, values, strict=True)]


def _entry(tensor: Tensor, batch_idx: int) -> np.ndarray:
    array = to_numpy(tensor)
    if array.ndim == 2:
        array = array[:, None]
    if array.ndim not in (3, 4):
        raise InputError(f"Found data of shape {array.shape}; expected 3 or 4 dimensions, batch and channel first.")
    return array[check_index("batch_idx", batch_idx, array.shape[0])]


def set_values(plot: Drawn, values: np.ndarray) -> list[Artist]:
    """Give one plot new values, in place; return the artists that changed."""
    if isinstance(plot, StemContainer):
        x = np.asarray(plot.markerline.get_xdata())
        _same_size(len(x), values)
        plot.markerline.set_ydata(values)
        zeros = np.zeros(values.shape)
        plot.stemlines.set_segments(list(np.stack([np.stack([x, zeros], 1), np.stack([x, values], 1)], 1)))
        return [plot.stemlines, plot.markerline]
    if isinstance(plot, AxesImage):
        shape = np.asarray(plot.get_array()).shape
        if shape[:2] != values.shape[:2]:
            values = block_mean(values, 1 / -(-values.shape[0] // shape[0]))
        if shape != values.shape:
            raise InputError(f"The image has the shape {shape}, the new data {values.shape}.")
        plot.set_data(np.clip(values, 0, 1) if values.ndim == 3 and values.dtype.kind == "f" else values)
    elif isinstance(plot, Line2D):
        _same_size(len(np.asarray(plot.get_xdata())), values)
        plot.set_ydata(values)
    else:
        plot.set_offsets(values)
    return [plot]


def _same_size(n: int, values: np.ndarray) -> None:
    if values.shape != (n,):
        raise InputError(f"The plot has {n} values, the new data the shape {values.shape}.")
