"""Linear maps with a hand-written adjoint, usable by every kind of differentiation."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

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
