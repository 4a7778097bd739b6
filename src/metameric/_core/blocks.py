"""Blocks of memory that are used again."""

import torch
from torch import Tensor

KEPT_BYTES = 2**25
"""The largest block that is kept."""


class Blocks:
    """One free block per dtype, on the CPU, for what does not outlive a call.

    Large blocks that become free go back to the system, and those that come from it are zeroed, page by page, as they
    are touched: that can cost more than what is computed in them. Accelerators have allocators that keep blocks.
    """

    def __init__(self) -> None:
        self._free: dict[torch.dtype, Tensor] = {}

    def take(self, count: int, like: Tensor) -> Tensor:
        """Uninitialised tensor of at least so many numbers, with the dtype and device of another."""
        plain = type(like) is Tensor and like.device.type == "cpu"
        block = self._free.pop(like.dtype, None) if plain else None
        if block is not None and block.numel() >= count:
            return block
        # Tensors that inference mode made could not be written to outside it.
        with torch.inference_mode(False):
            # The first is freed at once: after that glibc keeps a heap for blocks of this size and for smaller ones.
            torch.empty(count, dtype=like.dtype, device=like.device)
            return torch.empty(count, dtype=like.dtype, device=like.device)

    def give(self, block: Tensor) -> None:
        """Hand back a block of which nothing is needed any more."""
        if type(block) is Tensor and block.device.type == "cpu" and block.nbytes <= KEPT_BYTES:
            self._free[block.dtype] = block
