"""The ways in which `Eigendistortion` finds the extremes of one stimulus's Fisher information."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from metameric._core.random import generator
from metameric._objective._coordinates import Coordinates
from metameric._objective._fisher import FisherInformation
from metameric._solve._eigen import Eigenpairs, End, Operator, Subspace, Vectors, Watch, extreme_eigenpairs
from metameric._solve._eigen_classic import dense_eigenpairs, power_iteration, randomized_svd, rayleigh_ritz
from metameric._solve._eigen_null import certified_null, null_vectors
from metameric._solve._eigen_start import RoughInverse, smallest_start, smooth_modulations
from metameric._solve._status import Status
from metameric._synthesis._eigen_options import Options

# Up to this many coordinates a dense decomposition is the fastest way (1 s on a CPU core), and it is complete.
LARGEST_EXACT = 1024
LARGEST_EXACT_JACOBIAN = 2**24
# Residual relative to the largest eigenvalue at which a pair counts as found.
TOLERANCE = {torch.float64: 1e-10}
DEFAULT_TOLERANCE = 5e-7
PROBES = 5
# Responses up to which their gradients are held (in as many stimuli) to find the null space, and numbers altogether.
MOST_ROWS, LARGEST_ROWS = 1024, 2**26


@dataclass
class Problem:
    """One stimulus: its Fisher information in the chosen coordinates, and the searches made in it so far."""

    fisher: FisherInformation
    coordinates: Coordinates
    build: Callable[[torch.dtype], "Problem | None"]
    searches: dict[tuple[str, str], Subspace] = field(default_factory=dict)
    rows: Vectors | None = None

    def operator(self, vectors: Vectors) -> Vectors:
        """Apply F to vectors (k, n) of coordinates."""
        images = self.coordinates.to_images(vectors)
        return self.coordinates.from_images(self.fisher.matvec(images[:, None])[:, 0])

    def noise(self, k: int, seed: int) -> Vectors:
        """Draw random vectors, the same in every precision and on every device."""
        noise = torch.randn(k, self.coordinates.size, generator=generator(seed), dtype=torch.float64)
        return noise.to(self.fisher.image)

    @property
    def tolerance(self) -> float:
        """The default bound on residuals, relative to the largest eigenvalue."""
        return TOLERANCE.get(self.fisher.dtype, DEFAULT_TOLERANCE)

    @property
    def has_few_responses(self) -> bool:
        """Whether all rows of the Jacobian can be held, and there are fewer than coordinates."""
        n, responses = self.coordinates.size, self.fisher.response_size
        return responses < n and responses <= MOST_ROWS and responses * n <= LARGEST_ROWS

    def begun(self) -> dict[str, Any]:
        """Return all that a search needs to go on, as a file can hold it."""
        return {"searches": {key: vars(space) for key, space in self.searches.items()}, "rows": self.rows}

    def resume(self, begun: dict[str, Any]) -> None:
        """Take over what `begun` returned."""
        self.searches = {key: Subspace(**record) for key, record in begun["searches"].items()}
        self.rows = begun["rows"]

    def in_one_go(self, options: Options) -> bool:
        """Whether nothing is there to be kept before all is."""
        return options.method in ("exact", "randomized_svd") or (options.method == "auto" and self.is_small)

    @property
    def is_small(self) -> bool:
        """Whether a dense decomposition is the quickest way."""
        n = self.coordinates.size
        jacobian = self.fisher.shape[0] * self.fisher.response_size
        return n <= LARGEST_EXACT and jacobian <= LARGEST_EXACT_JACOBIAN and self.fisher.shape[0] <= 4 * LARGEST_EXACT


@dataclass(frozen=True)
class Extremes:
    """What was found for one stimulus: eigenpairs in decreasing order of value, and the ranks they have."""

    pairs: Eigenpairs
    index: Tensor
    largest: float
    jacobian: Tensor | None = None


def find(problem: Problem, options: Options, watch: Watch) -> Extremes:
    """Find extremes by the named method."""
    if options.method == "exact":
        return exact(problem, None, upper_only=False)
    if options.method == "auto" and problem.is_small:
        return exact(problem, options.k, options.upper_only)
    if options.method == "auto":
        return certified(problem, options, watch)
    return power(problem, options, watch) if options.method == "power" else randomized(problem, options)


def exact(problem: Problem, k: int | None, upper_only: bool) -> Extremes:
    """All eigenpairs, or `k` at the upper or each end, from the Jacobian in full."""
    jacobian = problem.fisher.jacobian()
    matrix = problem.coordinates.restrict(problem.fisher.to_dense(jacobian.double())[0])
    values, vectors = dense_eigenpairs(matrix)
    index = torch.arange(values.numel(), device=values.device)
    if k is not None:
        index = index[:k] if upper_only else torch.cat([index[:k], index[-k:]])
    vectors = vectors[index].to(problem.fisher.image)
    residuals = torch.linalg.vector_norm(vectors.double() @ matrix - values[index, None] * vectors, dim=1)
    pairs = Eigenpairs(
        values[index].to(vectors), vectors, residuals.to(vectors), [Status.CONVERGED] * len(index), jacobian.shape[1]
    )
    return Extremes(pairs, index, float(values[0]), jacobian[0] if k is None else None)


def certified(problem: Problem, options: Options, watch: Watch) -> Extremes:
    """Both ends by the subspace method, in float64 where rounding keeps float32 from the tolerance."""
    k = options.k
    if options.upper_only:
        top = _search(problem, "largest", problem.noise(k, options.seed), None, None, options, watch)
        return Extremes(top, torch.arange(k, device=top.values.device), float(top.values[0]))
    probes = problem.noise(k + PROBES, options.seed)
    space = Subspace.spanned(probes, problem.operator)
    tolerance = problem.tolerance if options.stop_criterion is None else options.stop_criterion
    to_images, from_images = problem.coordinates.to_images, problem.coordinates.from_images
    inverse = RoughInverse(to_images, from_images, space.basis.clone(), space.images.clone(), tolerance)
    top = _search(problem, "largest", space, None, None, options, watch)
    largest, n = float(top.values[0]), problem.coordinates.size
    if problem.has_few_responses and k <= n - problem.fisher.response_size:
        bottom = blind(problem, probes[:k], tolerance, largest, options, watch)
        return Extremes(join(top, bottom.reversed()), _end_ranks(n, k, top.values.device), largest)
    guesses = problem.coordinates.from_images(smooth_modulations(problem.fisher.image[0]))
    start = smallest_start(guesses, probes[: k + 2], inverse)
    bottom = _search(problem, "smallest", start, inverse, largest, options, watch)
    return Extremes(join(top, bottom.reversed()), _end_ranks(n, k, top.values.device), largest)


def blind(
    problem: Problem, start: Vectors, tolerance: float, largest: float, options: Options, watch: Watch
) -> Eigenpairs:
    """Find random changes to which the model does not respond, from the gradients of all its responses."""
    jacobian, n, responses = problem.fisher.linearised, problem.coordinates.size, problem.fisher.response_size
    rows = start[:0] if problem.rows is None else problem.rows
    room = start.new_empty(responses, n)
    room[: rows.shape[0]] = rows
    status, before = Status.STALLED, rows.shape[0]
    for i in range(before, responses):
        if i - before >= options.max_iter or watch(None):
            status = Status.STEP_LIMIT if i - before >= options.max_iter else Status.INTERRUPTED
            break
        unit = start.new_zeros(1, responses)
        unit[0, i] = 1
        room[i] = problem.coordinates.from_images(jacobian.vjp(unit))[0]
        rows = room[: i + 1]
    problem.rows = rows
    vectors = null_vectors(rows, start)
    found = certified_null(problem.operator, vectors, tolerance, largest, status)
    return replace(found, products=found.products + (rows.shape[0] + 1) // 2)


def _search(
    problem: Problem,
    end: End,
    start: Subspace | Vectors,
    inverse: Operator | None,
    largest: float | None,
    options: Options,
    watch: Watch,
) -> Eigenpairs:
    tolerance = problem.tolerance if options.stop_criterion is None else options.stop_criterion
    key = (end, str(problem.fisher.dtype))
    if key not in problem.searches:
        problem.searches[key] = start if isinstance(start, Subspace) else Subspace.spanned(start, problem.operator)
    space = problem.searches[key]
    found = extreme_eigenpairs(
        problem.operator,
        space,
        options.k,
        end,
        tolerance=tolerance,
        scale=largest,
        precondition=inverse,
        max_iter=options.max_iter,
        watch=watch,
    )
    if Status.STALLED not in found.status:
        return found
    precise = problem.build(torch.float64)
    if precise is None:
        return found
    precise.searches = {k: v for k, v in problem.searches.items() if k[1] == str(torch.float64)}
    wide = None

    if inverse is not None:

        def wide(v: Vectors) -> Vectors:
            return inverse(v.to(space.basis)).double()

    options = replace(options, stop_criterion=tolerance)
    best = torch.cat([found.vectors, space.basis[: options.k + PROBES]]).double()
    refined = _search(precise, end, best, wide, largest, options, watch)
    problem.searches.update(precise.searches)
    like = found.vectors
    return replace(
        refined,
        values=refined.values.to(like),
        vectors=refined.vectors.to(like),
        residuals=refined.residuals.to(like),
        products=found.products + refined.products,
    )


def power(problem: Problem, options: Options, watch: Watch) -> Extremes:
    """Both ends by block power iteration, the lower one on ``largest - F``."""
    k, n = options.k, problem.coordinates.size
    tolerance = 1e-7 if options.stop_criterion is None else options.stop_criterion
    found: list[Eigenpairs] = []
    shift = 0.0
    for end in range(1 if options.upper_only else 2):
        vectors, _, status, products = power_iteration(
            problem.operator,
            problem.noise(k, options.seed + end),
            shift=shift,
            tolerance=tolerance,
            max_iter=options.max_iter,
            watch=watch,
        )
        pairs = rayleigh_ritz(problem.operator, vectors, problem.tolerance, shift or None)
        # A small change is what this method waits for; only the residual tells whether an eigenvector was found.
        ended = Status.STALLED if status is Status.CONVERGED else status
        each = [s if s is Status.CONVERGED else ended for s in pairs.status]
        found.append(replace(pairs, status=each, products=pairs.products + products))
        shift = shift or float(pairs.values[0])
    if options.upper_only:
        return Extremes(found[0], torch.arange(k, device=found[0].values.device), shift)
    return Extremes(join(*found), _end_ranks(n, k, found[0].values.device), shift)


def randomized(problem: Problem, options: Options) -> Extremes:
    """The upper end by a randomised singular value decomposition with `p` vectors and `q` products to spare."""
    size = min(options.k + options.p, problem.coordinates.size)
    vectors = randomized_svd(problem.operator, problem.noise(size, options.seed), options.k, options.q)
    pairs = rayleigh_ritz(problem.operator, vectors, problem.tolerance, None)
    pairs = replace(pairs, products=pairs.products + size * (options.q + 1))
    return Extremes(pairs, torch.arange(options.k, device=vectors.device), float(pairs.values[0]))


def join(upper: Eigenpairs, lower: Eigenpairs) -> Eigenpairs:
    """Put two sets of eigenpairs in one."""
    return Eigenpairs(
        torch.cat([upper.values, lower.values]),
        torch.cat([upper.vectors, lower.vectors]),
        torch.cat([upper.residuals, lower.residuals]),
        upper.status + lower.status,
        upper.products + lower.products,
    )


def _end_ranks(n: int, k: int, device: torch.device) -> Tensor:
    return torch.cat([torch.arange(k, device=device), torch.arange(n - k, n, device=device)])


def interrupted(pairs: Eigenpairs) -> Eigenpairs:
    """Say of what was cut short that it was interrupted."""
    status: list[Status] = [s if s is not Status.STEP_LIMIT else Status.INTERRUPTED for s in pairs.status]
    return replace(pairs, status=status)


def moved(extremes: Extremes, move: Callable[[Tensor], Tensor]) -> Extremes:
    """Move or cast every tensor."""
    pairs = extremes.pairs
    pairs = replace(pairs, values=move(pairs.values), vectors=move(pairs.vectors), residuals=move(pairs.residuals))
    jacobian = None if extremes.jacobian is None else move(extremes.jacobian)
    return replace(extremes, pairs=pairs, index=move(extremes.index), jacobian=jacobian)
