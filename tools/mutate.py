"""Mutation testing: change the source in one place, run the tests that reach it, and see whether any notices.

    python tools/mutate.py map tests/unit tests/laws src/metameric/process   # once: which test reaches which line
    python tools/mutate.py run src/metameric/process --count 200             # a random sample, with a fixed seed
    python tools/mutate.py table src/metameric/process                       # what has been found so far
    python tools/mutate.py run src/metameric/process --count 200 --again     # those that lived, after `map` anew

Every mutant gets a fork of a process that has collected the tests. Within a function it is put in place of the
function's code; elsewhere (a default, a constant of a module) the tests are collected anew. The tests run in the order
of their durations, those of the mutant's own package first, until one fails or the time is up. Limits are in processor
time, but for a last one against mutants that wait for ever. The answers are lines of JSON; a run goes on where the last
one was stopped.
"""

import argparse
import gc
import importlib
import json
import os
import random
import resource
import sys
import time
from collections import Counter, defaultdict
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

import coverage
import pytest

from _in_place import Functions, functions_by_place, replaced
from _mutants import Mutant, mutants

STATE = Path(os.environ.get("MUTATE_STATE", "build/mutants"))
OPTIONS = ["-p", "no:cacheprovider", "-o", "timeout=0", "-o", "tmp_path_retention_policy=none"]
OUTCOMES = {0: "lived", 1: "killed", 3: "not tried"}
NOT_REACHED, OUT_OF_TIME = "not reached", "killed by time"
WAITS_FOR_EVER = 1800.0
LOG = "log.jsonl"


def key_of(path: Path, mutant: Mutant) -> str:
    """How a mutant is called in the record."""
    return f"{path}:{mutant.line}:{mutant.column}: {mutant.kind}: {mutant.change}"


class Durations:
    """Notes how long every test took that passed, in whichever process it ran."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.bad: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest for each part of a test."""
        self.seconds[report.nodeid] += report.duration
        if not report.passed:
            self.bad.add(report.nodeid)

    def passed(self) -> dict[str, float]:
        """The durations of the tests that passed."""
        return {name: seconds for name, seconds in self.seconds.items() if name not in self.bad}


def make_map(paths: list[str], jobs: int) -> int:
    """Run the tests once and note the lines that each reaches and its duration."""
    STATE.mkdir(parents=True, exist_ok=True)
    os.environ["COVERAGE_FILE"] = str((STATE / "coverage").resolve())
    durations = Durations()
    spread = ["-n", str(jobs), "--dist", "worksteal"]
    covered = ["--cov=metameric", "--cov-context=test", "--cov-report="]
    code = pytest.main([*OPTIONS, *spread, *covered, *paths], plugins=[durations])
    (STATE / "durations.json").write_text(json.dumps(durations.passed(), indent=0))
    return int(code)


class Reach:
    """Which tests reach which lines, and how long each takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = json.loads((STATE / "durations.json").read_text())
        self.data = coverage.CoverageData(str(STATE / "coverage"))
        self.data.read()
        self.lines: dict[Path, dict[int, list[str]]] = {}

    def _contexts(self, path: Path, lines: range) -> set[str]:
        if path not in self.lines:
            self.lines[path] = self.data.contexts_by_lineno(str(path.resolve()))
        return {context for line in lines for context in self.lines[path].get(line, ())}

    def at_import(self, path: Path, lines: range) -> bool:
        """Whether the lines run when modules are imported, so that what the tests hold is made by them."""
        return "" in self._contexts(path, lines)

    def tests(self, path: Path, lines: range) -> list[str]:
        """The tests that reach any of the lines, the quickest and nearest first."""
        found = {context.rsplit("|", 1)[0] for context in self._contexts(path, lines) if context}
        package = path.relative_to("src/metameric").parts[0].strip("_")
        return sorted(found & self.seconds.keys(), key=lambda name: self._cost(name, package))

    def _cost(self, name: str, package: str) -> tuple[float, str]:
        near = package in name.split("::")[0]
        return (self.seconds[name] + 0.05) * (1 if near else 4), name

    def within(self, tests: list[str], limit: float) -> list[str]:
        """As many of the tests as take no longer than `limit`, and the first in any case."""
        chosen, total = [], 0.0
        for name in tests:
            total += self.seconds[name]
            if chosen and total > limit:
                break
            chosen.append(name)
        return chosen


class Server:
    """A pytest plugin: in place of running the tests, forks for every mutant and runs the tests that reach it."""

    def __init__(self, wanted: list[tuple[Path, Mutant]], reach: Reach, log: Path, jobs: int, limit: float) -> None:
        self.wanted, self.reach, self.log, self.jobs, self.limit = wanted, reach, log, jobs, limit
        self.running: dict[int, tuple[Path, Mutant, list[str], float]] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Called by pytest in place of its own loop over the tests."""
        items = {item.nodeid: item for item in session.items}
        for path in {path for path, _ in self.wanted}:
            importlib.import_module(".".join(path.with_suffix("").parts[1:]).removesuffix(".__init__"))
        functions = functions_by_place()
        gc.freeze()
        for path, mutant in self.wanted:
            tests = [t for t in self.reach.within(self.reach.tests(path, mutant.lines), self.limit) if t in items]
            if not tests:
                self._note(path, mutant, tests, NOT_REACHED, 0.0)
                continue
            while len(self.running) >= self.jobs:
                self._wait()
            child = os.fork()
            if child == 0:
                self._limit_time(tests)
                session.items = [items[name] for name in tests]
                anew = not mutant.in_function or self.reach.at_import(path, mutant.lines)
                _child(session, functions, path, mutant, tests, anew)
            self.running[child] = (path, mutant, tests, time.monotonic())
        while self.running:
            self._wait()
        return True

    def _limit_time(self, tests: list[str]) -> None:
        seconds = int(60 + 6 * sum(self.reach.seconds[name] for name in tests))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    def _wait(self) -> None:
        child, status, usage = os.wait4(-1, os.WNOHANG)
        if child == 0:
            time.sleep(0.02)
            for late, (*_, begun) in self.running.items():
                if time.monotonic() - begun > WAITS_FOR_EVER:
                    os.kill(late, 9)
            return
        path, mutant, tests, _ = self.running.pop(child)
        outcome = OUTCOMES.get(os.WEXITSTATUS(status), "killed") if os.WIFEXITED(status) else OUT_OF_TIME
        self._note(path, mutant, tests, outcome, usage.ru_utime + usage.ru_stime)

    def _note(self, path: Path, mutant: Mutant, tests: list[str], outcome: str, seconds: float) -> None:
        row = {"mutant": key_of(path, mutant), "outcome": outcome, "tests": len(tests), "seconds": round(seconds, 2)}
        with self.log.open("a") as file:
            file.write(json.dumps(row) + "\n")


def _child(
    session: pytest.Session, functions: Functions, path: Path, mutant: Mutant, tests: list[str], anew: bool
) -> None:
    """Put the mutant in place, run the tests up to the first failure, and end the process with the outcome."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    code = 3
    try:
        if anew or not replaced(functions, path, mutant.text):
            text = STATE / f"text.{os.getpid()}"
            text.write_bytes(mutant.text)
            os.execv(sys.executable, [sys.executable, __file__, "one", str(path), str(text), *tests])
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                break
        code = 1 if session.testsfailed else 0
    finally:
        os._exit(code)


def run_one(path: Path, text: Path, tests: list[str]) -> int:
    """Run the tests in this process, with the module at `path` imported from another text."""
    mutated, target, usual = text.read_bytes(), str(path.resolve()), SourceFileLoader.get_code
    text.unlink()

    def get_code(self: SourceFileLoader, fullname: str) -> CodeType | None:
        return self.source_to_code(mutated, target) if self.path == target else usual(self, fullname)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    return min(int(pytest.main([*OPTIONS, "-x", *tests])), 1)


def sample(paths: list[str], count: int, seed: int) -> list[tuple[Path, Mutant]]:
    """Up to `count` mutants of the files under each path, in random order; more of them begin with the same ones."""
    chosen = []
    for root in paths:
        files = [Path(root)] if root.endswith(".py") else sorted(Path(root).rglob("*.py"))
        everything = [(file, mutant) for file in files for mutant in mutants(file.read_bytes())]
        random.Random(seed).shuffle(everything)
        chosen += everything[:count]
    random.Random(seed).shuffle(chosen)
    return chosen


def run(options: argparse.Namespace) -> int:
    """Run the mutants of the sample that the record does not hold yet."""
    known = outcomes()
    again = {name for name, outcome in known.items() if options.again and outcome in ("lived", NOT_REACHED)}
    wanted = [
        pair for pair in sample(options.paths, options.count, options.seed) if key_of(*pair) not in known.keys() - again
    ]
    reach = Reach()
    server = Server(wanted, reach, STATE / LOG, options.jobs, options.limit)
    files = sorted({name.split("::")[0] for name in reach.seconds})
    return int(pytest.main([*OPTIONS, "-s", *files], plugins=[server]))


def outcomes() -> dict[str, str]:
    """What the record says of every mutant, the last time that it was run."""
    log = STATE / LOG
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return {row["mutant"]: row["outcome"] for row in rows}


def table(paths: list[str]) -> int:
    """Print how many mutants of each path lived, and which."""
    known = outcomes()
    for root in paths:
        found = {name: outcome for name, outcome in known.items() if name.startswith(root)}
        print(root, len(found), dict(sorted(Counter(found.values()).items())))
        for name, outcome in found.items():
            if outcome in ("lived", NOT_REACHED):
                print(f"  {outcome}: {name}")
    return 0


def main() -> int:
    """Read the command line and do as it says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["map", "run", "table", "one"])
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--count", type=int, default=100, help="mutants per path")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--limit", type=float, default=20.0, help="seconds of tests per mutant")
    parser.add_argument("--again", action="store_true", help="run those that lived once more: after new tests")
    options = parser.parse_args()
    match options.command:
        case "map":
            return make_map(options.paths, options.jobs)
        case "run":
            return run(options)
        case "table":
            return table(options.paths)
        case _:
            path, text, *tests = options.paths
            return run_one(Path(path), Path(text), tests)


if __name__ == "__main__":
    sys.exit(main())
