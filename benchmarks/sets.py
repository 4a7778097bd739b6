"""Stimulus sets: throughput against a shell loop over single runs, and what a trial costs beside its synthesis."""

import os
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

from _harness import Comparison, Table, main
from metameric.stimuli import Specification, plan, run
from metameric.stimuli._queue import Queue
from metameric.stimuli._work import perform

IMAGES, MODELS, SIZE = ("camera", "coffee"), ("Gaussian", "LuminanceGainControl"), 64


def throughput(quick: bool) -> Table:
    """A whole set by one command, in two local processes, against one command per stimulus on the same cores."""
    table = Table("Metamers of 64 x 64, wall time of a set", columns=("workers", "trials"), peer="shell loop")
    seeds = range(1 if quick else 4)
    options = {"cwd": tempfile.gettempdir(), "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "metameric.cli"]

    def loop() -> float:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            for i, (image, model, seed) in enumerate(product(IMAGES, MODELS, seeds)):
                words = ["metamer", image, "--model", model, "--size", str(SIZE), "--seed", str(seed)]
                subprocess.run([*command, *words, "--out", f"{folder}/{i}"], env=environment, **options)
        return time.perf_counter() - start

    def whole(workers: int) -> float:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "set.yaml")
            lines = f"models: [{', '.join(MODELS)}]\nmethods: [metamer]\nseeds: {list(seeds)}\nsize: {SIZE}\n"
            file.write_text(f"images: [{', '.join(IMAGES)}]\n{lines}batch_size: 4\n")
            words = [
                "set",
                "run",
                str(file),
                "--out",
                f"{folder}/set",
                *(["--workers", str(workers)] if workers else []),
            ]
            subprocess.run([*command, *words], env=environment, **options)
        return time.perf_counter() - start

    n = len(IMAGES) * len(MODELS) * len(seeds)
    for workers in (0, 2):
        ours, peer = whole(workers), loop()
        table.add((workers or "in process", n), Comparison(ours, peer, 0.0, 0.0, repeats=1))
    return table


def overhead(quick: bool) -> Table:
    """Seconds per trial of a set beyond those of the same synthesis without store, plan and manifest."""
    table = Table("Overhead per trial, 16 x 16, in process", columns=("trials",))
    n = 20 if quick else 100
    spec = Specification(
        images=["camera"],
        models=["Identity"],
        methods=[{"method": "metamer", "max_iter": 2}],
        seeds=list(range(n)),
        size=16,
    )
    with tempfile.TemporaryDirectory() as folder:
        run(spec, f"{folder}/warm", progress=False)
        start = time.perf_counter()
        run(spec, f"{folder}/set", progress=False)
        whole = time.perf_counter() - start
    planned = plan(spec)
    start = time.perf_counter()
    queue = Queue(planned, planned.trials)
    while queue:
        perform(queue.take())
    alone = time.perf_counter() - start
    table.add((n,), {"per trial": whole / n, "synthesis": alone / n, "overhead": (whole - alone) / n})
    return table


if __name__ == "__main__":
    main(throughput, overhead)
