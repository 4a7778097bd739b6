"""Moments of a sample: variance, skewness, kurtosis."""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Inexact
from torch import Tensor

from metameric._core.types import Number

Values = Inexact[Tensor, "*shape"]
Reduced = Inexact[Tensor, "*reduced"]
Dim = int | Sequence[int] | None


def variance(x: Values, mean: Number | Tensor | None = None, dim: Dim = None, keepdim: bool = False) -> Reduced:
    """Mean squared deviation from the mean (divided by n, not n - 1).

    Parameters
    ----------
    x
        Any shape.
    mean
        A mean known already: a number, or a tensor of the reduced shape (reduced dimensions dropped or of length one).
    dim, keepdim
        Dimensions to reduce (all by default), and whether they stay with length one.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.variance(torch.tensor([1.0, 2.0, 3.0, 6.0]))
    tensor(3.5000)
    """
    return (_centred(x, mean, dim) ** 2).mean(_dims(x, dim), keepdim)


def skew(
    x: Values,
    mean: Number | Tensor | None = None,
    var: Number | Tensor | None = None,
    dim: Dim = None,
    keepdim: bool = False,
) -> Reduced:
    """Third central moment over the cubed standard deviation; zero for symmetric samples.

    Parameters
    ----------
    x, mean, dim, keepdim
        As in `variance`.
    var
        A variance known already, like `mean`.

    Notes
    -----
    A constant sample has the skewness 0, with a gradient of 0, instead of 0 / 0.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.skew(torch.tensor([1.0, 2.0, 3.0, 6.0]))
    tensor(0.6872)
    """
    return _standardised_moment(x, 3, 0.0, mean, var, dim, keepdim)


def kurtosis(
    x: Values,
    mean: Number | Tensor | None = None,
    var: Number | Tensor | None = None,
    dim: Dim = None,
    keepdim: bool = False,
) -> Reduced:
    """Fourth central moment over the squared variance; 3 for a normal distribution.

    Parameters
    ----------
    x, mean, var, dim, keepdim
        As in `skew`.

    Notes
    -----
    A constant sample has the kurtosis 3 (Portilla and Simoncelli's convention), with a gradient of 0.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.kurtosis(torch.tensor([1.0, 2.0, 3.0, 6.0]))
    tensor(2.)
    """
    return _standardised_moment(x, 4, 3.0, mean, var, dim, keepdim)


def _standardised_moment(
    x: Tensor,
    order: int,
    of_constant: float,
    mean: Number | Tensor | None,
    var: Number | Tensor | None,
    dim: Dim,
    keepdim: bool,
) -> Tensor:
    deviation, dims = _centred(x, mean, dim), _dims(x, dim)
    moment = (deviation**order).mean(dims, keepdim)
    second = (deviation**2).mean(dims, keepdim) if var is None else torch.as_tensor(var).to(x)
    second = second.reshape(moment.shape) if second.numel() == moment.numel() else second.expand_as(moment)
    # The numbers of a constant sample differ from their mean by rounding only, which says nothing about their shape.
    rounding = torch.finfo(x.dtype).eps * x.detach().abs().amax(dims, keepdim)
    flat = second.detach().abs() <= (4 * rounding) ** 2
    safe = torch.where(flat, torch.ones_like(second), second)
    return torch.where(flat, torch.full_like(moment, of_constant), moment / safe ** (order / 2))


def _centred(x: Tensor, mean: Number | Tensor | None, dim: Dim) -> Tensor:
    dims = _dims(x, dim)
    if mean is None:
        mean = x.mean(dims, keepdim=True)
    elif isinstance(mean, Tensor) and 0 < mean.ndim == x.ndim - len(dims):
        for d in sorted(d % x.ndim for d in dims):
            mean = mean.unsqueeze(d)
    return x - mean


def _dims(x: Tensor, dim: Dim) -> tuple[int, ...]:
    if dim is None:
        return tuple(range(x.ndim))
    return tuple(dim) if isinstance(dim, Iterable) else (dim,)
