"""Extreme eigenpairs of a symmetric positive semi-definite operator, by a restarted, preconditioned subspace method.

Without a preconditioner this is Lanczos with full reorthogonalisation and thick restarts; with one it is the
generalised Davidson method (Morgan & Scott 1986; Stathopoulos, Saad & Wu 1998). Either way it ends on the residual.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.errors import InputError
from metameric._solve._inner import inner, lengths
from metameric._solve._status import Status

Vectors = Float[Tensor, "_ n"]
Operator = Callable[[Vectors], Vectors]
End = Literal["largest", "smallest"]
Watch = Callable[[Tensor | None], bool]

# Residuals that no longer fall within so many expansions have met the rounding error of the operator. The upper end
# falls fast until then, the lower one in steps.
PATIENCE = {"largest": 12, "smallest": 25}


@dataclass
class Subspace:
    """The record of a search: an orthonormal basis, its images under the operator, and their inner products.

    Saved and loaded, a search goes on exactly as it would have without the interruption.
    """

    basis: Vectors
    images: Vectors
    gram: Float[Tensor, "m m"]
    products: int
    residuals: list[Tensor] = field(default_factory=list)

    @classmethod
    def spanned(cls, start: Vectors, operator: Operator) -> "Subspace":
        """Begin with the span of some vectors."""
        basis = orthonormal(start, start[:0])
        images = operator(basis)
        gram = inner(basis, images)
        return cls(basis, images, (gram + gram.mT) / 2, basis.shape[0])

    def expand(self, directions: Vectors, operator: Operator) -> bool:
        """Add what is new in some directions; return whether anything was."""
        new = orthonormal(directions, self.basis)
        if new.shape[0] == 0:
            return False
        images = operator(new)
        # The operator is symmetric only up to rounding; the mean of both products is the better estimate.
        cross = (inner(self.basis, images) + inner(self.images, new)) / 2
        gram = torch.cat([torch.cat([self.gram, cross], 1), torch.cat([cross.mT, inner(new, images)], 1)])
        self.basis, self.images = appended(self.basis, new), appended(self.images, images)
        self.gram = (gram + gram.mT) / 2
        self.products += new.shape[0]
        return True

    def shrink(self, rotation: Float[Tensor, "m kept"]) -> None:
        """Keep the span of some combinations of the basis."""
        overlap = inner(self.basis, self.basis)
        # One Newton step to the nearest orthonormal basis: rounding would add up from one restart to the next.
        exact = rotation.mT @ (1.5 * torch.eye(overlap.shape[0]).to(overlap) - 0.5 * overlap)
        turn = exact.to(self.basis)
        self.basis, self.images = turn @ self.basis, turn @ self.images
        self.gram = exact @ self.gram @ exact.mT


def appended(held: Vectors, new: Vectors) -> Vectors:
    """Join rows; the room behind `held` is used if there is some, so that growing does not copy every time."""
    m, n = held.shape
    room = held.untyped_storage().nbytes() // held.element_size() // n
    if held.storage_offset() != 0 or room < m + new.shape[0]:
        roomy = held.new_empty(m + 4 * new.shape[0] + 16, n)
        roomy[:m] = held
        held = roomy[:m]
    whole = held.as_strided((m + new.shape[0], n), (n, 1))
    whole[m:] = new
    return whole


@dataclass(frozen=True)
class Eigenpairs:
    """What was found, best first: largest values first, or smallest first.

    `residuals` are ``|F v - value v|``, from a fresh product; `status` tells how each pair ended.
    """

    values: Float[Tensor, " k"]
    vectors: Float[Tensor, "k n"]
    residuals: Float[Tensor, " k"]
    status: list[Status]
    products: int

    def reversed(self) -> "Eigenpairs":
        """The same in the opposite order."""
        return Eigenpairs(
            self.values.flip(0), self.vectors.flip(0), self.residuals.flip(0), self.status[::-1], self.products
        )


def orthonormal(vectors: Vectors, against: Vectors) -> Vectors:
    """Make vectors orthonormal to each other and to an orthonormal set; those that depend on others are dropped."""
    drop = 100 * torch.finfo(vectors.dtype).eps
    length = lengths(vectors)
    usable = torch.isfinite(length) & (length > 0)
    vectors = vectors[usable] / length[usable, None]
    for repeat in range(5):
        vectors = vectors - inner(vectors, against).to(against) @ against
        vectors, least = _gram_schmidt(vectors, drop)
        # Where much was taken away, what is left still holds rounding errors: go on until nothing more is.
        if vectors.shape[0] == 0 or (repeat and least > 0.99):
            break
        drop = 0.1
    return vectors


def _gram_schmidt(vectors: Vectors, drop: float) -> tuple[Vectors, float]:
    """Orthonormalise nearly orthonormal vectors in turn; return also the least length that was left of any."""
    kept: list[Tensor] = []
    least = torch.ones((), dtype=vectors.dtype, device=vectors.device)
    for v in vectors:
        if kept:
            block = torch.stack(kept)
            v = v - inner(block, v[None]).to(block)[:, 0] @ block
        length = lengths(v[None])[0]
        if bool(length > drop):
            kept.append(v / length)
            least = torch.minimum(least, length)
    return (torch.stack(kept) if kept else vectors[:0]), float(least)


def basis_limit(k: int, n: int) -> int:
    """Vectors to hold: ``40 + 10 k``, and more of short ones, up to a quarter of a million numbers."""
    return 40 + 10 * k + 2**18 // n


def extreme_eigenpairs(
    operator: Operator,
    space: Subspace,
    k: int,
    end: End,
    *,
    tolerance: float,
    scale: float | None = None,
    precondition: Operator | None = None,
    max_iter: int = 1000,
    max_basis: int | None = None,
    watch: Watch | None = None,
) -> Eigenpairs:
    """Find the `k` largest or smallest eigenpairs, starting from, and enlarging, `space`.

    Parameters
    ----------
    operator
        Maps vectors (m, n) to vectors (m, n).
    space
        Where to start; holds the search afterwards, so that it can be continued.
    tolerance
        A pair is found when its residual is at most this times `scale`.
    scale
        The largest eigenvalue; by default that seen so far.
    precondition
        A rough inverse of the operator, for the smallest eigenpairs.
    max_iter
        Expansions of the subspace in this call; each costs as many products as there are pairs not yet found.
    max_basis
        Vectors to hold at most; as many images of them are held besides. By default `basis_limit`.
    watch
        Called after every expansion with the relative residuals; returning True ends the search.
    """
    n = space.basis.shape[1]
    if not 1 <= k <= n:
        raise InputError(f"k is {k}; expected 1 to {n}, the number of coordinates.")
    # The last judgement will be passed again.
    del space.residuals[-1:]
    search = _Search(operator, space, k, end, tolerance, scale, precondition, max_basis or basis_limit(k, n))
    status = Status.STEP_LIMIT
    try:
        for iteration in range(max_iter + 1):
            verdict = search.judge(watch)
            if verdict is not None or iteration == max_iter:
                status = verdict or status
                break
            if not search.advance():
                status = Status.STALLED
                break
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    return search.certified(status)


class _Search:
    """One end of the spectrum, one expansion at a time."""

    def __init__(
        self,
        operator: Operator,
        space: Subspace,
        k: int,
        end: End,
        tolerance: float,
        scale: float | None,
        precondition: Operator | None,
        max_basis: int,
    ) -> None:
        self.operator, self.space, self.k = operator, space, k
        self.sign, self.patience = (-1.0 if end == "largest" else 1.0), PATIENCE[end]
        self.tolerance, self.given_scale, self.precondition = tolerance, scale, precondition
        self.max_basis = max_basis
        self.vectors, self.scale = space.basis[:k], scale or 1.0
        # The rounding error of a product is some tens of units in the last place of the largest eigenvalue.
        self.rounding = 100 * torch.finfo(space.basis.dtype).eps

    def judge(self, watch: Watch | None) -> Status | None:
        """Compute the Ritz pairs nearest to the end and their residuals; decide whether to stop."""
        space = self.space
        while space.basis.shape[0] < self.k and self._enlarge():
            pass
        if not bool(torch.isfinite(space.gram).all()):
            return Status.NON_FINITE
        values, self.rotation = torch.linalg.eigh(self.sign * space.gram)
        values = self.sign * values
        self.scale = self.given_scale or max(float(values.abs().max()), torch.finfo(torch.float64).tiny)
        best = self.rotation[:, : self.k].mT.to(space.basis)
        self.vectors = best @ space.basis
        self.values = values[: self.k]
        self.errors = best @ space.images - self.values[:, None].to(space.basis) * self.vectors
        residuals = torch.linalg.vector_norm(self.errors, dim=1) / self.scale
        space.residuals.append(residuals.max())
        self.missing = residuals > self.tolerance
        if not bool(self.missing.any()):
            return Status.CONVERGED
        if watch is not None and watch(residuals):
            return Status.INTERRUPTED
        return Status.STALLED if self._stalled() else None

    def advance(self) -> bool:
        """Enlarge the subspace by the residuals of the pairs not yet found."""
        directions = self.errors[self.missing]
        if self.precondition is not None:
            directions = self.precondition(directions)
        if self.space.basis.shape[0] + directions.shape[0] > self.max_basis:
            self.space.shrink(self.rotation[:, : self.k + self.max_basis // 3])
        return self.space.expand(directions, self.operator) or self._enlarge()

    def certified(self, status: Status) -> Eigenpairs:
        """Return the pairs with residuals from products of their own, free of what rounding did to the subspace."""
        vectors = self.vectors / lengths(self.vectors)[:, None]
        vectors = vectors * _sign(vectors)
        images = self.operator(vectors)
        values = torch.linalg.vecdot(vectors, images)
        residuals = torch.linalg.vector_norm(images - values[:, None] * vectors, dim=1)
        found = (residuals <= max(2 * self.tolerance, 0) * self.scale).tolist()
        each = [Status.CONVERGED if ok else Status.STALLED if status.succeeded else status for ok in found]
        return Eigenpairs(values, vectors, residuals, each, self.space.products + vectors.shape[0])

    def _stalled(self) -> bool:
        history = self.space.residuals
        if len(history) <= 2 * self.patience or float(history[-1]) > self.rounding:
            return False
        recent, before = torch.stack(history[-self.patience :]), torch.stack(history[: -self.patience])
        return bool((recent.max() < self.rounding) & (recent.min() > 0.8 * before.min()))

    def _enlarge(self) -> bool:
        """Add a direction outside an invariant subspace, if there is one."""
        m, n = self.space.basis.shape
        if m >= min(n, self.max_basis):
            return False
        # A unit vector that the basis covers least is never inside its span.
        covered = self.space.basis.square().sum(0)
        outside = torch.zeros_like(self.space.basis[:1])
        outside[0, covered.argmin()] = 1
        return self.space.expand(outside, self.operator)


def _sign(vectors: Vectors) -> Float[Tensor, "k 1"]:
    """Make the entry of largest magnitude positive: eigenvectors have no sign of their own."""
    return vectors.gather(1, vectors.abs().argmax(1, keepdim=True)).sign()
