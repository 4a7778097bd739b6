"""Stimulus sets: throughput against a shell loop over single runs, and what a trial costs beside its synthesis."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from _harness import Comparison, Table, main
from metameric.stimuli import Specification, plan, run
from metameric.stimuli._queue import Queue
from metameric.stimuli._work import perform

IMAGES, MODELS = ("camera", "coffee"), ("Gaussian", "LuminanceGainControl")
COMMAND = [sys.executable, "-m", "metameric.cli"]


def throughput(quick: bool) -> Table:
    """A whole set by one command against one command per stimulus, in turn or two at a time, on the same two cores."""
    table = Table("Metamers, wall time of a set", columns=("size", "trials", "set", "loop"), peer="shell loop")
    for size, n_seeds in ((64, 2),) if quick else ((64, 6), (128, 3)):
        singles = list(product(IMAGES, MODELS, range(n_seeds)))
        loops = {"in turn": _loop(singles, size, 1), "two at a time": _loop(singles, size, 2)}
        for how, options in (("in process", ()), ("two processes", ("--workers", "2"))):
            ours = _set(singles, size, options)
            for name, peer in loops.items():
                table.add((size, len(singles), how, name), Comparison(ours, peer, 0.0, 0.0, repeats=1))
    return table


def _loop(singles: list[tuple[str, str, int]], size: int, at_once: int) -> float:
    """One command after the other with all cores, or two at a time (`xargs -P 2`) with one core each."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(at_once) as pool:

        def single(i: int) -> None:
            image, model, seed = singles[i]
            words = ["metamer", image, "--model", model, "--size", str(size), "--seed", str(seed)]
            _command([*words, "--out", f"{folder}/{i}"], threads=2 // at_once)

        start = time.perf_counter()
        list(pool.map(single, range(len(singles))))
        return time.perf_counter() - start


def _set(singles: list[tuple[str, str, int]], size: int, options: Sequence[str]) -> float:
    seeds = sorted({seed for *_, seed in singles})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "set.yaml")
        lines = f"models: [{', '.join(MODELS)}]\nmethods: [metamer]\nseeds: {seeds}\nsize: {size}\n"
        file.write_text(f"images: [{', '.join(IMAGES)}]\n{lines}")
        start = time.perf_counter()
        _command(["set", "run", str(file), "--out", f"{folder}/set", *options], threads=1 if options else 2)
        return time.perf_counter() - start


def _command(words: Sequence[str], threads: int) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*COMMAND, *words], env=environment, cwd=tempfile.gettempdir(), check=True, **silent)


def overhead(quick: bool) -> Table:
    """Seconds per trial of a set beyond those of the same synthesis without store, plan and manifest."""
    table = Table("Overhead per trial, in process", columns=("size", "trials"))
    for size in (16, 128):
        n = 20 if quick else 100
        table.add((size, n), _overhead(size, n))
    return table


def _overhead(size: int, n: int) -> dict[str, float]:
    spec = Specification(
        images=["camera"],
        models=["Identity"],
        methods=[{"method": "metamer", "max_iter": 2}],
        seeds=list(range(n)),
        size=size,
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
    return {"per trial": whole / n, "synthesis": alone / n, "overhead": (whole - alone) / n}


if __name__ == "__main__":
    main(throughput, overhead)
