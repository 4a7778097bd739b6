"""The base of operations with derivatives of their own."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

try:
    from torch._C import _are_functorch_transforms_active as _transforming
    from torch._functorch.utils import unwrap_dead_wrappers as _unwrap
except ImportError:  # private names: without them calls are slower, never wrong

    def _transforming() -> bool:
        return True


class Function(torch.autograd.Function):
    """As `torch.autograd.Function`, called without a look at the signature of `forward` each time.

    That look takes as long as an operation on 64 x 64 pixels. Arguments are given by position, all of them.
    """

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Compute `forward`, remembering what its derivatives need."""
        if _transforming():
            return super().apply(*args)
        return super(torch.autograd.Function, cls).apply(*_unwrap(args))  # type: ignore[misc]


def unrecorded() -> AbstractContextManager[Any]:
    """A context for operations whose derivatives nobody asks for and whose results nobody differentiates.

    Gradients are off inside `Function` anyway; here operations do not even look whether they are, which takes as long
    as a tenth of an operation on 64 x 64 pixels.
    """
    guard: AbstractContextManager[Any] = getattr(torch._C, "_AutoDispatchBelowAutograd", nullcontext)()
    return guard
