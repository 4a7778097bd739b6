"""The tool for mutation testing: which mutants there are, and a whole run on a package of one module."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"

SOURCE = '''"""Nothing here is a mutant: 1 + 1."""

LIMIT = 3


@decorated(7)
def scaled(x: "array 2 3", by: int = 2, *, name: str = "a" + "b") -> "array 4":
    """Not 5 either."""
    if not x:
        raise ValueError(f"{x + 1} is empty")
    total = max(
        x
    ) * by
    state.total = total
    while total >= LIMIT and True:
        total -= -1
        break
    return total
'''

MODULE = '''"""A module."""

START = 10


def watched(x):
    """One that the tests look at."""
    return x + START


def reached(x):
    """One that they run without looking."""
    return x * 2


def never(x):
    """One that they do not run."""
    return x - 1


class Holder:
    """Closures are replaced with what holds them."""

    def method(self, x):
        """Return what a function within returns."""

        def inner(y):
            return y > x

        return inner(x)
'''

TESTS = """
from metameric.thing import Holder, reached, watched


def test_thing():
    assert watched(1) == 11
    reached(2)
    assert not Holder().method(3)
"""


@pytest.fixture
def found(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    from _mutants import mutants

    return list(mutants(SOURCE.encode()))


def test_every_kind_of_change_is_made_and_no_other(found):
    assert [(m.line, m.kind, m.change) for m in found] == [
        (3, "constant", "3 -> 4"),
        (3, "constant", "3 -> 2"),
        (7, "constant", "2 -> 3"),
        (7, "constant", "2 -> 1"),
        (7, "arithmetic", "\"a\" + \"b\" -> 'a' - 'b'"),
        (9, "sign or not", "not x -> x"),
        (10, "deleted", 'raise ValueError(f"{x + 1} is empty") -> pass'),
        (11, "arithmetic", "max( x ) * by -> max(x) / by"),
        (14, "deleted", "state.total = total -> pass"),
        (15, "boolean", "total >= LIMIT and True -> total >= LIMIT or True"),
        (15, "comparison", "total >= LIMIT -> total > LIMIT"),
        (15, "constant", "True -> False"),
        (16, "arithmetic", "total -= -1 -> total += -1"),
        (16, "deleted", "total -= -1 -> pass"),
        (16, "sign or not", "-1 -> 1"),
        (16, "constant", "1 -> 2"),
        (17, "jump", "break -> continue"),
        (18, "return", "return total -> return None"),
    ]


def test_mutants_are_programs_whose_lines_are_where_they_were(found):
    for mutant in found:
        ast.parse(mutant.text)
        lines, before = mutant.text.splitlines(), SOURCE.encode().splitlines()
        assert len(lines) == len(before)
        differ = [i for i, (new, old) in enumerate(zip(lines, before, strict=True), start=1) if new != old]
        assert differ[0] == mutant.line


def test_what_may_notice_a_mutant(found):
    by_line = {mutant.line: mutant for mutant in found}
    assert by_line[3].lines == range(1, 19) and not by_line[3].in_function
    assert by_line[7].lines == range(8, 19) and not by_line[7].in_function
    assert by_line[11].lines == range(11, 14) and by_line[11].in_function


def test_a_run(tmp_path):
    (tmp_path / "src/metameric").mkdir(parents=True)
    (tmp_path / "src/metameric/__init__.py").touch()
    (tmp_path / "src/metameric/thing.py").write_text(MODULE)
    (tmp_path / "test_thing.py").write_text(TESTS)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "MUTATE_STATE": str(tmp_path / "state")}

    def mutate(*arguments):
        command = [sys.executable, str(TOOLS / "mutate.py"), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    mutate("map", "test_thing.py")
    mutate("run", "src/metameric", "--count", "4")
    log = tmp_path / "state/log.jsonl"
    first = log.read_text().splitlines()
    assert len(first) == 4
    mutate("run", "src/metameric", "--jobs", "2")
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [json.dumps(row) for row in rows[:4]] == first
    outcomes = {row["mutant"].removeprefix("src/metameric/thing.py:"): row["outcome"] for row in rows}
    assert outcomes == {
        "3:8: constant: 10 -> 11": "killed",  # the tests are collected anew
        "3:8: constant: 10 -> 9": "killed",
        "8:4: return: return x + START -> return None": "killed",
        "8:11: arithmetic: x + START -> x - START": "killed",
        "13:4: return: return x * 2 -> return None": "lived",
        "13:11: arithmetic: x * 2 -> x / 2": "lived",
        "13:15: constant: 2 -> 3": "lived",
        "13:15: constant: 2 -> 1": "lived",
        "18:4: return: return x - 1 -> return None": "not reached",
        "18:11: arithmetic: x - 1 -> x + 1": "not reached",
        "18:15: constant: 1 -> 2": "not reached",
        "28:12: return: return y > x -> return None": "lived",  # None is false, too
        "28:19: comparison: y > x -> y >= x": "killed",
        "30:8: return: return inner(x) -> return None": "lived",
    }
    assert "src/metameric 14 {'killed': 5, 'lived': 6, 'not reached': 3}" in mutate("table", "src/metameric")
