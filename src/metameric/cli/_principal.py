"""`metameric principal`: the changes of an image that separate several models the best."""

from typing import Annotated

import typer

from metameric._synthesis._principal import PrincipalDistortions
from metameric.cli._app import app
from metameric.cli._inputs import begin, chosen_seeds, several_models
from metameric.cli._options import (
    Color,
    Context,
    Device,
    Dtype,
    Image,
    MaxIter,
    ModelOption,
    Models,
    Out,
    Resume,
    Seed,
    Size,
    Solver,
)
from metameric.cli._outputs import finish, length_of, new_folder, options_of, write_distortion
from metameric.io._checkpoint import Checkpoint
from metameric.stimuli._words import read_image, solver_options


@app.command()
def principal(
    context: Context,
    image: Image,
    models: Models,
    out: Out,
    model_option: ModelOption = None,
    k: Annotated[int, typer.Option("-k", "--k", help="Pairs of distortions.")] = 1,
    ridge: Annotated[float, typer.Option(min=0, help="Added to the Fisher information of every model.")] = 0.0,
    restarts: Annotated[int | None, typer.Option(min=1, help="Random starts.")] = None,
    scale: Annotated[float | None, typer.Option(help="Length of the distortions added to the image.")] = None,
    seed: Seed = None,
    size: Size = None,
    max_iter: MaxIter = 500,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    solver: Solver = "lbfgs",
    color: Color = False,
    resume: Resume = False,
) -> int:
    """Find the pairs of changes of IMAGE that separate the models; ends 0 if converged, 3 if not, 2 on bad input."""
    target, chosen = read_image(image, size, color, dtype, device), chosen_seeds(seed, None)
    length = length_of(scale, target)
    search = PrincipalDistortions(target, several_models(models, model_option or [], target), ridge)
    folder = new_folder(context)
    archive = folder / "result.safetensors"
    chosen = begin(search, archive, resume, chosen, n_restarts=restarts, **solver_options(solver))
    search.synthesize(k, max_iter, progress=None, observers=[Checkpoint(archive)])
    for i, pair in enumerate(search.distortions):
        for name, distortion in zip("ab", pair, strict=True):
            write_distortion(folder, f"{i}{name}", target, distortion[None], length)
    numbers = {"variance": search.variance, "log_ratios": search.log_ratios, "thresholds": search.thresholds}
    return finish(search, folder, options_of(context, scale=length, seeds=chosen), numbers)
