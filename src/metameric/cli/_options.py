"""Options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metameric.stimuli._words import LAST_SEED

if TYPE_CHECKING:
    from typer import Context
else:
    # What commands are given is of the class that typer's own, made for annotations, derives from.
    Context = typer.Context.__base__

Image = Annotated[str, typer.Argument(help="A bundled image's name or a file.")]
Out = Annotated[Path, typer.Option(help="Folder for the results.")]
Model = Annotated[
    str,
    typer.Option(help="A built-in model, or your own as module:attribute or file.py:attribute.", show_default=False),
]
Models = Annotated[list[str], typer.Option(help="Two or more: built-in models, or your own as module:attribute.")]
ModelOption = Annotated[
    list[str] | None, typer.Option(help="key=value; may be repeated. layer=NAME: a layer of a network.")
]
Shape = Annotated[str, typer.Option(help="Of a stimulus: height,width or channels,height,width.")]
Seed = Annotated[int | None, typer.Option(min=0, max=LAST_SEED, help="Seed of the starting noise.")]
Seeds = Annotated[str | None, typer.Option(help="Several starts: 0-7 or 0,2,5.")]
Size = Annotated[int | None, typer.Option(help="Resize the central square to this many pixels.")]
MaxIter = Annotated[int, typer.Option(min=0, help="Iterations at most.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")]
Dtype = Annotated[str, typer.Option(help="float32 or float64.")]
Solver = Annotated[str, typer.Option(help="lbfgs, or an optimizer of torch.optim.")]
Color = Annotated[bool, typer.Option("--color", help="Keep the colours of the image.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what the folder holds.")]
Measure = Annotated[str, typer.Option(help="Of the distances in a set: mean or min.")]
