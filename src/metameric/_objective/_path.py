"""Paths of stimuli: their energy and shape, and the coordinates in which they are bent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.random import generator
from metameric._core.tensors import norm, rows, spread
from metameric._objective._jacobian import flatten_response
from metameric._objective._terms import Terms

Frames = Float[Tensor, "frames *shape"]


def path_energy(path: Float[Tensor, "batch frames *shape"], times: Tensor | None = None) -> Float[Tensor, " batch"]:
    """Sum of squared steps, each divided by the time it takes (one step by default)."""
    steps = path.diff(dim=1).flatten(2)
    squares = (steps * steps).sum(2)
    return (squares if times is None else squares / times.diff().to(squares)).sum(1)


def curvature(sequence: Frames, model: Callable[..., Any] | None = None) -> Float[Tensor, " inner"]:
    """Angles between successive steps of a sequence, in degrees: 0 is straight (Hénaff, Goris & Simoncelli 2019).

    Parameters
    ----------
    sequence
        Stimuli in order, (frames, ...), at least three.
    model
        Measure in its representation; in pixels by default.

    Raises
    ------
    ValueError
        If there are fewer than three frames.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.curvature(torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]))
    tensor([90.])
    """
    steps = _represented(sequence, model).diff(dim=0)
    # Half-angle form: exact where steps are nearly parallel, as the arc cosine is not.
    units = steps / torch.linalg.vector_norm(steps, dim=1, keepdim=True)
    apart, along = (torch.linalg.vector_norm(v, dim=1) for v in (units[1:] - units[:-1], units[1:] + units[:-1]))
    return torch.rad2deg(2 * torch.atan2(apart, along))


def deviation_from_line(
    sequence: Frames, model: Callable[..., Any] | None = None
) -> tuple[Float[Tensor, " frames"], Float[Tensor, " frames"]]:
    """Where the frames of a sequence lie along, and how far off, the straight line between its ends.

    Parameters
    ----------
    sequence, model
        As for `curvature`.

    Returns
    -------
    along, off
        Distance from the first frame along the line and from the line, both in units of the line's length.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> along, off = mm.deviation_from_line(torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]))
    >>> along, off
    (tensor([0.0000, 0.5000, 1.0000]), tensor([0.0000, 0.5000, 0.0000]))
    """
    path = _represented(sequence, model)
    line = path[-1] - path[0]
    length = torch.linalg.vector_norm(line)
    along = (path - path[0]) @ line / length**2
    off = torch.linalg.vector_norm(path - path[0] - along[:, None] * line, dim=1) / length
    return along, off


def _represented(sequence: Frames, model: Callable[..., Any] | None) -> Float[Tensor, "frames n"]:
    if sequence.shape[0] < 3:
        raise InputError(f"the sequence has {sequence.shape[0]} frames; expected at least 3.")
    with torch.no_grad():
        return rows(sequence) if model is None else flatten_response(model(sequence))


@dataclass(frozen=True)
class Bisection:
    """Coordinates of paths between fixed ends: each frame as its deviation from the line between two coarser ones.

    The middle frame comes first (level 0), then the middles of both halves, and so on. Scaled as they are here, the
    pixel energy of a path is that of the straight line plus a sum of squares of its coordinates: what takes many
    steps frame by frame is well conditioned, and a coarse path is a fine one whose last coordinates are zero. (In the
    same coordinates Brownian motion is white noise: Lévy's construction.) They are in units of the straight line's
    energy, ``E_pix = E_pix(line) * (1 + |z|**2)``.
    """

    weights: Float[Tensor, "inner inner"]
    """Frames (rows) as combinations of coordinates (columns), on top of the straight line."""
    levels: tuple[int, ...]
    """Level of each inner frame, which is also that of its coordinate."""

    @classmethod
    def of(cls, n_steps: int, like: Tensor) -> "Bisection":
        """Return the coordinates for paths of so many steps."""
        weights = torch.zeros(n_steps + 1, n_steps + 1, dtype=torch.float64)
        levels = [0] * (n_steps + 1)
        pending = [(0, n_steps, 0)]
        while pending:
            a, b, level = pending.pop()
            m = (a + b) // 2
            if m == a:
                continue
            weights[m] = ((b - m) * weights[a] + (m - a) * weights[b]) / (b - a)
            weights[m, m] = (1 / (m - a) + 1 / (b - m)) ** -0.5
            levels[m] = level
            pending += [(a, m, level + 1), (m, b, level + 1)]
        return cls(weights[1:-1, 1:-1].to(like), tuple(levels[1:-1]))

    def knots(self, level: int) -> list[int]:
        """Numbers of the frames, ends included, that are there at a level."""
        return [0, *(i + 1 for i, found in enumerate(self.levels) if found <= level), len(self.levels) + 1]

    def frames(self, ends: Float[Tensor, "batch 2 *shape"], z: Tensor) -> Float[Tensor, "batch frames *shape"]:
        """Return the paths (batch, frames, ...) of coordinates (batch, frames - 2, ...)."""
        inner = torch.einsum("fc,bc...->bf...", self.weights, z * self._unit(ends)) + self._line(ends)
        return torch.cat([ends[:, :1], inner, ends[:, 1:]], 1)

    def coordinates(self, path: Float[Tensor, "batch frames *shape"]) -> Tensor:
        """Return the coordinates of paths."""
        off = path[:, 1:-1] - self._line(path[:, [0, -1]])
        return torch.einsum("cf,bf...->bc...", torch.linalg.inv(self.weights), off) / self._unit(path[:, [0, -1]])

    def _unit(self, ends: Tensor) -> Tensor:
        return spread(norm(ends[:, 1] - ends[:, 0]), ends) / (len(self.levels) + 1) ** 0.5

    def _line(self, ends: Tensor) -> Tensor:
        n = len(self.levels) + 1
        t = (torch.arange(1, n, device=ends.device) / n).to(ends.dtype)
        return ends[:, :1] + t.reshape(-1, *(1,) * (ends.ndim - 2)) * (ends[:, 1:] - ends[:, :1])


@dataclass(frozen=True)
class Path:
    """``E_rep / scale + weight * E_pix / E_pix(fade) + penalty`` of paths between `ends`, at one level of bisection.

    Energies are counted per step of the whole path, whatever the level: E = sum_t |x(t+1) - x(t)|**2. The part `excess`
    is 0 at the least representational energy there can be and 1 at that of the pixel fade, which is `scale`; where the
    fade is within 0.1 % of the bound itself, in units of its energy.
    """

    model: Callable[..., Any]
    basis: Bisection
    ends: Float[Tensor, "batch 2 *shape"]
    representations: Float[Tensor, "batch 2 n"]
    scale: Float[Tensor, " batch"]
    level: int
    weight: float = 0.0
    penalty: Callable[[Tensor], Tensor] | None = None
    penalty_lambda: float = 0.0
    model_options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, x: Tensor) -> Terms:
        """Evaluate coordinates `x` (batch, frames - 2, ...)."""
        knots = self.basis.knots(self.level)
        times = torch.tensor(knots, device=x.device)
        path = self.basis.frames(self.ends, x)
        inner = path[:, knots[1:-1]]
        response = flatten_response(self.model(inner.flatten(0, 1), **self.model_options))
        response = response.reshape(*inner.shape[:2], -1)
        response = torch.cat([self.representations[:, :1], response, self.representations[:, 1:]], 1)
        representation, pixels = path_energy(response, times), path_energy(path[:, knots], times)
        line = self._shortest(self.representations)
        # Ends that differ by rounding alone are metamers: the least energy is zero.
        rounding = 16 * torch.finfo(x.dtype).eps * norm(self.representations[:, 0])
        line = torch.where(line * (len(self.basis.levels) + 1) > rounding**2, line, torch.zeros_like(line))
        total = representation / self.scale
        if self.weight:
            total = total + self.weight * pixels / self._shortest(self.ends)
        cost = x.new_zeros(x.shape[0])
        if self.penalty is not None:
            cost = self.penalty(inner.flatten(0, 1)).reshape(inner.shape[:2]).sum(1)
            total = total + self.penalty_lambda * cost
        parts = {
            "representation_energy": representation,
            "pixel_energy": pixels,
            "gap": representation / line,
            "excess": (representation - line) / torch.where(self.scale > 1.001 * line, self.scale - line, self.scale),
            "penalty": cost,
        }
        return Terms(total, {name: value.detach() for name, value in parts.items()})

    def rows(self, index: Tensor) -> "Path":
        """Restrict to some of the problems."""
        fields = {name: getattr(self, name)[index] for name in ("ends", "representations", "scale")}
        return replace(self, **fields)

    def jerkiness(self, x: Tensor) -> Float[Tensor, " batch"]:
        """Return ``sum_t |J' a|**2 / |J|**2 / E_rep``, a the representation's acceleration: 0 along geodesics.

        2 J' a is the gradient of the energy with respect to frame t; |J| is estimated by a random vector.
        """
        path = self.basis.frames(self.ends, x)[:, 1:-1].detach().requires_grad_()
        with torch.enable_grad():
            inner = flatten_response(self.model(path.flatten(0, 1), **self.model_options)).reshape(*path.shape[:2], -1)
            steps = torch.cat([self.representations[:, :1], inner, self.representations[:, 1:]], 1).detach().diff(dim=1)
            acceleration, speed = steps.diff(dim=1), norm(steps)
            probe = torch.randn(inner.shape, generator=generator(0), dtype=torch.float64).to(inner)
            pulled = [torch.autograd.grad(inner, path, v, retain_graph=True)[0] for v in (acceleration, probe)]
        size = speed * norm(pulled[1]) / norm(probe)
        return (norm(pulled[0]) / torch.where(size > 0, size, torch.ones_like(size))) ** 2

    def _shortest(self, ends: Tensor) -> Float[Tensor, " batch"]:
        """Energy of the straight path: the least there is between these ends, by the Cauchy-Schwarz inequality."""
        return path_energy(ends) / (len(self.basis.levels) + 1)
