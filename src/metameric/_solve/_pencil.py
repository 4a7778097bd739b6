"""Extremes of a ratio of two quadratic forms, ``v'A v / v'B v``: both ends of a generalised eigenproblem at once.

The generalised Davidson method (Morgan & Scott 1986) with one subspace for both ends, so that every product serves
both; residuals of the largest ratio are preconditioned with a rough inverse of B, those of the smallest with one of A.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._solve._eigen import Operator, Vectors, appended, orthonormal
from metameric._solve._inner import inner

MAX_BASIS, KEPT = 40, 8


@dataclass
class Pencil:
    """A subspace with its images under A and B: an orthonormal basis, and the inner products with the images."""

    operators: tuple[Operator, Operator]
    against: Vectors
    basis: Vectors
    images: list[Vectors]
    grams: list[Float[Tensor, "m m"]]

    @classmethod
    def spanned(cls, start: Vectors, operators: tuple[Operator, Operator], against: Vectors) -> "Pencil":
        """Begin with the span of some vectors, made orthogonal to others."""
        basis = orthonormal(start, against)
        images = [operator(basis) for operator in operators]
        return cls(operators, against, basis, images, [_symmetric(inner(basis, i)) for i in images])

    def expand(self, directions: Vectors) -> bool:
        """Add what is new in some directions; return whether anything was."""
        known = torch.cat([self.against, self.basis]) if len(self.against) else self.basis
        new = orthonormal(directions, known)
        if new.shape[0] == 0:
            return False
        for i, operator in enumerate(self.operators):
            image = operator(new)
            cross, gram = inner(self.basis, image), self.grams[i]
            corner = inner(new, image)
            self.grams[i] = _symmetric(torch.cat([torch.cat([gram, cross], 1), torch.cat([cross.mT, corner], 1)]))
            self.images[i] = appended(self.images[i], image)
        self.basis = appended(self.basis, new)
        return True

    def ritz(self) -> tuple[Float[Tensor, " m"], Float[Tensor, "m m"]]:
        """Return the stationary ratios within the subspace, in increasing order, and the combinations of the basis."""
        a, b = self.grams
        rounding = torch.finfo(self.basis.dtype).eps * b.diagonal().amax()
        factor = torch.linalg.cholesky(b + rounding * torch.eye(len(b)).to(b))
        half = torch.linalg.solve_triangular(factor, a, upper=False)
        whole = torch.linalg.solve_triangular(factor, half.mT, upper=False)
        values, turn = torch.linalg.eigh(_symmetric(whole))
        return values, torch.linalg.solve_triangular(factor.mT, turn, upper=True)

    def shrink(self, combinations: Float[Tensor, "m kept"]) -> None:
        """Keep the span of some combinations of the basis."""
        turn = torch.linalg.qr(combinations)[0]
        self.grams = [_symmetric(turn.mT @ gram @ turn) for gram in self.grams]
        small = turn.mT.to(self.basis)
        self.basis, self.images = small @ self.basis, [small @ image for image in self.images]


def extreme_ratios(
    operators: tuple[Operator, Operator],
    inverses: tuple[Operator, Operator],
    start: Vectors,
    against: Vectors,
    *,
    fraction: float = 3e-5,
    window: int = 10,
    max_iter: int = 200,
) -> Vectors:
    """Return the vectors of the largest and the smallest ratio, (2, n), of unit length.

    Parameters
    ----------
    operators
        A and B, symmetric and positive definite, on vectors (k, n).
    inverses
        Rough inverses of them.
    start
        Vectors (k, n) to begin with.
    against
        Orthonormal vectors (m, n) to stay orthogonal to.
    fraction, window
        Ends when the squared logarithm of the ratio of ratios has grown by less than this over so many expansions.
    max_iter
        Expansions at most; each costs two products with A and two with B.
    """
    space = Pencil.spanned(start, operators, against)
    spreads: list[float] = []
    while True:
        values, turn = space.ritz()
        both = turn[:, [-1, 0]].mT.to(space.basis)
        both = both / torch.linalg.vector_norm(both, dim=1, keepdim=True)
        spreads.append(math.log(max(float(values[-1]), 1e-300) / max(float(values[0]), 1e-300)) ** 2)
        flat = len(spreads) > window and spreads[-1] - spreads[-1 - window] <= fraction * spreads[-1]
        if flat or len(spreads) > max_iter:
            break
        off = both @ space.images[0] - values[[-1, 0], None].to(both) * (both @ space.images[1])
        directions = torch.cat([inverses[1](off[:1]), inverses[0](off[1:])])
        if len(space.basis) + 2 > MAX_BASIS:
            space.shrink(torch.cat([turn[:, :KEPT], turn[:, -KEPT:]], 1))
        if not space.expand(directions):
            break
    ends = space.ritz()[1][:, [-1, 0]].mT.to(space.basis) @ space.basis
    return ends / torch.linalg.vector_norm(ends, dim=1, keepdim=True)


def _symmetric(matrix: Tensor) -> Tensor:
    matrix = matrix.double()
    return (matrix + matrix.mT) / 2
