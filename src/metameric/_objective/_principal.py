"""Pairs of distortions that separate models: how much the models disagree about which of the two is more visible."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import torch
from jaxtyping import Float
from scipy.linalg import eigh
from torch import Tensor

from metameric._core.batched import name_of
from metameric._core.errors import InputError
from metameric._core.tensors import rows, spread
from metameric._objective._fisher import FisherInformation
from metameric._objective._terms import Terms

Pairs = Float[Tensor, "batch 2 *shape"]


@dataclass(frozen=True)
class Separation:
    """``-V(a, b)``, with V the variance over models of ``s_n = log a'F_n a - log b'F_n b``, F_n with `ridges` added.

    V depends on the directions of a and b alone, and only on their parts orthogonal to `found`, (m, elements),
    orthonormal. Gradients are products with F_n, written out: u_a = (4/N) sum_n (s_n - mean s) F_n a / a'F_n a.
    """

    fishers: tuple[FisherInformation, ...]
    ridges: tuple[float, ...]
    found: Float[Tensor, "m elements"] | None = None

    def __call__(self, x: Pairs) -> Terms:
        """Evaluate pairs of distortions (batch, 2, ...)."""
        pairs = self.place(x.detach())
        products, quadratic = self._products(pairs)
        s = quadratic.log().diff(dim=2).squeeze(2).neg()  # (models, batch)
        off = s - s.mean(0)
        variance = off.square().mean(0)
        weights = 4 / len(self.fishers) * off[:, :, None] / quadratic * s.new_tensor([1.0, -1.0])
        uphill = self._open((weights.reshape(*weights.shape, *(1,) * (x.ndim - 2)) * products).sum(0))
        # Written so that the gradient of the sum is the one at hand.
        along = (rows(uphill) * rows(x - x.detach())).sum(1)
        return Terms(-variance - along, {"variance": variance})

    def rows(self, index: Tensor) -> "Separation":
        """Restrict to some of the problems: they share everything."""
        return self

    def information(self, pairs: Pairs) -> Float[Tensor, "models batch 2"]:
        """Return a'F_n a and b'F_n b."""
        return self._products(pairs)[1]

    def place(self, x: Pairs) -> Pairs:
        """Make both distortions orthogonal to `found`, and of unit length."""
        x = self._open(x)
        return x / spread(torch.linalg.vector_norm(x.flatten(2), dim=2).reshape(-1), x.flatten(0, 1)).reshape(
            *x.shape[:2], *(1,) * (x.ndim - 2)
        )

    def _open(self, x: Tensor) -> Tensor:
        if self.found is None:
            return x
        flat = x.flatten(2)
        return (flat - flat @ self.found.mT @ self.found).reshape(x.shape)

    def _products(self, pairs: Pairs) -> tuple[Tensor, Tensor]:
        """F_n v, (models, batch, 2, ...), and v'F_n v, (models, batch, 2)."""
        flat = pairs.flatten(0, 1)[:, None]
        products = []
        for fisher, ridge in zip(self.fishers, self.ridges, strict=True):
            product = fisher.matvec(flat)[:, 0].reshape(pairs.shape)
            products.append(product + ridge * pairs)
        stacked = torch.stack(products)
        return stacked, torch.linalg.vecdot(stacked.flatten(3), pairs.flatten(2)[None])

    def model_pairs(self) -> list["Separation"]:
        """Return the problem of every two of the models."""
        chosen = combinations(zip(self.fishers, self.ridges, strict=True), 2)
        return [Separation((f, g), (r, q), self.found) for (f, r), (g, q) in chosen]

    def exact_pair(self) -> Pairs:
        """Return the optimum for two models, (1, 2, ...): the extreme eigenvectors of ``F_1 v = lambda F_2 v``."""
        image = self.fishers[0].image
        one, two = (
            fisher.to_dense()[0].double().cpu() + ridge * torch.eye(image.numel(), dtype=torch.float64)
            for fisher, ridge in zip(self.fishers, self.ridges, strict=True)
        )
        for fisher, matrix in zip(self.fishers, (one, two), strict=True):
            _require_definite(fisher, matrix)
        basis = torch.eye(image.numel(), dtype=torch.float64)
        if self.found is not None:
            basis = torch.linalg.svd(self.found.double().cpu(), full_matrices=True)[2][len(self.found) :].mT
        vectors = basis @ torch.from_numpy(eigh(basis.mT @ one @ basis, basis.mT @ two @ basis)[1])
        both = torch.stack([vectors[:, -1], vectors[:, 0]]).to(image)
        return self.place(both.reshape(1, 2, *image.shape[1:]))

    def operators(self) -> list[Callable[[Tensor], Tensor]]:
        """Return every ``F_n`` with its ridge as a map of vectors (k, elements)."""
        return [partial(_product, fisher, ridge) for fisher, ridge in zip(self.fishers, self.ridges, strict=True)]


def _require_definite(fisher: FisherInformation, matrix: Tensor) -> None:
    """Refuse a matrix with eigenvalues that rounding, in the precision of the model, does not tell from zero."""
    rounding = torch.finfo(fisher.image.dtype).eps * float(matrix.diagonal().max())
    if int(torch.linalg.cholesky_ex(matrix - rounding * torch.eye(len(matrix)).to(matrix))[1]):
        raise InputError(
            f"the Fisher information of {name_of(fisher.model)} is singular up to rounding: the model is blind to some "
            "distortions and the variance has no bound; give a ridge, for instance 1e-3 times the largest eigenvalue "
            "(mm.Eigendistortion finds it), or take float64."
        )


def _product(fisher: FisherInformation, ridge: float, vectors: Tensor) -> Tensor:
    images = vectors.reshape(-1, *fisher.image.shape)
    return fisher.matvec(images).reshape(vectors.shape) + ridge * vectors
