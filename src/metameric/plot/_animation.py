"""Animations that redraw only what moves, to MP4, GIF, WebP or HTML."""

import base64
import contextlib
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from tqdm.auto import tqdm

from metameric._core.errors import InputError
from metameric._core.panels import Real
from metameric.plot._pixels import PixelFigure, unhinted
from metameric.plot._video import check_suffix, has_ffmpeg, write_frames

_OWN_WRITERS = (None, "ffmpeg", "pillow")
_Pieces = dict[tuple[Artist, int], str | None]


class PixelAnimation(FuncAnimation):
    """A matplotlib animation that also renders itself frame by frame, drawing the still parts once.

    Parameters
    ----------
    figure
        The figure, as it looks at the first frame.
    update
        Puts one frame into the figure, in place, and returns the artists that moved.
    n_frames
        Number of frames.
    framerate
        Frames per second.
    repeat
        Whether to begin again after the last frame.
    redraw_at
        Frames at which everything has to be drawn anew, since axes change.
    """

    def __init__(
        self,
        figure: Figure,
        update: Callable[[int], Sequence[Artist]],
        n_frames: int,
        framerate: Real,
        repeat: bool = False,
        redraw_at: Collection[int] = (),
    ) -> None:
        if not 0 < framerate < float("inf"):
            raise InputError(f"framerate is {framerate}; expected frames per second, above 0.")
        self.figure, self.n_frames, self.framerate, self.repeat = figure, n_frames, framerate, repeat
        self._put_frame, self._redraw_at = update, frozenset(redraw_at)
        # Only windows gain from matplotlib's own blitting, which keeps what moves out of saved figures.
        blit = not redraw_at and figure.canvas.required_interactive_framework is not None
        super().__init__(figure, update, frames=n_frames, interval=1000 / framerate, repeat=repeat, blit=blit)

    def __del__(self) -> None:
        # matplotlib warns here about animations that were not rendered by itself; ours render frames directly.
        return None

    def frames(self, dpi: Real | None = None) -> Iterator[np.ndarray]:
        """Render the frames one by one, each (height, width, 3) of 8 bits; the array is valid until the next one."""
        for pixels in self._rendered(dpi):
            yield pixels[..., :3]

    def _rendered(self, dpi: Real | None) -> Iterator[np.ndarray]:
        with _rendering(self.figure, dpi) as canvas:
            moving = [a for a in self._put_frame(0) if a is not None]
            layers = _Layers(canvas)
            with _apart(moving):
                for i in range(self.n_frames):
                    moving = sorted(self._put_frame(i), key=lambda a: a.get_zorder())
                    layers.draw(moving, anew=i == 0 or i in self._redraw_at)
                    yield np.asarray(canvas.buffer_rgba())

    def save(
        self,
        filename: str | Path,
        writer: Any = None,
        fps: int | None = None,
        dpi: Real | None = None,
        *args: Any,
        progress: bool | None = None,
        progress_callback: Callable[[int, int], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write the animation: .mp4, .mov, .mkv and .webm through ffmpeg, .gif and .webp through Pillow, .html.

        Parameters
        ----------
        filename
            Where to write; the suffix says what.
        writer
            Leave out; another writer of matplotlib than ffmpeg and Pillow is used as matplotlib would.
        fps
            Frames per second, by default those of the animation.
        dpi
            Figure pixels per inch, by default those of the figure; whole multiples keep pixels whole.
        progress
            Show a progress bar; by default only in a terminal or notebook.
        progress_callback
            Called with the number of the frame and the number of frames.

        Raises
        ------
        MissingDependencyError
            If a movie is asked for and ffmpeg is not installed.
        InputError
            If the suffix is not known.
        """
        if writer not in _OWN_WRITERS or args or kwargs:
            super().save(str(filename), writer, fps, dpi, *args, progress_callback=progress_callback, **kwargs)
            return
        path = Path(filename)
        check_suffix(path)
        if path.suffix == ".html":
            path.write_text(f"<!doctype html><meta charset=utf-8><title>{path.stem}</title>{self.to_html5_video()}")
            return
        frames = self._watched(dpi, progress, progress_callback)
        write_frames(path, frames, fps or self.framerate, repeat=self.repeat)

    def _watched(
        self, dpi: Real | None, progress: bool | None, callback: Callable[[int, int], Any] | None
    ) -> Iterator[np.ndarray]:
        # tqdm's disable=None means: no bar where the output is not a terminal.
        hide = None if progress is None else not progress
        for i, frame in enumerate(
            tqdm(self._rendered(dpi), total=self.n_frames, disable=hide, unit="frame", leave=False)
        ):
            yield frame
            if callback is not None:
                callback(i, self.n_frames)

    def to_html5_video(self, embed_limit: Real | None = None) -> str:
        """Return an HTML element that holds the animation itself: a video, or a picture where ffmpeg is missing."""
        suffix = ".mp4" if has_ffmpeg() else ".webp"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"animation{suffix}")
            self.save(path)
            content = path.read_bytes()
        limit = float(mpl.rcParams["animation.embed_limit"]) if embed_limit is None else embed_limit
        if len(content) > limit * 1e6:
            return f"<p>The animation takes {len(content) / 1e6:.1f} MB, more than {limit:g}; save it to a file.</p>"
        data = base64.b64encode(content).decode()
        width, height = self.figure.bbox.size
        size = f'width="{width:.0f}" height="{height:.0f}" style="max-width:100%;height:auto"'
        if suffix == ".webp":
            return f'<img {size} alt="animation" src="data:image/webp;base64,{data}">'
        again = "loop " if self.repeat else ""
        return f'<video {size} controls autoplay muted {again}src="data:video/mp4;base64,{data}"></video>'

    def _repr_html_(self) -> str:
        if mpl.rcParams["animation.html"] == "jshtml":
            return str(super()._repr_html_())
        return self.to_html5_video()


class _Layers:
    """Three layers of a frame: what never moves, lines of text that say the same as before, and the rest."""

    def __init__(self, canvas: FigureCanvasAgg) -> None:
        self.canvas = canvas
        self._still: Any = None
        self._ground: Any = None
        self._on_ground: _Pieces = {}
        self._before: _Pieces = {}

    def draw(self, moving: Sequence[Artist], anew: bool) -> None:
        """Put a frame on the canvas. Text is the dearest thing to draw, so lines that stay join the ground."""
        pieces = _pieces(moving)
        steady: _Pieces = {
            key: text for key, text in pieces.items() if text is not None and self._before.get(key) == text
        }
        if anew:
            self.canvas.draw()
            self._still = self.canvas.copy_from_bbox(self.canvas.figure.bbox)
        if anew or steady != self._on_ground:
            self.canvas.restore_region(self._still)
            self._draw(steady)
            self._ground, self._on_ground = self.canvas.copy_from_bbox(self.canvas.figure.bbox), steady
        self.canvas.restore_region(self._ground)
        self._draw({key: text for key, text in pieces.items() if key not in steady})
        self._before = pieces

    def _draw(self, pieces: _Pieces) -> None:
        renderer = self.canvas.get_renderer()
        with unhinted() if isinstance(self.canvas.figure, PixelFigure) else contextlib.nullcontext():
            for (artist, _), text in pieces.items():
                if text is None or not isinstance(artist, Text):
                    artist.draw(renderer)
                    continue
                whole = artist.get_text()
                artist.set_text(text)
                artist.draw(renderer)
                artist.set_text(whole)


def _pieces(moving: Sequence[Artist]) -> _Pieces:
    """Texts line by line, the other lines of each left empty to keep its place; other artists as they are."""
    found: _Pieces = {}
    for artist in moving:
        if isinstance(artist, Text):
            lines = artist.get_text().split("\n")
            for i, line in enumerate(lines):
                found[artist, i] = "\n" * i + line + "\n" * (len(lines) - 1 - i)
        else:
            found[artist, 0] = None
    return found


@contextlib.contextmanager
def _rendering(figure: Figure, dpi: Real | None) -> Iterator[FigureCanvasAgg]:
    """Lend an Agg canvas at some resolution, and leave the figure as it was."""
    canvas, resolution = figure.canvas, figure.dpi
    try:
        if dpi is not None:
            figure.dpi = dpi
        lent = canvas if isinstance(canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
        yield lent
    finally:
        figure.set_canvas(canvas)
        figure.dpi = resolution


@contextlib.contextmanager
def _apart(artists: Sequence[Artist]) -> Iterator[None]:
    """Keep artists out of ordinary drawing for a while."""
    before = [artist.get_animated() for artist in artists]
    for artist in artists:
        artist.set_animated(True)
    try:
        yield
    finally:
        for artist, value in zip(artists, before, strict=True):
            artist.set_animated(value)
