"""Arithmetic as it is written here, in the precision of the numbers given.

Inside `torch.autocast` PyTorch multiplies and convolves in half precision. That is meant for networks: a filter, a
metric or a solver's step loses more than it gains, and filters of another precision than the images would be refused.
`torch.compile` would follow operations whose gradients are written out into PyTorch's own code, where it gives up.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

import torch
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

F = TypeVar("F", bound=Callable[..., Any])


def lowered() -> list[str]:
    """Return the kinds of devices on which operations are in lower precision than their numbers."""
    return [device for device in ("cpu", "cuda", "xpu", "mps") if _is_lowered(device)]


def _is_lowered(device: str) -> bool:
    try:
        return torch.is_autocast_enabled(device)
    except RuntimeError:  # versions that do not know it on this device
        return False


# Private names, asked at every call. Without the first calls are slower, never wrong; without the second, tensors that
# only pretend to have values, as those of `torch.export` do, may be refused beside constants of ours.
_are_some: Callable[[], bool] = getattr(torch._C, "_is_any_autocast_enabled", lambda: True)
_modes: Callable[[], int] = getattr(torch._C, "_len_torch_dispatch_stack", lambda: 0)


@contextmanager
def _beside_constants() -> Iterator[None]:
    """Let tensors without values meet constants, which are kept for later calls and have theirs."""
    modes: list[Any] = _get_current_dispatch_mode_stack()
    strict = [mode for mode in modes if getattr(mode, "allow_non_fake_inputs", True) is False]
    for mode in strict:
        mode.allow_non_fake_inputs = True
    try:
        yield
    finally:
        for mode in strict:
            mode.allow_non_fake_inputs = False


def as_written(function: F) -> F:
    """Have a function compute in the precision of its arguments, and as it is inside a compiled function."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if not (_are_some() or _modes()):
            return function(*args, **kwargs)
        with ExitStack() as stack:
            if _modes():
                stack.enter_context(_beside_constants())
            for device in lowered():
                stack.enter_context(torch.autocast(device, enabled=False))
            return function(*args, **kwargs)

    _leave_uncompiled(run)
    return cast(F, run)


def _leave_uncompiled(function: Any) -> None:
    """As `torch.compiler.disable`, which would import all of the compiler, for seconds, where nobody compiles."""
    function._torchdynamo_disable = True
    function._torchdynamo_disable_msg = "its gradient is written out"
    try:
        from torch._C._dynamo import eval_frame
    except ImportError:
        return
    if hasattr(eval_frame, "set_code_exec_strategy"):
        skip = eval_frame._FrameAction.SKIP
        strategy = eval_frame._FrameExecStrategy(skip, skip)
        eval_frame.set_code_exec_strategy(function.__code__, strategy)
