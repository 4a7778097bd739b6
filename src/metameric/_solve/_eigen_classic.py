"""The plain ways to eigenpairs, under the names that users know: dense, block power iteration, randomised SVD."""

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._solve._eigen import Eigenpairs, Operator, Vectors, Watch
from metameric._solve._inner import inner
from metameric._solve._status import Status


def dense_eigenpairs(matrix: Float[Tensor, "n n"]) -> tuple[Float[Tensor, " n"], Float[Tensor, "n n"]]:
    """All eigenvalues in decreasing order and the eigenvectors as rows, computed in float64."""
    values, vectors = torch.linalg.eigh(matrix.double())
    return values.flip(0), vectors.mT.flip(0)


def power_iteration(
    operator: Operator,
    start: Vectors,
    *,
    shift: float = 0.0,
    tolerance: float = 1e-7,
    max_iter: int = 1000,
    watch: Watch | None = None,
) -> tuple[Vectors, Float[Tensor, " k"], Status, int]:
    """Block power iteration on the operator, or on ``shift - operator`` for its smallest eigenvalues.

    Ends when the eigenvalues, as a vector, change by less than `tolerance`: a rule that says nothing about how far
    away they are, kept under its name. Returns vectors, values, how it ended, and the number of products.
    """
    vectors = _orthonormal_rows(start)
    values = start.new_zeros(start.shape[0])
    status, products = Status.STEP_LIMIT, 0
    for _ in range(max_iter):
        images = operator(vectors)
        products += vectors.shape[0]
        new = torch.linalg.vecdot(vectors, images)
        change = torch.linalg.vector_norm(new - values)
        values = new
        vectors = _orthonormal_rows(shift * vectors - images if shift else images)
        if bool(change < tolerance):
            status = Status.CONVERGED
            break
        if watch is not None and watch(change):
            status = Status.INTERRUPTED
            break
    return vectors, values, status, products


def randomized_svd(operator: Operator, start: Vectors, k: int, q: int) -> Vectors:
    """Leading eigenvectors from ``q`` products of a random block with the operator (Halko et al. 2011)."""
    block = _orthonormal_rows(start)
    for _ in range(q):
        block = _orthonormal_rows(operator(block))
    images = operator(block)
    _, turn = torch.linalg.eigh(((block @ images.mT + images @ block.mT) / 2).double())
    return turn[:, -k:].flip(1).mT.to(block) @ block


def rayleigh_ritz(operator: Operator, vectors: Vectors, tolerance: float, scale: float | None) -> Eigenpairs:
    """Turn orthonormal vectors into the best eigenpairs of their span, largest first, with residuals."""
    images = operator(vectors)
    gram = inner(vectors, images)
    values, turn = torch.linalg.eigh((gram + gram.mT) / 2)
    rotation = turn.flip(1).mT.to(vectors)
    vectors, images, values = rotation @ vectors, rotation @ images, values.flip(0).to(vectors)
    residuals = torch.linalg.vector_norm(images - values[:, None] * vectors, dim=1)
    bound = tolerance * (scale or float(values.abs().max()))
    status = [Status.CONVERGED if ok else Status.STEP_LIMIT for ok in (residuals <= bound).tolist()]
    return Eigenpairs(values, vectors, residuals, status, vectors.shape[0])


def _orthonormal_rows(vectors: Vectors) -> Vectors:
    return torch.linalg.qr(vectors.mT)[0].mT
