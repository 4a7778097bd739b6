"""`metameric mad`: the stimuli that tell metrics apart, with the figure and the numbers."""

from pathlib import Path
from typing import Annotated

import typer

from metameric._core.errors import InputError
from metameric._synthesis._mad_set import Case, MADSet
from metameric.cli._app import app
from metameric.cli._inputs import chosen_seeds
from metameric.cli._options import Color, Context, Device, Dtype, Image, MaxIter, Out, Seeds, Size, Solver
from metameric.cli._outputs import exit_code, new_folder, options_of, write_stimuli
from metameric.stimuli._files import write_json
from metameric.stimuli._metrics import chosen_metrics
from metameric.stimuli._words import LAST_SEED, read_image, solver_options


@app.command()
def mad(
    context: Context,
    image: Image,
    metrics: Annotated[
        list[str],
        typer.Option(help="Two or more: mse, ssim, ms_ssim, nlpd, a built-in model, or your own module:attribute."),
    ],
    out: Out,
    noise: Annotated[float, typer.Option(help="Standard deviation of the noise at the start.")] = 0.1,
    seed: Annotated[int | None, typer.Option(min=0, max=LAST_SEED, help="Seed of that noise.")] = None,
    seeds: Seeds = None,
    size: Size = None,
    max_iter: MaxIter = 1000,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    solver: Solver = "lbfgs",
    color: Color = False,
) -> int:
    """Drive each metric up and down while each other one is held; ends 0 if all converged, 3 if not, 2 on bad input."""
    target = read_image(image, size, color, dtype, device)
    if len(metrics) < 2:
        raise InputError(f"--metrics are {', '.join(metrics)}; expected at least two.")
    competition = MADSet(target, chosen_metrics(metrics, target, distances=True))
    folder = new_folder(context)
    chosen = chosen_seeds(seed, seeds)
    competition.setup(noise, **solver_options(solver), seed=chosen)
    result = competition.synthesize(max_iter)
    write_stimuli(folder, "initial", competition.initial_image, chosen)
    for case in competition.cases:
        write_stimuli(folder, _file_name(case), competition[case], chosen)
    competition.save(folder / "result.safetensors")
    write_json(folder / "result.json", {**competition.to_dict(), "options": options_of(context, seeds=chosen)})
    _figures(competition, folder)
    _print_table(competition)
    typer.echo(f"written to {folder}")
    return exit_code(result.status)


def _file_name(case: Case) -> str:
    words = (case.minmax, case.optimized, "holding", case.reference)
    return "-".join("".join(c if c.isalnum() or c in "._" else "_" for c in word) for word in words)


def _figures(competition: MADSet, folder: Path) -> None:
    from itertools import combinations

    from metameric.plot._files import save_figure
    from metameric.plot._mad_figure import mad_competition

    if competition.image.ndim != 4:
        return
    pairs = list(combinations(competition.metrics, 2))
    for pair in pairs:
        name = "mad" if len(pairs) == 1 else _file_name(Case(*pair, "mad"))
        save_figure(mad_competition(competition, pair), folder / f"{name}.png")


def _print_table(competition: MADSet) -> None:
    typer.echo(f"{'driven':>14} {'':3} {'held':>14} {'from':>10} {'to':>10} {'strayed':>9}  status")
    for row in competition.table():
        typer.echo(
            f"{row['optimized']:>14} {row['minmax']:3} {row['reference']:>14} {row['optimized_initial']:>10.4g} "
            f"{row['optimized_final']:>10.4g} {row['stray_percent']:>8.4f}%  {row['status']}"
        )
