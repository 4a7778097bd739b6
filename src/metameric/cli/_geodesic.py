"""`metameric geodesic`: the straightest way from one image to another, as a model sees it."""

from typing import Annotated

import typer

from metameric._synthesis._geodesic import Geodesic
from metameric.cli._app import app
from metameric.cli._inputs import begin, make_model
from metameric.cli._options import Color, Context, Device, Dtype, MaxIter, Model, ModelOption, Out, Resume, Size, Solver
from metameric.cli._outputs import finish, new_folder, options_of, write_set
from metameric.io._checkpoint import Checkpoint
from metameric.stimuli._words import read_image, solver_options


@app.command()
def geodesic(
    context: Context,
    a: Annotated[str, typer.Argument(help="Where to start: a bundled image's name or a file.")],
    b: Annotated[str, typer.Argument(help="Where to end.")],
    model: Model,
    out: Out,
    model_option: ModelOption = None,
    steps: Annotated[int, typer.Option(help="Steps from A to B.")] = 10,
    conditional: Annotated[
        bool, typer.Option("--conditional", help="The shortest in pixels of all geodesics.")
    ] = False,
    size: Size = None,
    max_iter: MaxIter = 500,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    solver: Solver = "lbfgs",
    color: Color = False,
    resume: Resume = False,
) -> int:
    """Find the frames of the straightest way from A to B; ends 0 if converged, 3 if not, 2 on bad input."""
    start, end = (read_image(name, size, color, dtype, device) for name in (a, b))
    made = make_model(model, model_option or [], start)
    search = Geodesic(start, end, made, steps, conditional=conditional)
    folder = new_folder(context)
    archive = folder / "result.safetensors"
    begin(search, archive, resume, [0], **solver_options(solver))
    search.synthesize(max_iter, progress=None, observers=[Checkpoint(archive)])
    write_set(folder, "frame", search.stimulus, [0])
    return finish(search, folder, options_of(context), {"optimality_gap": search.optimality_gap})
