"""Any optimiser and learning-rate scheduler of `torch.optim` as a solver."""

import copy
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from metameric._solve._constraint import Constraint
from metameric._solve._point import Evaluate, Point
from metameric._solve._solver import Memory, Step
from metameric._solve._status import Status


@dataclass(frozen=True)
class TorchOptim:
    """A `torch.optim` optimiser, with or without a scheduler: one instance per problem, so that none sees another.

    Parameters
    ----------
    optimizer, scheduler
        Classes (or factories) as `torch.optim` defines them.
    optimizer_kwargs, scheduler_kwargs
        Their options.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(torch.zeros(1, 4), mm.problems.LinearModel.random(2, 4))
    >>> solver = mm.TorchOptim(torch.optim.Adam, {"lr": 0.01}, torch.optim.lr_scheduler.ExponentialLR, {"gamma": 0.99})
    >>> metamer.setup(solver=solver, seed=0)
    >>> metamer.synthesize(20, progress=False).iterations
    20
    """

    optimizer: Any
    optimizer_kwargs: Mapping[str, Any] = field(default_factory=dict)
    scheduler: Any = None
    scheduler_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def start(self, point: Point) -> Memory:
        """Make one optimiser per problem."""
        return {"engines": [self._engine(point.x[i : i + 1]) for i in range(point.total.shape[0])]}

    def step(self, evaluate: Evaluate, point: Point, memory: Memory, constraint: Constraint) -> Step:
        """Take one step of every optimiser; where the objective fails, they all stay as they were."""
        before = [engine.state() for engine in memory["engines"]]
        try:
            new = torch.cat([engine.advance(evaluate, point, i) for i, engine in enumerate(memory["engines"])])
            reached = evaluate(constraint.move(new, torch.zeros_like(new)))
        except BaseException:
            for engine, state in zip(memory["engines"], before, strict=True):
                engine.restore(*state)
            raise
        finite = reached.finite
        if not bool(finite.all()):
            bad = (~finite).nonzero()[:, 0]
            reached = reached.put(bad, point.take(bad))
        for i, engine in enumerate(memory["engines"]):
            engine.settle(reached.x[i : i + 1], reached.total[i])
        halted = torch.where(finite, 0, Status.NON_FINITE.code)
        return Step(reached, memory, halted)

    def select(self, memory: Memory, index: Tensor, point: Point) -> Memory:
        """Return the optimisers of some problems, new ones where the index is -1."""
        engines = memory["engines"]
        return {
            "engines": [
                engines[j] if j >= 0 else self._engine(point.x[i : i + 1]) for i, j in enumerate(index.tolist())
            ]
        }

    def forget(self, memory: Memory, which: Tensor) -> Memory:
        """Keep the optimisers: their moments and learning rates outlive a change of objective."""
        return memory

    def _engine(self, x: Tensor) -> "Engine":
        parameter = nn.Parameter(x.detach().clone())
        optimizer = self.optimizer([parameter], **self.optimizer_kwargs)
        scheduler = None if self.scheduler is None else self.scheduler(optimizer, **self.scheduler_kwargs)
        return Engine(parameter, optimizer, scheduler)


@dataclass
class Engine:
    """One problem's parameter, optimiser and scheduler."""

    parameter: nn.Parameter
    optimizer: Any
    scheduler: Any

    def advance(self, evaluate: Evaluate, point: Point, i: int) -> Tensor:
        """Step from problem `i` of `point`, and return the new stimulus, (1, ...)."""
        self.parameter.grad = point.gradient[i : i + 1].clone()
        if not self._wants_closure():
            self.optimizer.step()
            return self.parameter.detach()
        ready = [point.total[i]]  # the first evaluation asked for is the one at hand

        def closure() -> Tensor:
            if ready:
                return ready.pop()
            here = evaluate(self.parameter, torch.tensor([i], device=self.parameter.device))
            self.parameter.grad = here.gradient.clone()
            return here.total[0]

        self.optimizer.step(closure)
        return self.parameter.detach()

    def state(self) -> tuple[Tensor, dict[str, Any]]:
        """Return copies of the stimulus and of what the optimiser remembers."""
        return self.parameter.detach().clone(), copy.deepcopy(self.optimizer.state_dict())

    def restore(self, x: Tensor, state: dict[str, Any]) -> None:
        """Go back to what `state` returned."""
        with torch.no_grad():
            self.parameter.copy_(x)
        self.optimizer.load_state_dict(state)

    def settle(self, x: Tensor, total: Tensor) -> None:
        """Take the stimulus that was kept, and let the scheduler see its value."""
        with torch.no_grad():
            self.parameter.copy_(x)
        if self.scheduler is not None:
            wants_value = "metrics" in inspect.signature(self.scheduler.step).parameters
            self.scheduler.step(total) if wants_value else self.scheduler.step()

    def _wants_closure(self) -> bool:
        default = inspect.signature(self.optimizer.step).parameters["closure"].default
        return default is inspect.Parameter.empty
