"""Trial tables: every comparison, the right answer, and nothing that gives it away."""

import ast
import csv
import json
import keyword
import re
from collections import Counter
from pathlib import Path

import pytest

from metameric.stimuli import Specification, run, trial_table, write_trial_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    spec = Specification(
        images=["camera", "coffee"],
        models=["Identity", {"name": "Gaussian", "options": {"kernel_size": 3}}],
        methods=["metamer", "eigendistortions"],
        seeds=[0, 1, 2],
        size=16,
        require={"relative_error": 1, "residual": 1},
    )
    found = tmp_path_factory.mktemp("set")
    assert run(spec, found, progress=False).complete
    return found


def files_of(trial):
    return [trial[f"file_{i}"] for i in range(1, 4) if f"file_{i}" in trial]


@pytest.mark.parametrize(("task", "shown"), [("pairs", 2), ("abx", 3), ("oddity", 3), ("2afc", 2)])
@pytest.mark.parametrize("between", ["target", "seed", "model"])
def test_answers_follow_from_the_files(folder, task, shown, between):
    trials = trial_table(folder, task, between=between, repeats=2)
    for trial in trials:
        files = files_of(trial)
        assert len(files) == shown and all((folder / f).is_file() for f in files)
        if task == "pairs":
            assert trial["correct_answer"] == ("same" if files[0] == files[1] else "different")
        elif task == "abx":
            assert files["AB".index(trial["correct_answer"])] == files[2] and files[0] != files[1]
        elif task == "oddity":
            (odd,) = [f for f, n in Counter(files).items() if n == 1]
            assert files.index(odd) + 1 == int(trial["correct_answer"])
        elif between == "target":
            assert files[int(trial["correct_answer"]) - 1].startswith("stimuli/")
    answers = Counter(trial["correct_answer"] for trial in trials)
    assert min(answers.values()) > 0.2 * max(answers.values())


def test_numbers_of_comparisons(folder):
    assert len(trial_table(folder, "abx")) == 2 * 2 * 3 + 2 * 2 * 2
    assert len(trial_table(folder, "abx", between="seed")) == 2 * 2 * 3
    assert len(trial_table(folder, "2afc", between="stimulus")) == 2 * 2
    assert len(trial_table(folder, "pairs", between="seed", repeats=3)) == 2 * 3 * 2 * 2 * 3


def test_compared_stimuli_differ_in_the_factor_only(folder):
    for trial in trial_table(folder, "2afc", between="model"):
        a, b = files_of(trial)
        assert {trial["first"], trial["second"]} == {"Identity", "Gaussian"}
        assert a.split("_")[0] == b.split("_")[0] and a.split("_")[4] == b.split("_")[4]


def test_a_seed_fixes_everything(folder):
    assert trial_table(folder, "abx", seed=1) == trial_table(folder, "abx", seed=1)
    assert trial_table(folder, "abx", seed=1) != trial_table(folder, "abx", seed=2)


def test_files_hold_the_table(folder, tmp_path):
    trials = trial_table(folder, "oddity")
    write_trial_table(tmp_path / "t.json", trials)
    assert json.loads((tmp_path / "t.json").read_text()) == trials
    write_trial_table(tmp_path / "t.csv", trials)
    with (tmp_path / "t.csv").open(newline="") as lines:
        assert list(csv.DictReader(lines)) == [{k: str(v) for k, v in t.items()} for t in trials]


@pytest.mark.parametrize("task", ["pairs", "abx", "oddity", "2afc"])
def test_psychopy_can_import_the_table(folder, tmp_path, task):
    """Held to what `psychopy.data.importConditions` says it expects of a CSV file; PsychoPy itself is not run."""
    write_trial_table(tmp_path / "t.csv", trial_table(folder, task))
    text = (tmp_path / "t.csv").read_bytes().decode("utf-8-sig")
    header, *lines = list(csv.reader(text.splitlines()))
    assert len(header) == len(set(header)) > 1
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) and not keyword.iskeyword(name) for name in header)
    for line in lines:
        assert len(line) == len(header) and all(line)  # an empty cell would become None
        assert not any(cell.startswith(("[", "(")) for cell in line)  # these are evaluated as Python


EXPERIMENTS = Path(__file__).parents[3] / "docs" / "experiments"


def test_the_example_experiments_use_what_the_table_has(folder):
    columns = set(trial_table(folder, "abx")[0])
    page = (EXPERIMENTS / "jspsych_abx.html").read_text()
    used = set(re.findall(r"\bt\.(\w+)|data\.(correct_answer)|interval\(\"\w\", \"(\w+)\"", page))
    assert (
        {name for found in used for name in found if name}
        == {"file_1", "file_2", "file_3", "correct_answer"}
        <= columns
    )
    script = ast.parse((EXPERIMENTS / "psychopy_abx.py").read_text())
    taken = [n.slice.value for n in ast.walk(script) if isinstance(n, ast.Subscript) and isinstance(n.value, ast.Name)]
    assert set(taken) == {"file_1", "file_2", "file_3", "correct_answer"} <= columns


def test_what_did_not_converge_is_left_out(tmp_path):
    method = {"method": "metamer", "max_iter": 1}
    run(Specification(images=["camera"], models=["Gaussian"], methods=[method], size=16), tmp_path, progress=False)
    with pytest.raises(ValueError, match="nothing to compare"):
        trial_table(tmp_path, "abx")
    assert len(trial_table(tmp_path, "abx", unconverged=True)) == 1
