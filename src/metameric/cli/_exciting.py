"""`metameric exciting`: the stimuli that drive a unit, a channel or a layer the most, or the least."""

from typing import Annotated

import typer

from metameric._core.errors import InputError
from metameric._objective._exciting import UnitResponse
from metameric._synthesis._exciting import MostExcitingInput
from metameric.cli._app import app
from metameric.cli._inputs import begin, blank, chosen_seeds, interval, make_model, whole_numbers
from metameric.cli._options import (
    Context,
    Device,
    Dtype,
    MaxIter,
    Model,
    ModelOption,
    Out,
    Resume,
    Seed,
    Seeds,
    Shape,
    Solver,
)
from metameric.cli._outputs import finish, new_folder, options_of, write_stimuli
from metameric.io._checkpoint import Checkpoint
from metameric.stimuli._words import solver_options


@app.command()
def exciting(
    context: Context,
    model: Model,
    image_shape: Shape,
    out: Out,
    model_option: ModelOption = None,
    channel: Annotated[int | None, typer.Option(help="Drive this channel, averaged over positions.")] = None,
    unit: Annotated[str | None, typer.Option(help="Drive one unit, such as 3,10,12: channel, row, column.")] = None,
    layer: Annotated[bool, typer.Option("--layer", help="Drive the mean of all responses.")] = False,
    against: Annotated[str | None, typer.Option(help="Set a channel against all others: others or softmax.")] = None,
    least: Annotated[bool, typer.Option("--least", help="Find the least exciting input instead.")] = False,
    mean: Annotated[float, typer.Option(help="Mean of the stimulus.")] = 0.5,
    std: Annotated[float, typer.Option(help="Its standard deviation; 0 leaves mean and contrast free.")] = 0.2,
    allowed_range: Annotated[str, typer.Option("--range", help="low,high of its values, or none.")] = "0,1",
    starts: Annotated[int, typer.Option(help="Noise images tried for each; the best goes on.")] = 1,
    kicks: Annotated[int, typer.Option(help="How often to add noise to the best and climb again.")] = 0,
    seed: Seed = None,
    seeds: Seeds = None,
    max_iter: MaxIter = 500,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    solver: Solver = "lbfgs",
    resume: Resume = False,
) -> int:
    """Synthesise stimuli that drive a response; ends 0 if all converged, 3 if not, 2 on bad input."""
    chosen, like = chosen_seeds(seed, seeds), blank(image_shape, dtype, device)
    response = UnitResponse(make_model(model, model_option or [], like), _index(channel, unit, layer), against)
    limits = interval(allowed_range, "--range")
    search = MostExcitingInput(
        response,
        (1, *like.shape[1:]),
        mean=mean if std else None,
        std=std or None,
        allowed_range=limits,
        least=least,
        dtype=like.dtype,
        device=like.device,
    )
    folder = new_folder(context)
    archive = folder / "result.safetensors"
    chosen = begin(search, archive, resume, chosen, n_starts=starts, **solver_options(solver))
    search.synthesize(max_iter, kicks=kicks, progress=None, observers=[Checkpoint(archive)])
    write_stimuli(folder, "stimulus", search.stimulus, chosen)
    return finish(search, folder, options_of(context, seeds=chosen))


def _index(channel: int | None, unit: str | None, layer: bool) -> int | list[int] | None:
    if (channel is not None) + (unit is not None) + layer != 1:
        raise InputError("expected one of --channel, --unit and --layer, to say what is to be driven.")
    return channel if unit is None else whole_numbers(unit, "--unit", "whole numbers such as 3,10,12")
