"""The command line, run as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from metameric._solve._status import Status
from metameric.cli._app import _one_by_one, run
from metameric.cli._outputs import exit_code
from metameric.data import image

OWN_MODEL = """
import torch

class Blur(torch.nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.width = width
    def forward(self, x):
        return torch.nn.functional.avg_pool2d(x, self.width)

def contrast(x):
    return x - x.mean((2, 3), keepdim=True)

def make(width):
    return Blur(width)

ready = Blur(4)
number = 3

def broken(x):
    return x.sum()

def no_model():
    return "text"

def refuses():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(100, 3))

def coloured():
    return torch.nn.Conv2d(3, 4, 3)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "own_model.py"
    path.write_text(OWN_MODEL)
    monkeypatch.chdir(tmp_path)
    return path


def metamer(*arguments: str, image: str = "camera", size: str = "32") -> int:
    return run(["metamer", image, "--size", size, *arguments])


def test_writes_everything_and_ends_0(tmp_path, capsys):
    out = tmp_path / "deep" / "er"
    options = ["--model", "Gaussian", "--model-option", "kernel_size=7", "--seed", "3", "--out", str(out)]
    assert metamer(*options) == 0
    shown = capsys.readouterr()
    assert "converged" in shown.out
    assert "Traceback" not in shown.err
    names = {p.name for p in out.iterdir()}
    assert names == {
        "metamer.png",
        "metamer-16bit.png",
        "result.safetensors",
        "result.json",
        "status.png",
        "report.html",
    }
    result = json.loads((out / "result.json").read_text())
    assert result["status"] == ["converged"]
    assert result["figures"]["relative_error"][0] <= 1e-3
    assert result["options"]["seeds"] == [3]
    assert result["config"]["metameric"]
    fine, coarse = iio.imread(out / "metamer-16bit.png"), iio.imread(out / "metamer.png")
    assert fine.dtype == np.uint16
    assert np.abs(fine / 65535 - coarse / 255).max() < 0.5 / 255 + 1e-4
    tensors = load_file(out / "result.safetensors")
    assert any(torch.is_floating_point(t) and t.shape[-2:] == (32, 32) for t in tensors.values())
    assert iio.imread(out / "status.png").std() > 1


def test_same_seed_same_image(tmp_path):
    images = []
    for name in ("a", "b"):
        metamer("--model", "Gaussian", "--seed", "5", "--out", str(tmp_path / name), size="24")
        images.append(iio.imread(tmp_path / name / "metamer-16bit.png"))
    np.testing.assert_array_equal(*images)


def test_not_converged_ends_3(tmp_path, capsys):
    assert metamer("--model", "Gaussian", "--max-iter", "2", "--out", str(tmp_path)) == 3
    assert "step limit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("own_model.py:Blur", []),
        ("own_model.py:Blur", ["width=4"]),
        ("own_model:make", ["width=2"]),
        ("own_model:ready", []),
        ("own_model:contrast", []),
    ],
)
def test_own_models_by_path(own, tmp_path, model, options):
    words = [word for option in options for word in ("--model-option", option)]
    assert metamer("--model", model, *words, "--seed", "0", "--out", str(tmp_path / "out")) == 0


def test_file_seeds_dtype_color_and_start(tmp_path):
    iio.imwrite(tmp_path / "picture.png", (np.random.default_rng(0).random((40, 30, 3)) * 255).astype(np.uint8))
    options = ["--model", "Identity", "--color", "--dtype", "float64", "--seeds", "2-3", "--initial", "random_phase"]
    code = metamer(*options, "--out", str(tmp_path / "out"), image=str(tmp_path / "picture.png"), size="16")
    assert code == 0
    assert iio.imread(tmp_path / "out" / "metamer-seed3.png").shape == (16, 16, 3)
    assert json.loads((tmp_path / "out" / "result.json").read_text())["dtype"] == "float64"


def test_resume_goes_on_where_the_folder_ends(tmp_path):
    options = ["--model", "Gaussian", "--seed", "4"]
    assert metamer(*options, "--out", str(tmp_path / "whole")) == 0
    assert metamer(*options, "--max-iter", "3", "--out", str(tmp_path / "parts")) == 3
    assert metamer(*options, "--resume", "--out", str(tmp_path / "parts")) == 0
    whole, parts = (iio.imread(tmp_path / name / "metamer-16bit.png") for name in ("whole", "parts"))
    np.testing.assert_array_equal(whole, parts)


def test_resume_refuses_what_belongs_to_another_run(tmp_path, capsys):
    assert metamer("--model", "Gaussian", "--max-iter", "1", "--out", str(tmp_path)) == 3
    assert metamer("--model", "Gaussian", "--resume", "--out", str(tmp_path), image="coffee") == 2
    assert "image" in capsys.readouterr().err


def test_a_folder_holds_one_run(tmp_path, capsys):
    options = ["--model", "Identity", "--max-iter", "0", "--out", str(tmp_path)]
    assert metamer(*options, "--seeds", "0-1") == 3
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    capsys.readouterr()
    assert metamer(*options, "--seed", "0", image="coffee") == 2
    shown = capsys.readouterr().err
    assert "holds the results of an earlier run; give another folder, or --resume" in shown
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--seed", "7"], "--seed is 7, but the run to resume has 2"),
        (["--seeds", "2,3"], "--seeds is 2,3, but the run to resume has 2"),
        (["--solver", "lbfgs"], "--solver is lbfgs, but the run to resume has adam"),
        (["--initial", "noise"], "--initial is noise, but the run to resume has gaussian"),
    ],
)
def test_resume_refuses_other_options_and_records_those_of_the_run(tmp_path, capsys, changed, message):
    options = ["--model", "Identity", "--out", str(tmp_path)]
    assert metamer(*options, "--max-iter", "1", "--seed", "2", "--solver", "adam", "--initial", "gaussian") == 3
    assert metamer(*options, "--max-iter", "1", "--resume", *changed) == 2
    assert message in capsys.readouterr().err
    assert metamer(*options, "--max-iter", "1", "--resume", "--seeds", "2") == 3
    recorded = json.loads((tmp_path / "result.json").read_text())["options"]
    assert (recorded["solver"], recorded["initial"], recorded["seeds"]) == ("adam", "gaussian", [2])


def test_out_may_be_named_like_the_image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert metamer("--model", "Identity", "--out", "camera") == 0
    assert metamer("--model", "Identity", "--out", "camera", "--resume") == 0


def test_the_start_is_resized_like_the_image(tmp_path):
    assert metamer("--model", "Identity", "--initial", "coins", "--max-iter", "0", "--out", str(tmp_path)) == 3
    shown = iio.imread(tmp_path / "metamer.png") / 255
    np.testing.assert_allclose(shown, image("coins", size=32)[0, 0].numpy(), atol=1 / 255)


@pytest.mark.parametrize("size", ["0", "-3"])
def test_sizes_are_checked_for_files_too(tmp_path, capsys, size):
    iio.imwrite(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    arguments = ["metamer", str(tmp_path / "a.png"), "--model", "Identity", f"--size={size}"]
    assert run([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert f"size is {size}; expected a positive number of pixels" in capsys.readouterr().err


def test_solver_by_name(tmp_path):
    assert metamer("--model", "Gaussian", "--solver", "adam", "--max-iter", "3", "--out", str(tmp_path)) == 3
    assert "Adam" in json.loads((tmp_path / "result.json").read_text())["config"]["solver"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothere", "--model", "OnOff"], "neither a file nor a bundled image"),
        (["camrea", "--model", "OnOff"], "Did you mean camera"),
        (["missing.png", "--model", "OnOff"], "missing.png"),
        (["camera", "--model", "OnOf"], "Did you mean OnOff"),
        (["camera", "--model", "zzz"], "There are Identity"),
        (["camera", "--model", "nomodule:x"], "cannot import nomodule"),
        (["camera", "--model", "nofile.py:x"], "there is no file nofile.py"),
        (["camera", "--model", "own_model.py:Blurr"], "there is no 'Blurr' there"),
        (["camera", "--model", "own_model.py:number"], "is a int; expected a model"),
        (["camera", "--model", "own_model.py:broken"], "expected the batch to stay"),
        (["camera", "--model", "own_model.py:no_model"], "returned a str; expected a function or class that makes"),
        (["camera", "--model", "own_model.py:refuses"], "Sequential cannot take a stimulus of shape (1, 1, 32, 32)"),
        (["camera", "--model", "own_model.py:coloured"], "on the command line, give --color"),
        (["camera", "--model", "own_model.py:ready", "--model-option", "a=1"], "already made"),
        (["camera", "--model", "own_model.py:Blur", "--model-option", "size=1"], "cannot be made with size=1"),
        (["camera", "--model", "Gaussian", "--model-option", "std"], "expected key=value"),
        (["camera", "--model", "Gaussian", "--model-option", "std=[1"], "unreadable value"),
        (["camera", "--model", "OnOff", "--device", "nonsense"], "--device is 'nonsense'"),
        (["camera", "--model", "OnOff", "--device", "meta"], "--device is 'meta', which holds no values"),
        (["camera", "--model", "OnOff", "--dtype", "float16"], "expected float32 or float64"),
        (["camera", "--model", "OnOff", "--solver", "adamm"], "Did you mean adam"),
        (["camera", "--model", "OnOff", "--solver", "sparseadam"], "--solver is 'sparseadam'; expected lbfgs"),
        (["camera", "--model", "OnOff", "--seeds", "5-2"], "expected distinct whole numbers"),
        (["camera", "--model", "OnOff", "--seeds", "99999999999999999999999"], "whole numbers up to 2**63 - 1"),
        (["camera", "--model", "OnOff", "--seed", "99999999999999999999999"], "--seed"),
        (["camera", "--model", "OnOff", "--seeds", "a"], "expected distinct whole numbers"),
        (["camera", "--model", "OnOff", "--seeds", "0-1", "--initial", "coffee"], "needs a random start"),
        (["camera", "--model", "OnOff", "--tolerance", "-1"], "tolerance is -1"),
        (["camera", "--model", "OnOff", "--max-iter", "-1"], "--max-iter"),
        (["camera", "--model", "OnOff", "--size", "x"], "--size"),
        (["camera", "--nonsense"], "--nonsense"),
        (["camera"], "--model"),
    ],
)
def test_bad_input_is_one_clear_line(own, tmp_path, capsys, arguments, message):
    size = [] if "--size" in arguments else ["--size", "32"]
    assert run(["metamer", *arguments, *size, "--out", str(tmp_path / "out")]) == 2
    shown = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in shown if line.startswith("metameric: ")]) == 1
    assert message in shown[-1]


def test_nan_image_and_unwritable_folder(tmp_path, capsys):
    iio.imwrite(tmp_path / "nan.tiff", np.full((32, 32), np.nan, dtype=np.float32))
    assert metamer("--model", "Gaussian", "--out", str(tmp_path / "o"), image=str(tmp_path / "nan.tiff")) == 2
    assert "metameric: " in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert metamer("--model", "Gaussian", "--out", str(tmp_path / "file" / "sub")) == 2
    assert "cannot be made" in capsys.readouterr().err


def test_no_arguments_shows_help(capsys):
    assert run([]) == 2
    assert "metamer" in "".join(capsys.readouterr())
    assert run(["--help"]) == 0
    assert run(["bogus"]) == 2


def test_models_and_images_are_listed(capsys):
    assert run(["models"]) == 0
    listed = capsys.readouterr().out
    assert "LuminanceGainControl" in listed
    assert "pretrained=False" in listed
    assert run(["images"]) == 0
    kinds = {line.split()[0]: line.split()[-1] for line in capsys.readouterr().out.splitlines()}
    assert kinds["camera"] == kinds["shepp_logan_phantom"] == "grey"
    assert kinds["coffee"] == "colour"


def test_interrupt_writes_what_there_is(tmp_path):
    command = [sys.executable, "-m", "metameric.cli", "metamer", "camera", "--model", "OnOff", "--seed", "0"]
    command += ["--size", "128", "--tolerance", "0", "--max-iter", "100000", "--out", str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    seen = ""
    while "it/s" not in seen and process.poll() is None:
        seen += process.stderr.read(1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "interrupted" in output
    assert json.loads((tmp_path / "out" / "result.json").read_text())["status"] == ["interrupted"]
    assert (tmp_path / "out" / "metamer.png").is_file()


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([Status.CONVERGED], 0),
        ([Status.CONVERGED, Status.STEP_LIMIT], 3),
        ([Status.CONVERGED, Status.INTERRUPTED, Status.STEP_LIMIT], 130),
    ],
)
def test_exit_codes(statuses, code):
    assert exit_code(statuses) == code


def test_every_option_is_on_record(tmp_path):
    command = ["metamer", "camera", "--model", "Identity", "--size", "16", "--seed", "1", "--max-iter", "3"]
    assert run([*command, "--color", "--out", str(tmp_path)]) == 0
    options = json.loads((tmp_path / "result.json").read_text())["options"]
    assert {"image": "camera", "model": "Identity", "size": 16, "seeds": [1], "max_iter": 3, "color": True}.items() <= (
        options.items()
    )
    assert {"tolerance", "device", "dtype", "initial", "solver", "model_option"} <= set(options)
    assert run(["eigendistortions", "camera", "--model", "Gaussian", "--size", "16", "--out", str(tmp_path / "e")]) in (
        0,
        3,
    )
    options = json.loads((tmp_path / "e" / "result.json").read_text())["options"]
    assert {"k", "method", "ends", "tolerance", "noise", "scale", "seed", "max_iter"} <= set(options)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("compare a b --metrics ssim mse", "compare a b --metrics ssim --metrics mse"),
        ("compare --metrics ssim a b", "compare --metrics ssim a b"),
        ("compare --metrics ssim mse a b --json", "compare --metrics ssim --metrics mse a b --json"),
        ("compare --json a b --metrics ssim mse", "compare --json a b --metrics ssim --metrics mse"),
        ("compare --device cpu a --metrics ssim mse b", "compare --device cpu a --metrics ssim --metrics mse b"),
        ("compare --metrics ssim --metrics mse a b", "compare --metrics ssim --metrics mse a b"),
        ("compare --metrics ssim", "compare --metrics ssim"),
        ("mad --metrics ssim mse camera --out o", "mad --metrics ssim --metrics mse camera --out o"),
        ("mad camera --out=o --metrics ssim mse", "mad camera --out=o --metrics ssim --metrics mse"),
        ("principal --scale -1 x --models A B", "principal --scale -1 x --models A --models B"),
        (
            "controversial --targets 0,1 2,3 --models A B",
            "controversial --targets 0,1 --targets 2,3 --models A --models B",
        ),
        ("", ""),
    ],
)
def test_words_of_an_option_and_images_in_either_order(line, expected):
    assert _one_by_one(line.split()) == expected.split()
