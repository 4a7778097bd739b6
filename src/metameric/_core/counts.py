"""Whole numbers that users give: Python's, NumPy's, or tensors of one."""

from collections.abc import Iterable
from operator import index
from typing import TypeVar

from metameric._core.errors import InputError

T = TypeVar("T")


def whole(value: object) -> int | None:
    """Return a whole number as Python's, and None for anything else, 5.0 included."""
    try:
        return index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def count(name: str, value: object, least: int, unit: str = "") -> int:
    """Return a whole number of at least `least`; errors speak of the argument `name`, and of `unit`."""
    number = whole(value)
    if number is None or number < least:
        of = f" of {unit}" if unit else ""
        raise InputError(f"{name} is {value!r}; expected a whole number{of}, at least {least}.")
    return number


def pair(value: T | Iterable[T]) -> tuple[T, ...]:
    """Return the values for both axes, of which one may stand for two; whether there are two is not looked at."""
    return tuple(value) if isinstance(value, Iterable) else (value, value)


def height_and_width(name: str, value: int | Iterable[int]) -> tuple[int, int]:
    """Return a size given as one number or two; errors speak of the argument `name`."""
    sizes = pair(value)
    if len(sizes) != 2 or any(n != int(n) or n < 1 for n in sizes):
        raise InputError(f"{name} is {value}; expected one or two positive integers (height, width).")
    return int(sizes[0]), int(sizes[1])
