"""`metameric set`: stimulus sets, from a specification to an experiment's worth of images."""

import json
from pathlib import Path
from typing import Annotated

import typer

from metameric._core.errors import InputError
from metameric.cli._app import BAD_INPUT, INTERRUPTED, NOT_CONVERGED, app
from metameric.stimuli._estimate import estimate
from metameric.stimuli._plan import plan as make_plan
from metameric.stimuli._read import read_specification
from metameric.stimuli._report import report as write_report
from metameric.stimuli._run import retry as retry_set
from metameric.stimuli._run import run as run_set
from metameric.stimuli._specification import json_schema
from metameric.stimuli._status import SetStatus
from metameric.stimuli._status import status as status_of_set
from metameric.stimuli._store import Store
from metameric.stimuli._trial_table import trial_table, write_trial_table
from metameric.stimuli._verify import verify as verify_set

sets = typer.Typer(name="set", help="Stimulus sets: plan, run, check, show and hand over.", no_args_is_help=True)
app.add_typer(sets)

Specified = Annotated[Path, typer.Argument(help="The specification, a YAML file.")]
Folder = Annotated[Path, typer.Argument(help="Folder of a set.")]
Workers = Annotated[int | None, typer.Option(help="Local processes; without, everything runs in this one.")]
Scheduler = Annotated[str | None, typer.Option(help="Address of a Dask scheduler, whose workers do the work.")]
Threads = Annotated[int | None, typer.Option(help="Threads of each worker; by default they share the cores.")]
Resources = Annotated[list[str] | None, typer.Option("--resource", help="Dask resource of each job, such as GPU=1.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@sets.command()
def plan(
    specification: Specified,
    out: Annotated[Path | None, typer.Option(help="Folder of the set: what is finished there is not counted.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="How many will share the work.")] = 1,
    no_time: Annotated[bool, typer.Option("--no-time", help="Leave the calibration out.")] = False,
) -> None:
    """Print what would run: trials, groups, time (by a short calibration) and disk use. Writes nothing."""
    planned = make_plan(read_specification(specification), out)
    done = set() if out is None else Store(out).finished()
    waiting = [trial for trial in planned.trials if trial.key not in done]
    typer.echo(str(planned))
    if done:
        typer.echo(f"{len(waiting)} of them are not finished in {out}")
    if not no_time:
        typer.echo(str(estimate(planned, workers, waiting)))


@sets.command()
def run(
    specification: Specified,
    out: Annotated[Path, typer.Option(help="Folder of the set; what is finished there is not repeated.")],
    workers: Workers = None,
    scheduler: Scheduler = None,
    threads: Threads = None,
    resource: Resources = None,
) -> int:
    """Synthesise what is not finished; ends 0 if all is converged, 3 if not, 130 after Ctrl-C, 2 on bad input."""
    spec = read_specification(specification)
    resources = _resources(resource)
    return _ended(
        run_set(spec, out, workers=workers, scheduler=scheduler, threads=threads, resources=resources, progress=None)
    )


@sets.command()
def retry(
    folder: Folder,
    workers: Workers = None,
    scheduler: Scheduler = None,
    threads: Threads = None,
    resource: Resources = None,
) -> int:
    """Run again, trials that failed included."""
    resources = _resources(resource)
    return _ended(
        retry_set(folder, workers=workers, scheduler=scheduler, threads=threads, resources=resources, progress=None)
    )


@sets.command()
def status(folder: Folder, as_json: AsJson = False) -> int:
    """Print how far a set has come, and what failed; ends 0 if all is converged, else 3."""
    found = status_of_set(folder)
    typer.echo(json.dumps(found.to_dict(), indent=2) if as_json else str(found))
    return _code(found)


@sets.command()
def verify(
    folder: Folder,
    sample: Annotated[int, typer.Option(min=0, help="Trials to measure again.")] = 10,
    seed: Annotated[int, typer.Option(help="Which ones.")] = 0,
) -> int:
    """Check hashes, find what is missing, measure a sample again; ends 2 if something is wrong, 3 if unfinished."""
    found = verify_set(folder, sample, seed)
    typer.echo(str(found))
    if not found.clean:
        return BAD_INPUT
    return NOT_CONVERGED if found.waiting else 0


@sets.command()
def report(folder: Folder) -> None:
    """Write a page to look through the set with, without a server."""
    typer.echo(f"written to {write_report(folder)}")


@sets.command()
def trials(
    folder: Folder,
    task: Annotated[str, typer.Option(help="pairs, abx, oddity or 2afc.")],
    out: Annotated[Path, typer.Option(help="File to write: .csv for PsychoPy, .json for jsPsych.")],
    between: Annotated[str, typer.Option(help="target, or a factor: model, method, seed, stimulus.")] = "target",
    files: Annotated[str, typer.Option(help="png8 or png16.")] = "png8",
    repeats: Annotated[int, typer.Option(min=1, help="How often each comparison is shown.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of order and positions.")] = 0,
    unconverged: Annotated[bool, typer.Option("--unconverged", help="Use stimuli that did not converge, too.")] = False,
) -> None:
    """Write a table of an experiment's trials, which jsPsych and PsychoPy read."""
    rows = trial_table(folder, task, between=between, files=files, repeats=repeats, seed=seed, unconverged=unconverged)
    write_trial_table(out, rows)
    typer.echo(f"{len(rows)} trials written to {out}")


@sets.command()
def schema() -> None:
    """Print the JSON Schema of a specification, for editors."""
    typer.echo(json.dumps(json_schema(), indent=2))


def _ended(found: SetStatus) -> int:
    typer.echo(str(found))
    return _code(found)


def _code(found: SetStatus) -> int:
    if found.interrupted:
        return INTERRUPTED
    return 0 if found.complete and not found.not_converged else NOT_CONVERGED


def _resources(words: list[str] | None) -> dict[str, float] | None:
    """Read ``GPU=1``."""
    try:
        pairs = (word.partition("=") for word in words or [])
        return {name: float(value) for name, _, value in pairs} or None
    except ValueError as error:
        raise InputError(f"--resource is {', '.join(words or [])}; expected name=number, such as GPU=1.") from error
