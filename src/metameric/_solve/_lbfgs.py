"""Limited-memory BFGS for a batch of independent problems.

The inverse Hessian is applied in its compact form (Byrd, Nocedal & Schnabel 1994, eq. 3.1): three passes over the
history as matrix products and two small triangular solves, in place of 4 m vector operations.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from metameric._core.tensors import dot, norm, rows, spread
from metameric._solve._constraint import Constraint, Curved
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
        direction, known = self._direction(point, downhill, memory, constraint)
        first = torch.where(known, torch.ones_like(point.total), self._first_step(point.x, direction))
        outcome = self.search(evaluate, point, direction, first, constraint.move, constraint.tangent)
        forget = ~outcome.improved & known
        self._remember(memory, point, outcome, constraint)
        memory = self.forget(memory, forget)
        return Step(outcome.point, memory, _halted(outcome, forget))

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

    def _direction(
        self, point: Point, downhill: Tensor, memory: Memory, constraint: Constraint
    ) -> tuple[Tensor, Tensor]:
        """Return the search direction and where it draws on any history."""
        known = memory["scale"] > 0
        filled = memory["filled"]
        if filled == 0:
            return downhill, known
        m = memory["s"].shape[1]
        start = memory["slot"] if filled == m else 0
        order = (torch.arange(filled, device=point.x.device) + start) % m
        s, y = memory["s"][:, :filled], memory["y"][:, :filled]
        sy = memory["sy"][:, order][:, :, order]
        yy = memory["yy"][:, order][:, :, order]
        g = rows(-downhill)
        on_s = torch.bmm(s, g.unsqueeze(2)).squeeze(2).double()[:, order]
        on_y = torch.bmm(y, g.unsqueeze(2)).squeeze(2).double()[:, order]
        a, b = _compact_coefficients(sy, yy, on_s, on_y, memory["scale"])
        unorder = torch.argsort(order)
        weights = torch.stack([a[:, unorder], b[:, unorder]]).to(g.dtype)
        scale = memory["scale"].to(g.dtype)[:, None]
        step = torch.bmm(weights[0].unsqueeze(1), s).squeeze(1) + torch.bmm(weights[1].unsqueeze(1), y).squeeze(1)
        newton = constraint.tangent(point.x, -(step + scale * g).reshape(point.x.shape))
        slope = dot(point.gradient, newton)
        known = known & torch.isfinite(slope) & (slope < 0)
        return torch.where(spread(known, newton), newton, downhill), known

    def _remember(self, memory: Memory, before: Point, outcome: Outcome, constraint: Constraint) -> None:
        after = outcome.point
        s = constraint.tangent(after.x, after.x - before.x)
        old = constraint.intrinsic(before.x, before.gradient) if isinstance(constraint, Curved) else before.gradient
        y = constraint.tangent(after.x, after.gradient) - constraint.tangent(after.x, old)
        curvature = dot(s, y).double()
        keep = outcome.improved & (curvature > 1e-10 * norm(s).double() * norm(y).double())
        if not bool(keep.any()):
            return
        slot, m = memory["slot"], memory["s"].shape[1]
        if not bool(keep.all()):
            # A refused pair leaves a row of zeros, which drops out of every sum.
            s, y = (torch.where(spread(keep, pair), pair, 0) for pair in (s, y))
        memory["s"][:, slot], memory["y"][:, slot] = rows(s), rows(y)
        filled = min(m, memory["filled"] + 1)
        latest = memory["y"][:, slot].unsqueeze(2)
        s_latest = memory["s"][:, slot].unsqueeze(2)
        memory["sy"][:, :filled, slot] = torch.bmm(memory["s"][:, :filled], latest).squeeze(2).double()
        memory["sy"][:, slot, :filled] = torch.bmm(memory["y"][:, :filled], s_latest).squeeze(2).double()
        on_y = torch.bmm(memory["y"][:, :filled], latest).squeeze(2).double()
        memory["yy"][:, :filled, slot] = on_y
        memory["yy"][:, slot, :filled] = on_y
        memory["scale"] = torch.where(keep, curvature / dot(y, y).double(), memory["scale"])
        memory["slot"], memory["filled"] = (slot + 1) % m, filled


def _compact_coefficients(sy: Tensor, yy: Tensor, on_s: Tensor, on_y: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients of the pairs s and y (oldest first) in ``H g - scale g``, from the inner products of the history."""
    diagonal = torch.diagonal(sy, dim1=1, dim2=2)
    refused = diagonal <= 0
    upper = torch.triu(sy) + torch.diag_embed(refused.to(sy.dtype) * (1 - diagonal))
    alpha = torch.linalg.solve_triangular(upper, on_s.unsqueeze(2), upper=True)
    gamma = scale[:, None, None]
    right = diagonal.unsqueeze(2) * alpha - gamma * (on_y.unsqueeze(2) - yy @ alpha)
    delta = torch.linalg.solve_triangular(upper.mT, right, upper=False)
    return delta.squeeze(2), -(gamma * alpha).squeeze(2)


def _halted(outcome: Outcome, retry: Tensor) -> Tensor:
    """Status codes: a search that failed without any history to blame ends its problem."""
    stuck = torch.where(outcome.saw_finite, Status.STALLED.code, Status.NON_FINITE.code)
    failed = ~outcome.improved & (~retry | ~outcome.saw_finite)
    return torch.where(failed, stuck, torch.zeros_like(stuck))
