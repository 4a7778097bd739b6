"""Functions of no images at all, an empty batch, where PyTorch's Fourier transforms and paddings refuse them."""

from collections.abc import Callable
from typing import TypeVar, cast

from torch import Tensor
from torch.utils._pytree import tree_map_only

T = TypeVar("T")


def are_none(images: Tensor) -> bool:
    """Tell whether there are no images (..., height, width), rather than images without pixels."""
    return images.numel() == 0 and 0 not in images.shape[-2:]


def of_none(compute: Callable[[Tensor], T], images: Tensor) -> T:
    """Return what a function gives for no images: what it gives for images of zeros, less those.

    Outputs have no entries along the dimensions along which the images have none, and are part of their graph.
    """
    # The sum of nothing is zero, and depends on the images as far as autograd is concerned.
    zeros = images.new_zeros([max(n, 1) for n in images.shape]) + images.sum()
    kept = tuple(slice(None if n else 0) for n in images.shape[:-2])
    return cast(T, tree_map_only(Tensor, lambda output: output[kept], compute(zeros)))
