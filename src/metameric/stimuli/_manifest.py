"""The manifest: one row per stimulus of a set, finished or not."""

import csv
import importlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

from metameric.io._atomic import replacing
from metameric.stimuli._files import write_text
from metameric.stimuli._plan import Plan, Trial
from metameric.stimuli._store import Store

Row = dict[str, Any]


def manifest(store: Store, plan: Plan | None = None) -> list[Row]:
    """Return one row per stimulus: trial, verdict, factors, figures, files with their hashes."""
    plan = plan or store.plan()
    finished, failed = store.finished(), store.failed()
    rows: list[Row] = []
    for trial in plan.trials:
        if trial.key in finished:
            rows += _finished(trial, store.record(trial.key), plan.specification.require)
        elif trial.key in failed:
            record = store.record(trial.key, "failed")
            rows.append(_row(trial, "failed", record) | {"error": record["error"]})
        else:
            rows.append(_row(trial, "planned", {}))
    return rows


def _row(trial: Trial, verdict: str, record: Mapping[str, Any]) -> Row:
    first = {"trial": trial.key, "stimulus": "", "verdict": verdict, "status": record.get("status", "")}
    run = {name: record.get(name, "") for name in ("iterations", "seconds", "attempts")}
    said = " | ".join(record.get("warnings", []))
    row = {**first, **trial.factors, **run, "warnings": said, "error": ""}
    for kind, file in record.get("targets", {}).items():
        row |= {f"target_{kind}_path": file["path"], f"target_{kind}_sha256": file["sha256"]}
    return row


def _finished(trial: Trial, record: Mapping[str, Any], require: Mapping[str, float]) -> list[Row]:
    verdict = _verdict(record, require)
    rows = []
    for stimulus in record["stimuli"]:
        row = _row(trial, verdict, record) | {"stimulus": stimulus["name"]} | stimulus["figures"]
        for kind, file in stimulus["files"].items():
            row |= {f"{kind}_path": file["path"], f"{kind}_sha256": file["sha256"]}
        rows.append(row)
    return rows


def _verdict(record: Mapping[str, Any], require: Mapping[str, float]) -> str:
    """Hold every stimulus to the required figures that its method has; without any, to the method's own verdict."""
    values = [
        (stimulus["figures"][name], limit)
        for stimulus in record["stimuli"]
        for name, limit in require.items()
        if name in stimulus["figures"]
    ]
    if not values:
        return "converged" if record["status"] == "converged" else "not converged"
    return "converged" if all(v is not None and v <= limit for v, limit in values) else "not converged"


def columns(rows: Sequence[Row]) -> list[str]:
    """Return the columns of all rows, files last."""
    found = dict.fromkeys(name for row in rows for name in row)
    return sorted(found, key=lambda name: name.endswith(("_path", "_sha256")))


def write_manifest(store: Store, rows: Sequence[Row]) -> None:
    """Write manifest.csv and manifest.parquet."""
    names = columns(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(store.folder / "manifest.csv", text.getvalue())
    _write_parquet(store, rows, names)


def _write_parquet(store: Store, rows: Sequence[Row], names: Sequence[str]) -> None:
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    # An empty cell of the CSV file is no value here, so that columns of numbers stay numbers.
    table = {name: [None if row.get(name, "") == "" else row[name] for row in rows] for name in names}
    with replacing(store.folder / "manifest.parquet") as temporary:
        parquet.write_table(arrow.table(table), temporary)
