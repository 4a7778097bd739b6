"""Files that the commands write."""

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer
from torch import Tensor

from metameric._core.errors import InputError
from metameric._solve._status import Status
from metameric.cli._app import INTERRUPTED, NOT_CONVERGED
from metameric.cli._earlier import check_resumed, kept_options
from metameric.cli._options import Context
from metameric.io._png import save_png
from metameric.stimuli._files import write_json

VISIBLE = 0.04
"""Root mean square, over the picture, of the distortion that is added to it by default: enough to see."""


def new_folder(context: Context) -> Path:
    """Return the folder of --out, made if it is missing; one that holds another run needs --resume."""
    path: Path = context.params["out"]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {path} cannot be made: {error.strerror}.") from error
    if not os.access(path, os.W_OK):
        raise InputError(f"--out {path} cannot be written to.")
    if context.params.get("resume"):
        check_resumed(context)
    elif any((path / name).exists() for name in ("result.json", "result.safetensors")):
        go_on = ", or --resume to go on with it" if "resume" in context.params else ""
        raise InputError(f"--out {path} holds the results of an earlier run; give another folder{go_on}.")
    return path


def options_of(context: Context, **settled: Any) -> dict[str, Any]:
    """Return all options of a command, for the record: as given, or as they were `settled` in the run."""
    given = {name: value for name, value in context.params.items() if name not in ("out", "resume")}
    given |= kept_options(context)
    if "seeds" in settled:
        given.pop("seed", None)
    return {**given, **settled}


def write_stimuli(folder: Path, name: str, stimuli: Tensor, labels: list[int]) -> None:
    """Write each image of a batch as 8-bit and 16-bit PNG; the labels tell several apart."""
    if stimuli.ndim != 4 or stimuli.shape[1] not in (1, 3):
        return  # not pictures: the tensors are in the archive
    for label, stimulus in zip(labels, stimuli.detach().clamp(0, 1), strict=True):
        stem = name if len(labels) == 1 else f"{name}-seed{label}"
        save_png(folder / f"{stem}.png", stimulus, bits=8)
        save_png(folder / f"{stem}-16bit.png", stimulus, bits=16)


def write_set(folder: Path, name: str, sets: Tensor, labels: list[int]) -> None:
    """Write every member of each set (batch, members, ...)."""
    for label, members in zip(labels, sets, strict=True):
        stem = name if len(labels) == 1 else f"{name}-seed{label}"
        for i, member in enumerate(members):
            write_stimuli(folder, f"{stem}-{i:0{len(str(len(members) - 1))}d}", member[None], [label])


def write_distortion(folder: Path, name: str, image: Tensor, distortion: Tensor, length: float) -> None:
    """Write a distortion around mid-grey, as strong as can be shown, and the image with `length` times it."""
    write_stimuli(folder, f"distortion-{name}", 0.5 + distortion / (2 * distortion.abs().max()), [0])
    write_stimuli(folder, f"image-plus-distortion-{name}", image + length * distortion, [0])


def length_of(scale: float | None, image: Tensor) -> float:
    """Return the length of the distortions that are added to the image: `scale`, or enough to see."""
    if scale is None:
        return VISIBLE * math.sqrt(image[0].numel())
    if not math.isfinite(scale) or scale <= 0:
        raise InputError(f"--scale is {scale}; expected a length above zero.")
    return scale


def finish(
    synthesis: Any, folder: Path, options: Mapping[str, Any], numbers: Mapping[str, Tensor] | None = None
) -> int:
    """Write numbers and, of pictures, status figure and page; print the summary, and return the exit code.

    `numbers` are results beyond the figures of the summary, for the JSON file.
    """
    from metameric.plot._files import save_figure
    from metameric.plot._page import report
    from metameric.plot._status import synthesis_status
    from metameric.plot._views import view_of, with_target

    result = synthesis.result
    more = {name: value.detach().cpu().tolist() for name, value in (numbers or {}).items()}
    write_json(folder / "result.json", {**result.to_dict(), **more, "options": dict(options)})
    if result.stimulus.ndim > 3 and result.stimulus.shape[-3] in (1, 3):  # others are no pictures
        save_figure(synthesis_status(synthesis, included_plots=with_target(view_of(synthesis))), folder / "status.png")
        report(synthesis, folder / "report.html")
    typer.echo(result.summary())
    typer.echo(f"written to {folder}")
    return exit_code(result.status)


def exit_code(statuses: Iterable[Status]) -> int:
    """Return 0 if all converged, 130 if Ctrl-C cut any short, else 3."""
    found = set(statuses)
    if Status.INTERRUPTED in found:
        return INTERRUPTED
    return 0 if all(status.succeeded for status in found) else NOT_CONVERGED
