"""Limited-memory BFGS for a batch of independent problems.

The inverse Hessian is applied in its compact form (Byrd, Nocedal & Schnabel 1994, eq. 3.1): three passes over the
history as matrix products and two small triangular solves, in place of 4 m vector operations.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from metameric._core.tensors import Flags, Indices, Numbers, dot, norm, on_host, rows, spread
from metameric._core.verbatim import as_written
from metameric._solve._constraint import Constraint, is_curved
from metameric._solve._line_search import Outcome, StrongWolfe
from metameric._solve._point import Evaluate, Point
from metameric._solve._solver import Memory, Step
from metameric._solve._status import Status


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS with a strong-Wolfe search of its own for every problem.

    Parameters
    ----------
    history
        Steps remembered. Memory is two stimuli per step and problem.
    max_bytes
        Bound on that memory; the history is shortened to fit.
    first_step
        Root-mean-square change made by the first trial step, as a fraction of the stimulus's root mean square.
    search
        The line search.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(torch.zeros(1, 4), mm.problems.LinearModel.random(2, 4))
    >>> metamer.setup(solver=mm.LBFGS(history=20), seed=0)
    >>> metamer.synthesize(progress=False).converged
    True
    """

    history: int = 10
    max_bytes: int = 2**31
    first_step: float = 0.01
    search: StrongWolfe = field(default_factory=StrongWolfe)

    def start(self, point: Point) -> Memory:
        """Return an empty memory."""
        batch, size = rows(point.x).shape
        fits = self.max_bytes // max(1, 2 * batch * size * point.x.element_size())
        m = max(1, min(self.history, fits))
        return {
            "s": point.x.new_zeros(batch, m, size),
            "y": point.x.new_zeros(batch, m, size),
            # Gram matrices s'y and y'y of the history, by slot.
            "sy": torch.zeros(batch, m, m, dtype=torch.float64, device=point.x.device),
            "yy": torch.zeros(batch, m, m, dtype=torch.float64, device=point.x.device),
            "scale": torch.zeros(batch, dtype=torch.float64, device=point.x.device),
            "slot": 0,
            "filled": 0,
        }

    def step(self, evaluate: Evaluate, point: Point, memory: Memory, constraint: Constraint) -> Step:
        """Take one step."""
        downhill = constraint.tangent(point.x, -point.gradient)
        direction, slope, known = self._direction(point, downhill, memory, constraint)
        first = np.ones_like(slope)
        if not known.all():
            first = np.where(known, first, *on_host(self._first_step(point.x, direction)))
        outcome = self.search(evaluate, point, direction, first, constraint.move, constraint.tangent, slope)
        forget = ~outcome.improved & known
        self._remember(memory, point, outcome, constraint)
        if forget.any():
            memory = self.forget(memory, torch.from_numpy(forget).to(point.x.device))
        return Step(outcome.point, memory, torch.from_numpy(_halted(outcome, forget)).to(point.x.device))

    def select(self, memory: Memory, index: Tensor, point: Point) -> Memory:
        """Return the memory of some problems, empty where the index is -1."""
        chosen = {k: v[index.clamp(min=0)] if isinstance(v, Tensor) else v for k, v in memory.items()}
        return self.forget(chosen, index < 0)

    def forget(self, memory: Memory, which: Tensor) -> Memory:
        """Return the memory without what it says of some problems."""
        if not bool(which.any()):
            return memory
        return {
            k: torch.where(spread(which, v), torch.zeros_like(v), v) if isinstance(v, Tensor) else v
            for k, v in memory.items()
        }

    def _first_step(self, x: Tensor, direction: Tensor) -> Tensor:
        scale, unit = norm(x), rows(x).shape[1] ** 0.5
        # A stimulus of rounding errors says as little about its scale as one of zeros.
        scale = torch.where(scale > torch.finfo(x.dtype).eps * unit, scale, torch.full_like(scale, unit))
        return self.first_step * scale / norm(direction).clamp(min=torch.finfo(x.dtype).tiny)

    @as_written
    def _direction(
        self, point: Point, downhill: Tensor, memory: Memory, constraint: Constraint
    ) -> tuple[Tensor, Numbers, Flags]:
        """Return the search direction, the slope along it, and where it draws on any history."""
        if memory["filled"] == 0:
            (slope,) = on_host(dot(point.gradient, downhill))
            return downhill, slope, np.zeros(slope.shape, dtype=bool)
        s, y, slot = memory["s"], memory["y"], memory["slot"]
        g = rows(-downhill)
        # From slots to ages and back; where there has been no step yet are zeros, which drop out of every sum.
        on_s, on_y = torch.stack([torch.bmm(pairs, g.unsqueeze(2)) for pairs in (s, y)]).double().roll(-slot, 2)
        sy, yy = (memory[name].roll((-slot, -slot), (1, 2)) for name in ("sy", "yy"))
        weights = _compact_coefficients(sy, yy, on_s, on_y, memory["scale"]).roll(slot, 3).to(g.dtype)
        step = torch.bmm(weights[0], s).add_(torch.bmm(weights[1], y)).squeeze(1)
        step.addcmul_(memory["scale"].to(g.dtype)[:, None], g)
        newton = constraint.tangent(point.x, step.neg_().reshape(point.x.shape))
        slope, scale = on_host(dot(point.gradient, newton), memory["scale"])
        known = (scale > 0) & np.isfinite(slope) & (slope < 0)
        if known.all():
            return newton, slope, known
        direction = torch.where(spread(torch.from_numpy(known).to(newton.device), newton), newton, downhill)
        return direction, on_host(dot(point.gradient, direction))[0], known

    @as_written
    def _remember(self, memory: Memory, before: Point, outcome: Outcome, constraint: Constraint) -> None:
        after = outcome.point
        s = constraint.tangent(after.x, after.x - before.x)
        old = constraint.intrinsic(before.x, before.gradient) if is_curved(constraint) else before.gradient
        y = constraint.tangent(after.x, after.gradient) - constraint.tangent(after.x, old)
        curvature, of_s, of_y = on_host(dot(s, y), norm(s), norm(y))
        with np.errstate(all="ignore"):
            keep = outcome.improved & (curvature > 1e-10 * of_s * of_y)
        if not keep.any():
            return
        slot, m = memory["slot"], memory["s"].shape[1]
        kept = torch.from_numpy(keep).to(s.device)
        if not keep.all():
            # A refused pair leaves a row of zeros, which drops out of every sum.
            s, y = (torch.where(spread(kept, pair), pair, 0) for pair in (s, y))
        memory["s"][:, slot], memory["y"][:, slot] = rows(s), rows(y)
        latest_s, latest_y = (memory[name][:, slot].unsqueeze(2) for name in ("s", "y"))
        memory["sy"][:, :, slot] = torch.bmm(memory["s"], latest_y).squeeze(2)
        memory["sy"][:, slot] = torch.bmm(memory["y"], latest_s).squeeze(2)
        memory["yy"][:, :, slot] = torch.bmm(memory["y"], latest_y).squeeze(2)
        memory["yy"][:, slot] = memory["yy"][:, :, slot]
        scale = torch.from_numpy(curvature).to(s.device) / dot(y, y).double()
        memory["scale"] = torch.where(kept, scale, memory["scale"])
        memory["slot"], memory["filled"] = (slot + 1) % m, 1


def _compact_coefficients(sy: Tensor, yy: Tensor, on_s: Tensor, on_y: Tensor, scale: Tensor) -> Tensor:
    """Coefficients of the pairs s and y (oldest first) in ``H g - scale g``, from the inner products of the history.

    All are (batch, m, m) or (batch, m, 1); coefficients are (2, batch, 1, m).
    """
    diagonal = torch.diagonal(sy, dim1=1, dim2=2).unsqueeze(2)
    refused = (diagonal <= 0).squeeze(2)
    upper = torch.triu(sy) + torch.diag_embed(torch.where(refused, 1 - diagonal.squeeze(2), 0))
    alpha = torch.linalg.solve_triangular(upper, on_s, upper=True)
    gamma = scale[:, None, None]
    right = diagonal * alpha - gamma * (on_y - yy @ alpha)
    delta = torch.linalg.solve_triangular(upper.mT, right, upper=False)
    return torch.stack([delta.mT, -(gamma * alpha).mT])


def _halted(outcome: Outcome, retry: Flags) -> Indices:
    """Status codes: a search that failed without any history to blame ends its problem."""
    stuck = np.where(outcome.saw_finite, Status.STALLED.code, Status.NON_FINITE.code)
    failed = ~outcome.improved & (~retry | ~outcome.saw_finite)
    return np.where(failed, stuck, 0)
