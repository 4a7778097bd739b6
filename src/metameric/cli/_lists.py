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
        rgb = data.image(name, as_gray=False)
        grey = bool((rgb == rgb[:, :1]).all())
        typer.echo(f"{name:24}{rgb.shape[2]:>6} x {rgb.shape[3]:<6}{'grey' if grey else 'colour'}")
