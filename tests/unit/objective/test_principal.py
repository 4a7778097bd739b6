"""How far two distortions set models apart: the value, its gradient, the ridge."""

import torch

from metameric._objective._fisher import FisherInformation
from metameric._objective._principal import Separation

D = torch.float64


def models(n: int, rng: torch.Generator) -> tuple[list[torch.Tensor], Separation]:
    weights = [torch.randn(5, 4, generator=rng, dtype=D) for _ in range(n)]
    image = torch.rand(1, 4, generator=rng, dtype=D)
    fishers = tuple(FisherInformation(lambda x, w=w: x @ w.mT, image) for w in weights)
    ridges = tuple(0.1 * (k + 1) for k in range(n))
    dense = [w.mT @ w + r * torch.eye(4, dtype=D) for w, r in zip(weights, ridges, strict=True)]
    return dense, Separation(fishers, ridges)


def by_definition(dense: list[torch.Tensor], pairs: torch.Tensor) -> torch.Tensor:
    """Variance over the models of the log ratio of the information in both distortions."""
    unit = pairs / torch.linalg.vector_norm(pairs, dim=2, keepdim=True)
    ratios = [torch.einsum("bki,ij,bkj->bk", unit, f, unit).log().diff(dim=1).squeeze(1) for f in dense]
    return torch.stack(ratios).var(0, correction=0)


def test_value_and_gradient_are_those_of_the_variance(rng):
    dense, separation = models(3, rng)
    pairs = separation.place(torch.randn(2, 2, 4, generator=rng, dtype=D)).requires_grad_()
    terms = separation(pairs)
    wanted = by_definition(dense, pairs)
    torch.testing.assert_close(terms.parts["variance"], wanted.detach())
    torch.testing.assert_close(terms.total.detach(), -wanted.detach())
    (found,), (gradient,) = (torch.autograd.grad(v.sum(), pairs) for v in (terms.total, -wanted))
    # Along the sphere, where the distortions live.
    found, gradient = (g - (g * pairs).sum(2, keepdim=True) * pairs for g in (found, gradient))
    torch.testing.assert_close(found, gradient.detach())


def test_operators_hold_the_ridge(rng):
    dense, separation = models(2, rng)
    vectors = torch.randn(3, 4, generator=rng, dtype=D)
    for operator, matrix in zip(separation.operators(), dense, strict=True):
        torch.testing.assert_close(operator(vectors), vectors @ matrix)


def test_any_number_of_dimensions_is_brought_to_unit_length(rng):
    pairs = torch.randn(2, 2, 3, 4, generator=rng, dtype=D)
    placed = Separation((), ()).place(pairs)
    torch.testing.assert_close(placed.flatten(2).norm(dim=2), torch.ones(2, 2, dtype=D))
    torch.testing.assert_close(placed[1, 0] / placed[1, 0, 0, 0], pairs[1, 0] / pairs[1, 0, 0, 0])
