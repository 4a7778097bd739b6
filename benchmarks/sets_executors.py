"""One set by every executor: in process, two local processes, two Dask workers started by hand. Are they the same?

    python benchmarks/sets_executors.py [--quick] [--out FOLDER]

Six photographs, three models, three methods, four seeds, 128 x 128 (--quick: two photographs, 48 x 48). What is
finished in FOLDER is not repeated, so that the comparison can be stopped and gone on with.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from safetensors.torch import load_file

from _harness import Table, machine
from metameric.stimuli import Specification, verify

IMAGES = ("camera", "coffee", "moon", "grass", "brick", "gravel")
TIMINGS = ("seconds",)


def specification(quick: bool) -> Specification:
    return Specification(
        images=IMAGES[:2] if quick else IMAGES,
        models=["Gaussian", "LuminanceGainControl", "OnOff"],
        methods=["metamer", "eigendistortions", "mad"],
        seeds=[0, 1, 2, 3],
        size=48 if quick else 128,
    )


@contextmanager
def dask_workers(n: int = 2) -> Iterator[str]:
    """A scheduler and workers on loopback, each started as by hand; yields the address."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    python = [sys.executable, "-m"]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        note = Path(folder, "scheduler.json")

        def start(*words: str) -> None:
            process = subprocess.Popen([*python, *words, "--no-dashboard"], cwd=folder, **quiet)
            running.callback(process.wait)
            running.callback(process.kill)

        start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(note))
        while not note.is_file():
            time.sleep(0.1)
        for _ in range(n):
            start("distributed.cli.dask_worker", "--scheduler-file", str(note), "--nthreads", "1", "--no-nanny")
        yield json.loads(note.read_text())["address"]


def carry_out(spec: Specification, folder: Path, *options: str) -> float:
    """Run the command in a process of its own; return its seconds."""
    file = folder.with_suffix(".yaml")
    file.write_text(spec.text)
    command = [sys.executable, "-m", "metameric.cli", "set", "run", str(file), "--out", str(folder), "--threads", "1"]
    start = time.perf_counter()
    subprocess.run([*command, *options], env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="") as lines:
        return [{k: v for k, v in row.items() if k not in TIMINGS} for row in csv.DictReader(lines)]


def difference(first: Path, second: Path) -> dict[str, object]:
    """How far the images of two sets are apart, and how many rows of their manifests are not the same."""
    files = [{f.name for f in (folder / "stimuli").glob("*.safetensors")} for folder in (first, second)]
    apart = [
        float(
            (load_file(first / "stimuli" / n)["stimulus"] - load_file(second / "stimuli" / n)["stimulus"]).abs().max()
        )
        for n in sorted(files[0] & files[1])
    ]
    pairs = list(zip(rows(first), rows(second), strict=True))
    return {
        "images": len(apart),
        "in one only": len(files[0] ^ files[1]),
        "other bits": sum(value > 0 for value in apart),
        "largest difference": f"{max(apart, default=0.0):.2g}",
        "manifest rows that differ": sum(a != b for a, b in pairs),
    }


def compare_executors(quick: bool, out: Path) -> list[Table]:
    spec = specification(quick)
    times = Table("Seconds of each (of what was not finished before)", columns=("executor",))
    same = Table("Each against in process", columns=("executor",))
    for name in ("in process", "two processes", "two Dask workers"):
        folder = out / name.replace(" ", "-").lower()
        if name == "two Dask workers":
            with dask_workers() as address:
                seconds = carry_out(spec, folder, "--scheduler", address)
        else:
            seconds = carry_out(spec, folder, *(["--workers", "2"] if name == "two processes" else []))
        found = verify(folder)
        times.add((name,), {"time": seconds, "trials": found.trials, "waiting": found.waiting, "clean": found.clean})
        print(times.markdown(), flush=True)
        if name != "in process":
            same.add((name,), difference(out / "in-process", folder))
    return [times, same]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two photographs, 48 x 48")
    parser.add_argument("--out", type=Path, help="keep the sets in this folder")
    options = parser.parse_args()
    print(", ".join(f"{name} {value}" for name, value in machine().items()), end="\n\n", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        place = options.out or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        for table in compare_executors(options.quick, place.resolve()):
            print(table.markdown(), flush=True)
