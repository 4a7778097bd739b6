"""Both ends of a generalised eigenproblem, against a dense solver."""

import pytest
import scipy.linalg
import torch

from metameric._solve._eigen import orthonormal
from metameric._solve._pencil import Pencil, extreme_ratios

N = 60


def noise(k, seed=0, dtype=torch.float64):
    return torch.randn(k, N, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def definite(seed, decades):
    turn = torch.linalg.qr(noise(N, seed))[0]
    return (turn * torch.logspace(-decades, 0, N, dtype=torch.float64)) @ turn.T


A, B = definite(1, 2), definite(2, 2)


def product(matrix):
    return lambda v: v @ matrix.to(v)


def rough_inverse(matrix):
    return product(torch.linalg.inv(matrix + 0.02 * torch.eye(N).to(matrix)))


def ratio(v):
    return torch.linalg.vecdot(v, v @ A) / torch.linalg.vecdot(v, v @ B)


@pytest.mark.parametrize("inverses", ["rough", "none"])
@pytest.mark.parametrize("n_against", [0, 3])
def test_both_ends_are_those_of_the_dense_problem(inverses, n_against):
    against = orthonormal(noise(n_against, 5), noise(0))
    # The whole problem, in coordinates orthogonal to what it must stay orthogonal to.
    free = torch.linalg.qr(torch.cat([against, noise(N - n_against, 6)]).T)[0][:, n_against:]
    expected = scipy.linalg.eigh((free.T @ A @ free).numpy(), (free.T @ B @ free).numpy(), eigvals_only=True)
    by = (rough_inverse(A), rough_inverse(B)) if inverses == "rough" else (lambda v: v,) * 2
    found = extreme_ratios((product(A), product(B)), by, noise(4, 3), against, fraction=1e-6, max_iter=120)
    torch.testing.assert_close(ratio(found), torch.tensor([expected[-1], expected[0]]), rtol=1e-3, atol=0)
    torch.testing.assert_close(torch.linalg.vector_norm(found, dim=1), torch.ones(2).double())
    assert n_against == 0 or float((found @ against.T).abs().max()) < 1e-10


def test_a_rough_inverse_saves_products():
    def products(inverses):
        calls = []

        def counted(v):
            calls.append(len(v))
            return v @ A

        extreme_ratios((counted, product(B)), inverses, noise(4, 3), noise(0), fraction=1e-6)
        return sum(calls)

    assert products((rough_inverse(A), rough_inverse(B))) < 0.7 * products((lambda v: v,) * 2)


def test_expansions_are_limited():
    calls = []

    def counted(v):
        calls.append(len(v))
        return v @ A

    extreme_ratios((counted, product(B)), (lambda v: v,) * 2, noise(4, 3), noise(0), max_iter=5)
    assert calls == [4] + [2] * 5


def test_where_the_space_is_exhausted_the_search_ends(dtype):
    matrix = torch.diag(torch.tensor([1.0, 2.0, 5.0], dtype=dtype))
    identity = (lambda v: v,) * 2
    start = torch.eye(3, dtype=dtype)
    found = extreme_ratios((lambda v: v @ matrix, lambda v: v), identity, start, start[:0])
    torch.testing.assert_close(found.abs(), start[[2, 0]], rtol=0, atol=1e-6)


def test_a_smaller_basis_keeps_images_and_ratios(dtype):
    space = Pencil.spanned(noise(10, dtype=dtype), (product(A), product(B)), noise(0, dtype=dtype))
    values, turn = space.ritz()
    space.shrink(torch.cat([turn[:, :2], turn[:, -3:]], 1))
    assert space.basis.shape == (5, N)
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    again = space.ritz()[0]
    torch.testing.assert_close(again[:2], values[:2], rtol=tolerance, atol=0)
    torch.testing.assert_close(again[-3:], values[-3:], rtol=tolerance, atol=0)
    for image, matrix in zip(space.images, (A, B), strict=True):
        torch.testing.assert_close(image, space.basis @ matrix.to(dtype), rtol=0, atol=tolerance)
    assert space.expand(noise(2, 9, dtype))
    gram = space.basis @ space.basis.T
    torch.testing.assert_close(gram, torch.eye(7, dtype=dtype), rtol=0, atol=tolerance)
    torch.testing.assert_close(space.grams[0], (space.basis @ A.to(dtype) @ space.basis.T).double(), rtol=0, atol=1e-4)
    assert not space.expand(space.basis[:3].clone())


def counting(matrix, calls):
    def counted(v):
        calls.append(len(v))
        return v @ matrix

    return counted


def test_the_search_ends_when_it_gains_little_or_at_its_limit():
    def products(**options):
        calls = []
        extreme_ratios((counting(A, calls), product(B)), (lambda v: v,) * 2, noise(4, 3), noise(0), **options)
        return sum(calls)

    # The first vectors and two more for each expansion.
    assert products(fraction=0.0, max_iter=5) == 4 + 2 * 5
    coarse, fine = products(fraction=1e-2, window=3), products(fraction=1e-8, window=3)
    assert 4 + 2 * 3 <= coarse < fine - 10
    assert products(fraction=1e6, window=7) == 4 + 2 * 7


def test_a_small_basis_begins_again_from_the_best_of_it(monkeypatch):
    monkeypatch.setattr("metameric._solve._pencil.MAX_BASIS", 16)
    monkeypatch.setattr("metameric._solve._pencil.KEPT", 3)
    sizes, expand = [], Pencil.expand

    def watched(self, directions):
        sizes.append(len(self.basis))
        return expand(self, directions)

    monkeypatch.setattr(Pencil, "expand", watched)
    by = (rough_inverse(A), rough_inverse(B))
    found = extreme_ratios((product(A), product(B)), by, noise(4, 3), noise(0), fraction=1e-7, max_iter=150)
    expected = scipy.linalg.eigh(A.numpy(), B.numpy(), eigvals_only=True)
    torch.testing.assert_close(ratio(found), torch.tensor([expected[-1], expected[0]]), rtol=1e-2, atol=0)
    assert max(sizes) == 14 and sizes.count(6) > 1
