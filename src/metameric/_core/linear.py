"""Linear maps with a hand-written adjoint, and constants, under every kind of differentiation."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from metameric._core.functions import Function, owned

_leave_transforms: Callable[[], AbstractContextManager[Any]]
try:
    from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack as _leave_transforms
except ImportError:  # a private name: without it constants are recomputed inside transforms, never wrong
    _leave_transforms = nullcontext

_leave_modes: Callable[[], AbstractContextManager[Any]]
try:
    from torch.utils._python_dispatch import _disable_current_modes as _leave_modes
except ImportError:  # likewise private
    _leave_modes = nullcontext

FEW = 16
"""Numbers of a tensor up to which comparing them costs next to nothing."""

Map = Callable[..., Any]
T = TypeVar("T")


class _LinearMap(Function):
    """Being linear, the map is its own directional derivative, and its gradient is its adjoint."""

    @staticmethod
    def forward(apply: Map, adjoint: Map, *xs: Tensor) -> Any:
        out = apply(*xs)
        return tuple([owned(part) for part in out]) if isinstance(out, tuple) else owned(out)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.map, ctx.adjoint, *_ = inputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        back = _LinearMap.apply(ctx.adjoint, ctx.map, *gradients)
        return None, None, *(back if isinstance(back, tuple) else (back,))

    @staticmethod
    def jvp(ctx: Any, _: None, __: None, *tangents: Tensor) -> Any:
        return _LinearMap.apply(ctx.map, ctx.adjoint, *tangents)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], apply: Map, adjoint: Map, *xs: Tensor) -> tuple[Any, Any]:
        first = [
            x.expand(info.batch_size, *x.shape) if dim is None else x.movedim(dim, 0)
            for x, dim in zip(xs, in_dims[2:], strict=True)
        ]
        out = _LinearMap.apply(apply, adjoint, *first)
        return out, (0,) * len(out) if isinstance(out, tuple) else 0


def linear_map(x: Tensor, apply: Callable[[Tensor], Tensor], adjoint: Callable[[Tensor], Tensor]) -> Tensor:
    """Return ``apply(x)``, differentiated through `adjoint` instead of through the operations inside.

    Both maps must take any number of leading dimensions and return new memory. Tensors they hold must be constant
    (`is_constant`).
    Gradients of gradients, `torch.func.jvp` and `torch.func.vmap` work.
    """
    return _LinearMap.apply(apply, adjoint, x)


def linear_map_to_several(x: Tensor, apply: Callable[[Tensor], tuple[Tensor, ...]], adjoint: Map) -> tuple[Tensor, ...]:
    """Return the tensors of ``apply(x)``, differentiated through ``adjoint(*gradients)``; else as `linear_map`."""
    return _LinearMap.apply(apply, adjoint, x)


def is_constant(tensor: Tensor) -> bool:
    """Tell whether nothing is being differentiated, or mapped, with respect to `tensor`."""
    return not (
        tensor.requires_grad
        or torch._C._functorch.is_functorch_wrapped_tensor(tensor)
        or forward_ad.unpack_dual(tensor).tangent is not None
    )


@contextmanager
def constants() -> Iterator[None]:
    """Make plain tensors that outlive the block: no graph, no inference mode, no enclosing transform or tracing.

    Inside `torch.func.jvp` or `vjp` even ``torch.ones(1)`` belongs to the transform and dies with it; inside
    `torch.export` it is a tensor without values.
    """
    with _leave_transforms(), _leave_modes(), torch.inference_mode(False), torch.no_grad():
        yield


def can_keep(source: Tensor) -> bool:
    """Tell whether what is computed from a tensor may outlive the call: constant numbers whose changes are counted."""
    return type(source) in (Tensor, nn.Parameter) and is_constant(source) and not source.is_inference()


def _state(source: Tensor) -> tuple[Any, ...]:
    """What tells a tensor from itself before a change; of a few numbers on the host also the numbers.

    PyTorch does not count changes by way of ``.data``.
    """
    place = source.untyped_storage().data_ptr(), source.storage_offset(), source.stride()
    numbers = source.tolist() if source.numel() <= FEW and source.device.type == "cpu" else None
    return source._version, source.dtype, source.device, place, numbers


class Kept(Generic[T]):
    """What was computed from tensors and settings, kept until one of them changes, is moved or is replaced.

    Nothing is kept while a source is differentiated. Copies and pickles of the owner start empty.
    """

    def __init__(self) -> None:
        self._sources: tuple[Tensor, ...] = ()
        self._state: tuple[Any, ...] = ()
        self._value: T | None = None

    def get(self, sources: Sequence[Tensor], compute: Callable[[], T], settings: Any = None) -> T:
        """Return `compute()`, from memory if sources and settings are what they were."""
        if not all(can_keep(s) for s in sources):
            return compute()
        state = settings, [_state(s) for s in sources]
        same = len(sources) == len(self._sources) and all(a is b for a, b in zip(sources, self._sources, strict=True))
        if self._value is None or not same or state != self._state:
            with constants():
                self._value = compute()
            self._sources, self._state = tuple(sources), state
        return self._value

    def __reduce__(self) -> tuple[type["Kept[T]"], tuple[()]]:
        return Kept, ()
