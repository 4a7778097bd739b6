"""`metameric compare`: metric values of two image files, or of the files of the same name in two folders."""

import json
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from metameric._core.batched import each
from metameric._core.errors import InputError
from metameric.cli._app import app
from metameric.stimuli._metrics import chosen_metrics
from metameric.stimuli._words import is_bundled, read_image

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".pgm", ".ppm", ".webp")


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="An image file, a bundled image's name, or a folder.")],
    b: Annotated[str, typer.Argument(help="The same, to compare with.")],
    metrics: Annotated[
        list[str], typer.Option(help="mse, ssim, ms_ssim, nlpd, a built-in model, or your own module:attribute.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    color: Annotated[bool, typer.Option("--color", help="Compare colours, averaging over channels.")] = False,
) -> None:
    """Print the values of metrics between A and B."""
    rows = {}
    for label, first, second in _pairs(a, b):
        images = [read_image(name, None, color, dtype, device) for name in (first, second)]
        rows[label] = _values(images[0], images[1], metrics, label)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    width = max(len("image"), *map(len, rows))
    typer.echo(" ".join([f"{'image':{width}}", *(f"{name:>12}" for name in metrics)]))
    for label, values in rows.items():
        typer.echo(" ".join([f"{label:{width}}", *(f"{values[name]:>12.6g}" for name in metrics)]))


@torch.no_grad()
def _values(first: Tensor, second: Tensor, metrics: list[str], label: str) -> dict[str, float]:
    if first.shape != second.shape:
        raise InputError(
            f"{label}: the images have shapes {tuple(first.shape)} and {tuple(second.shape)}; expected equal ones."
        )
    found = {}
    for name, metric in chosen_metrics(metrics, first, distances=False).items():
        found[name] = float(each(metric)(first, second))
    return found


def _pairs(a: str, b: str) -> list[tuple[str, str, str]]:
    """Return label and both images of each comparison."""
    folders = [Path(name) for name in (a, b)]
    are_folders = [folder.is_dir() and not is_bundled(name) for folder, name in zip(folders, (a, b), strict=True)]
    if not any(are_folders):
        return [(Path(a).name, a, b)]
    if not all(are_folders):
        raise InputError(f"{a} and {b}: expected two images or two folders.")
    names = [sorted(p.name for p in folder.iterdir() if p.suffix.lower() in SUFFIXES) for folder in folders]
    shared = [name for name in names[0] if name in names[1]]
    if not shared:
        raise InputError(f"{a} and {b} have no image files of the same name.")
    alone = sorted(set(names[0]) ^ set(names[1]))
    if alone:
        typer.echo(f"metameric: only in one folder, left out: {', '.join(alone)}", err=True)
    return [(name, str(folders[0] / name), str(folders[1] / name)) for name in shared]
