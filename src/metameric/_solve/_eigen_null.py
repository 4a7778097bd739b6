"""Null vectors of ``F = J' C^-1 J``, from the rows of J: the lower end where responses are fewer than coordinates."""

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._solve._eigen import Eigenpairs, Operator, Vectors
from metameric._solve._status import Status

# Coordinates to convert to float64 at a time.
_BLOCK = 2**12


def null_vectors(rows: Float[Tensor, "rows n"], start: Vectors) -> Vectors:
    """Project vectors on what is orthogonal to all rows, and make them orthonormal; computed in float64.

    Of random vectors, these are random vectors of the null space, with no preference for any direction in it.
    """
    if rows.shape[0] == 0:
        return torch.linalg.qr(start.mT)[0].mT
    gram = _inner(rows, rows)
    # The null space does not depend on the lengths of the rows; without them the Gram matrix is far better conditioned.
    lengths = gram.diagonal().sqrt()[:, None]
    unit = torch.where(lengths > 0, 1 / lengths, 0.0)
    values, basis = torch.linalg.eigh(unit * gram * unit.mT)
    kept = values > values.shape[0] * torch.finfo(values.dtype).eps * values[-1]
    scaled = unit * basis[:, kept] / values[kept].sqrt()
    vectors = start.double()
    # The Gram matrix squares the condition of the rows: what the first projection leaves, further ones take away.
    for _ in range(3):
        shares = scaled @ (scaled.mT @ _inner(rows, vectors))
        parts = zip(vectors.split(_BLOCK, 1), rows.split(_BLOCK, 1), strict=True)
        vectors = torch.cat([v - shares.mT @ r.double() for v, r in parts], 1)
        vectors = torch.linalg.qr(vectors.mT)[0].mT
    return vectors.to(start)


def certified_null(
    operator: Operator, vectors: Vectors, tolerance: float, scale: float, otherwise: Status
) -> Eigenpairs:
    """Return orthonormal vectors as eigenpairs of the smallest values, smallest first, judged by a product of each."""
    images = operator(vectors)
    values = torch.linalg.vecdot(vectors, images)
    order = values.argsort()
    vectors, images, values = vectors[order], images[order], values[order]
    residuals = torch.linalg.vector_norm(images - values[:, None] * vectors, dim=1)
    status: list[Status] = [Status.CONVERGED if r else otherwise for r in (residuals <= tolerance * scale).tolist()]
    return Eigenpairs(values, vectors, residuals, status, vectors.shape[0])


def _inner(rows: Float[Tensor, "rows n"], vectors: Vectors) -> Float[Tensor, "rows k"]:
    parts = zip(rows.split(_BLOCK, 1), vectors.split(_BLOCK, 1), strict=True)
    total = rows.new_zeros(rows.shape[0], vectors.shape[0], dtype=torch.float64)
    for r, v in parts:
        total += r.double() @ v.double().mT
    return total
