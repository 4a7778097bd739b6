"""Memory for large tensors.

The system hands out fresh memory in pages of 4 KiB and interrupts the program at the first touch of each: for results
of some megabytes that takes as long as computing them. Linux also has pages of 2 MiB, for those who ask.
"""

import mmap
import threading
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

HUGE_PAGE = 2**21
KEPT_AT_MOST = 2**25
"""Bytes of work memory that a thread keeps for the next time."""
_ADVICE = getattr(mmap, "MADV_HUGEPAGE", None)
_kept = threading.local()


def empty(shape: Sequence[int], like: Tensor, dtype: torch.dtype) -> Tensor:
    """Return an uninitialised tensor on the device of another one, in huge pages if it is large and there are any.

    Its memory is its own and freed with it; unlike that of other tensors it cannot be resized in place.
    """
    size = prod(shape) * dtype.itemsize
    if _ADVICE is None or size < HUGE_PAGE or not _is_plain(like):
        return like.new_empty(shape, dtype=dtype)
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        block.madvise(_ADVICE)
    except OSError:  # A kernel built without them.
        return like.new_empty(shape, dtype=dtype)
    return torch.frombuffer(block, dtype=dtype).view(shape)


def scratch(shape: Sequence[int], like: Tensor, dtype: torch.dtype, slot: str) -> Tensor:
    """Return work memory whose contents last until the same thread asks for the same slot again.

    It is kept for the next time, for memory that was freed goes back to the system and is fresh once more.
    """
    size = prod(shape) * dtype.itemsize
    if size > KEPT_AT_MOST or not _is_plain(like):
        return empty(shape, like, dtype)
    held: dict[str, Tensor] = _kept.__dict__
    if slot not in held or held[slot].numel() < size:
        # Made in inference mode, it could not be written to outside.
        with torch.inference_mode(False):
            held[slot] = empty((size,), torch.empty(0), torch.uint8)
    return held[slot][:size].view(dtype).view(shape)


def _is_plain(like: Tensor) -> bool:
    """Whether a tensor is on the processor and does not only pretend to be (traced, symbolic)."""
    return type(like) is Tensor and like.device.type == "cpu"
