"""`metameric diverse`: metamers of one image that are as different as metamers can be."""

from typing import Annotated

import typer

from metameric._synthesis._diverse_metamers import DiverseMetamers
from metameric.cli._app import app
from metameric.cli._inputs import begin, chosen_seeds, make_model
from metameric.cli._options import (
    Color,
    Context,
    Device,
    Dtype,
    Image,
    MaxIter,
    Measure,
    Model,
    ModelOption,
    Out,
    Resume,
    Seed,
    Size,
)
from metameric.cli._outputs import finish, new_folder, options_of, write_set
from metameric.io._checkpoint import Checkpoint
from metameric.stimuli._words import read_image


@app.command()
def diverse(
    context: Context,
    image: Image,
    model: Model,
    out: Out,
    n: Annotated[int, typer.Option("-n", "--n", help="Metamers in the set.")] = 4,
    model_option: ModelOption = None,
    tolerance: Annotated[float | None, typer.Option(help="Relative representation error that each must keep.")] = None,
    spreading: Annotated[int, typer.Option(help="Iterations of spreading, at most.")] = 300,
    measure: Measure = "mean",
    seed: Seed = None,
    size: Size = None,
    max_iter: MaxIter = 1000,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    color: Color = False,
    resume: Resume = False,
) -> int:
    """Synthesise N metamers of IMAGE, as far apart as possible; ends 0 if all are within, 3 if not, 2 on bad input."""
    target, chosen = read_image(image, size, color, dtype, device), chosen_seeds(seed, None)
    made = make_model(model, model_option or [], target)
    search = DiverseMetamers(target, made, n, tolerance, spreading=spreading, measure=measure)
    folder = new_folder(context)
    archive = folder / "result.safetensors"
    chosen = begin(search, archive, resume, chosen)
    search.synthesize(max_iter, progress=None, observers=[Checkpoint(archive)])
    write_set(folder, "metamer", search.stimulus, chosen)
    return finish(
        search, folder, options_of(context, seeds=chosen), {"errors": search.errors, "distances": search.distances}
    )
