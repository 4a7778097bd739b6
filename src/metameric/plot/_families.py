"""Texture statistics, family by family."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.tensors import to_numpy
from metameric.plot._axes import plain, whole_ticks
from metameric.plot._canvas import FONT_SIZE
from metameric.plot._colors import BLUE, MUTED, VERMILION
from metameric.plot._pictures import check_index
from metameric.plot._pixels import new_figure

_CELL = (320, 230)


def texture_statistics(
    statistics: Mapping[str, Tensor] | Tensor,
    reference: Mapping[str, Tensor] | Tensor | None = None,
    *,
    model: Any = None,
    batch_idx: int = 0,
    names: tuple[str, str] = ("metamer", "target"),
    title: str = "",
) -> Figure:
    """Plot the statistics of a texture by family, over those of another one, with the error of each family.

    Parameters
    ----------
    statistics
        Families (batch, channel, ...) by name, or the model's representation.
    reference
        The same of another image, for instance the target; drawn below.
    model
        The model whose ``convert_to_dict`` finds the families in a representation.
    batch_idx
        Batch entry.
    names
        What `statistics` and `reference` belong to.
    title
        Title of the figure.

    Notes
    -----
    The title of each family gives its relative error, the norm of the difference over the norm of the reference.
    Entries that are NaN, as redundant ones are in some models, are left out.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> families = {"skew": torch.randn(1, 1, 5), "correlation": torch.randn(1, 1, 7, 7, 4)}
    >>> len(mm.plot.texture_statistics(families, families).axes)
    2
    """
    shown, below = _families(statistics, model, batch_idx), None
    if reference is not None:
        below = _families(reference, model, batch_idx)
        if list(below) != list(shown) or any(below[k].shape != shown[k].shape for k in shown):
            raise InputError(f"The two have different families: {list(shown)} and {list(below)}.")
    n_columns = min(3, math.ceil(math.sqrt(len(shown))))
    n_rows = math.ceil(len(shown) / n_columns)
    width, height = n_columns * _CELL[0] + 30, n_rows * _CELL[1] + 50
    figure = new_figure(width, height)
    for i, (family, values) in enumerate(shown.items()):
        row, column = divmod(i, n_columns)
        box = (column * _CELL[0] + 55, height - 50 - (row + 1) * _CELL[1] + 55, _CELL[0] - 55, _CELL[1] - 85)
        ax = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height), label=family)
        other = None if below is None else below[family]
        _draw_family(ax, family, values, other, names)
    _add_heading(figure, title, height)
    if below is not None:
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="upper right", ncols=2, fontsize=FONT_SIZE, frameon=False)
    return figure


def _add_heading(figure: Figure, title: str, height: int) -> None:
    if title:
        figure.suptitle(title, fontsize=FONT_SIZE + 1, x=0.02, y=1 - 12 / height, ha="left", va="top")


def _families(statistics: Mapping[str, Tensor] | Tensor, model: Any, batch_idx: int) -> dict[str, np.ndarray]:
    if isinstance(statistics, Tensor):
        if not hasattr(model, "convert_to_dict"):
            raise InputError("Found a tensor of statistics; give the model that has convert_to_dict, or a dictionary.")
        by_family: Mapping[str, Tensor] = model.convert_to_dict(statistics)
    else:
        by_family = statistics
    found = {}
    for family, values in by_family.items():
        entry = to_numpy(values[check_index("batch_idx", batch_idx, values.shape[0])]).ravel()
        found[str(family)] = entry[np.isfinite(entry)]
    if not found:
        raise InputError("There is no family of statistics to plot.")
    return found


def _draw_family(ax: Any, family: str, values: np.ndarray, other: np.ndarray | None, names: tuple[str, str]) -> None:
    x = np.arange(values.size)
    ax.axhline(0, color=MUTED, linewidth=0.8, zorder=0)
    size = 5 if values.size <= 60 else 3
    text = f"{family.replace('_', ' ')} ({values.size})"
    if other is not None:
        ax.plot(
            x, other, "o", color=VERMILION, markersize=size + 2, fillstyle="none", markeredgewidth=0.8, label=names[1]
        )
        scale = float(np.linalg.norm(other)) or 1.0
        text += f"\nrelative error {np.linalg.norm(values - other) / scale:.2g}"
    ax.plot(x, values, "o", color=BLUE, markersize=size - 1, markeredgewidth=0, label=names[0])
    plain(ax, text)
    whole_ticks(ax)
    ax.set_xlim(-0.5 - 0.03 * values.size, values.size - 0.5 + 0.03 * values.size)
