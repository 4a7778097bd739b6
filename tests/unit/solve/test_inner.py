"""Inner products and lengths that are good to the last digits, however long the vectors."""

import pytest
import torch

from metameric._solve._eigen import Subspace, extreme_eigenpairs, orthonormal
from metameric._solve._inner import inner, lengths

EPS = torch.finfo(torch.float32).eps


def positive(m, n, dtype=torch.float32):
    # Without changes of sign errors add up in one direction.
    return torch.rand(m, n, generator=torch.Generator().manual_seed(n), dtype=dtype) ** 4


@pytest.mark.parametrize("n", [1, 7, 1024, 2048, 5000, 150_528])
def test_long_sums_err_by_a_few_units_in_the_last_place(n):
    a, b = positive(5, n), positive(3, n).flip(0)
    exact = a.double() @ b.double().mT
    assert inner(a, b).dtype == torch.float64
    torch.testing.assert_close(inner(a, b), exact, rtol=4 * EPS, atol=0)
    torch.testing.assert_close(lengths(a).double(), a.double().square().sum(1).sqrt(), rtol=4 * EPS, atol=0)


def test_doubles_stay_doubles():
    a, b = positive(5, 5000, torch.float64), positive(2, 5000, torch.float64)
    torch.testing.assert_close(inner(a, b), a @ b.mT, rtol=1e-14, atol=0)
    assert lengths(a).dtype == torch.float64


def test_no_rows_and_no_length():
    assert inner(torch.zeros(0, 3000), torch.ones(2, 3000)).shape == (0, 2)
    assert lengths(torch.zeros(2, 3)).tolist() == [0.0, 0.0]


def test_lengths_neither_overflow_nor_vanish():
    torch.testing.assert_close(lengths(torch.tensor([[3e30, 4e30], [3e-30, 4e-30]])), torch.tensor([5e30, 5e-30]))
    assert torch.isnan(lengths(torch.tensor([[1.0, torch.nan]]))).all()
    assert not torch.isfinite(lengths(torch.tensor([[1.0, torch.inf]]))).any()


def test_a_basis_of_long_vectors_is_orthonormal_to_the_last_digits():
    vectors = positive(12, 150_528)
    basis = orthonormal(vectors[6:], orthonormal(vectors[:6], vectors[:0]))
    gram = basis.double() @ basis.double().mT
    torch.testing.assert_close(gram, torch.eye(6).double(), rtol=0, atol=8 * EPS)


def test_float32_suffices_for_the_largest_eigenvalue_of_a_long_operator():
    # A single large value in a few coordinates: where norms taken in one go err by more than the tolerance.
    n = 150_528
    values = torch.linspace(0, 1, n).square()
    spike = orthonormal(positive(1, n), positive(0, n))

    def operator(v):
        return v * values + 2 * inner(v, spike).float() @ spike

    start = torch.randn(1, n, generator=torch.Generator().manual_seed(0))
    found = extreme_eigenpairs(operator, Subspace.spanned(start, operator), 1, "largest", tolerance=5e-7)
    assert found.status[0].succeeded and float(found.residuals) <= 1e-6 * float(found.values)
