"""`metameric metamer`: from an image to its metamer, with the numbers and a picture to judge it by."""

from pathlib import Path
from typing import Annotated

import typer
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.random import fresh_seed
from metameric._synthesis._metamer import Metamer
from metameric._synthesis._start import STARTS
from metameric.cli._app import NOT_CONVERGED, app
from metameric.cli._inputs import make_model
from metameric.cli._outputs import new_folder, write_stimuli
from metameric.io._checkpoint import Checkpoint
from metameric.stimuli._files import write_json
from metameric.stimuli._words import parse_seeds, read_image, solver_options


@app.command()
def metamer(
    image: Annotated[str, typer.Argument(help="A bundled image's name or a file.")],
    model: Annotated[str, typer.Option(help="A built-in model, or your own as module:attribute or file.py:attribute.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    model_option: Annotated[list[str] | None, typer.Option(help="key=value; may be repeated.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the starting noise.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Several metamers of the image: 0-7 or 0,2,5.")] = None,
    size: Annotated[int | None, typer.Option(help="Resize the central square to this many pixels.")] = None,
    max_iter: Annotated[int, typer.Option(min=0, help="Iterations at most.")] = 1000,
    tolerance: Annotated[float | None, typer.Option(help="Relative representation error to reach.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    initial: Annotated[
        str, typer.Option(help="A bundled image, a file, noise, gaussian, random_phase, random_phase_histogram.")
    ] = "auto",
    solver: Annotated[str, typer.Option(help="lbfgs, or an optimizer of torch.optim.")] = "lbfgs",
    color: Annotated[bool, typer.Option("--color", help="Keep the colours of the image.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what the folder holds.")] = False,
) -> int:
    """Synthesise metamers of IMAGE; ends 0 if all converged, 3 if not, 2 on bad input."""
    target = read_image(image, size, color, dtype, device)
    folder = new_folder(out)
    chosen = parse_seeds(seeds) if seeds else [fresh_seed() if seed is None else seed]
    synthesis = Metamer(target, make_model(model, model_option or [], target))
    archive = folder / "result.safetensors"
    if resume and archive.exists():
        synthesis.load(archive)
        chosen = synthesis.seeds or chosen
    else:
        synthesis.setup(_start(initial, target, chosen), seed=chosen, **solver_options(solver))
    result = synthesis.synthesize(max_iter, tolerance=tolerance, observers=[Checkpoint(archive)])
    write_stimuli(folder, "metamer", synthesis.metamer, chosen)
    options: dict[str, object] = {"image": image, "model": model, "model_option": model_option or [], "size": size}
    options |= {"seeds": chosen, "max_iter": max_iter, "tolerance": tolerance, "device": device, "dtype": dtype}
    write_json(
        folder / "result.json", {**result.to_dict(), "options": {**options, "initial": initial, "solver": solver}}
    )
    _picture(synthesis, folder)
    typer.echo(result.summary())
    typer.echo(f"written to {folder}")
    return 0 if result.converged else NOT_CONVERGED


def _start(initial: str, target: Tensor, seeds: list[int]) -> Tensor | str | None:
    if initial == "auto" or initial in STARTS:
        return None if initial == "auto" else initial
    if len(seeds) > 1:
        raise InputError(
            f"--seeds with several seeds needs a random start: leave --initial out, or {', '.join(STARTS)}."
        )
    return read_image(initial, None, target.shape[1] == 3, "float32", "cpu").to(target)


def _picture(synthesis: Metamer, folder: Path) -> None:
    from metameric.plot._files import save_figure
    from metameric.plot._page import report
    from metameric.plot._status import synthesis_status
    from metameric.plot._views import view_of, with_target

    save_figure(synthesis_status(synthesis, included_plots=with_target(view_of(synthesis))), folder / "status.png")
    if synthesis.image.shape[1] in (1, 3):
        report(synthesis, folder / "report.html")
