"""Memory for large tensors.

The system hands out fresh memory in pages of 4 KiB and interrupts the program at the first touch of each: for results
of some megabytes that takes as long as computing them. So memory had better not go back to the system between two
uses; and where it does, Linux also has pages of 2 MiB, for those who ask.
"""

import mmap
from collections.abc import Sequence
from functools import cache
from math import prod

import torch
from torch import Tensor

LARGEST_KEPT = 2**25 - 2**16
"""Bytes of the largest blocks that glibc can be brought to keep, less what surrounds them."""
_ADVICE = getattr(mmap, "MADV_HUGEPAGE", None)


def empty(shape: Sequence[int], like: Tensor, dtype: torch.dtype) -> Tensor:
    """Return an uninitialised tensor on the device of another one, in memory that is quick to touch.

    Where it is very large, its memory is its own and freed with it, and it cannot be resized in place.
    """
    # Accelerators have allocators that keep memory; a traced or symbolic tensor only pretends to have some.
    if type(like) is not Tensor or like.device.type != "cpu":
        return like.new_empty(shape, dtype=dtype)
    keep_heap()
    size = prod(shape) * dtype.itemsize
    if _ADVICE is None or size <= LARGEST_KEPT:
        return like.new_empty(shape, dtype=dtype)
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        block.madvise(_ADVICE)
    except OSError:  # A kernel built without them.
        return like.new_empty(shape, dtype=dtype)
    return torch.frombuffer(block, dtype=dtype).view(shape)


@cache
def keep_heap() -> None:
    """Bring glibc to keep memory that becomes free, some 64 MiB at most, instead of giving it back to the system.

    It does so for blocks up to the size of the largest that was ever freed, and for twice as much altogether, in the
    whole process.
    """
    torch.empty(LARGEST_KEPT, dtype=torch.uint8, device="cpu")
