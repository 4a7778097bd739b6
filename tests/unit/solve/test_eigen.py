"""Eigen-solvers on matrices whose spectrum is known."""

import pytest
import torch

from metameric._core.errors import InputError
from metameric._solve._eigen import Subspace, appended, basis_limit, extreme_eigenpairs, orthonormal
from metameric._solve._eigen_classic import dense_eigenpairs, power_iteration, randomized_svd, rayleigh_ritz
from metameric._solve._eigen_null import certified_null, null_vectors
from metameric._solve._eigen_start import RoughInverse, radial_bins, smooth_modulations
from metameric._solve._status import Status

N = 400


def noise(k, n=N, dtype=torch.float64, seed=0):
    return torch.randn(k, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def operator_of(values):
    basis = torch.linalg.qr(noise(len(values), len(values), seed=7))[0].to(values)
    matrix = (basis * values) @ basis.T
    return lambda v: v @ matrix


VALUES = torch.cat([torch.linspace(1e-4, 1, N - 4, dtype=torch.float64), torch.tensor([1e-6, 1e-5, 2.0, 3.0])])


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("end", ["largest", "smallest"])
def test_extremes_are_found_to_the_residual(k, end, dtype):
    operator = operator_of(VALUES.to(dtype))
    space = Subspace.spanned(noise(k + 3, dtype=dtype), operator)
    tolerance = 3e-6 if dtype == torch.float32 else 1e-11
    found = extreme_eigenpairs(operator, space, k, end, tolerance=tolerance, scale=3.0)
    expected = VALUES.sort(descending=end == "largest").values[:k].to(dtype)
    assert found.values.dtype == dtype and found.status == [Status.CONVERGED] * k
    assert bool((found.residuals <= 2 * tolerance * 3).all())
    torch.testing.assert_close(found.values, expected, rtol=0, atol=2 * tolerance * 3)
    torch.testing.assert_close(found.vectors @ found.vectors.T, torch.eye(k, dtype=dtype), rtol=0, atol=1e-5)


def test_degenerate_values_are_all_found():
    values = torch.cat([torch.full((3,), 2.0), torch.linspace(0.1, 1, 60)]).double()
    operator = operator_of(values)
    found = extreme_eigenpairs(operator, Subspace.spanned(noise(6, 63), operator), 4, "largest", tolerance=1e-10)
    torch.testing.assert_close(found.values, torch.tensor([2.0, 2, 2, 1], dtype=torch.float64))


def test_an_invariant_start_is_left_again():
    values = torch.arange(1.0, 11, dtype=torch.float64)
    start = torch.eye(10, dtype=torch.float64)[:2]
    space = Subspace.spanned(start, lambda v: v * values)
    found = extreme_eigenpairs(lambda v: v * values, space, 4, "smallest", tolerance=1e-12, scale=10.0)
    torch.testing.assert_close(found.values, values[:4])


def test_an_inverse_speeds_the_lower_end_up():
    values = torch.logspace(-6, 0, N, dtype=torch.float64)

    def search(precondition):
        space = Subspace.spanned(noise(3), lambda v: v * values)
        return extreme_eigenpairs(
            lambda v: v * values, space, 1, "smallest", tolerance=1e-9, precondition=precondition, max_iter=150
        )

    assert search(None).status == [Status.STEP_LIMIT]
    quick = search(lambda v: v / (values * torch.linspace(1, 2, N) + 1e-6))
    assert quick.status == [Status.CONVERGED] and quick.products < 75


def test_a_continued_search_equals_an_uninterrupted_one():
    operator = operator_of(VALUES)
    whole, parts = (Subspace.spanned(noise(4), operator) for _ in range(2))
    options = {"tolerance": 1e-13, "scale": 3.0, "max_basis": 30}
    once = extreme_eigenpairs(operator, whole, 2, "largest", max_iter=23, **options)
    for steps in (5, 11, 7):
        again = extreme_eigenpairs(operator, parts, 2, "largest", max_iter=steps, **options)
    assert torch.equal(once.vectors, again.vectors) and torch.equal(whole.basis, parts.basis)
    assert len(whole.residuals) == len(parts.residuals)


def test_limits_requests_and_interrupts_keep_what_is_there():
    operator = operator_of(VALUES)

    def run(**options):
        space = Subspace.spanned(noise(4), operator)
        return extreme_eigenpairs(operator, space, 2, "smallest", tolerance=1e-12, scale=3.0, **options)

    def interrupt(residuals):
        raise KeyboardInterrupt

    assert run(max_iter=0).status == [Status.STEP_LIMIT] * 2
    assert run(watch=lambda residuals: True).status == [Status.INTERRUPTED] * 2
    interrupted = run(watch=interrupt)
    assert interrupted.status == [Status.INTERRUPTED] * 2 and interrupted.vectors.shape == (2, N)


def test_rounding_that_bars_the_way_is_reported():
    operator = operator_of(VALUES.float())
    space = Subspace.spanned(noise(4, dtype=torch.float32), operator)
    found = extreme_eigenpairs(operator, space, 1, "largest", tolerance=1e-12)
    assert found.status == [Status.STALLED]
    assert float(found.residuals) < 1e-4


def test_a_subspace_that_is_the_whole_space_has_no_way_on():
    values = torch.arange(1.0, 6, dtype=torch.float64)
    space = Subspace.spanned(noise(5, 5), lambda v: v * values)
    found = extreme_eigenpairs(lambda v: v * values, space, 2, "largest", tolerance=0.0, max_iter=50)
    assert found.status == [Status.STALLED] * 2 and space.products == 5 and len(space.residuals) == 1
    torch.testing.assert_close(found.values, values.flip(0)[:2])


def test_non_finite_products_end_the_search():
    calls = []

    def operator(v):
        calls.append(1)
        return v * VALUES if len(calls) < 8 else v * torch.nan

    space = Subspace.spanned(noise(3), operator)
    found = extreme_eigenpairs(operator, space, 2, "largest", tolerance=1e-9)
    assert found.status == [Status.NON_FINITE] * 2
    assert bool(torch.isfinite(found.vectors).all())


def test_more_pairs_than_coordinates_are_refused():
    space = Subspace.spanned(noise(2, 5), lambda v: v)
    with pytest.raises(InputError, match="k is 6; expected 1 to 5"):
        extreme_eigenpairs(lambda v: v, space, 6, "largest", tolerance=1e-6)


def test_dependent_vectors_are_dropped(dtype):
    base = noise(5, dtype=dtype)
    against = orthonormal(base[:2], base[:0])
    mixed = torch.cat([base[:2].sum(0, keepdim=True), base[2:4], base[2:3] * 3, torch.zeros(1, N, dtype=dtype)])
    new = orthonormal(mixed, against)
    assert new.shape == (2, N)
    whole = torch.cat([against, new])
    torch.testing.assert_close(whole @ whole.T, torch.eye(4, dtype=dtype), rtol=0, atol=20 * torch.finfo(dtype).eps)


def test_dense_power_and_randomised():
    operator = operator_of(VALUES)
    matrix = operator(torch.eye(N, dtype=torch.float64))
    values, vectors = dense_eigenpairs(matrix)
    torch.testing.assert_close(values, VALUES.sort(descending=True).values)
    torch.testing.assert_close(vectors @ matrix, values[:, None] * vectors)
    block, estimate, status, products = power_iteration(operator, noise(2), tolerance=1e-13, max_iter=300)
    assert status is Status.CONVERGED and 2 < products < 600 and products % 2 == 0
    torch.testing.assert_close(estimate, values[:2])
    limited = power_iteration(operator, noise(2), shift=3.0, max_iter=3)
    assert limited[2] is Status.STEP_LIMIT and limited[3] == 6
    lower = rayleigh_ritz(operator, limited[0], 1e-6, 3.0)
    assert lower.status == [Status.STEP_LIMIT] * 2 and bool((lower.residuals > 0).all())
    quick = rayleigh_ritz(operator, randomized_svd(operator, noise(12), 2, 30), 1e-6, None)
    torch.testing.assert_close(quick.values, values[:2])
    assert block.shape == (2, N)


def test_rings_of_frequency_are_wider_the_further_out():
    rings, along = radial_bins([16, 24]), radial_bins([256])[:129]
    assert rings.shape == (16, 24) and (rings == 0).sum() == 1 and rings[0, 0] == 0
    assert torch.equal(rings[1:], rings[1:].flip(0)) and torch.equal(rings[:, 1:], rings[:, 1:].flip(1))
    assert torch.equal(rings.unique(), torch.arange(int(rings.max()) + 1))
    widths = torch.bincount(along)
    assert (along.diff() >= 0).all() and widths[1] == 1 and 9 <= widths.max() <= 16
    assert widths.argmax() >= len(widths) - 3


def test_the_rough_inverse_knows_that_places_differ():
    y, x = torch.meshgrid(torch.linspace(0, 3, 32), torch.linspace(0, 3, 32), indexing="ij")
    gain = (1 + 0.6 * torch.cos(x) * torch.cos(y)).double()
    transfer = 1 / (1 + radial_bins([32, 32]).double())

    def operator(v):
        images = v.reshape(-1, 32, 32) * gain
        return (torch.fft.ifft2(torch.fft.fft2(images) * transfer).real * gain).flatten(1)

    probes, v = noise(400, 1024), noise(3, 1024, seed=5)
    inverse = RoughInverse(lambda v: v.reshape(-1, 32, 32), lambda x: x.flatten(1), probes, operator(probes), 1e-6)
    error = inverse(operator(v)) - v
    assert float((error.norm(dim=1) / v.norm(dim=1)).max()) < 0.25


@pytest.mark.parametrize("shape", [(1, 24, 20), (3, 16, 16), (24, 20), (50,)])
def test_the_rough_inverse_inverts_shift_invariant_operators(shape):
    axes = tuple(range(-min(2, len(shape)), 0))
    rings = radial_bins([shape[a] for a in axes]).double()
    transfer = 1 / (1 + rings)

    def operator(v):
        images = v.reshape(-1, *shape)
        return torch.fft.ifftn(torch.fft.fftn(images, dim=axes) * transfer, dim=axes).real.flatten(1)

    probes = noise(400, torch.Size(shape).numel())
    inverse = RoughInverse(lambda v: v.reshape(-1, *shape), lambda x: x.flatten(1), probes, operator(probes), 1e-6)
    v = noise(3, torch.Size(shape).numel(), seed=5)
    error = inverse(operator(v)) - v
    assert float((error.norm(dim=1) / v.norm(dim=1)).max()) < 0.1


def test_the_rough_inverse_of_nothing_is_finite():
    v = noise(3, 64)
    inverse = RoughInverse(lambda v: v.reshape(-1, 1, 8, 8), lambda x: x.flatten(1), v, torch.zeros_like(v), 1e-6)
    assert bool(torch.isfinite(inverse(v)).all())


def test_modulations_of_the_stimulus_and_of_a_constant():
    image = torch.rand(1, 6, 8, generator=torch.Generator().manual_seed(0))
    modes = smooth_modulations(image)
    assert modes.shape == (8, 1, 6, 8)
    torch.testing.assert_close(modes[0], image)
    torch.testing.assert_close(modes[4], torch.ones(1, 6, 8))
    assert smooth_modulations(torch.ones(9)).shape == (4, 9)
    # Of a constant they are cosines, orthogonal to each other, and half a period long at most.
    waves = modes[4:].flatten(1)
    torch.testing.assert_close(waves @ waves.T, torch.diag(torch.tensor([48.0, 24, 24, 12])), atol=1e-4, rtol=0)
    assert (modes[5].diff(dim=2) < 0).all() and (modes[6].diff(dim=1) < 0).all()


@pytest.mark.parametrize("n_rows", [0, 1, 50])
def test_null_vectors_are_orthonormal_and_orthogonal_to_all_rows(n_rows, dtype):
    # Rows over eight orders of magnitude, some of them dependent.
    rows = noise(n_rows, dtype=dtype, seed=1) * torch.logspace(-8, 0, n_rows, dtype=dtype)[:, None]
    rows = torch.cat([rows, rows[:3], torch.zeros_like(rows[:1])])
    found = null_vectors(rows, noise(3, dtype=dtype))
    tolerance = 10 * torch.finfo(dtype).eps
    assert found.dtype == dtype
    torch.testing.assert_close(found @ found.T, torch.eye(3, dtype=dtype), rtol=0, atol=tolerance)
    assert bool(((rows @ found.T).abs() <= tolerance * (1e-20 + rows.norm(dim=1, keepdim=True))).all())


def test_null_vectors_are_judged_by_a_product_of_their_own():
    values = torch.cat([torch.zeros(2), torch.ones(3)]).double()
    found = certified_null(lambda v: v * values, torch.eye(5).double()[[3, 0]], 1e-9, 1.0, Status.STALLED)
    assert found.values.tolist() == [0, 1] and found.status == [Status.CONVERGED] * 2 and found.products == 2
    mixed = torch.tensor([[0.6, 0, 0.8, 0, 0]], dtype=torch.float64)
    assert certified_null(lambda v: v * values, mixed, 1e-9, 1.0, Status.STALLED).status == [Status.STALLED]


def test_null_vectors_are_judged_on_the_scale_that_was_given():
    values = torch.tensor([0.0, 1e-4, 1.0], dtype=torch.float64)
    nearly = torch.tensor([[1.0, 0.02, 0.0]], dtype=torch.float64) / 1.0002**0.5
    for scale, status in ((1e-3, Status.STALLED), (1.0, Status.STALLED), (1e3, Status.CONVERGED)):
        found = certified_null(lambda v: v * values, nearly, 1e-8, scale, Status.STALLED)
        assert found.status == [status], scale


def test_products_are_counted_one_by_one():
    seen, operator = [], operator_of(VALUES)

    def counted(v):
        seen.append(len(v))
        return operator(v)

    space = Subspace.spanned(noise(3), counted)
    found = extreme_eigenpairs(counted, space, 2, "largest", tolerance=1e-8)
    assert found.products == sum(seen)
    assert found.status == [Status.CONVERGED] * 2


def test_restarts_bring_a_basis_back_to_orthonormal():
    basis = torch.eye(6, 50, dtype=torch.float64) + 1e-5 * noise(6, 50)
    space = Subspace.spanned(noise(6, 50), lambda v: v)
    space.basis, space.images = basis, basis.clone()
    turn = torch.linalg.qr(noise(6, 6))[0]
    space.shrink(turn[:, :4])
    assert space.basis.shape == (4, 50)
    torch.testing.assert_close(space.basis @ space.basis.T, torch.eye(4).double(), rtol=0, atol=1e-8)
    torch.testing.assert_close(space.basis, turn[:, :4].T @ basis, rtol=0, atol=1e-3)


def test_rows_are_joined_without_touching_what_lies_beside_them():
    first, second = appended(noise(2, 5), noise(3, 5, seed=1)), noise(4, 5, seed=2)
    joined = appended(first, second)
    assert torch.equal(joined, torch.cat([noise(2, 5), noise(3, 5, seed=1), second]))
    # There was room: growing has not copied.
    assert joined.data_ptr() == first.data_ptr()
    part = joined[2:4]
    assert torch.equal(appended(part, second[:1]), torch.cat([noise(3, 5, seed=1)[:2], second[:1]]))
    assert torch.equal(joined, torch.cat([noise(2, 5), noise(3, 5, seed=1), second]))
    assert torch.equal(appended(first[1:], second)[4:], second)


@pytest.mark.parametrize(("k", "n", "limit"), [(1, 2**30, 50), (3, 2**18, 71), (2, 2**14, 76)])
def test_more_vectors_are_held_the_shorter_they_are(k, n, limit):
    assert basis_limit(k, n) == limit


def test_power_iteration_on_the_shifted_operator_finds_the_lower_end():
    values = torch.arange(1.0, 7, dtype=torch.float64)
    vectors, found, status, _ = power_iteration(
        lambda v: v * values, noise(1, 6), shift=7.0, tolerance=1e-12, max_iter=500
    )
    assert status is Status.CONVERGED
    assert float(found) == pytest.approx(1.0)
    assert float(vectors[0, 0].abs()) == pytest.approx(1.0)
    pairs = rayleigh_ritz(lambda v: v * values, torch.linalg.qr(noise(2, 6).T)[0].T, 1e-6, None)
    off = pairs.vectors * values - pairs.values[:, None] * pairs.vectors
    torch.testing.assert_close(pairs.residuals, off.norm(dim=1))
    worst = float(pairs.residuals.max())
    for scale, ended in ((10.0 * worst, Status.STEP_LIMIT), (1e3 * worst, Status.CONVERGED)):
        again = rayleigh_ritz(lambda v: v * values, pairs.vectors, 1e-2, scale)
        assert again.status[int(pairs.residuals.argmax())] is ended


def test_a_basis_never_grows_beyond_its_limit():
    operator = operator_of(VALUES)
    space, sizes = Subspace.spanned(noise(2), operator), []

    def watched(v):
        sizes.append(len(space.basis))
        return operator(v)

    found = extreme_eigenpairs(watched, space, 2, "largest", tolerance=1e-9, max_basis=12)
    assert found.status == [Status.CONVERGED] * 2
    assert max(sizes) <= 12 and sizes.count(10) > 1
    torch.testing.assert_close(found.values, VALUES.sort(descending=True).values[:2])
