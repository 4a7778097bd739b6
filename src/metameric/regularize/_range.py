"""Penalties on the stimulus itself. Called, one number; `penalty.each(...)`, one per batch entry."""

from typing import Any

from torch import Tensor

from metameric._core.batched import PerProblem
from metameric._core.tensors import rows


@PerProblem
def penalize_range(img: Tensor, allowed_range: tuple[float, float] = (0.0, 1.0), **kwargs: Any) -> Tensor:
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
    low, high = allowed_range
    outside = rows(img - img.clamp(low, high))
    return (outside * outside).sum(1)
