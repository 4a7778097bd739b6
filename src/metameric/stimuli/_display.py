"""From a synthesised image to the pixels of a file, for a display, and back."""

from typing import Any, Literal

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from metameric._core.errors import InputError
from metameric.data._load import LUMINANCE


class Display(BaseModel):
    """The display that stimuli are made for.

    Parameters
    ----------
    values
        What a pixel value x in [0, 1] of a stimulus means: ``"encoded"``, what the display is sent; ``"linear"``,
        luminance as a fraction of the peak, which files then hold as ``x ** (1 / gamma)``.
    gamma
        Exponent of the display: luminance = peak * value ** gamma.
    peak_luminance
        In cd/m², of white. Of colours, red, green and blue have the shares of Rec. 709 (0.21, 0.72, 0.07) in it.
    bits
        Levels that the display can show, as a power of two; 16-bit files use only these.
    pixels_per_degree
        For the sizes in degrees of visual angle.
    canvas
        Height and width in pixels of the field in whose centre the stimulus is placed.
    surround
        Value of the field around it, in the units of `values`.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> display = mm.stimuli.Display(values="linear", gamma=2.0, canvas=(8, 8), surround=0.25)
    >>> display.encode(torch.ones(1, 1, 4, 4), 8)[0, 0, 0, :3]
    tensor([0.5020, 0.5020, 0.5020])
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    values: Literal["encoded", "linear"] = "encoded"
    gamma: float = Field(default=2.2, gt=0)
    peak_luminance: float | None = Field(default=None, gt=0)
    bits: int | None = Field(default=None, ge=1, le=16)
    pixels_per_degree: float | None = Field(default=None, gt=0)
    canvas: tuple[int, int] | None = None
    surround: float = Field(default=0.5, ge=0, le=1)

    @field_validator("canvas", mode="before")
    @classmethod
    def _square(cls, given: Any) -> Any:
        return (given, given) if isinstance(given, int) else given

    def encode(self, image: Float[Tensor, "batch channel height width"], file_bits: int) -> Tensor:
        """Return what a file of so many bits holds, (batch, channel, height, width), every value on a level of it."""
        encoded = image.clamp(0, 1)
        surround = self.surround
        if self.values == "linear":
            encoded, surround = encoded ** (1 / self.gamma), surround ** (1 / self.gamma)
        for bits in (min(self.bits or file_bits, file_bits), file_bits):
            encoded = _to_levels(encoded, bits)
            surround = round(surround * (2**bits - 1)) / (2**bits - 1)
        if self.canvas is None:
            return encoded
        top, left = self._corner(tuple(image.shape[-2:]))
        field = torch.full((*image.shape[:2], *self.canvas), surround, dtype=image.dtype, device=image.device)
        field[..., top : top + image.shape[-2], left : left + image.shape[-1]] = encoded
        return field

    def decode(self, encoded: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return the stimulus of height and width `shape` that a file shows."""
        if self.canvas is not None:
            top, left = self._corner(shape)
            encoded = encoded[..., top : top + shape[0], left : left + shape[1]]
        return encoded**self.gamma if self.values == "linear" else encoded

    def _corner(self, shape: tuple[int, ...]) -> tuple[int, int]:
        height, width = self.canvas or shape
        if shape[0] > height or shape[1] > width:
            raise InputError(
                f"a stimulus of {shape[0]} x {shape[1]} pixels does not fit a canvas of {height} x {width}; enlarge "
                "display.canvas or reduce size."
            )
        return (height - shape[0]) // 2, (width - shape[1]) // 2

    def facts(self, image: Tensor) -> list[dict[str, float]]:
        """Return, for every stimulus, what was clipped, and its size and luminance where the display tells them."""
        found = [{"clipped_fraction": float(((x < 0) | (x > 1)).double().mean())} for x in image]
        for entry, x in zip(found, image.clamp(0, 1).double(), strict=True):
            if self.pixels_per_degree is not None:
                entry["height_degrees"] = image.shape[-2] / self.pixels_per_degree
                entry["width_degrees"] = image.shape[-1] / self.pixels_per_degree
            if self.peak_luminance is not None:
                luminance = _grey(x if self.values == "linear" else x**self.gamma)
                entry["mean_luminance"] = self.peak_luminance * float(luminance.mean())
        return found


def _grey(x: Tensor) -> Tensor:
    """Return the luminance of colours (3, height, width) of a display with the primaries of Rec. 709."""
    return torch.tensordot(torch.from_numpy(LUMINANCE).to(x), x, 1) if x.shape[0] == 3 else x


def _to_levels(x: Tensor, bits: int) -> Tensor:
    top = 2**bits - 1
    return (x * top).round() / top
