"""Layers of networks in sets and on the command line."""

import json
import random
import textwrap

import numpy as np
import pytest
import torch

from metameric._core.errors import InputError, NearestNameError
from metameric._core.random import _seed_source
from metameric.cli._app import run
from metameric.models import DeepNetFeatures
from metameric.stimuli import Specification
from metameric.stimuli import run as run_set
from metameric.stimuli._models import make_model

NETWORKS = """
import torch

def net(width=3, **unused):
    layers = torch.nn.Conv2d(3, width, 3), torch.nn.Softplus(), torch.nn.Conv2d(width, 2, 3)
    return torch.nn.Sequential(*layers)

def own(layer, std=1):
    return torch.nn.Conv2d(3, layer, 3)

ready = net()

def blur(x, times=1):
    return torch.nn.functional.avg_pool2d(x, 2)

def pool():
    return lambda x: torch.nn.functional.avg_pool2d(x, 2)
"""


@pytest.fixture
def networks(tmp_path):
    file = tmp_path / "networks.py"
    file.write_text(textwrap.dedent(NETWORKS))
    return str(file)


IMAGE = torch.linspace(0, 1, 3 * 8 * 8, dtype=torch.float64).reshape(1, 3, 8, 8)


def test_a_layer_is_that_of_the_network_with_its_normalisation(networks):
    mean, std = [0.5, 0.25, 0], [0.5, 2, 1]
    whole = make_model(f"{networks}:net", {"width": 4}, IMAGE)
    layer = make_model(f"{networks}:net", {"width": 4, "layer": "1", "mean": mean, "std": std}, IMAGE)
    assert isinstance(layer, DeepNetFeatures)
    normalised = (IMAGE - torch.tensor(mean).double()[:, None, None]) / torch.tensor(std).double()[:, None, None]
    torch.testing.assert_close(layer(IMAGE), whole[:2](normalised).flatten(1))
    assert layer(IMAGE).dtype == torch.float64


def test_several_layers_and_a_network_already_made(networks):
    model = make_model(f"{networks}:ready", {"layer": ["0", "1"]}, IMAGE)
    assert set(model.convert_to_dict(model(IMAGE))) == {"0", "1"}


def test_a_model_with_a_parameter_of_that_name_gets_it(networks):
    assert make_model(f"{networks}:own", {"layer": 5}, IMAGE).out_channels == 5


def test_one_number_normalises_all_channels(networks):
    plain, scaled = (
        make_model(f"{networks}:net", {"layer": "0"} | options, IMAGE) for options in ({}, {"mean": 0, "std": 2})
    )
    torch.testing.assert_close(scaled(IMAGE), plain(IMAGE / 2))


@pytest.mark.parametrize(
    ("name", "options", "error", "said"),
    [
        ("net", {"layer": "2x"}, NearestNameError, "2"),
        ("net", {"mean": [0.5], "std": [1]}, InputError, "no layer; name one"),
        ("net", {"layer": "0", "mean": [0.5]}, InputError, "as many numbers of each"),
        ("net", {"layer": "0", "mean": [0.5, 0.5], "std": [1]}, InputError, "as many numbers of each"),
        ("net", {"layer": "0", "mean": 0.5, "std": 0}, InputError, "positive"),
        ("net", {"layer": "0", "mean": "grey", "std": 1}, InputError, "as many numbers"),
        ("pool", {"layer": "0"}, InputError, "is no torch.nn.Module and has no layer"),
        ("ready", {"layer": "0", "width": 3}, InputError, "already made"),
    ],
)
def test_what_cannot_be_is_refused(networks, name, options, error, said):
    with pytest.raises(error, match=said):
        make_model(f"{networks}:{name}", options, IMAGE)


def test_random_weights_are_the_same_each_time_and_global_state_is_left_alone(networks):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = make_model(f"{networks}:net", {}, IMAGE)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    assert torch.equal(make_model(f"{networks}:net", {}, IMAGE)(IMAGE), first(IMAGE))


SEED_SOURCE_MODELS = [
    (name, {"kernel_size": 7})
    for name in ("LinearNonlinear", "LuminanceGainControl", "LuminanceContrastGainControl", "OnOff")
] + [("Linear", {"default_filters": False})]


@pytest.mark.parametrize(("name", "options"), SEED_SOURCE_MODELS)
def test_built_in_models_with_random_parameters_are_the_same_each_time(name, options):
    grey = IMAGE[:, :1]
    before = _seed_source.getstate()
    first, second = (make_model(name, options, grey) for _ in range(2))
    assert torch.equal(first(grey), second(grey))
    assert _seed_source.getstate() == before


def test_weights_drawn_by_numpy_and_python_are_the_same_each_time(tmp_path):
    file = tmp_path / "drawn.py"
    file.write_text(
        "import numpy, random\nscale = numpy.random.rand() + random.random()\ndef net(x): return scale * x\n"
    )
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    first, second = (make_model(f"{file}:net", {}, IMAGE) for _ in range(2))
    assert torch.equal(first(IMAGE), second(IMAGE))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


@pytest.mark.slow
def test_a_set_of_layers_in_two_processes(networks, tmp_path):
    spec = Specification(
        images=["astronaut"],
        models=[{"name": f"{networks}:net", "options": {"mean": 0.5, "std": 0.25}, "layers": ["0", "1"]}],
        methods=[{"method": "metamer", "tolerance": 0.05, "max_iter": 60}],
        size=16,
        color=True,
    )
    found = run_set(spec, tmp_path / "set", workers=2, progress=False)
    assert (found.planned, found.converged) == (2, 2)
    written = {file: file.stat().st_mtime_ns for file in (tmp_path / "set").rglob("*.safetensors")}
    assert run_set(spec, tmp_path / "set", progress=False).converged == 2
    assert {file: file.stat().st_mtime_ns for file in written} == written  # nothing is done again


def test_a_layer_on_the_command_line(networks, tmp_path):
    words = ["metamer", "astronaut", "--color", "--size", "16", "--tolerance", "0.05", "--seed", "0"]
    model = ["--model", f"{networks}:net", "--model-option", "layer=0"]
    assert run([*words, *model, "--out", str(tmp_path / "out")]) == 0
    assert "layer=0" in json.dumps(json.loads((tmp_path / "out" / "result.json").read_text()))


def test_a_model_with_random_parameters_resumes_on_the_command_line(tmp_path):
    words = ["metamer", "camera", "--size", "16", "--seed", "0", "--model", "LuminanceContrastGainControl"]
    words += ["--model-option", "kernel_size=7", "--out", str(tmp_path / "out")]
    assert run([*words, "--max-iter", "2"]) == 3
    assert run([*words, "--max-iter", "4", "--resume"]) in (0, 3)
