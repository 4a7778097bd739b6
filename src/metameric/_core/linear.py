"""Linear maps with a hand-written adjoint, and constants, under every kind of differentiation."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

_leave_transforms: Callable[[], AbstractContextManager[Any]]
try:
    from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack as _leave_transforms
except ImportError:  # a private name: without it constants are recomputed inside transforms, never wrong
    _leave_transforms = nullcontext

Map = Callable[[Tensor], Tensor]


class _LinearMap(torch.autograd.Function):
    """Being linear, the map is its own directional derivative, and its gradient is its adjoint."""

    @staticmethod
    def forward(x: Tensor, apply: Map, adjoint: Map) -> Tensor:
        return apply(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Map, Map], output: Tensor) -> None:
        _, ctx.map, ctx.adjoint = inputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _LinearMap.apply(gradient, ctx.adjoint, ctx.map), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        return _LinearMap.apply(tangent, ctx.map, ctx.adjoint)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int, None, None], x: Tensor, apply: Map, adjoint: Map) -> tuple[Tensor, int]:
        return _LinearMap.apply(x.movedim(in_dims[0], 0), apply, adjoint), 0


def linear_map(x: Tensor, apply: Map, adjoint: Map) -> Tensor:
    """Return ``apply(x)``, differentiated through `adjoint` instead of through the operations inside.

    Both maps must take any number of leading dimensions. Tensors they hold must be constant (`is_constant`).
    Gradients of gradients, `torch.func.jvp` and `torch.func.vmap` work.
    """
    return _LinearMap.apply(x, apply, adjoint)


def is_constant(tensor: Tensor) -> bool:
    """Tell whether nothing is being differentiated, or mapped, with respect to `tensor`."""
    return not (
        tensor.requires_grad
        or torch._C._functorch.is_functorch_wrapped_tensor(tensor)
        or forward_ad.unpack_dual(tensor).tangent is not None
    )


@contextmanager
def constants() -> Iterator[None]:
    """Make plain tensors that outlive the block: no graph, no inference mode, no enclosing function transform.

    Inside `torch.func.jvp` or `vjp` even ``torch.ones(1)`` belongs to the transform and dies with it.
    """
    with _leave_transforms(), torch.inference_mode(False), torch.no_grad():
        yield


class Kept:
    """A tensor computed from others, kept until one of them changes, is moved or is replaced.

    Nothing is kept while a source is differentiated. Copies and pickles of the owner start empty.
    """

    def __init__(self) -> None:
        self._sources: tuple[Tensor, ...] = ()
        self._state: list[tuple[Any, ...]] = []
        self._value: Tensor | None = None

    def get(self, sources: Sequence[Tensor], compute: Callable[[], Tensor]) -> Tensor:
        """Return `compute()`, from memory if the sources are what they were."""
        if not all(is_constant(s) and not s.is_inference() for s in sources):
            return compute()
        state = [(s._version, s.dtype, s.device, s.untyped_storage().data_ptr()) for s in sources]
        same = len(sources) == len(self._sources) and all(a is b for a, b in zip(sources, self._sources, strict=True))
        if self._value is None or not same or state != self._state:
            with constants():
                self._value = compute()
            self._sources, self._state = tuple(sources), state
        return self._value

    def __reduce__(self) -> tuple[type["Kept"], tuple[()]]:
        return Kept, ()
