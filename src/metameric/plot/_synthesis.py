"""Single plots of a synthesis: the stimulus, the loss, the representation error, the histogram."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from metameric._core.errors import InputTypeError
from metameric._core.panels import HistogramPanel, Real
from metameric.plot._axes import Limits, current_axes
from metameric.plot._drawn import draw_panel
from metameric.plot._histogram import histogram
from metameric.plot._panels import draw_panels
from metameric.plot._views import ERROR, HISTOGRAM, IMAGE, LOSS, View, view_of

_SCALE = 5.0


def _named(view: View, name: str, synthesis: Any) -> None:
    if name not in view.names:
        raise InputTypeError(f"{type(synthesis).__name__} has no {name}; it has {', '.join(view.names)}.")


def synthesis_imshow(
    synthesis_object: Any,
    batch_idx: int = 0,
    channel_idx: int | None = None,
    distortion_scale: Real = _SCALE,
    process_image: Callable[[Tensor], Tensor] | None = None,
    zoom: Real | None = None,
    iteration: int | None = None,
    ax: Axes | None = None,
    title: str | None = None,
    **kwargs: Any,
) -> Axes:
    """Show the stimulus that was synthesised, pixel for pixel.

    Parameters
    ----------
    synthesis_object
        Any synthesis. For eigendistortions ``image + distortion_scale * eigendistortion`` is shown.
    batch_idx
        Batch entry, or which eigendistortion.
    channel_idx
        One channel; ``None`` shows three or four channels as colour.
    distortion_scale
        Weight of an eigendistortion.
    process_image
        Applied to the (1, channel, height, width) stimulus before it is shown.
    zoom
        As in `imshow`; by default the largest that fits.
    iteration
        Which iteration; the last one by default. The nearest one that was stored is shown.
    ax
        Axes to shrink; pyplot's current ones by default.
    title
        Instead of one that names the iteration.
    **kwargs
        Passed to :meth:`matplotlib.axes.Axes.imshow`, except `vrange`, which is as in `imshow`. By default from 0 to 1
        where stimulus and target lie within, and from the least to the greatest value elsewhere.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(torch.rand(1, 1, 16, 16), mm.models.Identity())
    >>> metamer.setup(seed=0)
    >>> _ = metamer.synthesize(2, progress=False)
    >>> mm.plot.synthesis_imshow(metamer, title="metamer").get_title()[:7]
    'metamer'
    """
    view = view_of(synthesis_object, batch_idx, channel_idx)
    _named(view, IMAGE, synthesis_object)
    drawn_options, panel_options = image_options(
        distortion_scale=distortion_scale, process_image=process_image, zoom=zoom, title=title, **kwargs
    )
    panels = adjusted(view.panels(IMAGE, iteration, **panel_options), drawn_options)
    return draw_panels(panels, current_axes(ax), **drawn_options)[0].axes[0]


def synthesis_loss(
    synthesis_object: Any,
    iteration: int | None = None,
    plot_penalties: bool = False,
    ax: Axes | Sequence[Axes] | None = None,
    **kwargs: Any,
) -> dict[str, Axes]:
    """Plot the parts of the objective over iterations, with a dot at one of them.

    Parameters
    ----------
    synthesis_object
        Any synthesis with iterations. Losses of metamers share one logarithmic axis with the penalty; the two
        metrics of MAD competition have linear axes of their own.
    iteration
        Where to put the dot; at the last one by default.
    plot_penalties
        Also plot the penalty (not weighted).
    ax
        Axes, divided if several are needed, or a list of as many; pyplot's current ones by default.
    **kwargs
        Passed to :meth:`matplotlib.axes.Axes.plot`.

    Returns
    -------
    axes
        By name: ``"loss"``, or ``"reference_metric_loss"``, ``"optimized_metric_loss"`` and ``"penalties"``.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(torch.rand(1, 1, 16, 16), mm.models.Identity())
    >>> metamer.setup(seed=0)
    >>> _ = metamer.synthesize(2, progress=False)
    >>> list(mm.plot.synthesis_loss(metamer))
    ['loss']
    """
    view = view_of(synthesis_object)
    _named(view, LOSS, synthesis_object)
    options = {"plot_penalties": True} if plot_penalties else {}
    panels = view.panels(LOSS, iteration, **options)
    drawn = draw_panels(panels, ax if isinstance(ax, Sequence) else current_axes(ax), **kwargs)
    return {
        getattr(p, "ylabel", p.name).lower().replace(" ", "_"): d.axes[0] for p, d in zip(panels, drawn, strict=True)
    }


def metamer_representation_error(
    metamer: Any,
    batch_idx: int = 0,
    iteration: int | None = None,
    ylim: Limits = None,
    ax: Axes | None = None,
    as_rgb: bool = False,
    **kwargs: Any,
) -> list[Axes]:
    """Plot the representation of a metamer minus that of its target, the way the model's representation is plotted.

    Parameters
    ----------
    metamer
        A synthesis with `model` and `target_representation`.
    batch_idx
        Batch entry.
    iteration
        Which iteration; the last one by default. The nearest one that was stored is shown.
    ylim
        A pair, ``None`` for limits symmetric about zero, ``False`` for free ones.
    ax
        Axes to divide; pyplot's current ones by default.
    as_rgb
        Show maps of 3 or 4 channels in colour.
    **kwargs
        Passed to the model.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(torch.rand(1, 1, 16, 16), mm.models.Identity())
    >>> metamer.setup(seed=0)
    >>> _ = metamer.synthesize(2, progress=False)
    >>> len(mm.plot.metamer_representation_error(metamer))
    1
    """
    view = view_of(metamer, batch_idx)
    _named(view, ERROR, metamer)
    options = {**({} if ylim is None else {"ylim": ylim}), **({"as_rgb": True} if as_rgb else {}), **kwargs}
    return [axes for d in draw_panels(view.panels(ERROR, iteration, **options), current_axes(ax)) for axes in d.axes]


def synthesis_histogram(
    synthesis_object: Any,
    batch_idx: int | None = None,
    channel_idx: int | None = None,
    iteration: int | None = None,
    ylim: tuple[Real, Real] | bool = False,
    xlim: str | tuple[Real, Real] | bool = "range",
    ax: Axes | None = None,
    alpha: Real = 0.4,
    **kwargs: Any,
) -> Axes:
    """Plot the distribution of values of the stimulus over that of its target: are there any out of range?

    Parameters
    ----------
    synthesis_object
        Any synthesis; for eigendistortions their own values are shown.
    batch_idx
        Batch entry, or which eigendistortion; ``None`` shows each of them.
    channel_idx
        One channel; all together by default.
    iteration
        Which iteration; the last one by default. The nearest one that was stored is shown.
    ylim, xlim, ax, alpha
        As in `histogram`.
    **kwargs
        Passed to :meth:`matplotlib.axes.Axes.hist`.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(torch.rand(1, 1, 16, 16), mm.models.Identity())
    >>> metamer.setup(seed=0)
    >>> _ = metamer.synthesize(2, progress=False)
    >>> axes = mm.plot.synthesis_histogram(metamer)
    """
    entries = range(_n_entries(synthesis_object)) if batch_idx is None else [batch_idx]
    values: dict[str, Tensor] = {}
    for entry in entries:
        view = view_of(synthesis_object, entry, channel_idx)
        _named(view, HISTOGRAM, synthesis_object)
        for panel in view.panels(HISTOGRAM, iteration):
            if not isinstance(panel, HistogramPanel):
                return draw_panel(panel, current_axes(ax)).axes[0]
            several = len(entries) > 1
            values.update({k if "[" in k or not several else f"{k}[{entry}]": v for k, v in panel.values.items()})
    tensors = [v.reshape(1, 1, -1) for v in values.values()]
    return histogram(tensors, list(values), 0, None, ylim, xlim, ax=current_axes(ax), alpha=alpha, **kwargs)


def _n_entries(synthesis: Any) -> int:
    for name in (getattr(synthesis, "stimulus_name", None), "eigendistortions", "metamer", "mad_image"):
        found = getattr(synthesis, name, None) if name else None
        if isinstance(found, torch.Tensor):
            return len(found)
    return 1


def image_options(**options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tell apart what goes into drawing an image and what goes into choosing its pixels."""
    chosen = {
        "distortion_scale": options.pop("distortion_scale", _SCALE),
        "process_image": options.pop("process_image", None),
    }
    defaults = {"distortion_scale": _SCALE, "process_image": None}
    drawing = {k: v for k, v in options.items() if not (k in ("zoom", "title") and v is None)}
    return drawing, {k: v for k, v in chosen.items() if v is not defaults[k] and v != defaults[k]}


def adjusted(panels: Sequence[Any], options: dict[str, Any]) -> list[Any]:
    """Give image panels the user's title and range; `options` keeps what is left."""
    from dataclasses import replace

    changes = {name: options.pop(name) for name in ("title", "vrange") if name in options}
    return [replace(p, **{k: v for k, v in changes.items() if hasattr(p, k)}) for p in panels]
