"""Models known by what they answer: which changes are noticed, and that rounding is not."""

import json

import pytest
import torch
from torch import nn

from metameric._core.errors import FileError
from metameric.metric import ssim
from metameric.stimuli._behaviour import Registry, behaviour
from metameric.stimuli._models import BUILT_IN, make_model

GREY = torch.zeros(1, 1, 32, 32)


def unlike_parts(scale):
    """Two large answers and a tiny one."""

    def model(x):
        mean, variance = x.mean((-1, -2)), x.var((-1, -2))
        tiny = 1e-3 * scale * (x[..., 1:] - x[..., :-1]).square().mean((-1, -2))
        return torch.cat([100 * mean, variance, tiny], 1)

    return model


def wide(scale, channels=slice(5, 7)):
    torch.manual_seed(0)
    net = nn.Conv2d(1, 512, 3)
    with torch.no_grad():
        net.weight[channels] *= scale
    return net


def same(first, second, images=1):
    return behaviour(first, GREY, "model", images).equals(behaviour(second, GREY, "model", images))


@pytest.mark.parametrize("scale", [0, 5])
def test_a_change_in_a_tiny_part_of_an_answer_is_noticed(scale):
    assert same(unlike_parts(1), unlike_parts(1))
    assert not same(unlike_parts(1), unlike_parts(scale))


@pytest.mark.parametrize("how", [lambda net: net, lambda net: lambda x: net(x)], ids=["module", "function"])
def test_a_change_in_a_few_of_many_channels_is_noticed(how):
    assert same(how(wide(1)), how(wide(1)))
    assert not same(how(wide(1)), how(wide(1.05)))


def test_a_change_of_parameters_that_noise_does_not_show_is_noticed():
    silent = [nn.Sequential(nn.Threshold(2.0, 0.0), wide(scale)) for scale in (1, 1.05)]
    for net in silent:
        nn.init.zeros_(net[1].bias)
    answers = [behaviour(lambda x, net=net: net(x), GREY, "model") for net in silent]
    assert answers[0].equals(answers[1])
    assert not same(*silent)


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name != "PortillaSimoncelli"])
def test_rounding_is_no_change(name):
    single, double = (make_model(name, {}, GREY.to(dtype)) for dtype in (torch.float32, torch.float64))
    assert behaviour(single, GREY, name).equals(behaviour(double, GREY.double(), name))


def test_rounding_is_no_change_where_answers_are_correlations_about_zero():
    like = torch.zeros(1, 1, 128, 128)
    single, double = (make_model("PortillaSimoncelli", {}, like.to(d)) for d in (torch.float32, torch.float64))
    assert behaviour(single, like, "PS").equals(behaviour(double, like.double(), "PS"))


def test_rounding_is_no_change_where_an_answer_is_nothing_else():
    noise = torch.randn(2, 1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    nothing = [lambda x, n=n: torch.cat([x, 1e-8 * n], 1) for n in noise]
    assert same(*nothing)


def test_metrics_are_known_by_two_images():
    assert same(ssim, ssim, images=2)
    assert not same(ssim, lambda x, y: 1.01 * ssim(x, y), images=2)


def test_what_is_no_number_is_counted():
    def broken(x):
        return torch.log(x.flatten(1) - x.flatten(1).amin(1, keepdim=True))

    found = behaviour(broken, GREY, "model")
    assert found.values[0] == [1024, 0, 1]
    assert json.loads(json.dumps(found.values, allow_nan=False)) == found.values
    assert found.equals(behaviour(broken, GREY, "model"))
    assert not found.equals(behaviour(lambda x: broken(x).nan_to_num(0, 0, 0), GREY, "model"))


@pytest.mark.parametrize(
    "text",
    ["{", "3", "[3]", "[{}]", '[{"what": {}, "hash": "x", "values": [[1, null, 0]], "tolerances": [0]}]',
     '[{"what": {}, "hash": "x", "values": [1, 2], "tolerances": [0]}]'],
)  # fmt: skip
def test_a_damaged_file_of_models(tmp_path, text):
    (tmp_path / "models.json").write_text(text)
    with pytest.raises(FileError, match=r"models\.json .*remove it and run again"):
        Registry.read(tmp_path / "models.json")
