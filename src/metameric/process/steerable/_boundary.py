"""What lies beyond an image: it is extended to twice its height and width, and the outputs are cut back."""

import torch
from torch import Tensor

from metameric.process.steerable._octaves import Shape


def extended(image: Tensor, boundary: str) -> Tensor:
    """Return the image and, unless the boundary is circular, its mirror image or zeros to the right and below."""
    if boundary == "circular":
        return image
    for dim in (-2, -1):
        beyond = image.flip(dim) if boundary == "reflect" else torch.zeros_like(image)
        image = torch.cat([image, beyond], dim)
    return image


def kept(output: Tensor, size: Shape) -> Tensor:
    """Return the part of an output that belongs to the image."""
    return output[..., : size[0], : size[1]]
