"""Losses between two representations of the same shape.

Called, a loss gives a single number for everything it is given; `loss.each(...)` gives one per batch entry, which
is what synthesis minimises.
"""

from typing import Any

import torch
from torch import Tensor

from metameric._core.batched import PerProblem
from metameric._core.tensors import rows


def _squared_error(synth_rep: Tensor, ref_rep: Tensor) -> Tensor:
    difference = rows(synth_rep - ref_rep)
    return difference.real**2 + difference.imag**2 if difference.is_complex() else difference**2


@PerProblem
def mse(synth_rep: Tensor, ref_rep: Tensor, **kwargs: Any) -> Tensor:
    """Mean squared difference between two representations.

    Parameters
    ----------
    synth_rep, ref_rep
        Representations of the synthesised and of the reference stimulus, shape (batch, ...), real or complex.
    **kwargs
        Ignored; synthesis hands every loss the same keywords.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.loss.mse(torch.zeros(2, 3), torch.full((2, 3), 2.0))
    tensor(4.)
    """
    return _squared_error(synth_rep, ref_rep).mean(1)


@PerProblem
def l2_norm(synth_rep: Tensor, ref_rep: Tensor, **kwargs: Any) -> Tensor:
    """Euclidean norm of the difference between two representations; its gradient at zero is zero.

    Parameters
    ----------
    synth_rep, ref_rep
        Representations of the synthesised and of the reference stimulus, shape (batch, ...), real or complex.
    **kwargs
        Ignored; synthesis hands every loss the same keywords.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.loss.l2_norm(torch.zeros(1, 4), torch.ones(1, 4))
    tensor(2.)
    """
    return torch.linalg.vector_norm(rows(synth_rep - ref_rep), dim=1)


@PerProblem
def relative_sse(synth_rep: Tensor, ref_rep: Tensor, **kwargs: Any) -> Tensor:
    """Sum of squared differences divided by the sum of squares of the reference.

    Parameters
    ----------
    synth_rep, ref_rep
        Representations of the synthesised and of the reference stimulus, shape (batch, ...), real or complex.
    **kwargs
        Ignored; synthesis hands every loss the same keywords.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.loss.relative_sse(torch.zeros(1, 4), torch.ones(1, 4))
    tensor(1.)
    """
    power = _squared_error(ref_rep, torch.zeros_like(ref_rep)).sum(1)
    # An all-zero reference has no scale of its own: the plain sum is then the only finite answer.
    return _squared_error(synth_rep, ref_rep).sum(1) / torch.where(power == 0, torch.ones_like(power), power)
