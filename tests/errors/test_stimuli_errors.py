"""Every message of stimulus sets: what was found, where, and what to do."""

import os
from pathlib import Path

import pytest
import torch

from metameric._core.errors import FileError, InputError, MissingFileError, ModelError, NearestNameError, StateError
from metameric.io import save_png
from metameric.stimuli import Specification, plan, read_specification, report, retry, run, status, trial_table, verify
from metameric.stimuli import write_trial_table as write
from metameric.stimuli._store import Store

GOOD = {"images": "[camera]", "models": "[Identity]", "methods": "[metamer]", "seeds": "[0]", "size": "16"}


def read(folder: Path, **changes: str | None) -> Specification:
    given = {**GOOD, **changes}
    file = folder / "set.yaml"
    file.write_text("".join(f"{key}: {value}\n" for key, value in given.items() if value is not None))
    return read_specification(file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seedz": "[1]"}, "line 6: seedz: there is no such key. Did you mean seeds"),
        ({"images": "[camrea]"}, r"line 1: images\[0\]: 'camrea' is neither .* Did you mean camera"),
        ({"images": "[missing.png]"}, r"line 1: images\[0\]: .*missing.png"),
        ({"images": None}, "line 1: the specification: images missing; a grid needs"),
        ({"images": "[{name: camera, lable: x}]"}, r"line 1: images\[0\].lable: .* Did you mean label"),
        ({"models": "[Identty]"}, r"line 2: models\[0\] is 'Identty': .* Did you mean Identity"),
        ({"models": "[{name: Gaussian, optins: {}}]"}, r"line 2: models\[0\].optins: .* Did you mean options"),
        ({"methods": "[metamr]"}, r"line 3: methods\[0\]: there is no method 'metamr'. Did you mean metamer"),
        ({"methods": "[3]"}, r"line 3: methods\[0\] is 3: expected a name, or a mapping"),
        ({"methods": "[{method: mad, refernce: mse}]"}, r"methods\[0\].refernce: .* Did you mean reference"),
        ({"methods": "[{method: mad, reference: mze}]"}, r"methods\[0\].reference is 'mze': .* Did you mean mse"),
        ({"methods": "[{method: metamer, max_iter: many}]"}, r"max_iter is 'many': expected a valid integer"),
        ({"methods": "[{method: metamer, tolerance: -1}]"}, r"tolerance is -1: expected greater than or equal to 0"),
        ({"methods": "[{method: metamer, initial: nose}]"}, r"initial is 'nose': expected auto or one of noise"),
        ({"methods": "[{method: metamer, solver: adamm}]"}, r"solver is 'adamm'.* Did you mean adam"),
        ({"seeds": "[0, 0]"}, "line 4: seeds: expected distinct numbers; leave the repeated ones out"),
        ({"seeds": "[-1]"}, r"line 4: seeds\[0\] is -1: expected greater than or equal to 0"),
        ({"seeds": "[9223372036854775808]"}, r"seeds\[0\] is 9223372036854775808: expected less than or equal to"),
        ({"seeds": "9223372036854775808"}, r"line 4: seeds.* is 9223372036854775808: expected less than or equal to"),
        ({"seeds": "0,9223372036854775808"}, r"line 4: seeds .*expected whole numbers up to 2\*\*63 - 1"),
        ({"seeds": "[]"}, "line 4: seeds: list should have at least 1 item"),
        (
            {"models": "[{name: Gaussian, grid: {std: []}}]"},
            r"line 2: models\[0\].grid.std: list should have at least 1",
        ),
        (
            {"methods": "[{method: metamer, grid: {max_iter: []}}]"},
            r"methods\[0\].grid.max_iter: list should have at l",
        ),
        (
            {"methods": "[{method: metamer, grid: {tolerence: [1]}}]"},
            r"line 3: methods\[0\].grid: there is no option "
            "'tolerence'. Did you mean tolerance",
        ),
        (
            {"methods": "[{method: metamer, grid: {tolerance: [-1]}}]"},
            r"line 3: methods\[0\]: grid.tolerance has the "
            "value -1: .*greater than or equal to 0",
        ),
        ({"methods": "[{method: metamer, grid: {label: [a]}}]"}, r"methods\[0\].grid: there is no option 'label'"),
        (
            {"require": "{relative_eror_png16: 1}"},
            "line 6: require: these methods and files have no figure "
            "'relative_eror_png16'. Did you mean relative_error_png16",
        ),
        ({"require": "{relative_error_png16: 1}", "files": "[png8]"}, "require: .* Did you mean relative_error_png8"),
        ({"require": "{mean_luminance: 1}"}, "require: these methods and files have no figure 'mean_luminance'"),
        ({"seeds": "5-2"}, "line 4: seeds is '5-2': .*expected distinct whole numbers"),
        ({"size": "0"}, r"line 5: size.* is 0: expected greater than or equal to 1"),
        ({"dtype": "float16"}, "line 6: dtype is 'float16': expected 'float32' or 'float64'"),
        ({"files": "[]"}, "line 6: files: list should have at least 1 item"),
        ({"display": "{gama: 2}"}, "line 6: display.gama: there is no such key. Did you mean gamma"),
        ({"retries": "-1"}, "line 6: retries is -1: expected greater than or equal to 0"),
        ({"trials": "[{image: camera}]"}, r"line 6: trials\[0\]: 'model' is missing; add it"),
        ({"seeds": "[0"}, "not YAML .*check indentation"),
        ({"seeds": "0\nimages: [coffee]"}, "line 5: not YAML .a second 'images'."),
        ({"display": "{gamma: 2, gamma: 2}"}, "line 6: not YAML .a second 'gamma'."),
    ],
)
def test_specification(tmp_path, changes, message):
    with pytest.raises(ValueError, match=f"set.yaml, .*{message}"):
        read(tmp_path, **changes)


def test_every_mistake_is_named_at_once(tmp_path):
    with pytest.raises(InputError) as found:
        read(tmp_path, models="[Identty]", seeds="[-1]", sise="3")
    assert len(str(found.value).splitlines()) == 3


def test_no_specification(tmp_path):
    with pytest.raises(MissingFileError, match="does not exist; expected a specification"):
        read_specification(tmp_path / "none.yaml")


def test_empty_specification(tmp_path):
    (tmp_path / "set.yaml").write_text("")
    with pytest.raises(InputError, match="expected keys such as images"):
        read_specification(tmp_path / "set.yaml")


def test_folder_without_images(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"line 1: images\[0\]: .*holds no images"):
        read(tmp_path, images="[empty]")


def spec(**changes) -> Specification:
    return Specification(
        **{"images": ["camera"], "models": ["Identity"], "methods": ["metamer"], "size": 16, **changes}
    )


def test_labels_that_are_not_unique(tmp_path):
    save_png(tmp_path / "camera.png", torch.zeros(16, 16))
    with pytest.raises(InputError, match=r"two different trials are called camera, Identity.*labels of their own"):
        plan(spec(images=["camera", str(tmp_path / "camera.png")]))


def test_model_that_cannot_take_the_images():
    with pytest.raises(ModelError, match=r"model Gaussian fails on a stimulus of 1 x 4 x 4.*Correct it, or leave"):
        plan(spec(models=["Gaussian"], size=4))


def test_model_that_cannot_be_made():
    with pytest.raises(InputError, match=r"Gaussian cannot be made with .*widht=3"):
        plan(spec(models=[{"name": "Gaussian", "options": {"widht": 3}}]))


def test_a_canvas_too_small():
    with pytest.raises(InputError, match=r"16 x 16 pixels does not fit a canvas of 12 x 12; enlarge display.canvas"):
        plan(spec(display={"canvas": 12}))


def test_device():
    with pytest.raises(InputError, match="device is 'nonsense', which cannot be used here"):
        plan(spec(device="nonsense"))


def test_run_arguments(tmp_path):
    with pytest.raises(InputError, match="both workers and scheduler"):
        run(spec(), tmp_path, workers=1, scheduler="tcp://x")
    with pytest.raises(InputError, match="threads is 0; expected at least 1"):
        run(spec(), tmp_path, threads=0)
    with pytest.raises(InputError, match="workers is 0; expected at least 1"):
        run(spec(), tmp_path, workers=0)


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "set").write_text("")
    with pytest.raises(InputError, match=r"cannot be made: .*choose a folder"):
        run(spec(), tmp_path / "set" / "below", progress=False)


def test_unwritable_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="cannot be written to; change its permissions"):
        run(spec(), tmp_path / "set", progress=False)


def test_no_set_in_the_folder(tmp_path):
    for function in (status, verify):
        with pytest.raises(MissingFileError, match="holds no stimulus set"):
            function(tmp_path)


def test_damaged_files_are_found(tmp_path):
    run(spec(seeds=[0, 1, 2]), tmp_path, progress=False)
    pngs = sorted((tmp_path / "stimuli").glob("*_8bit.png"))
    pngs[0].unlink()
    pngs[1].write_bytes(b"x")
    record = next(f for f in (tmp_path / "trials").glob("*.json") if "seed2" in f.read_text())
    record.write_text(record.read_text()[:40])
    (target,) = (tmp_path / "images").glob("*_16bit.png")
    target.write_bytes(b"x")
    problems = verify(tmp_path).problems
    assert len(problems) == 5  # the image belongs to both trials whose records can be read
    assert sum(p.startswith("images/camera") and "was changed" in p for p in problems) == 2
    assert any("is missing; remove trials/" in p for p in problems)
    assert any("was changed after it was written" in p for p in problems)
    with pytest.raises(FileError, match="cannot be read"):
        status(tmp_path)


@pytest.mark.parametrize("function", [status, report, lambda folder: trial_table(folder, "abx")])
@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("plan.json", "{}", r"plan\.json holds no plan .*run the set again"),
        ("plan.json", "[3]", r"plan\.json holds no plan .*run the set again"),
        ("plan.json", "{", r"plan\.json cannot be read .*run the set again"),
        ("models.json", "{", r"models\.json cannot be read .*remove it and run again"),
        ("trials/*.json", "[]", r"holds no record of a trial; .*remove trials/\w+\.json and run again"),
        ("trials/*.json", "{}", r"holds no record of a trial; .*remove trials/\w+\.json and run again"),
        ("trials/*.json", "", r"cannot be read .*remove trials/\w+\.json and run again"),
    ],
)
def test_damaged_files_of_the_set_itself(tmp_path, function, name, text, message):
    run(spec(), tmp_path, progress=False)
    (file,) = tmp_path.glob(name)
    file.write_text(text)
    with pytest.raises(FileError, match=message):
        function(tmp_path)
    if name != "plan.json":
        file.unlink()
    assert run(spec(), tmp_path, progress=False).complete
    function(tmp_path)


INFINITE = "import torch\ndef net(x): return torch.log(x.flatten(1) - x.flatten(1).amin(1, keepdim=True))\n"


def test_a_model_that_answers_infinity_fails_and_the_set_goes_on(tmp_path):
    (tmp_path / "infinite.py").write_text(INFINITE)
    both = spec(models=["Identity", f"{tmp_path}/infinite.py:net"], retries=0)
    for again in (run, run, lambda specification, folder, progress: retry(folder, progress=progress)):
        found = again(both, tmp_path / "set", progress=False)
        assert (found.converged, found.failed) == (1, 1)
        assert "returned NaN or infinity" in found.failures[0]["error"]


def test_a_damaged_failure(tmp_path):
    (tmp_path / "infinite.py").write_text(INFINITE)
    bad = spec(models=[f"{tmp_path}/infinite.py:net"], retries=0)
    assert run(bad, tmp_path, progress=False).failed == 1
    (file,) = (tmp_path / "failed").glob("*.json")
    file.write_text("{}")
    with pytest.raises(FileError, match=r"remove failed/\w+\.json and run again"):
        status(tmp_path)


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"\xff")])
def test_a_specification_that_is_gone_is_shown_as_it_was_planned(tmp_path, damage):
    run(spec(), tmp_path, progress=False)
    damage(tmp_path / "specification.yaml")
    assert "Identity" in report(tmp_path).read_text()
    assert retry(tmp_path, progress=False).complete
    assert "Identity" in (tmp_path / "specification.yaml").read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_damaged_note_of_the_runner(tmp_path, text):
    with Store(tmp_path).locked():
        (tmp_path / "runner.json").write_text(text)
        with pytest.raises(StateError, match="is being written by another runner; wait until it has ended"):
            run(spec(), tmp_path, progress=False)


def test_a_wrong_record_is_found_in_the_model(tmp_path):
    run(spec(), tmp_path, progress=False)
    (record,) = (tmp_path / "trials").glob("*.json")
    before = record.read_text()
    wrong = before.replace('"relative_error": ', '"relative_error": 0.5, "was": ')
    record.write_text(wrong)
    assert wrong != before
    (problem,) = verify(tmp_path).problems
    assert "relative_error is" in problem and "was recorded" in problem


def test_verify_sample(tmp_path):
    with pytest.raises(InputError, match="sample is -1"):
        verify(tmp_path, -1)


def test_trial_table_arguments(tmp_path):
    run(spec(files=["png8"]), tmp_path, progress=False)
    with pytest.raises(NearestNameError, match="no task 'axb'"):
        trial_table(tmp_path, "axb")
    with pytest.raises(NearestNameError, match="between is 'colour'"):
        trial_table(tmp_path, "abx", between="colour")
    with pytest.raises(InputError, match="expected png8 or png16"):
        trial_table(tmp_path, "abx", files="jpeg")
    with pytest.raises(InputError, match="has no png16 files"):
        trial_table(tmp_path, "abx", files="png16")
    with pytest.raises(InputError, match="nothing to compare by seed"):
        trial_table(tmp_path, "abx", between="seed")
    with pytest.raises(InputError, match=r"expected .csv \(PsychoPy\) or .json"):
        write(tmp_path / "t.txt", [])
