"""The commands of the methods beyond matching, run as a user runs them."""

import json

import pytest
import torch

import metameric as mm
from metameric.cli._app import run

OWN = """
import torch

class Net(torch.nn.Module):
    def __init__(self, seed=0):
        super().__init__()
        drawn = torch.Generator().manual_seed(seed)
        self.conv, self.out = torch.nn.Conv2d(1, 4, 3), torch.nn.Linear(64, 4)
        for p in self.parameters():
            p.data = torch.randn(p.shape, generator=drawn) / 3

    def forward(self, x):
        maps = torch.nn.functional.softplus(self.conv(x))
        return self.out(maps.flatten(2).unfold(2, 4, 4).mean(3).flatten(1))

def one():
    return Net(0)

def two():
    return Net(1)

def maps():
    return torch.nn.Sequential(Net(0).conv, torch.nn.Softplus())

def two_channels():
    return torch.nn.Conv2d(2, 4, 3)

def energy(x):
    return torch.nn.functional.avg_pool2d(x, 2).square() + 0.1 * x[..., ::2, ::2]

def blind():
    return torch.nn.AvgPool2d(4)
"""

KERNEL = ["--model-option", "kernel_size=5"]
PRINCIPAL = "principal camera --size 8 --models own_nets.py:energy own_nets.py:maps Identity --ridge 0.01 --seed 0"
GEODESIC = "geodesic camera coffee --model own_nets.py:energy --size 16 --steps 2"
BLUR = ["--model", "Gaussian", *KERNEL, "--size", "12"]
SHAPE = ["--image-shape", "10,10"]
NETS = ["--models", "own_nets.py:one", "own_nets.py:two"]
MAPS = ["exciting", "--model", "own_nets.py:maps", *SHAPE]
CASES = {
    "exciting": (
        [*MAPS, "--channel", "2", "--seed", "0"],
        {"stimulus.png", "stimulus-16bit.png"},
        "response",
    ),
    "unit": (
        [*MAPS, "--unit", "1,3,3", "--seeds", "0,1", "--std", "0", "--least"],
        {f"stimulus-seed{i}{bits}.png" for i in (0, 1) for bits in ("", "-16bit")},
        "response",
    ),
    "diverse": (
        ["diverse", "camera", *BLUR, "-n", "2", "--tolerance", "0.01", "--spreading", "20", "--seed", "0"],
        {f"metamer-{i}{bits}.png" for i in (0, 1) for bits in ("", "-16bit")},
        "worst_error",
    ),
    "geodesic": (
        GEODESIC.split(),
        {f"frame-{i}{bits}.png" for i in range(3) for bits in ("", "-16bit")},
        "gap",
    ),
    "principal": (
        PRINCIPAL.split(),
        {f"{k}distortion-0{e}{bits}.png" for k in ("", "image-plus-") for e in "ab" for bits in ("", "-16bit")},
        "variance",
    ),
    "controversial": (
        [
            "controversial",
            *NETS,
            "--targets",
            "0,1",
            "2,3",
            *SHAPE,
            "--seed",
            "0",
            "--range",
            "-9,9",
            "--restarts",
            "1",
        ],
        {f"stimulus-seed{i}{bits}.png" for i in (0, 1) for bits in ("", "-16bit")},
        "score",
    ),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "own_nets.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("case", CASES)
def test_writes_everything_and_ends_0(case, tmp_path, capsys):
    words, pictures, figure = CASES[case]
    assert run([*words, "--out", "deep/er"]) == 0, capsys.readouterr()
    shown = capsys.readouterr()
    assert "converged" in shown.out and "written to" in shown.out and "Traceback" not in shown.err
    out = tmp_path / "deep" / "er"
    always = {"result.json", "result.safetensors", "status.png", "report.html"}
    assert {p.name for p in out.iterdir()} == always | pictures
    result = json.loads((out / "result.json").read_text())
    assert result["converged"] and result["options"]["dtype"] == "float32"
    assert figure in result["figures"]
    page = (out / "report.html").read_text()
    assert page.count("<img ") >= 1


@pytest.mark.parametrize("case", ["exciting", "unit", "diverse", "geodesic", "principal", "controversial"])
def test_step_limit_ends_3_and_resume_goes_on(case, tmp_path, capsys):
    words = [*CASES[case][0], "--out", "out"]
    assert run([*words, "--max-iter", "1"]) == 3
    assert "step limit" in capsys.readouterr().out
    assert run([*words, "--resume"]) == 0
    capsys.readouterr()
    resumed = json.loads((tmp_path / "out" / "result.json").read_text())
    assert run([*CASES[case][0], "--out", "whole"]) == 0
    whole = json.loads((tmp_path / "whole" / "result.json").read_text())
    assert resumed["figures"] == whole["figures"]
    assert resumed["iterations"] == whole["iterations"]


def test_stimuli_that_are_no_pictures_have_numbers_and_a_summary(tmp_path, capsys):
    words = ["exciting", "--model", "own_nets.py:two_channels", "--image-shape", "2,8,8", "--channel", "0"]
    assert run([*words, "--max-iter", "2", "--out", "out"]) in (0, 3)
    assert "written to out" in capsys.readouterr().out
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"result.json", "result.safetensors"}


def test_starts_are_tried_and_counted(tmp_path, capsys):
    assert run([*CASES["exciting"][0], "--starts", "3", "--out", "out"]) == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["figures"]["trial_evaluations"][0] > 3


def test_kicks_are_made_and_counted(tmp_path, capsys):
    words = [*CASES["exciting"][0], "--kicks", "2"]
    assert run([*words, "--out", "out", "--max-iter", "12"]) == 3
    assert run([*words, "--out", "out", "--max-iter", "300", "--resume"]) == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["figures"]["climbs"] == [4]


def test_the_numbers_of_a_set(tmp_path, capsys):
    assert run([*CASES["diverse"][0], "--out", "out"]) == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    errors, distances = torch.tensor(result["errors"]), torch.tensor(result["distances"])
    assert errors.shape == (1, 2) and bool((errors <= 0.01 * (1 + 1e-4)).all())
    members = mm.load_images([tmp_path / "out" / f"metamer-{i}-16bit.png" for i in (0, 1)])
    assert distances[0, 0, 1] == pytest.approx(float((members[0] - members[1]).norm()), rel=1e-3)


BAD = {
    "nothing to drive": (MAPS, "expected one of --channel, --unit and --layer"),
    "two to drive": ([*MAPS, "--channel", "1", "--layer"], "expected one of --channel, --unit and --layer"),
    "kicks": ([*MAPS, "--channel", "0", "--kicks", "-1"], "kicks is -1"),
    "unit": ([*MAPS, "--unit", "a,b"], "--unit is 'a,b'"),
    "no such channel": ([*MAPS, "--channel", "9"], "index is 9"),
    "range": ([*MAPS, "--channel", "0", "--range", "1"], "--range is '1'"),
    "contrast": ([*MAPS, "--channel", "0", "--std", "0.9"], "no stimulus within"),
    "shape": (["exciting", "--model", "own_nets.py:maps", "--image-shape", "7", "--layer"], "--image-shape is '7'"),
    "no numbers": (["exciting", "--model", "own_nets.py:maps", "--image-shape", "a,b", "--layer"], "--image-shape is"),
    "dtype": ([*MAPS, "--layer", "--dtype", "float16"], "--dtype is 'float16'"),
    "model": (["exciting", "--model", "Gausian", *SHAPE, "--layer"], "Did you mean Gaussian"),
    "n": (["diverse", "camera", *BLUR, "-n", "1"], "n is 1"),
    "tolerance": (["diverse", "camera", *BLUR, "--tolerance", "0"], "tolerance is 0"),
    "measure": (["diverse", "camera", *BLUR, "--measure", "max"], "measure is 'max'"),
    "image": (["diverse", "camra", *BLUR], "Did you mean camera"),
    "steps": (["geodesic", "camera", "coffee", *BLUR, "--steps", "1"], "n_steps is 1"),
    "equal ends": (["geodesic", "camera", "camera", *BLUR], "image_a and image_b are equal"),
    "one model": (["principal", "camera", "--size", "12", "--models", "Gaussian"], "expected at least two"),
    "blind": (
        ["principal", "camera", "--size", "12", "--models", "own_nets.py:blind", "Identity"],
        "give a ridge",
    ),
    "scale": (
        ["principal", "camera", "--size", "12", "--models", "Identity", "Linear", "--scale", "-1"],
        "--scale is -1",
    ),
    "one class": (["controversial", *NETS, "--targets", "3", *SHAPE], "--targets has 3"),
    "no class": (["controversial", *NETS, "--targets", "a,b", *SHAPE], "--targets is 'a,b'"),
    "class": (["controversial", *NETS, "--targets", "0,8", *SHAPE], "classes that include 0 to 8"),
    "readout": (["controversial", *NETS, "--targets", "0,1", *SHAPE, "--readout", "x"], "readout is 'x'"),
    "starts": ([*MAPS, "--layer", "--starts", "0"], "n_starts is 0"),
    "restarts": (["controversial", *NETS, "--targets", "0,1", *SHAPE, "--restarts", "0"], "restarts is 0"),
    "spreading": (["diverse", "camera", *BLUR, "--spreading", "0"], "spreading is 0"),
    "solver": ([*MAPS, "--layer", "--solver", "adm"], "Did you mean adam"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_2_with_one_clear_line(case, capsys):
    words, message = BAD[case]
    assert run([*words, "--out", "out"]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.startswith("metameric: ") and shown.err.count("\n") == 1
    assert "Traceback" not in shown.err
