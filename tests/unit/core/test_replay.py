"""When functions are recorded, what tells recordings apart, and what is left to the functions themselves.

A stand-in records nothing and calls the function with its own copies of the inputs, as a CUDA graph would; the real
thing is in `tests/laws/test_devices.py`.
"""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

import metameric as mm
from metameric._core import replay
from metameric._core.replay import CALLS_BEFORE, KEPT, Replays, replayable, replayed

MANY = range(CALLS_BEFORE + 3)


class StandIn:
    """A recording in name only."""

    def __init__(self, function, inputs):
        self.function, self.inputs = function, [x.detach().clone() for x in inputs]
        self.outputs, self.runs = function(*self.inputs), 0

    def __call__(self, inputs):
        self.runs += 1
        for place, x in zip(self.inputs, inputs, strict=True):
            place.copy_(x)
        with torch.no_grad():
            return [out.clone() for out in self.function(*self.inputs)]


@pytest.fixture
def everywhere(monkeypatch):
    """Replay on the CPU, too."""
    pays = lambda inputs: bool(inputs) and not getattr(replay._busy, "yes", False)  # noqa: E731
    monkeypatch.setattr(replay, "pays", pays)
    monkeypatch.setattr(replay, "Recording", StandIn)
    monkeypatch.setattr(replay, "_stream", lambda: 0)
    monkeypatch.setattr(replay, "_has_room", lambda inputs: True)


def numbers(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def same(function, x):
    """Hold a function's value and gradient to those that it has unrecorded."""
    x.requires_grad_()
    with replay._alone():
        wanted = function(x)
    found = function(x)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(*(torch.autograd.grad(y.square().sum(), x)[0] for y in (found, wanted)))


def cubes(x):
    return {"cube": x**3, "sum": (x.sum(-1), torch.complex(x, 2 * x))}


@pytest.mark.usefixtures("everywhere")
class TestReplays:
    def test_values_and_gradients_are_those_of_the_function(self):
        replays = Replays()
        for i in MANY:
            x = numbers(2, 3, seed=i).requires_grad_()
            found, wanted = replayed(replays, "", cubes, [x]), cubes(x)
            assert list(found) == list(wanted)
            torch.testing.assert_close(found, wanted)
            objective = lambda out: (out["cube"] + 1).square().sum() + out["sum"][1].abs().square().sum()  # noqa: E731
            torch.testing.assert_close(*(torch.autograd.grad(objective(out), x)[0] for out in (found, wanted)))
        assert len(replays) == 1

    def test_two_calls_before_their_gradients(self):
        replays, seen = Replays(), []
        for i in MANY:
            first, second = (numbers(3, seed=2 * i + j).requires_grad_() for j in (0, 1))
            a, b = (replayed(replays, "", lambda x: x.exp(), [x]) for x in (first, second))
            (b * 2).sum().backward()
            (a * 3).sum().backward()
            seen.append((first.grad / first.detach().exp(), second.grad / second.detach().exp()))
        for first, second in seen:
            torch.testing.assert_close(first, torch.full_like(first, 3))
            torch.testing.assert_close(second, torch.full_like(second, 2))

    def test_second_derivatives_are_the_functions_own(self):
        replays = Replays()
        for i in MANY:
            x, weights = numbers(4, seed=i).requires_grad_(), numbers(4, seed=50 + i) + 0.5
            for power, complex_too in ((3, False), (2, True)):
                function = lambda x, p=power, c=complex_too: torch.complex(x, x) ** p if c else x**p  # noqa: E731
                found, wanted = replayed(replays, power, function, [x]), function(x)
                second = []
                for out in (found, wanted):
                    total = (weights * (out.abs() ** 2 + out.real)).sum()
                    (slope,) = torch.autograd.grad(total, x, create_graph=True)
                    second.append(torch.autograd.grad((slope * weights).sum(), x)[0])
                torch.testing.assert_close(*second)

    def test_only_inputs_that_need_it_get_a_gradient(self):
        replays = Replays()
        for i in MANY:
            x, y = numbers(3, seed=i).requires_grad_(i % 2 == 0), numbers(3, seed=50 + i).requires_grad_()
            replayed(replays, "", lambda x, y: x * y, [x, y]).sum().backward()
            assert (x.grad is None) == (i % 2 == 1)
            torch.testing.assert_close(y.grad, x.detach())

    def test_shapes_arguments_and_constants_have_recordings_of_their_own(self):
        replays, factor = Replays(), torch.tensor(2.0)
        for key in ("double", "square"):
            for n in (2, 3):
                for _ in MANY:
                    x = numbers(n)
                    found = replayed(
                        replays, key, lambda x, k=key: x * factor if k == "double" else x**2, [x], [factor]
                    )
                    torch.testing.assert_close(found, 2 * x if key == "double" else x**2)
        assert len(replays) == 4
        factor.mul_(2)
        for _ in MANY:
            torch.testing.assert_close(
                replayed(replays, "double", lambda x: x * factor, [numbers(2)], [factor]), 4 * numbers(2)
            )
        assert len(replays) == 5

    def test_the_oldest_recordings_are_given_up(self):
        replays = Replays()
        for n in range(1, KEPT + 4):
            for _ in MANY:
                replayed(replays, "", torch.exp, [numbers(n)])
            if n > 1:  # used all the time, it stays
                kept = len(replays)
                replayed(replays, "", torch.exp, [numbers(1)])
                assert len(replays) == kept
        assert len(replays) == KEPT
        assert sum(key[2][0][0] == (1,) for key in replays._kept) == 1

    def test_what_cannot_be_recorded_runs_as_it_is(self, monkeypatch):
        tries = []

        def refuse(function, inputs):
            tries.append(1)
            raise RuntimeError("a look at a value")

        monkeypatch.setattr(replay, "Recording", refuse)
        replays = Replays()
        for _ in MANY:
            torch.testing.assert_close(replayed(replays, "", torch.exp, [numbers(2)]), numbers(2).exp())
        assert len(replays) == 0 and "look" in str(replays.failure) and len(tries) == 1

    def test_nothing_is_recorded_without_room(self, monkeypatch):
        monkeypatch.setattr(replay, "_has_room", lambda inputs: False)
        replays = Replays()
        for _ in MANY:
            replayed(replays, "", torch.exp, [numbers(2)])
        assert len(replays) == 0

    def test_transforms_tangents_and_learning_are_left_to_the_function(self):
        replays, weight = Replays(), torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
        call = lambda x: replayed(replays, "", lambda x: x**2 * weight, [x], [weight])  # noqa: E731
        for _ in MANY:
            (slope,) = torch.autograd.grad(call(numbers(2)).sum(), weight)
            torch.testing.assert_close(slope, numbers(2).square().sum())
        square = lambda x: replayed(replays, "", lambda x: x**2, [x])  # noqa: E731
        for _ in MANY:
            torch.testing.assert_close(torch.func.vmap(square)(numbers(3, 2)), numbers(3, 2) ** 2)
            torch.testing.assert_close(torch.func.grad(lambda x: square(x).sum())(numbers(2)), 2 * numbers(2))
        assert len(replays) == 0

    def test_countless_kinds_of_calls_are_forgotten(self, monkeypatch):
        monkeypatch.setattr(replay, "FORGOTTEN_AFTER", 5)
        replays = Replays()
        for n in range(1, 30):
            replayed(replays, "", torch.exp, [numbers(n)])
        assert len(replays._calls) <= 6

    def test_copies_begin_anew(self):
        replays = Replays()
        for _ in MANY:
            replayed(replays, "", torch.exp, [numbers(2)])
        assert len(copy.deepcopy(replays)) == 0


class Powers(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = mm.models.Identity()
        self._calls = 0

    @replayable
    def forward(self, x, powers=(1,)):
        self._calls += 1
        return [self.inner(x) ** p for p in powers]


@pytest.mark.usefixtures("everywhere")
class TestReplayable:
    def test_lists_of_arguments_tell_apart(self):
        model = Powers()
        for _ in MANY:
            for powers in ([1, 2], [3]):
                for found, p in zip(model(numbers(2), powers=powers), powers, strict=True):
                    torch.testing.assert_close(found, numbers(2) ** p)
        assert sorted(len(r) for r in replay._of_modules[model].values()) == [2]

    def test_hooks_of_parts_are_called(self):
        model, heard = Powers(), []
        model.inner.register_forward_hook(lambda *_: heard.append(1))
        for _ in MANY:
            model(numbers(2))
        assert len(heard) == len(MANY)

    def test_attributes_that_change_are_noticed(self):
        model = mm.remove_grad(mm.models.LuminanceGainControl(5)).double()
        image = numbers(1, 1, 16, 16)
        for _ in MANY:
            positive = model(image)
        model.activation = torch.neg
        for _ in MANY:
            found = model(image)
        assert (positive > 0).all() and not torch.allclose(found, positive)
        model.center_surround.pad_mode = "circular"
        for _ in MANY:
            other = model(image)
        assert not torch.allclose(found, other)

    def test_tensors_as_arguments_are_left_to_the_function(self):
        model = Powers()
        for _ in MANY:
            model(numbers(2), torch.tensor([1.0, 2.0]))
        assert model._calls == len(MANY)
        assert model not in replay._of_modules

    @pytest.mark.parametrize("name", ["OnOff", "LuminanceGainControl", "Gaussian", "PortillaSimoncelli"])
    def test_models_of_the_library(self, name):
        makers = {
            "Gaussian": lambda: mm.models.Gaussian(5, std=1.0),
            "PortillaSimoncelli": lambda: mm.models.PortillaSimoncelli((32, 32), n_scales=2, spatial_corr_width=3),
        }
        model = makers.get(name, lambda: getattr(mm.models, name)(5))()
        model = mm.remove_grad(model).double().eval()
        for i in MANY:
            same(model, numbers(1, 1, 32, 32, seed=i))

    def test_metrics_and_pyramids(self):
        pyramid = mm.process.SteerablePyramidFreq((16, 16), height=1, is_complex=True)
        functions = [
            lambda x: mm.metric.ssim(x, x.detach().flip(-1)),
            lambda x: mm.metric.ms_ssim(x, x.detach().flip(-1), [0.5, 0.5]),
            lambda x: mm.metric.nlpd(x, x.detach().flip(-1)),
            lambda x: pyramid(x[..., :16, :16])[0].abs(),
            lambda x: pyramid.recon_pyr(pyramid(x[..., :16, :16]), levels=[0]),
            lambda x: mm.process.LaplacianPyramid(3)(x)[1],
        ]
        for function in functions:
            for i in MANY:
                same(function, numbers(1, 1, 40, 40, seed=i))


def test_nothing_is_recorded_on_a_cpu():
    assert not replay.pays([numbers(2)]) and not replay.pays([])


def test_what_a_function_reads_is_held_and_nothing_else():
    """Inputs, constants behind views, and what only the gradient reads; not what was computed on the way."""
    constant, factor = numbers(4, 3), numbers(4)

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, gradient):
            return gradient * factor

    x = numbers(4).requires_grad_()
    with replay._Seen() as seen:
        torch.autograd.grad((Scaled.apply(x) * constant[:, 1]).sum(), x)
    held = {storage.data_ptr() for storage in seen.living()}
    assert held == {t.untyped_storage().data_ptr() for t in (x, constant, factor)}


def test_looking_on_does_not_import_the_compiler():
    code = """
import sys, torch
from metameric._core.replay import _Seen
with _Seen():
    torch.ones(3) + 1
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
