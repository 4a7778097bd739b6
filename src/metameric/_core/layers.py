"""Layers of networks that are linear in their input, for those who differentiate them twice.

PyTorch differentiates the gradient of a convolution with respect to its weight also where nobody asks for it, and
treats batch normalisation by fixed statistics as if they depended on the input. Frozen, both are plain linear maps,
and their second derivatives cost what their first ones do.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv1d_input, conv2d_input, conv3d_input
from torch.overrides import TorchFunctionMode

from metameric._core.linear import is_constant, linear_map

_CONVOLUTIONS: dict[Callable[..., Tensor], tuple[int, Callable[..., Tensor]]] = {
    functional.conv1d: (1, conv1d_input),
    functional.conv2d: (2, conv2d_input),
    functional.conv3d: (3, conv3d_input),
}


class ConstantLayers(TorchFunctionMode):
    """Inside, frozen convolutions and batch normalisation by fixed statistics are differentiated as linear maps.

    Values and derivatives are the same up to rounding.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute one function of PyTorch."""
        kwargs = kwargs or {}
        if torch.compiler.is_compiling():
            # Compiled models have derivatives of their own.
            return func(*args, **kwargs)
        if func in _CONVOLUTIONS:
            return _convolve(func, *args, **kwargs)
        if func is functional.batch_norm:
            return _normalise(*args, **kwargs)
        return func(*args, **kwargs)


def _is_differentiated(x: Any, *constants: Any) -> bool:
    """Tell whether gradients of real numbers are recorded with respect to the input and to nothing else."""
    plain = isinstance(x, Tensor) and not torch._C._functorch.is_functorch_wrapped_tensor(x)
    if not (plain and torch.is_grad_enabled() and x.requires_grad and x.is_floating_point()):
        return False
    return all(c is None or is_constant(c) for c in constants)


def _convolve(
    convolution: Any,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    n, adjoint = _CONVOLUTIONS[convolution]
    batched = input.ndim == n + 2 and not isinstance(padding, str)
    if not (batched and _is_differentiated(input, weight, bias)):
        return convolution(input, weight, bias, stride, padding, dilation, groups)
    options, shape = (stride, padding, dilation, groups), input.shape
    out = linear_map(
        input,
        lambda x: convolution(x, weight, None, *options),
        lambda y: adjoint(shape, weight, y, *options),
    )
    return out if bias is None else out + bias.reshape(-1, *(1,) * n)


def _normalise(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    plain = not training and _is_differentiated(input, running_mean, running_var, weight, bias)
    if running_mean is None or running_var is None or not plain:
        return functional.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    scale = (running_var + eps).rsqrt()
    scale = scale if weight is None else scale * weight
    shift = -running_mean * scale
    shift = shift if bias is None else shift + bias
    each = (-1, *(1,) * (input.ndim - 2))
    return input * scale.reshape(each) + shift.reshape(each)
