import numpy as np
import pytest

from metameric._core.errors import InputError
from metameric.plot._ranges import RULES, is_signed, resolve

IMAGES = [np.linspace(-1, 3, 101).reshape(1, -1), np.linspace(0, 8, 101).reshape(1, -1)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("auto0", [(-8, 8), (-8, 8)]),
        ("auto1", [(-1, 8), (-1, 8)]),
        ("indep0", [(-3, 3), (-8, 8)]),
        ("indep1", [(-1, 3), (0, 8)]),
        ("indep3", [(-1, 3), (0, 8)]),
        ((2, 5), [(2, 5), (2, 5)]),
    ],
)
def test_rules(rule, expected):
    assert np.allclose(resolve(IMAGES, rule), expected)


def test_two_deviations_are_of_the_population():
    values = np.concatenate([i.ravel() for i in IMAGES])
    low, high = values.mean() - 2 * values.std(), values.mean() + 2 * values.std()
    assert np.allclose(resolve(IMAGES, "auto2"), [(low, high)] * 2)
    assert np.allclose(resolve(IMAGES, "indep2")[0], (1 - 2 * IMAGES[0].std(), 1 + 2 * IMAGES[0].std()))


def test_values_that_are_not_finite_are_left_out():
    assert resolve([np.array([[1.0, np.nan, np.inf, 4.0]])], "indep1") == [(1, 4)]
    assert resolve([np.array([[np.nan]])], "indep1") == [(0, 1)]


@pytest.mark.parametrize("wrong", ["auto4", "indep4", "rows", 3, (1, 2, 3), ("a", "b")])
def test_other_rules_are_errors_that_list_the_rules(wrong):
    with pytest.raises(InputError, match=r"expected two numbers or one of auto0, .*indep3"):
        resolve(IMAGES, wrong)


def test_signed_rules():
    assert [rule for rule in RULES if is_signed(rule)] == ["auto0", "indep0"]


def test_agrees_with_peer():
    display = pytest.importorskip("pyrtools.tools.display")
    for rule in RULES:
        theirs, _ = display.colormap_range(list(IMAGES), [False, False], rule)
        assert np.allclose(resolve(IMAGES, rule), theirs), rule


@pytest.mark.parametrize("scope", ["auto", "indep"])
def test_without_a_kind_the_range_is_from_minimum_to_maximum(scope):
    assert resolve(IMAGES, scope) == resolve(IMAGES, f"{scope}1")
