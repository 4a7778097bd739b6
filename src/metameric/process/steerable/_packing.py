"""A pyramid's coefficients as channels of one tensor, and back."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

from metameric._core.errors import StateError
from metameric.process.steerable._arguments import Coefficients, Scale

PackInfo = tuple[int, list[Scale], list[torch.Size], list[torch.Size] | bool]


def pack(coefficients: Coefficients, split_complex: bool) -> tuple[Tensor, PackInfo]:
    """Stack coefficients to (batch, channel * bands, height, width)."""
    sizes = {tuple(value.shape[-2:]) for value in coefficients.values()}
    if len(sizes) != 1:
        raise StateError(
            f"Coefficients of different sizes, {sorted(sizes)}, cannot be stacked: use a pyramid with downsample=False."
        )
    batch, channels = next(iter(coefficients.values())).shape[:2]
    bands = [value.shape[2:-2] for value in coefficients.values()]
    stacked = [value.reshape(batch, channels, -1, *value.shape[-2:]) for value in coefficients.values()]
    split: list[torch.Size] | bool = False
    if split_complex:
        stacked = [_split(value) if value.is_complex() else value for value in stacked]
        split = [torch.Size([value.shape[2]]) for value in stacked]
    tensor = torch.cat(stacked, dim=2).flatten(1, 2)
    return tensor, (int(channels), list(coefficients), bands, split)


def unpack(
    tensor: Tensor,
    channels: int,
    names: Sequence[Scale],
    bands: Sequence[torch.Size],
    split: Sequence[torch.Size] | bool,
) -> Coefficients:
    """Undo `pack`."""
    stacked = tensor.unflatten(1, (channels, -1))
    numbers = [band.numel() for band in bands]
    widths = numbers if isinstance(split, bool) else [width.numel() for width in split]
    coefficients: Coefficients = OrderedDict()
    parts = stacked.split(widths, dim=2)
    for name, part, number, band in zip(names, parts, numbers, bands, strict=True):
        if part.shape[2] == 2 * number:
            part = torch.complex(part[:, :, ::2].contiguous(), part[:, :, 1::2].contiguous())
        elif part.is_complex() and not band:
            part = part.real
        coefficients[name] = part.reshape(*part.shape[:2], *band, *part.shape[-2:])
    return coefficients


def _split(value: Tensor) -> Tensor:
    return torch.stack([value.real, value.imag], dim=3).flatten(2, 3)
