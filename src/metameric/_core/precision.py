"""Arithmetic in the precision of the numbers given, inside `torch.autocast` too.

There PyTorch multiplies and convolves in half precision. That is meant for networks: a filter, a metric or a solver's
step loses more than it gains, and filters of another precision than the images would be refused.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any, TypeVar, cast

import torch

F = TypeVar("F", bound=Callable[..., Any])
DEVICES = ("cpu", "cuda", "xpu", "mps")


def lowered() -> list[str]:
    """Return the kinds of devices on which operations are in lower precision than their numbers."""
    return [device for device in DEVICES if torch.is_autocast_enabled(device)]


# A private name, asked at every call: without it calls are slower, never wrong.
_are_some: Callable[[], bool] = getattr(torch._C, "_is_any_autocast_enabled", lambda: True)


def full_precision(function: F) -> F:
    """Have a function compute in the precision of its arguments."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if not _are_some():
            return function(*args, **kwargs)
        with ExitStack() as stack:
            for device in lowered():
                stack.enter_context(torch.autocast(device, enabled=False))
            return function(*args, **kwargs)

    return cast(F, run)
