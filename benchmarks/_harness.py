"""A small harness for comparing ours with a peer: interleaved runs, medians, ratios.

    from _harness import Table, compare, main

    def rows(quick: bool) -> Table:
        table = Table("Front ends", columns=("model",))
        table.add(("Gaussian",), compare(ours, peer, repeats=15))
        return table

    if __name__ == "__main__":
        main(rows)

`python benchmarks/that.py [--quick] [--apart] [--device cuda] [--json FILE]` prints the machine and a Markdown table.
"""

import argparse
import gc
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from _twin import Twin, leave_memory_alone, serve

# torchvision may be a CUDA build beside a CPU torch.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import torchvision_schemas

torchvision_schemas.declare()

twin: Twin | None = None
is_twin = False
device = torch.device("cpu")


def placed(held: Any) -> Any:
    """Move a tensor or a model to where the script was told to measure (`--device`)."""
    return held.to(device)


def on_accelerator() -> bool:
    """Whether the script was told to measure on something else than the CPU."""
    return device.type != "cpu"


@dataclass
class Comparison:
    """Medians in seconds, how far the quartiles are apart, and how many times the peer's time ours fits in."""

    ours: float
    peer: float
    ours_spread: float
    peer_spread: float
    repeats: int

    @property
    def ratio(self) -> float:
        return self.peer / self.ours


def compare(
    ours: Callable[[], object], peer: Callable[[], object], repeats: int = 15, warm_up: int = 2, inner: int = 1
) -> Comparison:
    """Time two functions in turn (A B A B ...), so that a slow minute of the machine hits both.

    `inner` calls are timed together, for functions of less than a millisecond.
    """
    if is_twin:
        serve(lambda: clock(peer, inner))
        return Comparison(*[float("nan")] * 4, repeats=0)
    if on_accelerator():
        # Calls are short there, and the first few are not those of a long run: libraries load, graphs are recorded.
        warm_up, repeats = max(warm_up, 8), max(repeats, 15)
    clocks = (lambda: clock(ours, inner), (lambda: clock(peer, inner)) if twin is None else twin.clock)
    for _ in range(warm_up):
        for once in clocks:
            once()
    times: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    for _ in range(repeats):
        for once, kept in zip(clocks, times, strict=True):
            kept.append(once())
    if twin is not None:
        twin.follow()
    return Comparison(
        *(statistics.median(t) for t in times), *(_interquartile(t) for t in times), repeats=repeats * inner
    )


def clock(function: Callable[[], object], inner: int = 1) -> float:
    """Seconds per call, waiting for the accelerator where there is one."""
    synchronise()
    start = time.perf_counter()
    for _ in range(inner):
        function()
    synchronise()
    return (time.perf_counter() - start) / inner


def synchronise() -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _interquartile(times: Sequence[float]) -> float:
    if len(times) < 4:
        return max(times) - min(times)
    low, _, high = statistics.quantiles(times, n=4)
    return high - low


@dataclass
class Table:
    """Rows of labels and comparisons (or of plain values), printed as Markdown."""

    title: str
    columns: Sequence[str]
    peer: str = "plenoptic"
    rows: list[tuple[tuple, Comparison | Mapping[str, object]]] = field(default_factory=list)

    def add(self, labels: Sequence[object], result: Comparison | Mapping[str, object]) -> None:
        self.rows.append((tuple(labels), result))

    def markdown(self) -> str:
        cells = [self._cells(result) for _, result in self.rows]
        header = [*self.columns, *(cells[0] if cells else ())]
        lines = [header, ["---"] * len(header)]
        lines += [[*map(str, labels), *row.values()] for (labels, _), row in zip(self.rows, cells, strict=True)]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"### {self.title}\n\n{body}\n"

    def _cells(self, result: Comparison | Mapping[str, object]) -> dict[str, str]:
        if isinstance(result, Comparison):
            return {
                "metameric": duration(result.ours, result.ours_spread),
                self.peer: duration(result.peer, result.peer_spread),
                "ratio": f"{result.ratio:.1f}",
            }
        return {name: duration(v) if isinstance(v, float) else str(v) for name, v in result.items()}

    def record(self) -> dict[str, object]:
        rows = []
        for labels, result in self.rows:
            values = asdict(result) | {"ratio": result.ratio} if isinstance(result, Comparison) else dict(result)
            rows.append(dict(zip(self.columns, map(str, labels), strict=True)) | values)
        return {"title": self.title, "peer": self.peer, "rows": rows}


def duration(seconds: float, spread: float | None = None) -> str:
    """Write seconds with a unit that fits, and a spread in the same unit."""
    scale, unit = (1, "s") if seconds >= 1 else (1e3, "ms") if seconds >= 1e-3 else (1e6, "µs")
    tail = "" if spread is None else f" ± {spread * scale:.2g}"
    return f"{seconds * scale:.3g}{tail} {unit}"


def machine() -> dict[str, str | int | float]:
    """Return what the figures depend on: processor, threads, load, versions."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    facts: dict[str, str | int | float] = {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        "load": round(load, 2),
        "python": platform.python_version(),
    }
    if device.type == "cuda":
        facts["accelerator"] = torch.cuda.get_device_name(device)
    for package in ("torch", "metameric", "plenoptic", "pyrtools"):
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    return facts


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def main(*makers: Callable[[bool], Table], threads: int = 1) -> None:
    """Run the tables of a benchmark script from its command line."""
    parser = argparse.ArgumentParser(description="Compare metameric with a peer, both measured in this run.")
    parser.add_argument("--quick", action="store_true", help="fewer repeats and cases")
    parser.add_argument("--threads", type=int, default=threads, help="threads per operation (default: %(default)s)")
    parser.add_argument("--apart", action="store_true", help="time the peer in a process of its own, still in turn")
    parser.add_argument("--device", type=torch.device, default="cpu", help="cpu, cuda, ... (default: %(default)s)")
    parser.add_argument("--twin", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    global twin, is_twin, device
    device = options.device
    if options.twin:
        is_twin, sys.stdout = True, sys.stderr
        leave_memory_alone()
    elif options.apart:
        twin = Twin()
    facts = machine() | ({"processes": 2} if options.apart else {})
    if is_twin:
        for make in makers:
            make(options.quick)
        return
    print(", ".join(f"{name} {value}" for name, value in facts.items()), end="\n\n", flush=True)
    tables = []
    for make in makers:
        table = make(options.quick)
        tables.append(table.record())
        print(table.markdown(), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "tables": tables}, indent=2) + "\n")
