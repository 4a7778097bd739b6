"""What a loaded synthesis still lacks when its solver was made from the user's own classes."""

from typing import Any

from metameric._core.errors import InputError
from metameric._solve._constraint import Constraint
from metameric._solve._loop import Run
from metameric._solve._solver import Solver
from metameric._solve._torch_optim import TorchOptim
from metameric._synthesis._archived import Loaded
from metameric.io._run import memory_to_tree, revived
from metameric.io._tree import Foreign, foreign_names, full_name


def complete(
    loaded: Loaded,
    run: Run | None,
    saved_solver: Any,
    saved_constraint: Any,
    solver: Solver | None,
    constraint: Constraint | None,
) -> dict[str, Any]:
    """Return the attributes of a loaded synthesis after the user has handed in solver or constraint."""
    if solver is None:
        solver = saved_solver
    else:
        _expect("solver", _names(saved_solver), _names(solver))
        solver = _with_saved_options(saved_solver, solver)
    if constraint is None:
        constraint = saved_constraint
    else:
        _expect("constraint", _names(saved_constraint), _names(constraint))
    missing = (*foreign_names(solver), *foreign_names(constraint))
    if missing:
        raise InputError(f"{loaded.path} names {', '.join(missing)}, which a file cannot hold; hand them to setup().")
    if run is not None and (loaded.missing or isinstance(solver, TorchOptim)):
        # A generic memory is at its place already; optimisers are made anew, with the state they had.
        run.memory = memory_to_tree(run.memory)
        run = revived(run, solver)
    return {
        "_solver": solver,
        "_constraint": constraint,
        "_run": run,
        "_loaded": Loaded(loaded.path, loaded.iteration),
    }


def _with_saved_options(saved: Any, solver: Any) -> Any:
    """Return the solver with the options that were saved where the user gave none."""
    if not isinstance(solver, TorchOptim):
        return solver
    optimizer_kwargs = {**saved.optimizer_kwargs, **solver.optimizer_kwargs}
    scheduler_kwargs = {**saved.scheduler_kwargs, **solver.scheduler_kwargs}
    return TorchOptim(solver.optimizer, optimizer_kwargs, solver.scheduler, scheduler_kwargs)


def _names(thing: Any) -> tuple[str, ...]:
    if isinstance(thing, TorchOptim):
        return tuple(_name(part) for part in (thing.optimizer, thing.scheduler))
    return (_name(thing),)


def _name(thing: Any) -> str:
    if thing is None:
        return "None"
    return (thing.name if isinstance(thing, Foreign) else full_name(thing)).split(".")[-1]


def _expect(what: str, saved: tuple[str, ...], given: tuple[str, ...]) -> None:
    if saved != given:
        raise InputError(
            f"setup() was given the {what} {', '.join(given)}, but the loaded run was made with {', '.join(saved)}; "
            "give the same to continue it, or make a new object."
        )
