"""`metameric set`, run as a user runs it."""

import json

import pytest

from metameric.cli._app import run

SPEC = """images: [camera]
models: [{name: Gaussian, options: {kernel_size: 3}}]
methods: [metamer, eigendistortions]
seeds: [0, 1]
size: 16
require: {relative_error: 1, residual: 1}
"""


@pytest.fixture
def spec(tmp_path):
    file = tmp_path / "set.yaml"
    file.write_text(SPEC)
    return str(file)


def test_from_plan_to_trials(spec, tmp_path, capsys):
    out = str(tmp_path / "set")
    assert run(["set", "plan", spec]) == 0
    shown = capsys.readouterr().out
    assert "3 trials in 2 groups" in shown and "at most" in shown and "on disk" in shown
    assert run(["set", "run", spec, "--out", out]) == 0
    assert "3 converged" in capsys.readouterr().out
    assert run(["set", "plan", spec, "--out", out, "--no-time"]) == 0
    assert "0 of them are not finished" in capsys.readouterr().out
    assert run(["set", "status", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["complete"] is True
    assert run(["set", "verify", out]) == 0
    assert "no problems" in capsys.readouterr().out
    assert run(["set", "retry", out]) == 0
    assert run(["set", "report", out]) == 0
    assert (tmp_path / "set" / "report" / "index.html").is_file()
    table = tmp_path / "abx.json"
    assert run(["set", "trials", out, "--task", "abx", "--out", str(table)]) == 0
    assert len(json.loads(table.read_text())) == 4


def test_ends_3_when_something_is_missing(spec, tmp_path, capsys):
    out = tmp_path / "set"
    assert run(["set", "run", spec, "--out", str(out)]) == 0
    next((out / "trials").glob("*.json")).unlink()
    assert run(["set", "status", str(out)]) == 3
    assert run(["set", "verify", str(out)]) == 3
    next((out / "stimuli").glob("*metamer*.png")).unlink()
    capsys.readouterr()
    assert run(["set", "verify", str(out)]) in (2, 3)


def test_mistakes_are_listed_line_by_line(tmp_path, capsys):
    (tmp_path / "set.yaml").write_text("images: [camrea]\nmodels: [Identty]\nmethods: [metamr]\n")
    assert run(["set", "plan", str(tmp_path / "set.yaml")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith("metameric: set.yaml, line ") for line in lines)


def test_schema(capsys):
    assert run(["set", "schema"]) == 0
    assert "images" in json.loads(capsys.readouterr().out)["properties"]


def test_resources(spec, tmp_path, capsys):
    assert run(["set", "run", spec, "--out", str(tmp_path), "--resource", "GPU=x"]) == 2
    assert "expected name=number" in capsys.readouterr().err
