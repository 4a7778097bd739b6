"""What is computed of an image that stays as it is, computed once.

A competition compares thousands of stimuli with one image. Inside ``with Fixed(image).known():`` metrics ask `recall`
for what depends on that image alone; it computes it at the first time only. Metrics called in any way profit: wrapped
in a function of the user's, for some rows of the batch only, or one row after the other.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from torch import Tensor

from metameric._core.linear import can_keep, constants

T = TypeVar("T")


class Fixed:
    """A batch that does not change, and what was computed of it."""

    def __init__(self, batch: Tensor, whole: "tuple[Fixed, Tensor] | None" = None) -> None:
        self.batch = batch
        self._whole = whole
        self._kept: dict[Hashable, Any] = {}

    def rows(self, index: Tensor) -> "Fixed":
        """Return some of the rows; what is known of the whole batch is known of them."""
        return Fixed(self.batch[index], (self, index))

    @contextmanager
    def known(self) -> Iterator[None]:
        """Let `recall` know of the batch."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def first_row(self, x: Tensor) -> int | None:
        """Return with which row `x` begins, if it is some consecutive rows of the batch and shares its memory."""
        batch = self.batch
        if x is batch:
            return 0
        alike = x.dtype == batch.dtype and x.shape[1:] == batch.shape[1:] and x.device == batch.device
        if not alike or x.untyped_storage().data_ptr() != batch.untyped_storage().data_ptr():
            return None
        strides = zip(x.stride(), batch.stride(), x.shape, strict=True)
        if any(a != b and n > 1 for a, b, n in strides):
            return None
        offset, step = x.storage_offset() - batch.storage_offset(), batch.stride(0)
        first = offset // step if step else 0
        return first if offset == first * step and 0 <= first <= len(batch) - len(x) else None

    def get(self, key: Hashable, compute: Callable[[Tensor], Any]) -> Any:
        """Return ``compute(batch)``, from memory but for the first time."""
        if key not in self._kept:
            if self._whole is not None:
                whole, index = self._whole
                self._kept[key] = _some(whole.get(key, compute), index)
            else:
                with constants():
                    self._kept[key] = compute(self.batch)
        return self._kept[key]


_current: ContextVar[Fixed | None] = ContextVar("fixed", default=None)


def is_fixed(x: Tensor) -> bool:
    """Tell whether `recall` has a memory for `x`."""
    return _row_of(x) is not None


def recall(x: Tensor, key: Hashable, compute: Callable[[Tensor], T]) -> T:
    """Return ``compute(x)``, from memory where `x` is known not to change.

    The result is a tensor, or a tuple or list of tensors, each with one entry per row of `x`. `key` says what it is.
    """
    fixed, first = _current.get(), _row_of(x)
    if fixed is None or first is None:
        return compute(x)
    value: T = fixed.get(key, compute)
    return value if len(x) == len(fixed.batch) else _some(value, slice(first, first + len(x)))


def _row_of(x: Tensor) -> int | None:
    fixed = _current.get()
    return fixed.first_row(x) if fixed is not None and can_keep(x) else None


def _some(value: Any, index: Tensor | slice) -> Any:
    """Return some rows of every tensor."""
    if isinstance(value, Tensor):
        return value[index]
    parts = [_some(part, index) for part in value]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
