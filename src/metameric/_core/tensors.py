"""Helpers on tensors that know nothing about images or models."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metameric._core.errors import InputError, InputTypeError

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]
"""What is known of each problem by a number, on the host, (batch,)."""


def rows(x: Tensor) -> Tensor:
    """View a batch as (batch, everything else)."""
    return x.reshape(x.shape[0], -1)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of each pair of batch entries, (batch,)."""
    return torch.linalg.vecdot(rows(a), rows(b))


def norm(x: Tensor) -> Tensor:
    """Euclidean norm of each batch entry, (batch,)."""
    return torch.linalg.vector_norm(rows(x), dim=1)


def entries(x: Tensor, index: Tensor) -> Tensor:
    """Return the batch entries `index`, sorted and distinct, without a copy where those are all."""
    return x if index.numel() == x.shape[0] else x[index]


def on_host(*values: Tensor) -> list[Numbers]:
    """Bring numbers, all (batch,), to the host in one go."""
    return list(torch.stack([value.double() for value in values]).cpu().numpy())


def spread(values: Tensor, like: Tensor) -> Tensor:
    """Reshape (batch,) values so that they broadcast over `like` (batch, ...)."""
    return values.reshape(-1, *(1,) * (like.ndim - 1))


def to_numpy(x: Tensor | np.ndarray, squeeze: bool = False) -> np.ndarray:
    """Return a tensor as a NumPy array, from any device, detached from its graph.

    Parameters
    ----------
    x
        A tensor of any shape (an array is returned as it is).
    squeeze
        Drop dimensions of length one.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.to_numpy(torch.ones(1, 1, 2, 3), squeeze=True).shape
    (2, 3)
    """
    array = x.detach().resolve_conj().resolve_neg().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)
    return array.squeeze() if squeeze else array


def convert_float_to_int(image: np.ndarray | Tensor, dtype: type = np.uint8) -> np.ndarray:
    """Turn an image with values in [0, 1] into integers over the whole range of `dtype`, rounding to the nearest.

    Parameters
    ----------
    image
        Array or tensor of any shape, real, values in [0, 1].
    dtype
        An unsigned integer type of NumPy, ``np.uint8`` or ``np.uint16``.

    Raises
    ------
    ValueError
        If a value is outside [0, 1] or not a number.

    Examples
    --------
    >>> import numpy as np, metameric as mm
    >>> mm.convert_float_to_int(np.array([0, 0.5, 1.0]))
    array([  0, 128, 255], dtype=uint8)
    """
    array = to_numpy(image)
    if not np.issubdtype(array.dtype, np.floating):
        raise InputTypeError(f"image has dtype {array.dtype}; expected floats in [0, 1].")
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise InputError(
            f"image values run from {array.min():.4g} to {array.max():.4g}; expected [0, 1]. "
            "Clip or rescale them first (metameric.process.rescale)."
        )
    top = np.iinfo(dtype).max
    return np.floor(array.astype(np.float64) * top + 0.5).astype(dtype)
