"""The base of operations with derivatives of their own."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from metameric._core.verbatim import as_written

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

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # The forward pass is called by `apply`; the backward pass by PyTorch, where autocast may be on.
        if "backward" in vars(cls):
            cls.backward = staticmethod(as_written(cls.backward))  # type: ignore[method-assign]

    @classmethod
    @as_written
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


def owned(result: Tensor) -> Tensor:
    """Have autograd take a result of `Function.forward` for memory of its own: of views it lets nobody change values.

    For views of memory that nothing else uses, such as a part of what was computed.
    """
    return result.detach() if result._is_view() else result


def are_plain(*tensors: Tensor) -> bool:
    """Tell whether nothing but a gradient can be asked for: no function transform, no tangent, no subclass."""
    return all(
        type(t) in (Tensor, nn.Parameter)
        and not torch._C._functorch.is_functorch_wrapped_tensor(t)
        and forward_ad.unpack_dual(t).tangent is None
        for t in tensors
    )


def stepwise_gradient(
    function: Callable[..., Tensor], inputs: Sequence[Tensor], needed: Sequence[bool], gradient: Tensor
) -> tuple[Tensor | None, ...]:
    """Differentiate `function`, which automatic differentiation sees through, where inputs need a gradient.

    For operations whose written gradient cannot itself be differentiated.
    """
    create = torch.is_grad_enabled()
    with torch.enable_grad():
        # Each a tensor of its own, for several may be the same.
        own = [x.view_as(x) for x in inputs]
        wanted = [x for x, need in zip(own, needed, strict=True) if need]
        found = iter(torch.autograd.grad(function(*own), wanted, gradient, create_graph=create))
    return tuple(next(found) if need else None for need in needed)
