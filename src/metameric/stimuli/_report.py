"""A set as a page: what converged, what failed, and every stimulus to look at, from the file system."""

import json
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from metameric._version import __version__
from metameric.stimuli._files import write_text
from metameric.stimuli._manifest import Row, manifest
from metameric.stimuli._status import status_of
from metameric.stimuli._store import Store

FACTORS = ("image", "model", "method", "seed", "size")
VERDICTS = ("converged", "not converged", "failed", "planned")
MAIN = {"metamer": "relative_error", "mad": "stray_percent", "rank": "residual"}
"""The figure by which each kind of stimulus is judged first."""
_NOT_FIGURES = {"trial", "stimulus", "verdict", "status", *FACTORS, "channels", "height", "width", "attempts"}
_NOT_FIGURES |= {"warnings", "error"}
PICTURES = ("png8_path", "png16_path")


def report(folder: str | Path) -> Path:
    """Write the page of a set, ``report/index.html`` in its folder, and return its path.

    The page needs nothing but the folder, and no server: every stimulus to filter, sort and compare with the image
    it began from, counts by factor, failures, links to the files.

    Parameters
    ----------
    folder
        The set, finished or not.

    Examples
    --------
    >>> import tempfile, metameric as mm
    >>> spec = mm.stimuli.Specification(images=["camera"], models=["Gaussian"], methods=["metamer"], size=16)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = mm.stimuli.run(spec, folder, progress=False)
    ...     mm.stimuli.report(folder).name
    'index.html'
    """
    store = Store(folder)
    plan = store.plan()
    rows = [{**row, "size": f"{row['height']} x {row['width']}"} for row in manifest(store, plan)]
    # The style of the page of a single synthesis: the two are read side by side.
    places = [
        jinja2.PackageLoader("metameric.stimuli", "templates"),
        jinja2.PackageLoader("metameric.plot", "templates"),
    ]
    environment = jinja2.Environment(loader=jinja2.ChoiceLoader(places), autoescape=True)
    page = environment.get_template("set.html.jinja").render(
        title=store.folder.resolve().name,
        status=status_of(store, plan, rows),
        verdicts=[v for v in VERDICTS if any(row["verdict"] == v for row in rows)],
        groups=_summaries(rows, ("model", "method")),
        factors=[(name, _summaries(rows, (name,))) for name in FACTORS],
        failures=_failures(rows),
        data=_data(rows),
        specification=plan.specification.text,
        version=__version__,
    )
    (store.folder / "report").mkdir(exist_ok=True)
    path = store.folder / "report" / "index.html"
    write_text(path, page)
    return path


def main_figure(row: Mapping[str, Any]) -> str | None:
    """Return the name of the figure by which a row is judged first, if it has it."""
    name = next((figure for start, figure in MAIN.items() if str(row["stimulus"]).startswith(start)), None)
    return name if name is not None and row.get(name) is not None else None


def _summaries(rows: Sequence[Row], by: tuple[str, ...]) -> list[dict[str, Any]]:
    """Count verdicts, trial by trial, and give median and worst of the main figure, for every level of factors."""
    levels: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        levels.setdefault(tuple(row[name] for name in by), []).append(row)
    return [_summary(level, found) for level, found in levels.items()]


def _summary(level: tuple[Any, ...], rows: list[Row]) -> dict[str, Any]:
    trials = {row["trial"]: row["verdict"] for row in rows}
    counts = {verdict: sum(v == verdict for v in trials.values()) for verdict in VERDICTS}
    names = {name for row in rows if (name := main_figure(row)) is not None}
    figures = ""
    if len(names) == 1:
        (name,) = names
        values = [row[name] for row in rows if row.get(name) is not None]
        figures = f"{name.replace('_', ' ')}: median {statistics.median(values):.3g}, worst {max(values):.3g}"
    return {"level": [str(part) for part in level], "trials": len(trials), "counts": counts, "figures": figures}


def _failures(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["verdict"] == "failed"]


def _data(rows: Sequence[Row]) -> str:
    """Return what the page's script shows, as JSON; columns are named once, since there may be thousands of rows."""
    shown = [row for row in rows if any(name in row for name in PICTURES)]
    files = [n for n in ("png8_path", "png16_path", "safetensors_path") if any(n in row for row in shown)]
    named = dict.fromkeys(name for row in shown for name in row)
    figures = [n for n in named if n not in _NOT_FIGURES and not n.endswith(("_path", "_sha256"))]
    columns = [
        "stimulus",
        "verdict",
        "status",
        *FACTORS,
        "height",
        "width",
        "target_png8_path",
        "warnings",
        *files,
        *figures,
    ]
    table = [[_short(row.get(name)) for name in columns] for row in shown]
    content: dict[str, Any] = {
        "columns": columns,
        "factors": FACTORS,
        "figures": figures,
        "files": files,
        "rows": table,
    }
    content["main"] = [columns.index(name) if (name := main_figure(row)) else None for row in shown]
    # In a script element only these can end it or begin a comment.
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return value.replace(os.sep, "/") if isinstance(value, str) else value
