"""Padding of images for filters that keep the size, and its adjoint."""

import torch.nn.functional as F
from torch import Tensor

from metameric._core.errors import InputError

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]

PAD_MODES = ("reflect", "replicate", "circular", "constant")


def same_pads(size: Pair, kernel_size: Pair, pad_mode: str) -> Pads:
    """Samples to add before and after each axis so that filtering keeps the size; checks that the mode can."""
    if pad_mode not in PAD_MODES:
        raise InputError(f"pad_mode is {pad_mode!r}; expected one of {', '.join(map(repr, PAD_MODES))}.")
    height, width = kernel_size
    pads = ((height - 1) // 2, height // 2), ((width - 1) // 2, width // 2)
    least = {"reflect": 1, "circular": 0, "replicate": None, "constant": None}[pad_mode]
    if least is not None and any(max(p) + least > n for p, n in zip(pads, size, strict=True)):
        smallest = " x ".join(str(max(p) + least) for p in pads)
        raise InputError(
            f"image of {' x '.join(map(str, size))} pixels is too small for a kernel of "
            f"{' x '.join(map(str, kernel_size))} with {pad_mode!r} padding; expected at least {smallest}. "
            "Use a larger image, a smaller kernel, or pad_mode='constant'."
        )
    return pads


def pad(image: Tensor, pads: Pads, mode: str) -> Tensor:
    """Pad rows and columns of (..., height, width)."""
    (top, bottom), (left, right) = pads
    stack = image.reshape(-1, 1, *image.shape[-2:])
    padded = F.pad(stack, (left, right, top, bottom), mode=mode)
    return padded.reshape(*image.shape[:-2], *padded.shape[-2:])


def fold(gradient: Tensor, pads: Pads, mode: str) -> Tensor:
    """Apply the adjoint of `pad`: what was copied outwards is added back.

    Unlike the gradient of `torch.nn.functional.pad` it is deterministic on every device.
    """
    for dim, (before, after) in zip((-2, -1), pads, strict=True):
        gradient = _fold_axis(gradient, before, after, mode, dim)
    return gradient


def _fold_axis(gradient: Tensor, before: int, after: int, mode: str, dim: int) -> Tensor:
    n = gradient.shape[dim] - before - after
    inner = gradient.narrow(dim, before, n)
    if mode == "constant" or before + after == 0:
        return inner
    inner = inner.clone()
    head, tail = gradient.narrow(dim, 0, before), gradient.narrow(dim, before + n, after)
    if mode == "reflect":
        inner.narrow(dim, 1, before).add_(head.flip(dim))
        inner.narrow(dim, n - 1 - after, after).add_(tail.flip(dim))
    elif mode == "circular":
        inner.narrow(dim, n - before, before).add_(head)
        inner.narrow(dim, 0, after).add_(tail)
    else:
        inner.narrow(dim, 0, 1).add_(head.sum(dim, keepdim=True))
        inner.narrow(dim, n - 1, 1).add_(tail.sum(dim, keepdim=True))
    return inner
