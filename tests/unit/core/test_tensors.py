import numpy as np
import pytest
import torch

import metameric as mm
from metameric._core.batched import each
from metameric._core.errors import InputError, ModelError
from metameric._core.random import normal, problem_seeds, uniform


def test_to_numpy_squeezes_and_detaches():
    x = torch.arange(6.0).reshape(1, 2, 3).requires_grad_()
    assert mm.to_numpy(x).shape == (1, 2, 3)
    assert mm.to_numpy(x, squeeze=True).shape == (2, 3)
    np.testing.assert_array_equal(mm.to_numpy(x)[0, 1], [3, 4, 5])


def test_to_numpy_resolves_lazy_conjugation():
    x = torch.tensor([1 + 2j]).conj()
    assert mm.to_numpy(x)[0] == 1 - 2j


@pytest.mark.parametrize(("kind", "expected"), [(np.uint8, [0, 128, 255]), (np.uint16, [0, 32768, 65535])])
def test_convert_float_to_int_rounds(kind, expected):
    out = mm.convert_float_to_int(np.array([0, 0.5, 1.0]), kind)
    assert out.dtype == kind
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("bad", [[-0.1, 0.5], [0.2, 1.1], [np.nan, 0.5]])
def test_convert_float_to_int_refuses(bad):
    with pytest.raises(ValueError, match=r"expected \[0, 1\]"):
        mm.convert_float_to_int(np.array(bad))


def test_convert_float_to_int_refuses_integers():
    with pytest.raises(TypeError, match="expected floats"):
        mm.convert_float_to_int(np.array([1, 2]))


def test_set_seed_makes_everything_repeat():
    def draw():
        mm.set_seed(3)
        return torch.rand(2).tolist(), np.random.rand(), problem_seeds(None, 2)  # noqa: NPY002

    assert draw() == draw()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_set_seed_refuses(seed):
    with pytest.raises(ValueError, match="expected an integer from 0"):
        mm.set_seed(seed)


def test_set_seed_none_does_nothing():
    before = torch.get_rng_state()
    mm.set_seed(None)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("draw", [uniform, normal])
def test_noise_of_an_entry_depends_on_its_seed_alone(draw):
    state = torch.get_rng_state()
    both = draw([5, 6], torch.empty(2, 3, 4))
    assert torch.equal(both[1:], draw([6], torch.empty(1, 3, 4)))
    assert not torch.equal(both[0], both[1])
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(both, draw([5, 6], torch.empty(2, 3, 4, dtype=torch.float64)).float())


def test_problem_seeds():
    assert problem_seeds(4, 3) == [4, 5, 6]
    assert problem_seeds([9, 1], 2) == [9, 1]
    with pytest.raises(InputError, match="3 seeds for a batch of 2"):
        problem_seeds([1, 2, 3], 2)


def test_each_loops_over_functions_that_reduce():
    a, b = torch.rand(3, 2, 4, 4), torch.rand(3, 2, 4, 4)

    def foreign(x, y):
        return ((x - y) ** 2).mean()

    assert torch.allclose(each(foreign)(a, b), mm.loss.mse.each(a, b))


def test_each_says_what_it_found():
    with pytest.raises(ModelError, match=r"returned a tensor of shape \(1, 2\)"):
        each(lambda x: x.mean((2, 3)))(torch.rand(3, 2, 4, 4))
    with pytest.raises(ModelError, match="returned a float"):
        each(lambda x: 1.0)(torch.rand(3, 2))


def test_remove_grad():
    model = torch.nn.Linear(2, 2)
    assert mm.remove_grad(model) is model
    assert not any(p.requires_grad for p in model.parameters())
