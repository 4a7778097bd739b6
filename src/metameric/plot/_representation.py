"""Representations: vectors as stems, maps as images, anything else as its model says."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from metameric._core.errors import InputError
from metameric._core.panels import OffersRepresentationPanels, Real
from metameric.plot._axes import Limits
from metameric.plot._parts import Data, axes_for, draw_parts, parts_of


def plot_representation(
    model: Any = None,
    data: Data | None = None,
    ax: Axes | None = None,
    figsize: tuple[Real, Real] | None = None,
    ylim: Limits = False,
    batch_idx: int = 0,
    title: str = "",
    as_rgb: bool = False,
    axes_direction: str = "horizontal",
    gridspec_kwargs: Mapping[str, Any] | None = None,
) -> list[Axes]:
    """Draw a representation, or the difference of two, the way its model or its shape asks for.

    A model is asked for ``representation_panels(data, batch_idx)``, then for
    ``plot_representation(data, ax, figsize, ylim, batch_idx, title)``; without either, (batch, channel, n)
    becomes stem plots, (batch, channel, height, width) images, and a dictionary a set of axes for each entry.

    Parameters
    ----------
    model
        The model, or ``None`` to go by shape alone.
    data
        The representation, a tensor or a dictionary of tensors.
    ax
        Axes to divide; by default those of a new figure.
    figsize
        Inches of the new figure.
    ylim
        A pair, ``None`` for limits symmetric about zero and shared by all stem plots, ``False`` for free ones.
    batch_idx
        Batch entry to draw.
    title
        Title of each of the axes (keys of a dictionary come first).
    as_rgb
        Show maps of 3 or 4 channels in colour.
    axes_direction
        ``"horizontal"`` or ``"vertical"``; more than 8 axes are wrapped, and channels after the 36th left out.
    gridspec_kwargs
        Passed to :class:`matplotlib.gridspec.GridSpec`.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> axes = mm.plot.plot_representation(data={"mean": torch.randn(1, 1, 5), "map": torch.randn(1, 1, 8, 8)})
    >>> len(axes)
    2
    """
    if ax is not None and figsize is not None:
        raise InputError("figsize sets the size of a new figure; give either ax or figsize.")
    if axes_direction not in ("horizontal", "vertical"):
        raise InputError(f"axes_direction is {axes_direction!r}; expected 'horizontal' or 'vertical'.")
    if isinstance(model, OffersRepresentationPanels) and data is not None:
        from metameric.plot._panels import draw_panels_within

        return draw_panels_within(model.representation_panels(data, batch_idx=batch_idx), ax, figsize, title)
    if hasattr(model, "plot_representation"):
        options = {"ax": ax, "figsize": figsize, "ylim": ylim, "batch_idx": batch_idx, "title": title}
        return as_axes(_call(model.plot_representation, data=data, **options))
    if data is None:
        raise InputError("There is nothing to plot: give data, or a model with a plot_representation method.")
    parts = parts_of(data, batch_idx, title, as_rgb)
    all_axes = axes_for(len(parts), ax, figsize, axes_direction, gridspec_kwargs)
    draw_parts(parts, all_axes, ylim)
    return all_axes


def as_axes(found: Any) -> list[Axes]:
    """Return the axes that a model's own plotting method gave: axes, a list, or a figure and a list."""
    if isinstance(found, tuple) and len(found) == 2:
        found = found[1]
    return list(found) if isinstance(found, (list, tuple, np.ndarray)) else [found]


def _call(method: Callable[..., Any], **options: Any) -> Any:
    # A user's own method may take fewer of the options.
    accepted = inspect.signature(method).parameters
    if any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
        return method(**options)
    return method(**{name: value for name, value in options.items() if name in accepted})
