"""The contract of the iterative solvers."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from metameric._solve._constraint import Constraint
from metameric._solve._point import Evaluate, Point

Memory = dict[str, Any]
"""What a solver remembers between steps: tensors whose first dimension is the problem, and plain numbers."""


class Step(NamedTuple):
    """One step of every problem: where it led, the new memory, and a status code where a problem must end."""

    point: Point
    memory: Memory
    halted: Tensor


@runtime_checkable
class Solver(Protocol):
    """A way to go downhill. Its fields are its configuration; all that changes is in the memory."""

    def start(self, point: Point) -> Memory:
        """Return an empty memory for these problems."""
        ...

    def step(self, evaluate: Evaluate, point: Point, memory: Memory, constraint: Constraint) -> Step:
        """Take one step."""
        ...

    def select(self, memory: Memory, index: Tensor, point: Point) -> Memory:
        """Return the memory of the problems `index` (-1: one without any memory), which are now at `point`."""
        ...

    def forget(self, memory: Memory, which: Tensor) -> Memory:
        """Return the memory after the objective of the problems `which` (a mask) has changed."""
        ...
