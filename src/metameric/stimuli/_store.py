"""A set on disk: one folder that can be read without metameric, in which whatever exists is whole.

specification.yaml   as it was given              trials/KEY.json    one per finished trial, written last
plan.json            the trials asked for         failed/KEY.json    one per trial that failed, with its error
models.json          what the models answer       stimuli/           PNG and safetensors files
environment.json     versions and machine         images/            the images that trials began from
manifest.csv         one row per stimulus
"""

import contextlib
import hashlib
import json
import os
import platform
import re
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import filelock
import torch
from safetensors.torch import save
from torch import Tensor

from metameric._core.errors import InputError, MissingFileError, StateError
from metameric._version import __version__
from metameric.io._atomic import replacing
from metameric.io._png import save_png
from metameric.stimuli._behaviour import Registry
from metameric.stimuli._display import Display
from metameric.stimuli._files import damaged, file_hash, read_json, write_json, write_text
from metameric.stimuli._plan import Plan, Trial
from metameric.stimuli._specification import Specification
from metameric.stimuli._work import FILE_BITS, Outcome, Stimulus

# Bytes of each label in the name of a file, which holds up to three beside size, seed and key: names end at 255.
LONGEST = 48
FOLDERS = ("trials", "failed", "stimuli", "images")


class Store:
    """The folder of a set. Existence of a trial's JSON means that the trial is finished and its files are there."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._written: dict[tuple[str, str], dict[str, dict[str, str]]] = {}

    # The whole set --------------------------------------------------------------------------------------------------

    def begin(self, plan: Plan) -> None:
        """Make the folder, and write what the set is to be."""
        self._make()
        for name in ("", *FOLDERS):  # a runner that was killed may have left some
            for part in (self.folder / name).glob(".*.part"):
                part.unlink(missing_ok=True)
        write_text(self.folder / "specification.yaml", plan.specification.text)
        specification = plan.specification.model_dump(mode="json", exclude_unset=True)
        trials = [trial.to_dict() for trial in plan.trials]
        content = {"metameric": __version__, "specification": specification, "notes": plan.notes, "trials": trials}
        write_json(self.folder / "plan.json", content, indent=None)
        write_json(self.folder / "models.json", plan.registry.entries, indent=None)
        write_json(self.folder / "environment.json", environment())

    def _make(self) -> None:
        try:
            for name in FOLDERS:
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{self.folder} cannot be made: {error.strerror}; choose a folder that can be written to."
            ) from error
        if not os.access(self.folder, os.W_OK) or not all(os.access(self.folder / n, os.W_OK) for n in FOLDERS):
            raise InputError(f"{self.folder} cannot be written to; change its permissions or choose another folder.")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runners out; the operating system lets go of the lock however this process ends."""
        self._make()
        note = self.folder / "runner.json"
        lock = filelock.FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            who = _runner(note)
            where = f" (process {who['process']} on {who['host']})" if who else ""
            if who.get("process") == os.getppid() and who.get("host") == platform.node():
                raise StateError(
                    f"this process is a worker of the run of {self.folder} and was about to run it once more, since it "
                    'imports your script. Put what the script does below `if __name__ == "__main__":`.'
                ) from error
            raise StateError(
                f"{self.folder} is being written by another runner{where}; wait until it has ended, or end it."
            ) from error
        try:
            write_json(note, {"process": os.getpid(), "host": platform.node()})
            yield
        finally:
            note.unlink(missing_ok=True)
            lock.release()

    def plan(self) -> Plan:
        """Return the plan as it was written."""
        file = self.folder / "plan.json"
        if not file.is_file():
            raise MissingFileError(f"{self.folder} holds no stimulus set (no plan.json); make one by `set run`.")
        remedy = "run the set again (`set run`), which plans it anew; finished trials are kept"
        content = read_json(file, remedy)
        try:
            trials = [Trial.from_dict(given) for given in content["trials"]]
            specification, notes = Specification(**content["specification"]), list(content["notes"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise damaged(file, f"holds no plan ({type(error).__name__})", remedy) from error
        with contextlib.suppress(OSError, UnicodeDecodeError):  # without its text it is shown as the plan has it
            specification._text = (self.folder / "specification.yaml").read_text(encoding="utf-8")
        return Plan(specification, trials, Registry.read(self.folder / "models.json"), notes)

    # Its trials -----------------------------------------------------------------------------------------------------

    def finished(self) -> set[str]:
        """Return the keys of finished trials."""
        return self._keys("trials")

    def failed(self) -> set[str]:
        """Return the keys of trials that failed, and have not been finished since."""
        return self._keys("failed") - self.finished()

    def _keys(self, name: str) -> set[str]:
        folder = self.folder / name
        return {f.stem for f in folder.glob("*.json") if not f.name.startswith(".")} if folder.is_dir() else set()

    def record(self, key: str, folder: str = "trials") -> dict[str, Any]:
        """Return what is known of a finished (or failed) trial."""
        path = self.folder / folder / f"{key}.json"
        remedy = f"remove {folder}/{key}.json and run again, which repeats this trial"
        record = read_json(path, remedy)
        if not (_is_record(record) if folder == "trials" else isinstance(record, dict) and "error" in record):
            raise damaged(path, "holds no record of a trial", remedy)
        return dict(record)

    def forget_failures(self) -> int:
        """Remove the records of failed trials, so that they are run again; return their number."""
        failures = self.failed()
        for key in failures:
            (self.folder / "failed" / f"{key}.json").unlink(missing_ok=True)
        return len(failures)

    def write(self, trial: Trial, outcome: Outcome, specification: Specification, image: Tensor) -> None:
        """Write what came of a trial that began from this image: its files, and last of all its record."""
        record = _record(trial, outcome) | {"targets": self._targets(trial, image, specification)}
        record["stimuli"] = [
            {"name": s.name, "files": self._files(trial, s, specification), "figures": s.figures}
            for s in outcome.stimuli
        ]
        write_json(self.folder / "trials" / f"{trial.key}.json", record)
        (self.folder / "failed" / f"{trial.key}.json").unlink(missing_ok=True)

    def write_failure(self, trial: Trial, outcome: Outcome) -> None:
        """Write why a trial failed."""
        record = _record(trial, outcome) | {"error": outcome.error, "details": outcome.details}
        write_json(self.folder / "failed" / f"{trial.key}.json", record)

    def _targets(self, trial: Trial, image: Tensor, specification: Specification) -> dict[str, dict[str, str]]:
        """Write the image that a trial began from as its stimuli are written: for the same display, as large."""
        known = (trial.image.label, trial.image_hash)
        if known not in self._written:
            display = specification.display or Display()
            shown = hashlib.sha256((trial.image_hash + display.model_dump_json()).encode()).hexdigest()
            stem = f"images/{slug(trial.image.label)}_{trial.shape[1]}x{trial.shape[2]}_{shown[:8]}"
            kinds = ["png8", *(kind for kind in specification.files if kind == "png16")]
            self._written[known] = {k: self._png(f"{stem}_{FILE_BITS[k]}bit.png", image, display, k) for k in kinds}
        return self._written[known]

    def _png(self, name: str, image: Tensor, display: Display, kind: str) -> dict[str, str]:
        bits = FILE_BITS[kind]
        save_png(self.folder / name, display.encode(image, bits)[0], bits)
        return {"path": name, "sha256": file_hash(self.folder / name)}

    def _files(self, trial: Trial, stimulus: Stimulus, specification: Specification) -> dict[str, dict[str, str]]:
        stem = f"stimuli/{file_stem(trial)}"
        stem = stem if stimulus.name in ("metamer", "mad") else f"{stem}_{stimulus.name}"
        display = specification.display or Display()
        written: dict[str, dict[str, str]] = {}
        for kind in specification.files:
            if kind in FILE_BITS:
                name = f"{stem}_{FILE_BITS[kind]}bit.png"
                written[kind] = self._png(name, stimulus.image[None], display, kind)
            else:
                name = f"{stem}.safetensors"
                _write_tensor(self.folder / name, stimulus.image, trial.key)
                written[kind] = {"path": name, "sha256": file_hash(self.folder / name)}
        return written


def _runner(note: Path) -> dict[str, Any]:
    """Return who writes to the folder, as far as it can be told: the note may be on its way, or damaged."""
    try:
        who = dict(json.loads(note.read_text(encoding="utf-8")))
        return {"process": who["process"], "host": who["host"]}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _is_record(record: Any) -> bool:
    """Whether a finished trial's record has all that others read of it."""
    try:
        stimuli, _ = record["stimuli"], record["status"]
        files = [file for s in stimuli for file in s["files"].values()] + list(record["targets"].values())
        named = all(isinstance(s["name"], str) and isinstance(s["figures"], dict) for s in stimuli)
        return bool(stimuli) and named and all({"path", "sha256"} <= set(file) for file in files)
    except (KeyError, TypeError, AttributeError):
        return False


def _record(trial: Trial, outcome: Outcome) -> dict[str, Any]:
    record: dict[str, Any] = {"key": trial.key, "factors": trial.factors, "seed": trial.seed}
    record |= {"image_hash": trial.image_hash, "model_hash": trial.model_hash, "metameric": __version__}
    record |= {"status": outcome.status, "iterations": outcome.iterations, "seconds": outcome.seconds}
    return record | {"attempts": outcome.attempts, "worker": outcome.worker, "warnings": outcome.warnings}


def file_stem(trial: Trial) -> str:
    """Return the name, without ending, of a trial's files: readable, and not that of any other trial."""
    parts = [trial.image.label, trial.model.label, trial.method.label, f"{trial.shape[1]}x{trial.shape[2]}"]
    return "_".join([*(slug(str(p)) for p in parts), f"seed{trial.seed}", trial.key[:8]])


def slug(text: str) -> str:
    """Return text that can stand in the name of a file, cut where it is long."""
    cut = re.sub(r"[^\w.=+-]+", "-", text).encode()[:LONGEST].decode(errors="ignore")
    return cut.strip("-.") or "x"


def _write_tensor(path: Path, image: Tensor, key: str) -> None:
    encoded = save({"stimulus": image.contiguous()}, {"key": key})
    with replacing(path) as temporary:
        temporary.write_bytes(encoded)


def environment() -> dict[str, Any]:
    """Return versions and machine."""
    packages = {d.metadata["Name"]: d.version for d in distributions()}
    return {
        "metameric": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "packages": dict(sorted(packages.items(), key=lambda item: str(item[0]).lower())),
    }
