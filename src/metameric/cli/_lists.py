"""`metameric models` and `metameric images`: what there is."""

import importlib
import inspect

import typer

from metameric.cli._app import app
from metameric.stimuli._models import BUILT_IN


@app.command()
def models() -> None:
    """List the built-in models, with the options that --model-option takes."""
    package = importlib.import_module("metameric.models")
    for name in BUILT_IN:
        make = getattr(package, name)
        options = [
            p.name if p.default is inspect.Parameter.empty else f"{p.name}={p.default!r}"
            for p in inspect.signature(make).parameters.values()
            if not callable(p.default)
        ]
        first = (inspect.getdoc(make) or "").partition("\n")[0]
        typer.echo(f"{name}\n    {first}\n    options: {', '.join(options) or 'none'}")


@app.command()
def images() -> None:
    """List the bundled images, with their sizes."""
    data = importlib.import_module("metameric.data")
    for name in data.available():
        _, channels, height, width = data.image(name, as_gray=False).shape
        typer.echo(f"{name:24}{height:>6} x {width:<6}{'colour' if channels == 3 else 'grey'}")
