"""Nested values and tensors come back as they were; what a file cannot hold comes back as a name."""

import dataclasses
import importlib
import inspect
import json
import math
import pkgutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import metameric._objective
import metameric._solve
import metameric._synthesis
from metameric._core.errors import FileError
from metameric._solve._constraint import FREE, Box
from metameric._solve._lbfgs import LBFGS
from metameric._solve._line_search import StrongWolfe
from metameric._solve._status import Status
from metameric._solve._torch_optim import TorchOptim
from metameric.io._tree import Foreign, foreign_names, pack, unpack

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
KEYS = st.text() | st.integers() | st.sampled_from([0.5, True, None, ("a", 1)])
TREES = st.recursive(
    PLAIN, lambda x: st.lists(x, max_size=3) | st.tuples(x, x) | st.dictionaries(KEYS, x, max_size=3), max_leaves=12
)


def round_trip(value):
    tensors = {}
    text = json.dumps(pack(value, "v", tensors), allow_nan=False)
    return unpack(json.loads(text), tensors)


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return a == b


@given(TREES)
def test_plain_values(value):
    assert same(round_trip(value), value)


def test_signed_zero_and_infinities():
    found = round_trip([-0.0, math.inf, -math.inf])
    assert math.copysign(1, found[0]) == -1
    assert found[1:] == [math.inf, -math.inf]


def test_key_that_the_format_itself_uses():
    assert round_trip({"$": "tensor", "name": "x"}) == {"$": "tensor", "name": "x"}


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64, torch.complex128, torch.bool], ids=str)
def test_tensors_anywhere(dtype):
    tensor = torch.randn(2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.complex128).to(
        dtype if dtype.is_complex else torch.complex128
    )
    tensor = tensor if dtype.is_complex else tensor.real.to(dtype)
    value = {"a": [tensor, (tensor.T, {3: tensor[0]})]}
    assert same(round_trip(value), value)
    assert same(round_trip(tensor.conj()), tensor.conj().resolve_conj())


def test_repeated_rows_are_stored_once():
    tensors = {}
    repeated = torch.arange(3.0)[None].expand(1000, 3)
    node = pack(repeated, "t", tensors)
    assert tensors["t"].shape == (1, 3)
    assert torch.equal(unpack(node, tensors), repeated)


def test_numpy_scalars_become_plain():
    assert round_trip([np.float32(0.5), np.int64(3), np.bool_(True)]) == [0.5, 3, True]


@pytest.mark.parametrize(
    "value",
    [
        LBFGS(history=7, search=StrongWolfe(curvature=0.5)),
        Box(-1.0, 2.0),
        FREE,
        Status.STALLED,
        TorchOptim(
            torch.optim.Adam, {"lr": 0.1, "betas": (0.5, 0.9)}, torch.optim.lr_scheduler.StepLR, {"step_size": 3}
        ),
    ],
    ids=lambda v: type(v).__name__,
)
def test_configurations(value):
    assert round_trip(value) == value


def test_record_that_has_moved_is_found():
    tensors = {}
    node = pack(Box(), "b", tensors)
    node["file"] = "metameric._solve._where_it_was_before"
    assert unpack(node, tensors) == Box()


class Mine(torch.optim.SGD):
    pass


def test_the_users_own_classes_come_back_as_names():
    found = round_trip(TorchOptim(Mine, {}, torch.optim.lr_scheduler.LambdaLR, {"lr_lambda": lambda i: 1.0}))
    assert isinstance(found.optimizer, Foreign)
    assert found.scheduler is torch.optim.lr_scheduler.LambdaLR
    names = foreign_names(found)
    assert [name.split(".")[-1] for name in names] == ["Mine", "<lambda>"]
    assert round_trip(found) == found


@pytest.mark.parametrize(
    "node",
    [
        {"$": "object", "class": "Loaded", "file": "os", "fields": {}, "extra": 1},
        {"$": "object", "class": "Popen", "file": "subprocess", "fields": {"args": "ls"}},
        {"$": "object", "class": "Run", "file": "metameric._solve._loop", "fields": {}},
        {"$": "torch.optim", "name": "__loader__"},
        {"$": "torch.optim.lr_scheduler", "name": "partial"},
        {"$": "torch.optim", "name": "Popen"},
        {"$": "eval", "value": "1"},
    ],
    ids=lambda node: f"{node['$']}-{node.get('class', node.get('name'))}",
)
def test_nothing_else_is_constructed(node):
    with pytest.raises((FileError, TypeError)):
        unpack(node, {})


def test_records_have_names_of_their_own():
    """Files know them by name alone."""
    found = []
    for package in (metameric._objective, metameric._solve, metameric._synthesis):
        for entry in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{entry.name}")
            own = [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__]
            found += [c.__name__ for c in own if dataclasses.is_dataclass(c)]
    assert len(found) == len(set(found))
