"""How files and objects are compared, and what of a file is shown."""

import math
from dataclasses import dataclass

import pytest
import torch

import metameric as mm
from metameric.io._examine import _plain
from metameric.io._fingerprint import _flat
from metameric.io._resume import _with_saved_options
from metameric.io._saved import Saved, Tolerance, _behavioural_differences

CLOSE = Tolerance(atol=0.01, rtol=0.1)


@dataclass
class Pair:
    first: float
    second: list[float]


@pytest.mark.parametrize(
    ("saved", "present", "same"),
    [
        (10.9, 10.0, True),
        (11.2, 10.0, False),
        (0.005, 0.0, True),
        (0.02, 0.0, False),
        (-10.9, -10.0, True),
        (math.nan, math.nan, True),
        (math.nan, 1.0, False),
        (True, False, False),
        ([1.0, 2.0, 3.0], [1.0, 2.1, 3.0], True),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 4.0], False),
        ([1.0, 2.0], [1.0, 2.0, 3.0], False),
        ((1.0, 2.0), [1.0, 2.0], True),
        (Pair(1.0, [2.0]), Pair(1.0, [2.1]), True),
        (Pair(1.0, [2.0]), Pair(1.0, [3.0]), False),
        ("a", "a", True),
        ("a", "b", False),
        (None, None, True),
        (None, 0.0, False),
        (torch.ones(2), torch.ones(2) * 1.05, True),
        (torch.ones(2), torch.ones(2) * 2, False),
        (torch.ones(2), torch.ones(3), False),
        (torch.ones(2), torch.ones(2).double(), False),
        (torch.ones(2), [1.0, 1.0], False),
    ],
)
def test_what_counts_as_the_same(saved, present, same):
    assert (CLOSE.difference(saved, present) is None) == same


def test_sentences_say_what_was_found_and_what_was_expected():
    assert CLOSE.difference(2.0, 1.0) == "found 2.0, expected 1.0"
    assert CLOSE.difference([1.0, 5.0], [1.0, 2.0]) == "found 5.0, expected 2.0"
    assert CLOSE.difference(torch.ones(2), torch.ones(3)) == "found shape (2,), expected (3,)"
    assert "differ by up to 1 (allowed: 0.01 + 0.1" in str(CLOSE.difference(torch.ones(2), torch.ones(2) * 2))


def test_callables_are_compared_by_name_and_by_what_they_do():
    saved = {
        "gone": {"name": "a.f", "value": None},
        "renamed": {"name": "a.f", "value": torch.ones(1)},
        "moved": {"name": "b.g", "value": torch.ones(1)},
        "changed": {"name": "a.h", "value": torch.ones(1)},
    }
    present = {
        "new": {"name": "a.f", "value": None},
        "renamed": {"name": "a.k", "value": torch.ones(1)},
        "moved": {"name": "a.g", "value": torch.ones(1)},
        "changed": {"name": "a.h", "value": torch.ones(1) * 3},
    }
    found = _behavioural_differences(Saved("file", "Metamer", {}, saved, {}), present, CLOSE)
    starts = [
        "changed: its output on test stimuli",
        "gone: only in the file",
        "new: missing",
        "renamed: found f, expec",
    ]
    assert len(found) == len(starts)
    assert all(line.startswith(start) for line, start in zip(found, starts, strict=True))


def test_several_outputs_are_one_tensor():
    parts = {"a": torch.arange(4.0).reshape(2, 2), "b": torch.tensor(4.0)}
    assert _flat(parts).tolist() == _flat(list(parts.values())).tolist() == [0, 1, 2, 3, 4]
    assert _flat(None) is None and _flat(parts["a"]) is parts["a"]


def test_long_lists_are_shown_by_their_length():
    assert _plain([1] * 9) == "list of 9" and _plain((1,) * 9) == "tuple of 9"
    assert _plain([1] * 8) == str([1] * 8)
    assert _plain({str(i): i for i in range(9)}) == "dict of 9"


def test_options_of_an_optimizer_come_from_the_file_unless_they_are_given_anew():
    saved = mm.TorchOptim(torch.optim.Adam, {"lr": 0.1, "amsgrad": True})
    given = mm.TorchOptim(torch.optim.Adam, {"lr": 0.2})
    assert _with_saved_options(saved, given).optimizer_kwargs == {"lr": 0.2, "amsgrad": True}
    lbfgs = mm.LBFGS()
    assert _with_saved_options(saved, lbfgs) is lbfgs
