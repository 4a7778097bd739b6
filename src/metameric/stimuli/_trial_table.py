"""From a set to the trials of an experiment: which stimuli are shown together, where, and what the answer is."""

import csv
import io
import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from metameric._core.errors import InputError, NearestNameError
from metameric.stimuli._files import write_json, write_text
from metameric.stimuli._manifest import Row, manifest
from metameric.stimuli._store import Store

TASKS = ("pairs", "abx", "oddity", "2afc")
FACTORS = ("model", "method", "seed", "stimulus")
SIZE = ("height", "width")


def trial_table(
    folder: str | Path,
    task: str,
    *,
    between: str = "target",
    files: str = "png8",
    repeats: int = 1,
    seed: int = 0,
    unconverged: bool = False,
) -> list[dict[str, Any]]:
    """Return the trials of an experiment on a set, in random order.

    Parameters
    ----------
    folder
        The set.
    task
        ``"pairs"``: two stimuli, same or different? Half of the trials show one twice. ``"abx"``: A, B, and X, which
        equals one of them. ``"oddity"``: three, of which one is odd. ``"2afc"``: two, which was the second of the
        comparison (the synthesised one, where it is compared with the image)?
    between
        What is compared: every stimulus with the image it began from (``"target"``), or two stimuli that differ in
        this factor only: ``"model"``, ``"method"``, ``"seed"`` or ``"stimulus"``.
    files
        ``"png8"`` or ``"png16"``.
    repeats
        How often each comparison is shown.
    seed
        Of order, positions and answers.
    unconverged
        Whether to use stimuli that did not converge.

    Returns
    -------
    trials
        Of each: number, task, the files in the order of their positions (relative to `folder`), the correct answer
        (``same``/``different``, ``A``/``B``, or a position from 1), the factors of both things compared.

    Examples
    --------
    >>> import tempfile, metameric as mm
    >>> spec = mm.stimuli.Specification(
    ...     images=["camera"], models=["Gaussian"], methods=["metamer"], seeds=[0, 1], size=16
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = mm.stimuli.run(spec, folder, progress=False)
    ...     [len(mm.stimuli.trial_table(folder, "abx", between=what)) for what in ("target", "seed")]
    [2, 1]
    """
    if task not in TASKS:
        raise NearestNameError(f"there is no task {task!r}; expected one of {', '.join(TASKS)}.")
    if between != "target" and between not in FACTORS:
        raise NearestNameError(f"between is {between!r}; expected target or one of {', '.join(FACTORS)}.")
    if files not in ("png8", "png16"):
        raise InputError(f"files is {files!r}; expected png8 or png16.")
    good = ("converged", "not converged") if unconverged else ("converged",)
    rows = [row for row in manifest(Store(folder)) if row["verdict"] in good]
    if not all(f"{files}_path" in row for row in rows):
        raise InputError(f"the set has no {files} files; choose the others, or add {files} to its specification.")
    compared = list(_with_target(rows, files) if between == "target" else _between(rows, between, files))
    if not compared:
        raise InputError(
            f"the set has nothing to compare by {between}; expected at least one {good[0]} stimulus, and two levels of "
            "the factor. `set status` says what converged."
        )
    source = random.Random(seed)
    trials = [_arranged(task, pair, source) for _ in range(repeats) for pair in compared]
    if task == "pairs":
        # As many repetitions as differences, and each of the two things compared as often as the other.
        trials += [_same(pair, i % 2) for i, pair in enumerate(pair for _ in range(repeats) for pair in compared)]
    source.shuffle(trials)
    return [{"trial_number": i, "task": task, **trial} for i, trial in enumerate(trials, 1)]


Pair = tuple[tuple[str, str], tuple[str, str], dict[str, Any]]
"""Label and file of both things compared, and the factors that they share."""


def _with_target(rows: Sequence[Row], files: str) -> Iterator[Pair]:
    for row in rows:
        factors = {name: row[name] for name in ("image", *FACTORS, *SIZE)}
        yield ("target", row[f"target_{files}_path"]), (_label(row), row[f"{files}_path"]), factors


def _between(rows: Sequence[Row], factor: str, files: str) -> Iterator[Pair]:
    others = [name for name in ("image", *FACTORS, *SIZE) if name != factor]
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in others), []).append(row)
    for level, group in groups.items():
        for a, b in itertools.combinations(group, 2):
            shared = dict(zip(others, level, strict=True))
            yield (str(a[factor]), a[f"{files}_path"]), (str(b[factor]), b[f"{files}_path"]), shared


def _label(row: Row) -> str:
    return f"{row['model']} {row['stimulus']} seed {row['seed']}"


def _arranged(task: str, pair: Pair, source: random.Random) -> dict[str, Any]:
    (first, first_file), (second, second_file), factors = pair
    if task == "pairs":
        shown = source.sample([first_file, second_file], 2)
        return _trial(shown, "different", first, second, factors)
    if task == "2afc":
        shown = source.sample([first_file, second_file], 2)
        return _trial(shown, str(shown.index(second_file) + 1), first, second, factors)
    if task == "abx":
        a, b = source.sample([first_file, second_file], 2)
        answer = source.choice("AB")
        return _trial([a, b, a if answer == "A" else b], answer, first, second, factors)
    odd, twice = source.sample([first_file, second_file], 2)
    place = source.randrange(3)
    return _trial([odd if i == place else twice for i in range(3)], str(place + 1), first, second, factors)


def _same(pair: Pair, which: int) -> dict[str, Any]:
    file = (pair[0], pair[1])[which][1]
    return _trial([file, file], "same", pair[0][0], pair[1][0], pair[2])


def _trial(shown: list[str], answer: str, first: str, second: str, factors: dict[str, Any]) -> dict[str, Any]:
    files = {f"file_{i}": file for i, file in enumerate(shown, 1)}
    return {**files, "correct_answer": answer, "first": first, "second": second, **factors}


def write_trial_table(path: str | Path, trials: Sequence[dict[str, Any]]) -> None:
    """Write trials as CSV (conditions of PsychoPy) or JSON (timeline variables of jsPsych), by the file's ending.

    Examples
    --------
    >>> import pathlib, tempfile, metameric as mm
    >>> spec = mm.stimuli.Specification(
    ...     images=["camera"], models=["Gaussian"], methods=["metamer"], seeds=[0, 1], size=16
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = mm.stimuli.run(spec, folder, progress=False)
    ...     trials = mm.stimuli.trial_table(folder, "abx")
    ...     mm.stimuli.write_trial_table(f"{folder}/trials.csv", trials)
    ...     pathlib.Path(folder, "trials.csv").read_text().count("abx") == len(trials)
    True
    """
    file = Path(path)
    if file.suffix == ".json":
        write_json(file, list(trials))
    elif file.suffix == ".csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, list(trials[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(trials)
        write_text(file, text.getvalue())
    else:
        raise InputError(f"{file.name} ends in {file.suffix!r}; expected .csv (PsychoPy) or .json (jsPsych).")
