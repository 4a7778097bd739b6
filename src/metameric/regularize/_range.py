"""Penalties on the stimulus itself. Called, one number; `penalty.each(...)`, one per batch entry."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from metameric._core.batched import PerProblem
from metameric._core.tensors import rows


@PerProblem
def penalize_range(img: Tensor, allowed_range: Sequence[float] | Tensor = (0.0, 1.0), **kwargs: Any) -> Tensor:
    """Sum of squared distances of the pixels from the allowed range.

    Parameters
    ----------
    img
        Stimulus of any shape (batch, ...).
    allowed_range
        Lowest and highest value that cost nothing.
    **kwargs
        Ignored; synthesis hands every penalty the same keywords.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.regularize.penalize_range(torch.tensor([[-1.0, 0.5, 3.0]]))
    tensor(5.)
    """
    low, high = allowed_range.flatten() if isinstance(allowed_range, Tensor) else allowed_range
    outside = rows(img - img.clamp(low, high))
    return (outside * outside).sum(1)


@PerProblem
def no_penalty(img: Tensor, **kwargs: Any) -> Tensor:
    """Return zero, what any stimulus within the allowed range costs."""
    return img.new_zeros(img.shape[0])


def bounds_of(penalty: Callable[..., Tensor]) -> tuple[float, float] | None:
    """Return the range outside which a penalty asks for a price and inside which it is zero, if that is all it does.

    True of `penalize_range` and of ``functools.partial(penalize_range, allowed_range=...)``. A solver can then hold the
    range exactly, and the penalty costs nothing.
    """
    options: dict[str, Any] = {}
    while isinstance(penalty, functools.partial) and not penalty.args:
        options = {**penalty.keywords, **options}
        penalty = penalty.func
    if penalty is not penalize_range:
        return None
    default = inspect.signature(penalize_range.each).parameters["allowed_range"].default
    low, high = options.get("allowed_range", default)
    return float(low), float(high)


def within(img: Tensor, bounds: tuple[float, float]) -> bool:
    """Return whether no value lies outside the bounds."""
    return bool(((img >= bounds[0]) & (img <= bounds[1])).all())
