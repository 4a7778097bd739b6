"""The parts of a representation: vectors (n,) and maps (height, width), taken from tensors by their shape."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import Real
from metameric._core.tensors import to_numpy
from metameric.plot._axes import Limits, split, symmetric_limits
from metameric.plot._imshow import draw_pictures
from metameric.plot._pictures import Picture, check_index
from metameric.plot._pixels import new_figure
from metameric.plot._stem import stem_plot

MAX_PARTS = 36
Data = Tensor | Mapping[Any, Tensor]


@dataclass(frozen=True)
class Part:
    """A vector (n,), a map (height, width) or a map in colour (height, width, color), with its title."""

    title: str
    values: np.ndarray

    @property
    def is_map(self) -> bool:
        return self.values.ndim > 1


def parts_of(data: Data, batch_idx: int = 0, title: str = "", as_rgb: bool = False) -> list[Part]:
    """Take one batch entry of a representation apart."""
    if not isinstance(data, Mapping):
        return _of_tensor(data, batch_idx, title, as_rgb)
    parts = []
    for key, tensor in data.items():
        parts.extend(_of_tensor(tensor, batch_idx, f"{key} {title}".strip(), as_rgb))
    return parts


def _of_tensor(tensor: Tensor, batch_idx: int, title: str, as_rgb: bool) -> list[Part]:
    array = to_numpy(tensor)
    if array.ndim == 2:
        array = array[:, None]
    if array.ndim not in (3, 4):
        raise InputError(
            f"Found data of shape {array.shape}; expected (batch, n), (batch, channel, n) or "
            "(batch, channel, height, width). Give the model a representation_panels method for other shapes."
        )
    entry = array[check_index("batch_idx", batch_idx, array.shape[0])]
    if as_rgb and entry.ndim == 3:
        if entry.shape[0] not in (3, 4):
            raise InputError(f"as_rgb=True needs 3 or 4 channels; found {entry.shape[0]}.")
        return [Part(title, np.moveaxis(entry, 0, -1))]
    if np.iscomplexobj(entry):
        return [*_channels(entry.real, f"{title} real"), *_channels(entry.imag, f"{title} imaginary")]
    return _channels(entry, title)


def _channels(entry: np.ndarray, title: str) -> list[Part]:
    n = entry.shape[0]
    if n == 1:
        return [Part(title, entry[0])]
    more = f" (of {n})" if n > MAX_PARTS else ""
    return [Part(f"{title} channel {i}{more}".strip(), values) for i, values in enumerate(entry[:MAX_PARTS])]


def axes_for(
    n: int,
    ax: Axes | None = None,
    figsize: tuple[Real, Real] | None = None,
    direction: str = "horizontal",
    gridspec_kwargs: Mapping[str, Any] | None = None,
) -> list[Axes]:
    """Divide axes (those of a new figure by default) into `n`, in a line if there are few of them."""
    in_line = 8 if ax is None else 3
    n_columns = math.ceil(math.sqrt(n)) if n > in_line else n if direction == "horizontal" else 1
    n_rows = math.ceil(n / n_columns)
    if ax is None:
        cell = 300 if n <= 4 else 220
        width, height = (v * 100 for v in figsize) if figsize else (n_columns * cell + 60, n_rows * cell + 55)
        figure = new_figure(width, height)
        margins = {"left": 60 / width, "right": 1 - 20 / width, "bottom": 30 / height, "top": 1 - 65 / height}
        ax = figure.add_subplot(figure.add_gridspec(1, 1, **margins)[0])
    elif n == 1:
        return [ax]
    all_axes = split(ax, n_rows, n_columns, gridspec_kwargs, gaps=(65, 75))
    for unused in all_axes[n:]:
        unused.remove()
    return all_axes[:n]


def draw_parts(parts: Sequence[Part], all_axes: Sequence[Axes], ylim: Limits = False) -> None:
    """Draw each part into its axes; ``ylim=None`` shares limits about zero among the vectors."""
    shared = symmetric_limits([p.values for p in parts if not p.is_map]) if ylim is None else ylim
    for part, axes in zip(parts, all_axes, strict=True):
        if part.is_map:
            draw_map(part, axes, ylim if isinstance(ylim, tuple) else None)
        else:
            stem_plot(part.values, ax=axes, title=part.title, ylim=shared)


def draw_map(part: Part, axes: Axes, limits: tuple[Real, Real] | None = None) -> None:
    """Show a map, symmetric about zero where it has negative values."""
    signed = bool((part.values < 0).any())
    rule = "indep0" if signed else "indep1"
    picture = Picture(part.values[None])
    cmap = None if signed and limits is None else _map_for_limits(limits)
    draw_pictures([picture], limits or rule, None, part.title, None, axes, cmap)


def _map_for_limits(limits: tuple[Real, Real] | None) -> Any:
    from metameric.plot._colors import signed_map

    return signed_map() if limits is not None and limits[0] == -limits[1] else None
