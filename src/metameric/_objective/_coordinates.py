"""Coordinates in which distortions are sought: where they may be, and what counts as their size."""

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.tensors import rows
from metameric._core.types import Batch


class Coordinates:
    """The elements of a stimulus within a mask, times a weight.

    The length of a distortion v is ``|weight * v|``, and v is zero outside the mask. With either, the eigenproblem
    becomes ``F v = lambda weight**2 v`` on the elements within the mask.
    """

    def __init__(self, image: Batch, mask: Tensor | None, weight: Tensor | None) -> None:
        self.shape = image.shape[1:]
        size = image[0].numel()
        self.weight = None if weight is None else _per_element(weight, image, "weight").to(image)
        if self.weight is not None and not bool((self.weight > 0).all()):
            raise InputError("weight has values of zero or below; use a mask to leave elements out altogether.")
        self.index = None
        if mask is not None:
            self.index = _per_element(mask, image, "mask").bool().nonzero()[:, 0]
            if self.index.numel() == 0:
                raise InputError("mask is empty; expected True (or 1) where distortions are allowed.")
            size = self.index.numel()
            self.weight = None if self.weight is None else self.weight[self.index]
        self.size = size

    def to_images(self, vectors: Float[Tensor, "k size"]) -> Tensor:
        """Distortions (k, ...) of coordinates."""
        v = vectors if self.weight is None else vectors / self.weight
        if self.index is not None:
            full = v.new_zeros(v.shape[0], torch.Size(self.shape).numel())
            v = full.index_copy(1, self.index, v)
        return v.reshape(-1, *self.shape)

    def restrict(self, matrix: Float[Tensor, "n n"]) -> Float[Tensor, "size size"]:
        """Express a matrix on whole stimuli in these coordinates."""
        m = matrix if self.index is None else matrix[self.index][:, self.index]
        return m if self.weight is None else m / self.weight / self.weight[:, None]

    def from_images(self, images: Tensor) -> Float[Tensor, "k size"]:
        """Apply the adjoint of `to_images`."""
        v = rows(images)
        v = v if self.index is None else v[:, self.index]
        return v if self.weight is None else v / self.weight


def _per_element(given: Tensor, image: Tensor, name: str) -> Tensor:
    try:
        return given.to(image.device).expand(image.shape[1:]).reshape(-1)
    except RuntimeError:
        pass
    if given.shape[:1] == (1,) and given.ndim == image.ndim:
        return _per_element(given[0], image, name)
    raise InputError(
        f"{name} has shape {tuple(given.shape)}; expected one that broadcasts to a stimulus, {tuple(image.shape[1:])}."
    )
