"""How far a set has come."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from metameric.stimuli._manifest import Row, manifest
from metameric.stimuli._plan import Plan
from metameric.stimuli._store import Store

SHOWN = 10


@dataclass(frozen=True)
class SetStatus:
    """Where the trials of a set stand.

    Attributes
    ----------
    planned
        Trials that the specification asks for.
    converged, not_converged, failed, waiting
        How many of them ended so, or are still to be done.
    failures
        Trial and error of those that failed.
    outdated
        Trials in the folder that the specification no longer asks for (or asks for otherwise).
    seconds
        Time that finished trials took, all workers together.
    interrupted
        Whether the run was ended by Ctrl-C.

    Examples
    --------
    >>> import tempfile, metameric as mm
    >>> spec = mm.stimuli.Specification(
    ...     images=["camera"], models=["Gaussian"], methods=["metamer"], seeds=[0, 1], size=16
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = mm.stimuli.run(spec, folder, progress=False)
    >>> found.planned, found.converged, found.complete
    (2, 2, True)
    """

    folder: str
    planned: int
    converged: int
    not_converged: int
    failed: int
    waiting: int
    outdated: int
    seconds: float
    failures: list[dict[str, Any]] = field(default_factory=list)
    interrupted: bool = False

    @property
    def complete(self) -> bool:
        """Whether every trial is finished."""
        return self.waiting == 0 and self.failed == 0

    def __str__(self) -> str:
        lines = [
            f"{self.folder}: {self.planned} trials, {self.converged} converged, {self.not_converged} not converged, "
            f"{self.failed} failed, {self.waiting} waiting"
        ]
        lines += [f"  {f['trial']} {f['what']}: {f['error']}" for f in self.failures[:SHOWN]]
        if len(self.failures) > SHOWN:
            lines.append(f"  and {len(self.failures) - SHOWN} more; manifest.csv has them all")
        if self.outdated:
            lines.append(f"  {self.outdated} trials in the folder are of an earlier specification; they are left alone")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain Python objects, for JSON."""
        return asdict(self) | {"complete": self.complete}


def status(folder: str | Path) -> SetStatus:
    """Return how far the set in a folder has come; a run may be under way.

    Examples
    --------
    >>> import tempfile, metameric as mm
    >>> spec = mm.stimuli.Specification(images=["camera"], models=["Gaussian"], methods=["metamer"], size=16)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = mm.stimuli.run(spec, folder, progress=False)
    ...     mm.stimuli.status(folder).converged
    1
    """
    store = Store(folder)
    plan = store.plan()
    return status_of(store, plan, manifest(store, plan))


def status_of(store: Store, plan: Plan, rows: Sequence[Row], interrupted: bool = False) -> SetStatus:
    """Count the rows of a manifest, trial by trial."""
    first = {row["trial"]: row for row in reversed(rows)}
    counts = Counter(row["verdict"] for row in first.values())
    failures = [
        {"trial": key, "what": f"{row['image']}, {row['model']}, {row['method']}, seed {row['seed']}"}
        | {"error": row["error"]}
        for key, row in sorted(first.items())
        if row["verdict"] == "failed"
    ]
    return SetStatus(
        folder=str(store.folder),
        planned=len(plan.trials),
        converged=counts["converged"],
        not_converged=counts["not converged"],
        failed=counts["failed"],
        waiting=counts["planned"],
        outdated=len(store.finished() - {trial.key for trial in plan.trials}),
        seconds=sum(row["seconds"] for row in first.values() if row["seconds"] != ""),
        failures=failures,
        interrupted=interrupted,
    )
