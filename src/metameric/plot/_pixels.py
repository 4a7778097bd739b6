"""One image value, a whole number of figure pixels: zooms, and axes that lie on the pixel grid."""

import contextlib
import io
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from metameric._core.errors import InputError
from metameric._core.panels import Real
from metameric.io._png import encode_drawing
from metameric.plot._quick import AXES

DPI = 100
WIDE = 1600
_PREFERRED = 384
_PLAIN = {"format", "dpi", "facecolor", "edgecolor", "transparent"}


class PixelFigure(Figure):
    """A figure whose tight bounding box lies on the pixel grid, so that cropping keeps every pixel whole."""

    def add_axes(self, *args: Any, **kwargs: Any) -> Axes:
        """Add axes as usual, of the kind that is made quickly unless another one is asked for."""
        return super().add_axes(*args, **_quick(kwargs))

    def add_subplot(self, *args: Any, **kwargs: Any) -> Axes:
        """Add a subplot as usual, of the kind that is made quickly unless another one is asked for."""
        return super().add_subplot(*args, **_quick(kwargs))

    def get_tightbbox(self, *args: Any, **kwargs: Any) -> Bbox:
        """Round the bounding box (in inches) outwards to whole pixels."""
        box = super().get_tightbbox(*args, **kwargs)
        low = np.floor(np.asarray(box.min) * self.dpi) / self.dpi
        high = np.ceil(np.asarray(box.max) * self.dpi) / self.dpi
        return Bbox([low, high])

    def draw(self, renderer: Any) -> None:
        """Draw as usual, with letters as they were designed."""
        with unhinted():
            super().draw(renderer)

    def savefig(self, fname: Any, **kwargs: Any) -> None:
        """Save as usual; PNG files through an encoder that suits figures, in a third of the time."""
        path = isinstance(fname, (str, os.PathLike))
        kind = kwargs.get("format") or (Path(fname).suffix.removeprefix(".") if path else "png")
        if kind != "png" or set(kwargs) - _PLAIN or mpl.rcParams["savefig.bbox"] is not None:
            super().savefig(fname, **kwargs)
            return
        raw = io.BytesIO()
        super().savefig(raw, **{**kwargs, "format": "rgba"})
        dpi = kwargs.get("dpi", mpl.rcParams["savefig.dpi"])
        dpi = self.dpi if dpi == "figure" else dpi
        columns = int(self.get_figwidth() * dpi + 1e-6)
        pixels = np.frombuffer(raw.getbuffer(), np.uint8).reshape(-1, columns, 4)
        encoded = encode_drawing(pixels[..., :3] if pixels[..., 3].min() == 255 else pixels, dpi)
        if path:
            Path(fname).write_bytes(encoded)
        else:
            fname.write(encoded)


@contextlib.contextmanager
def unhinted() -> Iterator[None]:
    """Leave letters as they were designed: not bent to the pixels, which takes as long again to draw.

    A setting that is not matplotlib's own is the user's, and is kept.
    """
    before = mpl.rcParams["text.hinting"]
    if before == mpl.rcParamsDefault["text.hinting"]:
        mpl.rcParams["text.hinting"] = "none"
    try:
        yield
    finally:
        mpl.rcParams["text.hinting"] = before


def _quick(options: dict[str, Any]) -> dict[str, Any]:
    chosen = {"projection", "polar", "axes_class"} & set(options)
    return options if chosen else {**options, "axes_class": AXES}


def new_figure(width: Real, height: Real) -> Figure:
    """Return a figure of this many pixels, known to pyplot, whatever the user's settings are."""
    return plt.figure(figsize=(width / DPI, height / DPI), dpi=DPI, FigureClass=PixelFigure, layout="none")


def check_zoom(zoom: Real) -> Real:
    """Return a zoom that keeps pixels whole: n, or 1/n."""
    if 0 < zoom < math.inf:
        whole = zoom if zoom >= 1 else 1 / zoom
        if math.isclose(whole, round(whole), rel_tol=1e-9):
            return round(whole) if zoom >= 1 else 1 / round(whole)
    raise InputError(
        f"zoom is {zoom}; expected a whole number, or one divided by a whole number, to keep pixels whole."
    )


def shown_size(shape: Sequence[int], zoom: Real) -> tuple[int, int]:
    """Rows and columns of figure pixels that an image takes."""
    return tuple(math.ceil(n * zoom - 1e-9) for n in shape[:2])  # type: ignore[return-value]


def _whole_below(ratio: Real) -> Real:
    return math.floor(ratio + 1e-9) if ratio >= 1 - 1e-9 else 1 / math.ceil(1 / ratio - 1e-9)


def zoom_to_fit(shape: Sequence[int], height: Real, width: Real) -> Real:
    """Largest zoom, whole or one divided by a whole number, at which an image fits."""
    return _whole_below(min(height / shape[0], width / shape[1]))


def default_zoom(shape: Sequence[int], n_columns: int) -> Real:
    """Zoom of a new figure: small images are enlarged, large ones are shown as they are unless the row is huge."""
    goal = min(_PREFERRED, WIDE / n_columns)
    zoom = zoom_to_fit(shape, goal, goal)
    return zoom if zoom >= 1 else min(1, zoom_to_fit(shape, 2 * WIDE, 2 * WIDE / n_columns))


def relative_zooms(shapes: Sequence[Sequence[int]], zoom: Real) -> list[Real]:
    """Zooms that show all images as large as the largest one, as far as whole factors allow."""
    height, width = max(s[0] for s in shapes), max(s[1] for s in shapes)
    return [_whole_below(zoom * max(1, min(height // s[0], width // s[1]))) for s in shapes]


def block_mean(pixels: np.ndarray, zoom: Real) -> np.ndarray:
    """Average blocks of rows and columns (first two axes) where the zoom is below one."""
    if zoom >= 1:
        return pixels
    size = round(1 / zoom)
    total = np.asarray(pixels, dtype=np.float64)
    for axis in (0, 1):
        starts = np.arange(0, total.shape[axis], size)
        counts = np.diff(np.append(starts, total.shape[axis]))
        total = np.add.reduceat(total, starts, axis=axis)
        total = total / counts.reshape([-1 if i == axis else 1 for i in range(total.ndim)])
    return total


def place(axes: Axes, left: Real, bottom: Real, size: tuple[int, int]) -> None:
    """Put axes on the pixel grid, `size` rows and columns of pixels large, without frame and ticks."""
    corners = Bbox.from_bounds(round(left), round(bottom), size[1], size[0])
    axes.set_position(corners.transformed(axes.figure.transSubfigure.inverted()))


def place_within(axes: Axes, shape: Sequence[int], zoom: Real | None) -> Real:
    """Shrink axes to the pixels of an image, centred in the room they had; return the zoom that was used."""
    room = axes.get_position(original=True).transformed(axes.figure.transSubfigure)
    if zoom is None:
        zoom = zoom_to_fit(shape, room.height, room.width)
    rows, columns = shown_size(shape, zoom)
    if rows > room.height + 1 or columns > room.width + 1:
        raise InputError(
            f"The axes are {room.width:.0f} x {room.height:.0f} pixels, too small for an image of "
            f"{shape[1]} x {shape[0]} at zoom {zoom:g}; make the figure larger or the zoom smaller."
        )
    place(axes, room.x0 + (room.width - columns) / 2, room.y0 + (room.height - rows) / 2, (rows, columns))
    return zoom
