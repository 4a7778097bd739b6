"""Panels on axes: each kind of panel has an object that draws it once and then takes new data in place."""

from functools import singledispatch
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator
from torch import Tensor

from metameric._core.errors import InputTypeError
from metameric._core.panels import CurvesPanel, HistogramPanel, ImagePanel, Real, RepresentationPanel
from metameric._core.tensors import to_numpy
from metameric.plot._axes import plain, power_of_ten, symmetric_limits, whole_ticks
from metameric.plot._by_model import ByModelPanel
from metameric.plot._canvas import FONT_SIZE, caption, shown_pixels
from metameric.plot._colors import CYCLE, INK, line_style
from metameric.plot._histogram import leave_room, values_range
from metameric.plot._imshow import draw_pictures
from metameric.plot._parts import Part, axes_for, draw_parts
from metameric.plot._pictures import Picture, ranges
from metameric.plot._representation import as_axes, plot_representation
from metameric.plot._update import drawn_in, set_values, update_plot

_LEAST_SPAN = 0.1
_LEAST_RATIO = 3.0


@runtime_checkable
class Drawn(Protocol):
    """A panel that has been drawn."""

    axes: list[Axes]
    fits_axes: bool
    """Whether fitting limits changes more than the artists that `update` returns."""

    def update(self, panel: Any) -> list[Artist]:
        """Show another panel of the same kind and shape in its place; return the artists that changed."""
        ...

    def rescale(self, panel: Any) -> None:
        """Fit limits and ranges to a panel, where the kind has any to fit."""
        ...


class DrawnImage:
    """A stimulus, in gray or colour."""

    def __init__(self, panel: ImagePanel, ax: Axes, zoom: Real | None = None, cmap: Any = None, **kwargs: Any) -> None:
        self.picture = _picture(panel.image)
        ((self.artist, self.range, self.zoom),) = draw_pictures(
            [self.picture], panel.vrange, zoom, panel.title, None, ax, cmap, **kwargs
        )[1]
        self.axes, self.fits_axes = [ax], False

    def update(self, panel: ImagePanel) -> list[Artist]:
        """Show other pixels, over their own range."""
        picture = _picture(panel.image)
        (self.range,) = ranges([picture], panel.vrange)
        self.artist.set_data(shown_pixels(picture, 0, self.range, self.zoom))
        if not picture.is_rgb:
            self.artist.set_clim(*self.range)
        title = self.axes[0].title
        title.set_text(caption(panel.title, picture, self.range, self.zoom))
        return [self.artist, title]

    def rescale(self, panel: ImagePanel) -> None:
        """Nothing: every image has its own range."""


def _picture(image: Tensor) -> Picture:
    pixels = to_numpy(image)
    return Picture(pixels if pixels.shape[0] == 1 else np.moveaxis(pixels, 0, -1)[None])


class DrawnCurves:
    """Series over iterations, with a dot at the present one."""

    def __init__(self, panel: CurvesPanel, ax: Axes, **kwargs: Any) -> None:
        self.axes, self.fits_axes, self.dots, self.moves = [ax], False, [], False
        self.series = {label: to_numpy(values) for label, values in panel.curves.items()}
        many = len(self.series) > 1
        for i, (label, values) in enumerate(self.series.items()):
            absent = " (0 throughout)" if panel.log and len(values) and not values.any() else ""
            ax.plot(values, **{**line_style(i), "label": label + absent, "linewidth": 1.5, **kwargs})
            if panel.iteration is not None:
                (dot,) = ax.plot([], [], "o", color=INK, markersize=5, zorder=5, clip_on=False)
                self.dots.append(dot)
        self._mark(panel.iteration)
        if panel.log and self._suits_log():
            ax.set_yscale("log")
            ax.minorticks_off()
            low, high = ax.get_ylim()
            if high < 100 * low:
                ax.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter(FuncFormatter(power_of_ten))
        else:
            self._show_no_noise()
        whole_ticks(ax, 6)
        plain(ax, panel.title or None, panel.xlabel, panel.ylabel)
        if many or "label" in kwargs:
            ax.legend(fontsize=FONT_SIZE - 1, frameon=False, loc="upper right")

    def _show_no_noise(self) -> None:
        """Series that hardly change look so: what is held to a thousandth is not drawn as if it jumped about."""
        top = max((float(np.abs(v[np.isfinite(v)]).max(initial=0)) for v in self.series.values()), default=0.0)
        low, high = self.axes[0].get_ylim()
        if high - low < _LEAST_SPAN * top:
            middle, half = (low + high) / 2, _LEAST_SPAN * top / 2
            self.axes[0].set_ylim(middle - half, middle + half)

    def _suits_log(self) -> bool:
        # Series that are zero throughout vanish from a logarithmic axis, which is right; the rest must be positive.
        shown = [v for v in self.series.values() if len(v) and v.any()]
        if not shown or not all((v > 0).any() and (v >= 0).all() for v in shown):
            return False
        # Within a narrow span all ticks of such an axis would have the same label.
        positive = np.concatenate([*shown, []])
        positive = positive[np.isfinite(positive) & (positive > 0)]
        return len(positive) == 0 or bool(positive.max() >= _LEAST_RATIO * positive.min())

    def _mark(self, iteration: int | None) -> None:
        for dot, values in zip(self.dots, self.series.values(), strict=False):
            if iteration is not None and iteration < len(values):
                dot.set_data([iteration], [values[iteration]])

    def expect(self, panel: CurvesPanel) -> None:
        """Prepare for another panel to come: if its series are others, they move, and axes are fitted to them."""
        self.moves = self.fits_axes = bool(self._others(panel))

    def _others(self, panel: CurvesPanel) -> dict[str, np.ndarray]:
        given = {label: to_numpy(values) for label, values in panel.curves.items()}
        return {k: v for k, v in given.items() if not np.array_equal(v, self.series[k], equal_nan=True)}

    def update(self, panel: CurvesPanel) -> list[Artist]:
        """Move the dots; series that differ are drawn anew."""
        others, title = self._others(panel), self.axes[0].title
        lines = dict(zip(self.series, (li for li in self.axes[0].lines if li not in self.dots), strict=False))
        for label, values in others.items():
            self.series[label] = values
            lines[label].set_data(np.arange(len(values)), values)
        self._mark(panel.iteration)
        title.set_text(panel.title)
        moving = [*lines.values(), title] if self.moves else [lines[label] for label in others]
        return [*moving, *self.dots]

    def rescale(self, panel: CurvesPanel) -> None:
        """Fit the limits to the series."""
        self.axes[0].relim()
        self.axes[0].autoscale_view()


class DrawnRepresentation:
    """Vectors and maps."""

    def __init__(self, panel: RepresentationPanel, ax: Axes) -> None:
        parts = _parts(panel)
        self.axes = axes_for(len(parts), ax)
        draw_parts(parts, self.axes, panel.ylim)
        self.plots = [drawn_in(axes)[0] for axes in self.axes]
        self.fits_axes = panel.ylim is None and any(not part.is_map for part in parts)
        # The range in the title of a map changes when it is fitted.
        self.titles = [axes.title for axes, part in zip(self.axes, parts, strict=True) if part.is_map]

    def update(self, panel: RepresentationPanel) -> list[Artist]:
        """Show other values over the same limits."""
        plots = zip(self.plots, _parts(panel), strict=True)
        return [*self.titles, *(a for plot, part in plots for a in set_values(plot, part.values))]

    def rescale(self, panel: RepresentationPanel) -> None:
        """Fit the limits: of all vectors together, of each map about zero."""
        parts = _parts(panel)
        limits = symmetric_limits([part.values for part in parts if not part.is_map])
        for axes, part in zip(self.axes, parts, strict=True):
            if part.is_map and part.values.ndim == 2:
                low, high = symmetric_limits([part.values])
                axes.images[0].set_clim(low, high)
                lines = axes.get_title().split("\n")
                axes.title.set_text("\n".join(_with_range(line, low, high) for line in lines))
            elif not part.is_map and panel.ylim is None:
                axes.set_ylim(limits)


def _with_range(line: str, low: float, high: float) -> str:
    return f"range [{low:.3g}, {high:.3g}]" if line.startswith("range [") else line


def _parts(panel: RepresentationPanel) -> list[Part]:
    return [Part(title, to_numpy(values)) for title, values in panel.parts.items()]


class DrawnByModel:
    """A representation that its model draws."""

    def __init__(self, panel: ByModelPanel, ax: Axes) -> None:
        figure = ax.figure
        before = set(figure.axes)
        returned = as_axes(
            plot_representation(panel.model, panel.representation, ax=ax, ylim=panel.ylim, title=panel.title)
        )
        self.axes = returned or [a for a in figure.axes if a not in before]
        self.fits_axes = True

    def update(self, panel: ByModelPanel, rescale: bool = False) -> list[Artist]:
        """Ask the model's ``update_plot``, or go by shape."""
        axes = self.axes if len(self.axes) > 1 else self.axes[0]
        return update_plot(axes, panel.representation, panel.model, batch_idx=0, rescale_ylim=rescale)

    def rescale(self, panel: ByModelPanel) -> None:
        """Have the limits fitted."""
        self.update(panel, rescale=True)


class DrawnHistogram:
    """Distributions over bins that hold the first panel's values."""

    def __init__(self, panel: HistogramPanel, ax: Axes, alpha: Real = 0.4, **kwargs: Any) -> None:
        values = _finite_values(panel)
        low, high = values_range(list(values.values()))
        self.edges = np.linspace(low, high, 51)
        self.axes, self.fits_axes, self.stairs = [ax], True, []
        for i, (label, entries) in enumerate(values.items()):
            color = CYCLE[i % len(CYCLE)]
            options = {"facecolor": color, "edgecolor": color, "alpha": alpha, "label": label, **kwargs}
            self.stairs.append(ax.stairs(np.histogram(entries, self.edges)[0], self.edges, fill=True, **options))
        plain(ax, panel.title or None, panel.xlabel, "Count")
        ax.set_xlim(low, high)
        self.rescale(panel)
        ax.legend(fontsize=FONT_SIZE - 1, frameon=False, loc="upper right")

    def update(self, panel: HistogramPanel) -> list[Artist]:
        """Count other values in the same bins; those outside count in the outermost ones."""
        for stairs, entries in zip(self.stairs, _finite_values(panel).values(), strict=True):
            stairs.set_data(np.histogram(np.clip(entries, self.edges[0], self.edges[-1]), self.edges)[0])
        legend = self.axes[0].get_legend()
        if legend is None:
            return list(self.stairs)
        for text, label in zip(legend.get_texts(), panel.values, strict=False):
            text.set_text(label)
        return [*self.stairs, legend]

    def rescale(self, panel: HistogramPanel) -> None:
        """Fit the counts' axis."""
        leave_room(self.axes[0], max(float(stairs.get_data()[0].max()) for stairs in self.stairs), len(self.stairs))


def _finite_values(panel: HistogramPanel) -> dict[str, np.ndarray]:
    return {label: to_numpy(v[torch.isfinite(v)]) for label, v in panel.values.items()}


@singledispatch
def draw_panel(panel: Any, ax: Axes, **kwargs: Any) -> Drawn:
    """Draw a panel into axes, dividing them if it needs several."""
    raise InputTypeError(f"Found a {type(panel).__name__}; expected one of the panels of metameric.plot.")


draw_panel.register(ImagePanel, DrawnImage)
draw_panel.register(CurvesPanel, DrawnCurves)
draw_panel.register(RepresentationPanel, DrawnRepresentation)
draw_panel.register(ByModelPanel, DrawnByModel)
draw_panel.register(HistogramPanel, DrawnHistogram)
