"""Random changes of stimuli under which a response should hold up: shift, crop, rotation; and blur."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from metameric._core.types import Number
from metameric.process._convolution import convolve
from metameric.process._filters import circular_gaussian2d

Random = Sequence[torch.Generator]


@dataclass(frozen=True)
class RandomJitter:
    """Shift images (batch, channel, height, width) by up to `pixels` in each direction, around the edges.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.RandomJitter(2)(torch.rand(1, 1, 8, 8), [torch.Generator()]).shape
    torch.Size([1, 1, 8, 8])
    """

    pixels: int

    def __call__(self, x: Tensor, random: Random) -> Tensor:
        """Return the shifted images."""
        shifts = [torch.randint(-self.pixels, self.pixels + 1, (2,), generator=g).tolist() for g in random]
        return torch.stack([torch.roll(one, shift, (-2, -1)) for one, shift in zip(x, shifts, strict=True)])


@dataclass(frozen=True)
class RandomCrop:
    """Cut a square of `size` pixels out of each image, anywhere.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.RandomCrop(6)(torch.rand(1, 1, 8, 8), [torch.Generator()]).shape
    torch.Size([1, 1, 6, 6])
    """

    size: int

    def __call__(self, x: Tensor, random: Random) -> Tensor:
        """Return the squares."""
        rooms = [n - self.size + 1 for n in x.shape[-2:]]
        corners = [[int(torch.randint(0, room, (1,), generator=g)) for room in rooms] for g in random]
        cut = [one[..., i : i + self.size, j : j + self.size] for one, (i, j) in zip(x, corners, strict=True)]
        return torch.stack(cut)


@dataclass(frozen=True)
class RandomRotation:
    """Rotate each image about its centre by up to so many degrees, bilinearly; the edges are continued outwards.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.RandomRotation(10)(torch.rand(1, 1, 8, 8), [torch.Generator()]).shape
    torch.Size([1, 1, 8, 8])
    """

    degrees: Number

    def __call__(self, x: Tensor, random: Random) -> Tensor:
        """Return the rotated images."""
        turns = torch.cat([2 * torch.rand(1, generator=g, dtype=torch.float64) - 1 for g in random])
        angle = torch.deg2rad(turns * self.degrees).to(x)
        aspect = x.shape[-2] / x.shape[-1]
        zero = torch.zeros_like(angle)
        rows = [angle.cos(), -angle.sin() * aspect, zero, angle.sin() / aspect, angle.cos(), zero]
        grid = F.affine_grid(torch.stack(rows, 1).reshape(-1, 2, 3), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


@dataclass(frozen=True)
class GaussianBlur:
    """Blur images with a Gaussian of standard deviation `sigma` pixels. Also serves as a gradient preconditioner.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.GaussianBlur(1.0)(torch.ones(1, 1, 8, 8)).shape
    torch.Size([1, 1, 8, 8])
    """

    sigma: Number

    def __call__(self, x: Tensor, random: Random = ()) -> Tensor:
        """Return the blurred images."""
        size = 2 * round(3 * self.sigma) + 1
        kernel = circular_gaussian2d(size, x.new_tensor([self.sigma]))[0, 0]
        return convolve(x, kernel, "circular")
