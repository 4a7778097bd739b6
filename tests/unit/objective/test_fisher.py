"""Jacobian products, response noise, the Fisher operator, and coordinates."""

import logging

import numpy as np
import pytest
import torch

from metameric._core.errors import InputError, InputTypeError, ModelError
from metameric._objective import _fisher, _jacobian
from metameric._objective._coordinates import Coordinates
from metameric._objective._fisher import FisherInformation
from metameric._objective._jacobian import Jacobian, flatten_response
from metameric._objective._match import relative_error
from metameric._objective._noise import AdditiveNoise, CorrelatedNoise, PoissonNoise, as_noise

D = torch.float64


def smooth(x):
    return torch.cat([torch.tanh(x), (x * x.roll(1, -1)).exp()], 1)


def image(batch=2, size=5, dtype=D):
    return torch.rand(batch, 1, size, size, dtype=dtype, generator=torch.Generator().manual_seed(1))


def like(x, seed=2):
    return torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(seed))


class Squares(torch.autograd.Function):
    """x**2 whose gradient cannot be differentiated again."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x**2

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        return 2 * ctx.saved_tensors[0] * gradient

    @staticmethod
    def jvp(ctx, tangent):
        return 2 * ctx.saved_tensors[0] * tangent


class Wrong(Squares):
    """The same with a wrong gradient."""

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        return 3 * ctx.saved_tensors[0] * gradient


def test_a_response_of_any_kind_becomes_real_rows():
    z = torch.complex(torch.ones(2, 3), torch.zeros(2, 3))
    assert flatten_response(z).shape == (2, 6)
    assert flatten_response([z, torch.ones(2, 4)]).shape == (2, 10)
    assert flatten_response({"a": torch.ones(2, 4)}).shape == (2, 4)
    with pytest.raises(InputTypeError, match="returned int"):
        flatten_response(3)


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_products_equal_the_dense_jacobian(mode):
    x = image()
    jacobian = Jacobian(smooth, x, mode)
    dense = [torch.autograd.functional.jacobian(lambda y: smooth(y[None])[0].flatten(), one) for one in x]
    v, u = like(x), like(jacobian.response, 3)
    for i in range(2):
        matrix = dense[i].reshape(jacobian.response.shape[1], -1)
        torch.testing.assert_close(jacobian.jvp(v)[i], matrix @ v[i].flatten())
        torch.testing.assert_close(jacobian.vjp(u)[i].flatten(), matrix.T @ u[i])


def test_a_model_without_second_derivatives_runs_forward_and_this_is_said_once(caplog):
    _jacobian._said.discard("squares")

    def squares(x):
        return Squares.apply(x)

    x = image()
    with caplog.at_level(logging.WARNING, "metameric"):
        first, second = Jacobian(squares, x), Jacobian(squares, x)
    assert first.mode == second.mode == "forward"
    assert len(caplog.records) == 1 and "dual numbers" in caplog.text
    torch.testing.assert_close(first.jvp(like(x)), (2 * x * like(x)).flatten(1))
    with pytest.raises(ModelError, match="no second derivatives"):
        Jacobian(squares, x, "reverse")


def test_contradicting_derivatives_are_refused():
    with pytest.raises(ModelError, match="contradict each other"):
        Jacobian(lambda x: Wrong.apply(x), image())


def test_derivatives_that_contradict_each_other_for_one_stimulus_are_refused():
    def model(x):
        return torch.cat([Squares.apply(x[:1]), Wrong.apply(x[1:])])

    with pytest.raises(ModelError, match="contradict"):
        Jacobian(model, image(2))


def test_a_constant_response_has_no_information():
    x = image()
    fisher = FisherInformation(lambda x: torch.ones(2, 3, dtype=D), x)
    assert bool((fisher.matvec(like(x)) == 0).all())


def test_an_unknown_mode_is_named():
    with pytest.raises(InputError, match="mode is 'backwards'"):
        Jacobian(smooth, image(), "backwards")


@pytest.mark.parametrize(
    "noise",
    [None, 0.25, "poisson", torch.linspace(1, 2, 50, dtype=D), CorrelatedNoise(torch.eye(50, dtype=D) + 0.5)],
    ids=["white", "variance", "poisson", "variances", "covariance"],
)
def test_products_several_at_once_and_dense_agree(noise):
    x = image()

    def model(x):
        return smooth(x) + 2

    fisher = FisherInformation(model, x, noise, vectors_at_once=3)
    vectors = torch.stack([like(x, s) for s in range(5)])
    several = fisher.matvec(vectors)
    singles = torch.stack([fisher.matvec(v) for v in vectors])
    dense = torch.einsum("bij,kbj->kbi", fisher.to_dense(), vectors.flatten(2))
    torch.testing.assert_close(several, singles)
    torch.testing.assert_close(several.flatten(2), dense)
    torch.testing.assert_close(fisher.information(vectors), (vectors * several).flatten(2).sum(2))
    torch.testing.assert_close(fisher.threshold(x), fisher.information(x) ** -0.5)


def test_the_noise_enters_as_its_inverse_covariance():
    x = image(1, 3)
    covariance = torch.cov(torch.randn(9, 40, dtype=D, generator=torch.Generator().manual_seed(0)))
    fisher = FisherInformation(lambda x: 2 * x, x, CorrelatedNoise(covariance))
    torch.testing.assert_close(fisher.to_dense()[0], 4 * torch.linalg.inv(covariance))
    poisson = FisherInformation(lambda x: 2 * x, x, PoissonNoise(3.0))
    torch.testing.assert_close(poisson.to_dense()[0].diagonal(), (4 / (6 * x)).flatten())


def test_what_noise_is_called():
    assert repr(PoissonNoise(1.5, 0.1)) == "PoissonNoise(scale=1.5, floor=0.1)"
    assert repr(CorrelatedNoise(torch.eye(3))) == "CorrelatedNoise((3, 3))"


def test_variances_of_one_value_per_response_and_per_stimulus():
    change = torch.arange(1.0, 7).reshape(2, 3)
    assert torch.equal(AdditiveNoise(torch.tensor([4.0])).whiten(change, change), change / 4)
    for variance in (2.0, 4.0):
        assert torch.equal(AdditiveNoise(variance).whiten(change, change), change / variance)
    assert torch.equal(AdditiveNoise().whiten(change, change), change)
    assert torch.equal(PoissonNoise().whiten(change, 2 * change), change / (2 * change))
    one = torch.tensor([1.0, 2.0, 4.0])
    assert torch.equal(AdditiveNoise(one).whiten(change, change), change / one)
    each = torch.stack([one, 3 * one])
    assert torch.equal(AdditiveNoise(each).whiten(change, change), change / each)
    several = torch.cat([change, change + 1])
    assert torch.equal(AdditiveNoise(each).whiten(several, several), several / torch.cat([each, each]))


def test_noise_that_does_not_suit_is_refused():
    x = image(1, 3)
    with pytest.raises(InputError, match="responses above zero"):
        FisherInformation(lambda x: -x, x, "poisson")
    with pytest.raises(InputError, match="the smallest response is 0"):
        PoissonNoise().whiten(torch.ones(1, 2), torch.tensor([[1.0, 0.0]]))
    assert FisherInformation(lambda x: -x, x, PoissonNoise(floor=0.1)).response_size == 9
    with pytest.raises(InputError, match="one value, or one per response"):
        FisherInformation(lambda x: x, x, torch.ones(4))
    with pytest.raises(InputError, match="for 4 responses; the model gives 9"):
        FisherInformation(lambda x: x, x, CorrelatedNoise(torch.eye(4)))
    with pytest.raises(InputError, match="positive definite"):
        CorrelatedNoise(-torch.eye(4))
    for covariance in (torch.ones(4), torch.ones(2, 3)):
        with pytest.raises(InputError, match=r"expected \(response, response\)"):
            CorrelatedNoise(covariance)
    with pytest.raises(InputError, match="values of zero or below"):
        AdditiveNoise(torch.tensor([1.0, 0.0]))
    for n in (2, 9):
        with pytest.raises(InputError, match="for 3 responses per stimulus"):
            AdditiveNoise(torch.ones(n)).whiten(torch.ones(2, 3), torch.ones(2, 3))
    with pytest.raises(InputError, match="above zero"):
        AdditiveNoise(0.0)
    with pytest.raises(InputError, match="expected scale above 0"):
        PoissonNoise(0.0)
    with pytest.raises(InputError, match="noise is 'gamma'"):
        as_noise("gamma")


def test_more_elements_than_responses_and_the_reverse_give_the_same_jacobian():
    x = image(2, 3)
    wide = FisherInformation(lambda x: x.flatten(1)[:, :4] ** 2, x).jacobian()
    tall = FisherInformation(lambda x: torch.cat([x, x], 1) ** 2, x).jacobian()
    assert wide.shape == (2, 4, 9) and tall.shape == (2, 18, 9)
    torch.testing.assert_close(wide, tall[:, :4])


def test_scipy_sees_a_block_diagonal_operator():
    x = image()
    fisher = FisherInformation(smooth, x)
    operator = fisher.to_scipy()
    v = like(x)
    np.testing.assert_allclose(operator.matvec(v.flatten().numpy()), fisher.matvec(v).flatten().numpy())
    np.testing.assert_allclose(operator.rmatvec(v.flatten().numpy()), fisher.rmatvec(v).flatten().numpy())
    assert operator.dtype == np.float64


def test_wrong_shapes_and_sizes_are_named():
    fisher = FisherInformation(smooth, image())
    with pytest.raises(InputError, match="expected that of the image"):
        fisher.matvec(torch.ones(3, 3, dtype=D))
    with pytest.raises(InputError, match="products only"):
        FisherInformation(lambda x: x, torch.rand(1, 1, 256, 256)).to_dense()
    assert "2 x 25 x 25" in repr(fisher)


def test_the_largest_matrices_are_made_and_none_larger(monkeypatch):
    fisher = FisherInformation(lambda x: x[:, :3], torch.rand(2, 10))
    for make, numbers in ((fisher.to_dense, 2 * 10 * 10), (fisher.jacobian, 2 * 10 * 3)):
        monkeypatch.setattr(_fisher, "_LARGEST_DENSE", numbers)
        fisher.to_dense(torch.zeros(2, 3, 10)) if make == fisher.to_dense else fisher.jacobian()
        monkeypatch.setattr(_fisher, "_LARGEST_DENSE", numbers - 1)
        with pytest.raises(InputError, match="products only"):
            make()


def test_random_state_is_left_alone():
    before = torch.get_rng_state()
    FisherInformation(smooth, image())
    assert torch.equal(before, torch.get_rng_state())


def test_coordinates_and_their_adjoint():
    x = image(1, 4)
    mask = torch.zeros(4, 4).bool()
    mask[1:3] = True
    weight = 1 + torch.rand(1, 4, 4, dtype=D, generator=torch.Generator().manual_seed(0))
    for coordinates in (
        Coordinates(x, mask, weight),
        Coordinates(x, None, weight),
        Coordinates(x, mask[None, None], None),
    ):
        z, y = like(torch.empty(3, coordinates.size, dtype=D)), like(torch.empty(3, 1, 4, 4, dtype=D), 5)
        v = coordinates.to_images(z)
        torch.testing.assert_close((v * y).sum(), (z * coordinates.from_images(y)).sum())
        matrix = like(torch.empty(16, 16, dtype=D))
        expected = coordinates.from_images((v.flatten(1) @ matrix.T).reshape(3, 1, 4, 4))
        torch.testing.assert_close(z @ coordinates.restrict(matrix).T, expected)
    assert bool((Coordinates(x, mask, weight).to_images(torch.ones(1, 8, dtype=D))[0, 0, ~mask] == 0).all())


def test_masks_and_weights_are_checked():
    x = image(1, 4)
    with pytest.raises(InputError, match="mask is empty"):
        Coordinates(x, torch.zeros(4, 4), None)
    with pytest.raises(InputError, match="weight has values of zero"):
        Coordinates(x, None, torch.zeros(4, 4))
    with pytest.raises(InputError, match="mask has shape"):
        Coordinates(x, torch.ones(3, 3), None)


def test_masks_and_weights_that_fit_no_stimulus_are_refused():
    image = torch.zeros(2, 3, 4, 4)
    single = Coordinates(image, torch.ones(1, 3, 4, 4), torch.full((1, 1, 4, 4), 2.0))
    assert single.size == 48
    for weight in (torch.tensor([1.0, 1.0, 1.0, 0.0]), -torch.ones(4)):
        with pytest.raises(InputError, match="zero or below"):
            Coordinates(image, None, weight)
    for wrong in (torch.ones(1, 5, 4), torch.ones(2, 3, 4, 4), torch.ones(1, 3, 4, 5)):
        with pytest.raises(InputError, match="expected one that broadcasts"):
            Coordinates(image, wrong, None)


def test_the_error_is_relative_but_for_a_target_of_zero():
    response, target = torch.tensor([[3.0, 4.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0], [0.0, 10.0]])
    torch.testing.assert_close(relative_error(response, target), torch.tensor([5.0, 45**0.5 / 10]))
