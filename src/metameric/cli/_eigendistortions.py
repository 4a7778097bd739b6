"""`metameric eigendistortions`: the changes of an image that a model notices most and least."""

from pathlib import Path
from typing import Annotated

import typer
from safetensors.torch import save

from metameric._core.errors import InputError
from metameric._synthesis._eigen_options import METHODS
from metameric._synthesis._eigendistortion import Eigendistortion
from metameric.cli._app import app
from metameric.cli._inputs import make_model
from metameric.cli._options import Color, Context, Device, Dtype, Image, Model, ModelOption, Out, Size
from metameric.cli._outputs import exit_code, length_of, new_folder, options_of, write_distortion
from metameric.io._atomic import replacing
from metameric.stimuli._files import write_json
from metameric.stimuli._words import LAST_SEED, read_image

# Distortions of each end in the figure, at most.
SHOWN = 4


@app.command()
def eigendistortions(
    context: Context,
    image: Image,
    model: Model,
    out: Out,
    model_option: ModelOption = None,
    k: Annotated[int, typer.Option("-k", "--k", help="Distortions at each end.")] = 1,
    method: Annotated[str, typer.Option(help=f"One of {', '.join(METHODS)}.")] = "auto",
    ends: Annotated[str, typer.Option(help="both, or largest to leave out the lower end.")] = "both",
    tolerance: Annotated[float | None, typer.Option(help="Residual over the largest eigenvalue to reach.")] = None,
    noise: Annotated[str, typer.Option(help="Noise on the response: a variance, or poisson.")] = "1",
    scale: Annotated[float | None, typer.Option(help="Length of the distortions added to the image.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Seed of the random start.")] = 0,
    size: Size = None,
    max_iter: Annotated[int, typer.Option(min=0, help="Iterations at each end, at most.")] = 1000,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    color: Color = False,
) -> int:
    """Find the changes of IMAGE that a model notices most and least; ends 0 if proven, 3 if not, 2 on bad input."""
    target = read_image(image, size, color, dtype, device)
    length = length_of(scale, target)
    search = Eigendistortion(target, make_model(model, model_option or [], target), noise=_noise(noise))
    folder = new_folder(context)
    result = search.synthesize(method, k, max_iter, stop_criterion=tolerance, ends=ends, seed=seed, progress=None)
    _write_tensors(search, folder)
    _write_pictures(search, folder, length, k)
    write_json(folder / "result.json", {**result.to_dict(), "options": options_of(context, scale=length)})
    typer.echo(result.summary())
    typer.echo(f"written to {folder}")
    return exit_code(status for one in result.status for status in one)


def _noise(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        if text != "poisson":
            raise InputError(f"--noise is {text!r}; expected a variance, or poisson.") from None
        return text


def _write_tensors(search: Eigendistortion, folder: Path) -> None:
    result = search.result
    tensors = {"distortions": result.stimulus[0], "eigenvalues": result.eigenvalues[0], "eigenindex": result.index}
    with replacing(folder / "distortions.safetensors") as temporary:
        temporary.write_bytes(save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}))
    search.save(folder / "result.safetensors")


def _write_pictures(search: Eigendistortion, folder: Path, length: float, k: int) -> None:
    """Write `k` distortions of each end: around mid-grey, as strong as they can be shown, and added to the image."""
    from metameric.plot._eigen import eigendistortion_imshow_all
    from metameric.plot._files import save_figure

    result = search.result
    n = len(result.index)
    for i in sorted({*range(min(k, n)), *range(max(0, n - k), n)}):
        write_distortion(folder, str(int(result.index[i])), search.image, result.stimulus[:, i], length)
    first = range(min(k, SHOWN, n))
    # Ranks without a gap are one end of the spectrum, or all of it.
    index = [*first] if n < 2 * len(first) or n == k else [*first, *(-1 - i for i in first[::-1])]
    figure = eigendistortion_imshow_all(search, index, distortion_scale=length, process_image=lambda x: x.clamp(0, 1))
    save_figure(figure, folder / "eigendistortions.png")
