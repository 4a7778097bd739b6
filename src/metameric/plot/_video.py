"""Frames to files: movies through ffmpeg, animated pictures through Pillow."""

import contextlib
import itertools
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from metameric._core.errors import FileError, InputError, MissingDependencyError
from metameric._core.panels import Real

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

MOVIES = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
PICTURES = (".gif", ".webp")
_PIPE = 1 << 20


def has_ffmpeg() -> bool:
    """Whether the ffmpeg program can be found."""
    return shutil.which("ffmpeg") is not None


def check_suffix(path: Path) -> None:
    """Raise an error where a file cannot be written for want of a writer."""
    if path.suffix not in (*MOVIES, *PICTURES, ".html"):
        known = ", ".join((*MOVIES, *PICTURES, ".html"))
        raise InputError(f"Animations cannot be saved as {path.suffix or path.name!r}; expected one of {known}.")
    if path.suffix in MOVIES and not has_ffmpeg():
        raise MissingDependencyError(
            f"ffmpeg is not installed, which {path.suffix} needs; install it, or save as .gif or .webp."
        )


def write_frames(path: Path, frames: Iterator[np.ndarray], framerate: Real, repeat: bool) -> None:
    """Write (height, width, 4) frames of 8 bits: red, green, blue and a value that does not count."""
    if path.suffix in MOVIES:
        _write_movie(path, frames, framerate)
    else:
        _write_picture(path, frames, framerate, repeat)


def _write_movie(path: Path, frames: Iterator[np.ndarray], framerate: Real) -> None:
    first = next(frames)
    height, width = first.shape[:2]
    codec = ["-c:v", "libvpx-vp9", "-crf", "20", "-b:v", "0"]
    if path.suffix != ".webm":
        codec = ["-c:v", "libx264", "-preset", "superfast", "-crf", "16", "-movflags", "+faststart"]
    command = ["ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb0", "-s", f"{width}x{height}"]
    # The usual chroma subsampling needs even sizes; players know nothing else.
    command += ["-r", f"{framerate}", "-i", "-", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white"]
    command += [*codec, "-pix_fmt", "yuv420p", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        # A broken pipe means that ffmpeg gave up; its message says why.
        with contextlib.suppress(BrokenPipeError):
            _feed(process.stdin, itertools.chain([first], frames), np.stack([first, first]))  # type: ignore[arg-type]
        _, message = process.communicate()
    if process.returncode:
        raise FileError(f"ffmpeg could not write {path}: {message.decode(errors='replace').strip()}")


def _feed(pipe: IO[bytes], frames: Iterator[np.ndarray], buffers: np.ndarray) -> None:
    """Write frames from a thread of its own: the next one is drawn while ffmpeg takes the last one."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        # A wide pipe spares the two programs most of their waiting for each other; the system may refuse it.
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
    with ThreadPoolExecutor(1) as writer:
        written: Future[int] | None = None
        for frame, buffer in zip(frames, itertools.cycle(buffers), strict=False):
            buffer[:] = frame
            if written is not None:
                written.result()
            written = writer.submit(pipe.write, buffer.data)
        if written is not None:
            written.result()


def _write_picture(path: Path, frames: Iterator[np.ndarray], framerate: Real, repeat: bool) -> None:
    images: Iterator[Image.Image] = (
        Image.frombytes("RGB", frame.shape[1::-1], frame.data, "raw", "RGBX") for frame in frames
    )
    options: dict[str, Any] = {"save_all": True, "duration": round(1000 / framerate)}
    if path.suffix == ".gif":
        images = _with_one_palette(images)
        options |= {"disposal": 1, "optimize": False, **({"loop": 0} if repeat else {})}
    else:
        options |= {"lossless": True, "method": 0, "quality": 0, "loop": 0 if repeat else 1}
    first = next(images)
    first.save(path, append_images=images, **options)


def _with_one_palette(images: Iterator[Image.Image]) -> Iterator[Image.Image]:
    # One palette for all frames, without dithering: flat areas stay flat and frames compress against each other.
    first = next(images)
    palette = first.quantize(256, method=Image.Quantize.MEDIANCUT)
    for image in itertools.chain([first], images):
        yield image.quantize(palette=palette, dither=Image.Dither.NONE)
