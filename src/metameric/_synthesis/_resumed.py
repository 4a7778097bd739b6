"""What may be done with a synthesis after it was loaded, when its solver was made from the user's own classes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from metameric._core.errors import InputError, StateError
from metameric._solve._constraint import Constraint
from metameric._solve._solver import Solver

if TYPE_CHECKING:
    from metameric._synthesis._iterative import IterativeSynthesis


def require_complete(synthesis: "IterativeSynthesis", call: str) -> None:
    """Refuse `call` while something is missing that the file could only name."""
    loaded = synthesis._loaded
    if loaded is not None and loaded.missing:
        raise StateError(
            f"{loaded.path} names {', '.join(loaded.missing)}, which a file cannot hold; call setup() with the "
            f"optimizer, scheduler, solver or constraint of the saved {type(synthesis).__name__} before {call}()."
        )


def set_up_again(
    synthesis: "IterativeSynthesis",
    of_the_start: Mapping[str, Any],
    solver: Solver | None,
    optimizer: Any,
    optimizer_kwargs: Mapping[str, Any] | None,
    scheduler: Any,
    scheduler_kwargs: Mapping[str, Any] | None,
    constraint: Constraint | None,
) -> None:
    """Take what a loaded file could only name; refuse a second setup otherwise.

    `of_the_start` are the arguments of ``setup`` that say where to begin, which a loaded synthesis has done.
    """
    loaded, run, name = synthesis._loaded, synthesis._run, type(synthesis).__name__
    if loaded is None or (run is not None and run.iteration > loaded.iteration):
        raise InputError(f"setup() was called before (or synthesize() was); make a new {name} to start differently.")
    given = [option for option, value in of_the_start.items() if value is not None]
    if given:
        raise InputError(
            f"setup() was given {' and '.join(given)}, but this {name} was loaded from {loaded.path} and goes on from "
            "there; give only optimizer, scheduler, solver or constraint, or make a new object."
        )
    from metameric.io._resume import complete

    if optimizer is not None or solver is not None:
        solver = synthesis._choose_solver(solver, optimizer, optimizer_kwargs, scheduler, scheduler_kwargs)
    vars(synthesis).update(complete(loaded, run, synthesis._solver, synthesis._constraint, solver, constraint))
