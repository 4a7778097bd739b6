"""DeepNetFeatures: which layers, how far the network runs, and what becomes of the caller's network."""

import copy
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

import metameric as mm
from metameric._core.errors import InputError, InputTypeError, ModelError, NearestNameError, StateError


class SmallNet(nn.Module):
    """A network with everything that makes layers hard to watch: reuse, work in place, dropout, dead ends."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 3, 3)
        self.act = nn.ReLU(inplace=True)
        self.norm = nn.BatchNorm2d(3)
        self.second = nn.Conv2d(3, 4, 3)
        self.drop = nn.Dropout(0.5)
        self.unused = nn.Linear(2, 2)
        self.pair = Pair()
        self.head = Counting()

    def forward(self, x):
        x = self.norm(self.act(self.first(x)))
        x = self.drop(self.act(self.second(x)))
        x += 1
        return self.head(self.pair(x)[0])


class Pair(nn.Module):
    def forward(self, x):
        return x, x


class Counting(nn.Module):
    calls = 0

    def forward(self, x):
        Counting.calls += 1
        return x.mean((2, 3))


@pytest.fixture
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SmallNet()


@pytest.fixture
def image(rng):
    return torch.rand(2, 1, 9, 8, generator=rng)


def test_layers_have_the_values_they_had_when_they_answered(net, image):
    frozen = copy.deepcopy(net).eval()
    first = frozen.first(image)
    second = frozen.second(frozen.norm(first.relu()))
    model = mm.models.DeepNetFeatures(net, ["first", "act", "second", "act_1"])
    layers = model.convert_to_dict(model(image))
    expected = {"first": first, "act": first.relu(), "second": second, "act_1": second.relu()}
    assert list(layers) == list(expected)
    for name in expected:
        torch.testing.assert_close(layers[name], expected[name])


def test_order_of_names_does_not_matter_and_keys_can_be_renamed(net, image):
    forward = mm.models.DeepNetFeatures(net, ["first", "second"])
    backward = mm.models.DeepNetFeatures(net, {"second": "late", "first": "early"})
    assert torch.equal(forward(image), backward(image))
    assert list(backward.convert_to_dict(backward(image))) == ["early", "late"]
    assert mm.models.DeepNetFeatures(net, "first")(image).shape == (2, 3 * 7 * 6)


def test_nothing_runs_beyond_the_deepest_layer(net, image):
    Counting.calls = 0
    mm.models.DeepNetFeatures(net, ["first", "second"])(image)
    assert Counting.calls == 0
    mm.models.DeepNetFeatures(net, "head")(image)
    assert Counting.calls == 1


def test_the_callers_network_is_left_alone(net, image):
    before = copy.deepcopy(net.state_dict())
    model = mm.models.DeepNetFeatures(net, "second")
    model(image)
    assert net.training and net.act.inplace
    assert all(p.requires_grad for p in net.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before.values(), net.state_dict().values(), strict=True))
    assert not any(m._forward_hooks for m in model.modules())


def test_frozen_and_in_evaluation_mode_even_if_asked_to_train(net, image):
    model = mm.models.DeepNetFeatures(net, "drop").train()
    assert not any(m.training for m in model.extractor.modules())
    assert not any(p.requires_grad for p in model.parameters())
    assert torch.equal(model(image), model(image))


def test_transform_comes_first(net, image):
    plain = mm.models.DeepNetFeatures(net, "first")
    scaled = mm.models.DeepNetFeatures(net, "first", transform=lambda x: 2 * x - 1)
    torch.testing.assert_close(scaled(image), plain(2 * image - 1))
    assert scaled.transform is not None and plain.transform is None


def test_tensor_and_dict_are_inverse(net, image):
    model = mm.models.DeepNetFeatures(net, ["first", "head"])
    representation = model(image)
    layers = model.convert_to_dict(representation)
    assert {k: v.shape[1:] for k, v in layers.items()} == {"first": (3, 7, 6), "head": (4,)}
    assert torch.equal(model.convert_to_tensor(layers), representation)


# The first forward-mode derivative of a process compiles some of torch's own formulas.
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_derivatives_of_every_mode_agree(net, image):
    image = image.double()
    model = mm.models.DeepNetFeatures(net.double(), ["act", "second"])
    tangent = torch.ones_like(image)
    _, forward = torch.func.jvp(model, (image,), (tangent,))
    value, pullback = torch.func.vjp(model, image)
    cotangent = torch.linspace(-1, 1, value.numel(), dtype=value.dtype).reshape(value.shape)
    torch.testing.assert_close((forward * cotangent).sum(), (pullback(cotangent)[0] * tangent).sum())
    assert pullback(cotangent)[0].abs().sum() > 0


def test_no_such_layer_lists_near_ones(net):
    with pytest.raises(NearestNameError, match=r"no layer named 'secnd'.*'second'"):
        mm.models.DeepNetFeatures(net, "secnd")


def test_layers_that_never_answer(net, image):
    with pytest.raises(ModelError, match=r"finished without calling \['unused', 'act_2'\]"):
        mm.models.DeepNetFeatures(net, ["first", "unused", "act_2"])(image)


def test_layers_without_a_tensor(net, image):
    with pytest.raises(ModelError, match="'pair' returns a tuple"):
        mm.models.DeepNetFeatures(net, "pair")(image)


@pytest.mark.parametrize("nodes", [[], {}])
def test_no_names(net, nodes):
    with pytest.raises(InputTypeError, match="return_nodes is"):
        mm.models.DeepNetFeatures(net, nodes)


def test_one_key_for_two_layers(net):
    with pytest.raises(InputError, match="one key to several layers"):
        mm.models.DeepNetFeatures(net, {"first": "a", "second": "a"})


def test_dict_needs_a_call_and_the_right_size(net, image):
    model = mm.models.DeepNetFeatures(net, "first")
    with pytest.raises(StateError, match="call the model"):
        model.convert_to_dict(torch.zeros(1, 3))
    model(image)
    with pytest.raises(InputError, match=r"expected \(batch, 126\)"):
        model.convert_to_dict(torch.zeros(1, 3))


def test_plots_two_views_of_each_layer_and_updates_them(net, image):
    from matplotlib import pyplot as plt

    model = mm.models.DeepNetFeatures(net, ["first", "head"])
    representation = model(image)
    fig, axes = model.plot_representation(representation, batch_idx=1)
    assert len(axes) == 3
    shown = axes[0].images[0].get_array()
    expected = model.convert_to_dict(representation)["first"][1].mean(0)
    torch.testing.assert_close(torch.as_tensor(shown.copy()), expected)
    model.update_plot(axes, 2 * representation, batch_idx=1)
    torch.testing.assert_close(torch.as_tensor(axes[0].images[0].get_array().copy()), 2 * expected)
    plt.close(fig)


def test_torchvision_names_and_values_agree_with_torchvisions_own_extraction(image):
    torchvision = pytest.importorskip("torchvision")
    from torchvision.models.feature_extraction import create_feature_extractor

    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torchvision.models.resnet18(weights=None).eval()
    names = ["layer1.0.relu", "layer1.0.relu_1", "layer2"]
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = create_feature_extractor(net, names)(picture)
    model = mm.models.DeepNetFeatures(net, names)
    layers = model.convert_to_dict(model(picture))
    assert set(layers) == set(expected)
    for name in names:
        torch.testing.assert_close(layers[name], expected[name])


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_timm_network():
    timm = pytest.importorskip("timm")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = timm.create_model("resnet10t", pretrained=False).eval()
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    model = mm.models.DeepNetFeatures(net, ["layer1", "layer2"])
    layers = model.convert_to_dict(model(picture))
    with torch.no_grad():
        stem = net.maxpool(net.act1(net.bn1(net.conv1(picture))))
        torch.testing.assert_close(layers["layer1"], net.layer1(stem))
        torch.testing.assert_close(layers["layer2"], net.layer2(net.layer1(stem)))


def test_threads_do_not_watch_each_other(rng):
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 3))
    model = mm.models.DeepNetFeatures(net, ["1", "2"])
    images = [torch.rand(1, 1, 64, 64, generator=rng) for _ in range(4)]
    with torch.no_grad():
        expected = [model(image) for image in images]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = [f.detach() for f in pool.map(model, images * 50)]
    finally:
        sys.setswitchinterval(interval)
    assert all(torch.equal(f, expected[i % 4]) for i, f in enumerate(found))
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(copied(images[0]), expected[0])
