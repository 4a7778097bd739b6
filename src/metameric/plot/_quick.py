"""Axes and images that spare matplotlib the work it would do in vain for the figures of this package."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis, YAxis
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage

from metameric._core.panels import Real


class _Late:
    """One of the two lists in which an axis keeps its ticks, empty while the axes are made."""

    def __init__(self, name: str) -> None:
        self.usual: Any = vars(Axis).get(name)

    def __get__(self, axis: Any, owner: Any) -> Any:
        if axis is None or axis.in_the_making:
            return []
        # matplotlib makes the first tick as soon as it reads the list; the others are copies of it.
        ticks = self.usual.__get__(axis, owner)
        for tick in ticks:
            tick.set_clip_path(axis.axes.patch)
        return ticks


class _LateTicks:
    """An axis that makes its ticks when they are needed: never in pictures, and few in charts."""

    in_the_making = True
    majorTicks, minorTicks = _Late("majorTicks"), _Late("minorTicks")

    def get_minor_ticks(self, numticks: int | None = None) -> list[Any]:
        n = len(self.get_minorticklocs()) if numticks is None else numticks  # type: ignore[attr-defined]
        return super().get_minor_ticks(n) if n else []  # type: ignore[misc]


class _LateX(_LateTicks, XAxis):
    pass


class _LateY(_LateTicks, YAxis):
    pass


class QuickAxes(Axes):
    """Usual axes, made in half the time, since their ticks are made when they are needed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for axis in (self.xaxis, self.yaxis):
            vars(axis)["in_the_making"] = False

    def _init_axis(self) -> None:
        self.xaxis, self.yaxis = _LateX(self, clear=False), _LateY(self, clear=False)
        for axis, sides in ((self.xaxis, ("bottom", "top")), (self.yaxis, ("left", "right"))):
            for side in sides:
                self.spines[side].register_axis(axis)


# The hooks are matplotlib's own (3.9 to 3.11 have them): without them figures are slower, never wrong.
AXES: type[Axes] = QuickAxes if hasattr(Axes, "_init_axis") and hasattr(Axis, "majorTicks") else Axes


class PixelImage(AxesImage):
    """An image enlarged by a whole factor where it can be, and resampled by matplotlib where it cannot."""

    def make_image(self, renderer: Any, magnification: Real = 1.0, unsampled: bool = False) -> Any:
        """Return the picture (height, width, 4) of 8 bits, lowest row first, and where it goes."""
        box, zoom = self.get_window_extent(), self._whole_zoom()
        if not zoom or magnification != 1 or unsampled:
            return super().make_image(renderer, magnification, unsampled)
        pixels = self._colored()[::-1]
        if zoom > 1:
            pixels = pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)
        return np.ascontiguousarray(pixels), round(box.x0), round(box.y0), None

    def _whole_zoom(self) -> int:
        """Figure pixels for each value; zero where they are no whole number or the image is drawn otherwise."""
        rows, columns = self._values().shape[:2]
        box = self.get_window_extent()
        zoom = round(box.width / columns)
        left, bottom = round(box.x0), round(box.y0)
        wanted = np.array([left, bottom, left + zoom * columns, bottom + zoom * rows])
        # Axes that show a part of the image, or with a margin around it, leave the rest to matplotlib.
        fits = (np.abs(np.asarray(found.extents) - wanted).max() < 1e-3 for found in (box, self.axes.bbox))
        plain = self.get_interpolation() == "nearest" and self.origin == "upper" and self.get_alpha() is None
        return zoom if plain and all(fits) else 0

    def _values(self) -> Any:
        return self.get_array()

    def _colored(self) -> np.ndarray:
        """The same as `to_rgba`, in a fraction of the time where colours follow from values in proportion."""
        values, norm, cmap = self._values(), self.norm, self.get_cmap()
        data = np.ma.getdata(values)
        if data.ndim == 3 or type(norm) is not Normalize or norm.clip or data.dtype.kind != "f" or not norm.scaled():
            return np.asarray(self.to_rgba(values, bytes=True))
        low, high = np.float64(norm.vmin), np.float64(norm.vmax)
        # The table begins with the colour below the range, and ends with those above it and of missing values.
        n = cmap.N
        table = np.concatenate([cmap(np.arange(-1, n + 1), bytes=True), cmap([np.nan], bytes=True)])
        steps = data.copy()
        if low < high:
            steps -= low
            steps /= high - low
            steps *= n
            steps[steps == n] = n - 1
        else:
            steps[:] = 0
        np.floor(steps, out=steps)
        missing = np.isnan(steps)
        if np.ma.is_masked(values):
            missing |= np.ma.getmaskarray(values)
        index = np.where(missing, n + 1, np.clip(steps, -1, n)).astype(np.intp) + 1
        return table.view(np.uint32)[index].view(np.uint8)


def show_pixels(axes: Axes, pixels: np.ndarray, vmin: Real, vmax: Real, **kwargs: Any) -> PixelImage:
    """Show an image in axes that already have its size; the rest is passed on as by `Axes.imshow`."""
    aspect = kwargs.pop("aspect", "auto")
    norm = kwargs.pop("norm", None) or Normalize(vmin, vmax)
    artist = PixelImage(axes, norm=norm, **{"interpolation": "nearest", **kwargs})
    axes.set_aspect(aspect)
    artist.set_data(pixels)
    if artist.get_clip_path() is None:
        artist.set_clip_path(axes.patch)
    artist.set_extent(artist.get_extent())
    axes.add_image(artist)
    return artist
