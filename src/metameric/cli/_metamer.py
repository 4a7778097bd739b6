"""`metameric metamer`: from an image to its metamer, with the numbers and a picture to judge it by."""

from typing import Annotated

import typer
from torch import Tensor

from metameric._core.errors import InputError
from metameric._synthesis._metamer import Metamer
from metameric._synthesis._start import STARTS
from metameric.cli._app import app
from metameric.cli._inputs import begin, chosen_seeds, make_model
from metameric.cli._options import (
    Color,
    Context,
    Device,
    Dtype,
    Image,
    MaxIter,
    Model,
    ModelOption,
    Out,
    Resume,
    Seed,
    Size,
    Solver,
)
from metameric.cli._outputs import finish, new_folder, options_of, write_stimuli
from metameric.io._checkpoint import Checkpoint
from metameric.stimuli._words import read_image, solver_options


@app.command()
def metamer(
    context: Context,
    image: Image,
    model: Model,
    out: Out,
    model_option: ModelOption = None,
    seed: Seed = None,
    seeds: Annotated[str | None, typer.Option(help="Several metamers of the image: 0-7 or 0,2,5.")] = None,
    size: Size = None,
    max_iter: MaxIter = 1000,
    tolerance: Annotated[float | None, typer.Option(help="Relative representation error to reach.")] = None,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    initial: Annotated[
        str, typer.Option(help="A bundled image, a file, noise, gaussian, random_phase, random_phase_histogram.")
    ] = "auto",
    solver: Solver = "lbfgs",
    color: Color = False,
    resume: Resume = False,
) -> int:
    """Synthesise metamers of IMAGE; ends 0 if all converged, 3 if not, 2 on bad input."""
    target = read_image(image, size, color, dtype, device)
    folder = new_folder(context)
    chosen = chosen_seeds(seed, seeds)
    synthesis = Metamer(target, make_model(model, model_option or [], target))
    archive = folder / "result.safetensors"
    start = None if resume and archive.exists() else _start(initial, size, target, chosen)
    chosen = begin(synthesis, archive, resume, chosen, initial_image=start, **solver_options(solver))
    synthesis.synthesize(max_iter, tolerance=tolerance, observers=[Checkpoint(archive)])
    write_stimuli(folder, "metamer", synthesis.metamer, chosen)
    return finish(synthesis, folder, options_of(context, seeds=chosen))


def _start(initial: str, size: int | None, target: Tensor, seeds: list[int]) -> Tensor | str | None:
    if initial == "auto" or initial in STARTS:
        return None if initial == "auto" else initial
    if len(seeds) > 1:
        raise InputError(
            f"--seeds with several seeds needs a random start: leave --initial out, or {', '.join(STARTS)}."
        )
    return read_image(initial, size, target.shape[1] == 3, "float32", "cpu").to(target)
