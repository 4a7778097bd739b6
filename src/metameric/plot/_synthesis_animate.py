"""A synthesis over its iterations."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import Real
from metameric.plot._animation import PixelAnimation
from metameric.plot._drawn import DrawnCurves
from metameric.plot._status import Plot, draw_status
from metameric.plot._views import IMAGE, TARGET, view_of, with_target


def synthesis_animate(
    synthesis_object: Any,
    framerate: Real = 10,
    batch_idx: int = 0,
    channel_idx: int | None = None,
    included_plots: Sequence[str] | None = None,
    process_image: Callable[[Tensor], Tensor] | None = None,
    fig: Figure | None = None,
    axes_idx: Mapping[str, int | Sequence[int]] | None = None,
    figsize: tuple[Real, Real] | None = None,
    width_ratios: Mapping[str, Real] | None = None,
    rescale_ylim: str | bool = "rescale",
    **kwargs: Any,
) -> PixelAnimation:
    """Animate the figure of `synthesis_status`, beside the target, over all stored iterations.

    Parameters
    ----------
    synthesis_object
        Any synthesis that ran with `store_progress`, or an object with `panels` and `panel_iterations`.
    framerate
        Frames per second.
    batch_idx, channel_idx, included_plots, fig, axes_idx, figsize, width_ratios, **kwargs
        As in `synthesis_status`.
    process_image
        Applied to each stimulus before it is shown.
    rescale_ylim
        When to fit the limits of the representation error anew: ``False`` never, ``"rescale"`` ten times,
        ``"rescaleN"`` every N frames.

    Returns
    -------
    animation
        Its `save` writes .mp4 (with ffmpeg), .gif, .webp or .html; notebooks show it as a video.

    Raises
    ------
    InputError
        If no iterations were stored.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(torch.rand(1, 1, 16, 16), mm.models.Identity())
    >>> metamer.setup(seed=0)
    >>> _ = metamer.synthesize(2, store_progress=True, progress=False)
    >>> len(list(mm.plot.synthesis_animate(metamer).frames())) == len(metamer.saved_metamer)
    True
    """
    view = view_of(synthesis_object, batch_idx, channel_idx)
    iterations = view.iterations()
    fitted = _frames_to_fit(rescale_ylim, len(iterations))
    if process_image is not None:
        given = dict(kwargs.get(f"{IMAGE}_kwargs", {}))
        kwargs[f"{IMAGE}_kwargs"] = {**given, "process_image": process_image}
    if included_plots is None and fig is None and not axes_idx:
        included_plots = with_target(view)
    figure, plots = draw_status(
        view, iterations[0], included_plots, fig, axes_idx or {}, figsize, width_ratios or {}, kwargs
    )

    moving = [plot for plot in plots if plot.name != TARGET]
    for plot in moving:
        if any(isinstance(drawn, DrawnCurves) for drawn in plot.drawn):
            for drawn, panel in zip(plot.drawn, plot.panels(iterations[-1]), strict=True):
                if isinstance(drawn, DrawnCurves):
                    drawn.expect(panel)

    def put(frame: int) -> list[Artist]:
        return [artist for plot in moving for artist in show(plot, iterations[frame], frame in fitted)]

    redrawn = fitted if any(drawn.fits_axes for plot in moving for drawn in plot.drawn) else ()
    return PixelAnimation(figure, put, len(iterations), framerate, redraw_at=redrawn)


def show(plot: Plot, iteration: int, fit: bool) -> list[Artist]:
    """Put one iteration into a plot that is there already."""
    artists: list[Artist] = []
    for drawn, panel in zip(plot.drawn, plot.panels(iteration), strict=True):
        artists.extend(drawn.update(panel))
        if fit:
            drawn.rescale(panel)
    return artists


def _frames_to_fit(rule: str | bool, n_frames: int) -> frozenset[int]:
    if rule is False:
        return frozenset()
    match = re.fullmatch(r"rescale(\d*)", rule) if isinstance(rule, str) else None
    if match is None or match[1] == "0":
        raise InputError(f"rescale_ylim is {rule!r}; expected False, 'rescale' or 'rescaleN' with N at least 1.")
    step = int(match[1]) if match[1] else max(1, -(-n_frames // 10))
    return frozenset(range(0, n_frames, step))
