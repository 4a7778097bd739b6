"""Videos, pixel for pixel."""

from collections.abc import Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import Real, ValueRange
from metameric.plot._animation import PixelAnimation
from metameric.plot._canvas import shown_pixels
from metameric.plot._imshow import draw_pictures
from metameric.plot._pictures import pictures


def animshow(
    video: Tensor | Sequence[Tensor],
    framerate: Real = 2.0,
    repeat: bool = False,
    vrange: ValueRange = "indep1",
    zoom: Real | None = None,
    title: str | Sequence[str] | None = "",
    col_wrap: int | None = None,
    ax: Axes | None = None,
    cmap: Any = None,
    plot_complex: str = "rectangular",
    batch_idx: int | None = None,
    channel_idx: int | None = None,
    as_rgb: bool = False,
    **kwargs: Any,
) -> PixelAnimation:
    """Animate videos, each value a whole number of figure pixels.

    Parameters
    ----------
    video
        Videos (batch, channel, time, height, width), or a list of them with as many frames.
    framerate
        Frames per second.
    repeat
        Whether to begin again after the last frame.
    vrange, zoom, title, col_wrap, ax, cmap, plot_complex, batch_idx, channel_idx, as_rgb
        As in `imshow`; ranges are taken over all frames.
    **kwargs
        Passed to :meth:`matplotlib.axes.Axes.imshow`.

    Raises
    ------
    InputError
        If the tensors do not have 5 dimensions or the same number of frames.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> animation = mm.plot.animshow(torch.rand(1, 1, 3, 8, 8), framerate=5)
    >>> [frame.shape[-1] for frame in animation.frames()]
    [3, 3, 3]
    """
    found = pictures(video, 5, batch_idx, channel_idx, as_rgb, plot_complex)
    lengths = {p.frames.shape[0] for p in found}
    if len(lengths) > 1:
        raise InputError(f"The videos have {sorted(lengths)} frames; expected the same number in each.")
    figure, drawn = draw_pictures(found, vrange, zoom, title, col_wrap, ax, cmap, **kwargs)

    def put(frame: int) -> list[Artist]:
        for picture, (artist, limits, scale) in zip(found, drawn, strict=True):
            artist.set_data(shown_pixels(picture, frame, limits, scale))
        return [artist for artist, _, _ in drawn]

    return PixelAnimation(figure, put, lengths.pop(), framerate, repeat)
