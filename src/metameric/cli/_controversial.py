"""`metameric controversial`: stimuli that classifiers put, with confidence, into different classes."""

from typing import Annotated

import typer

from metameric._core.errors import InputError
from metameric._synthesis._controversial import ControversialStimuli
from metameric.cli._app import app
from metameric.cli._inputs import begin, blank, chosen_seeds, interval, several_models, whole_numbers
from metameric.cli._options import (
    Context,
    Device,
    Dtype,
    MaxIter,
    ModelOption,
    Models,
    Out,
    Resume,
    Seed,
    Shape,
    Solver,
)
from metameric.cli._outputs import finish, new_folder, options_of, write_stimuli
from metameric.io._checkpoint import Checkpoint
from metameric.stimuli._words import solver_options


@app.command()
def controversial(
    context: Context,
    models: Models,
    targets: Annotated[
        list[str], typer.Option(help="The class that each model should see: 3,7; several stimuli: 3,7 2,0.")
    ],
    image_shape: Shape,
    out: Out,
    model_option: ModelOption = None,
    readout: Annotated[str, typer.Option(help="sigmoid or softmax.")] = "sigmoid",
    restarts: Annotated[int, typer.Option(help="Starts, at most, for a stimulus.")] = 5,
    enough: Annotated[float, typer.Option(help="Score with which a stimulus needs no other start.")] = 0.85,
    allowed_range: Annotated[str, typer.Option("--range", help="low,high of its values.")] = "0,1",
    seed: Seed = None,
    max_iter: MaxIter = 1000,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    solver: Solver = "lbfgs",
    resume: Resume = False,
) -> int:
    """Synthesise stimuli that the models class differently; ends 0 if all converged, 3 if not, 2 on bad input."""
    like, first = blank(image_shape, dtype, device), chosen_seeds(seed, None)[0]
    wanted = [whole_numbers(word, "--targets", "a class for each model, such as 3,7") for word in targets]
    made = several_models(models, model_option or [], like)
    search = ControversialStimuli(
        made,
        _table(wanted, len(made)),
        like.shape[1:],
        readout,
        allowed_range=interval(allowed_range, "--range") or (0.0, 1.0),
        dtype=like.dtype,
        device=like.device,
    )
    folder = new_folder(context)
    archive = folder / "result.safetensors"
    chosen = begin(search, archive, resume, [first + i for i in range(len(wanted))], **solver_options(solver))
    search.synthesize(max_iter, progress=None, observers=[Checkpoint(archive)], restarts=restarts, enough=enough)
    write_stimuli(folder, "stimulus", search.stimulus, chosen)
    return finish(search, folder, options_of(context, seeds=chosen))


def _table(targets: list[list[int]], n_models: int) -> list[list[int]]:
    for row in targets:
        if len(row) != n_models:
            shown = ",".join(map(str, row))
            raise InputError(f"--targets has {shown}; expected a class for each of {n_models} models, such as 3,7.")
    return targets
