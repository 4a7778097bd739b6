"""One figure that says how a synthesis stands."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metameric._core.errors import InputError
from metameric._core.panels import ImagePanel, Real, RepresentationPanel
from metameric.plot._by_model import ByModelPanel
from metameric.plot._drawn import Drawn
from metameric.plot._panels import draw_panels
from metameric.plot._pixels import new_figure
from metameric.plot._synthesis import adjusted, image_options
from metameric.plot._views import IMAGE, LOSS, TARGET, View, view_of

_WIDTH, _HEIGHT = 325, 330
_MARGIN = {"left": 20, "right": 20, "bottom": 55, "top": 95}
_GAP, _GAP_OF_PICTURES = 75, 30
_CHARACTER = 7.2
"""Pixels of the figure that a letter of its title takes."""


@dataclass
class Plot:
    """One named place of the figure: where its panels come from and how they are drawn."""

    view: View
    name: str
    panel_options: dict[str, Any] = field(default_factory=dict)
    draw_options: dict[str, Any] = field(default_factory=dict)
    drawn: list[Drawn] = field(default_factory=list)

    def panels(self, iteration: int | None) -> Sequence[Any]:
        """Panels at one iteration."""
        options = dict(self.draw_options)
        return adjusted(self.view.panels(self.name, iteration, **self.panel_options), options)

    def draw(self, panels: Sequence[Any], axes: Axes | Sequence[Axes]) -> None:
        """Draw panels, once."""
        options = {k: v for k, v in self.draw_options.items() if k not in ("title", "vrange")}
        self.drawn = draw_panels(panels, axes, **options)


def synthesis_status(
    synthesis_object: Any,
    batch_idx: int = 0,
    channel_idx: int | None = None,
    iteration: int | None = None,
    included_plots: Sequence[str] | None = None,
    fig: Figure | None = None,
    axes_idx: Mapping[str, int | Sequence[int]] | None = None,
    figsize: tuple[Real, Real] | None = None,
    width_ratios: Mapping[str, Real] | None = None,
    **kwargs: Any,
) -> Figure:
    """Show side by side what there is to see of a synthesis: stimulus, loss, representation error, histogram.

    Parameters
    ----------
    synthesis_object
        Any synthesis, or any object that offers panels (see `metameric.plot.ImagePanel` and its kin).
    batch_idx, channel_idx
        Batch entry and channel, as in `synthesis_imshow`.
    iteration
        Which iteration; the last one by default.
    included_plots
        Names of plots: ``"synthesis_target"`` (not among the usual ones), ``"synthesis_imshow"``, ``"synthesis_loss"``,
        ``"metamer_representation_error"``, ``"synthesis_histogram"``, or an object's own panels.
    fig
        A figure that has the axes already.
    axes_idx
        Number of the axes for each plot; ``"misc"`` lists axes to leave alone.
    figsize
        Inches of the new figure.
    width_ratios
        Relative width of each plot.
    **kwargs
        ``<plot>_kwargs``: further arguments of one plot.

    Raises
    ------
    InputError
        If a plot or argument is named that there is not.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(torch.rand(1, 1, 16, 16), mm.models.Identity())
    >>> metamer.setup(seed=0)
    >>> _ = metamer.synthesize(2, progress=False)
    >>> len(mm.plot.synthesis_status(metamer).axes)
    3
    """
    view = view_of(synthesis_object, batch_idx, channel_idx)
    return draw_status(view, iteration, included_plots, fig, axes_idx or {}, figsize, width_ratios or {}, kwargs)[0]


def draw_status(
    view: View,
    iteration: int | None,
    included_plots: Sequence[str] | None,
    figure: Figure | None,
    axes_idx: Mapping[str, int | Sequence[int]],
    figsize: tuple[Real, Real] | None,
    width_ratios: Mapping[str, Real],
    kwargs: dict[str, Any],
) -> tuple[Figure, list[Plot]]:
    """Draw the status figure and return the plots that it consists of, ready to be updated."""
    plots = _plots(view, included_plots, kwargs)
    _check_names(view, "axes_idx", axes_idx)
    _check_names(view, "width_ratios", width_ratios)
    places = _places([p.name for p in plots], axes_idx)
    panels = {p.name: p.panels(iteration) for p in plots}
    if figure is None:
        widths = {p.name: width_ratios.get(p.name, _room(panels[p.name])) for p in plots}
        gaps = {p.name: _GAP_OF_PICTURES if _are_pictures(panels[p.name]) else _GAP for p in plots}
        figure = _figure(places, widths, gaps, figsize)
        lines = textwrap.wrap(view.headline, int(figure.bbox.width / _CHARACTER))
        figure.suptitle("\n".join(lines), fontsize=10, y=1 - 22 / figure.bbox.height, va="center")
    all_axes = list(figure.axes)
    for plot in plots:
        where = places[plot.name]
        if max(where) >= len(all_axes):
            raise InputError(f"{plot.name} should go to axes {max(where)}, but the figure has {len(all_axes)}.")
        chosen = [all_axes[i] for i in where]
        plot.draw(panels[plot.name], chosen[0] if len(chosen) == 1 else chosen)
    return figure, plots


def _room(panels: Sequence[Any]) -> float:
    # Representations divide their place further.
    return sum(_room_inside(panel) for panel in panels)


def _room_inside(panel: Any) -> float:
    if isinstance(panel, ByModelPanel):
        return 2.25
    return min(2.25, len(panel.parts)) if isinstance(panel, RepresentationPanel) else 1


def _are_pictures(panels: Sequence[Any]) -> bool:
    """Whether there is nothing that has ticks and labels at its left."""
    return all(
        isinstance(panel, ImagePanel)
        or (isinstance(panel, RepresentationPanel) and all(part.ndim > 1 for part in panel.parts.values()))
        for panel in panels
    )


def _plots(view: View, included: Sequence[str] | None, kwargs: dict[str, Any]) -> list[Plot]:
    names = list(view.default if included is None else included)
    _check_names(view, "included_plots", names)
    if not names:
        raise InputError("included_plots is empty; leave it out to see the usual plots.")
    plots = []
    for name in (n for n in names if n != "misc"):
        given = dict(kwargs.pop(f"{name}_kwargs", {}))
        if name in (IMAGE, TARGET):
            drawing, choosing = image_options(**given)
        elif name == LOSS:
            choosing = {k: given.pop(k) for k in ("plot_penalties",) if k in given}
            drawing = given
        else:
            choosing, drawing = (given, {}) if name.endswith("error") else ({}, given)
        plots.append(Plot(view, name, choosing, drawing))
    if kwargs:
        expected = ", ".join(f"{p.name}_kwargs" for p in plots)
        raise InputError(f"Found the arguments {sorted(kwargs)}; for the plots included, expected {expected}.")
    return plots


def _check_names(view: View, what: str, names: Sequence[str] | Mapping[str, Any]) -> None:
    unknown = [n for n in names if n not in (*view.names, "misc")]
    if unknown:
        raise InputError(f"{what} names {unknown}; there are {', '.join(view.names)} (and 'misc').")


def _places(names: Sequence[str], axes_idx: Mapping[str, int | Sequence[int]]) -> dict[str, list[int]]:
    places = {name: [where] if isinstance(where, int) else list(where) for name, where in axes_idx.items()}
    taken = {i for where in places.values() for i in where}
    for name in names:
        if name not in places:
            places[name] = [next(i for i in range(len(taken) + 1) if i not in taken)]
            taken.update(places[name])
    return places


def _figure(
    places: Mapping[str, list[int]],
    widths: Mapping[str, Real],
    gaps: Mapping[str, Real],
    figsize: tuple[Real, Real] | None,
) -> Figure:
    n = 1 + max(i for where in places.values() for i in where)
    ratios, lefts = [1.0] * n, [float(_GAP)] * n
    for name, where in places.items():
        for i in where:
            ratios[i], lefts[i] = widths.get(name, 1) / len(where), gaps.get(name, _GAP)
    fixed = sum(lefts) + _MARGIN["left"] + _MARGIN["right"]
    if figsize is None:
        width: Real = round(_WIDTH * sum(ratios) + fixed)
        height: Real = _HEIGHT + _MARGIN["bottom"] + _MARGIN["top"]
    else:
        width, height = 100 * figsize[0], 100 * figsize[1]
    figure = new_figure(width, height)
    free = (width - fixed) / sum(ratios)
    left: Real = _MARGIN["left"]
    for ratio, gap in zip(ratios, lefts, strict=True):
        box = (left + gap, _MARGIN["bottom"], free * ratio, height - _MARGIN["bottom"] - _MARGIN["top"])
        figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height), label=f"place {left:.0f}")
        left += gap + free * ratio
    return figure
