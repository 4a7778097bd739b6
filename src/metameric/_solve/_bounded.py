"""Given mean and contrast within a range: the nearest such stimulus, found exactly, and the directions open there."""

from dataclasses import dataclass

import torch
from torch import Tensor

from metameric._core.tensors import rows
from metameric._core.types import Number
from metameric._solve._constraint import Box
from metameric._solve._sphere import ContrastSphere, Projected

ROUNDS = 60


@dataclass(frozen=True)
class BoundedContrast(Projected):
    """The stimuli of a contrast sphere that lie in a box, projected on both at once.

    The nearest one to y is ``clip(a y + b)``: the Lagrangian of ``max <x, y>`` over the box, at given mean and norm, is
    separable. Alternating projections come near it, but slowly, and their limit has no usable tangent.
    """

    sphere: ContrastSphere
    box: Box

    def project(self, x: Tensor) -> Tensor:
        """Return the nearest stimuli on both sets (of a free mean: with the mean that clipping leaves)."""
        low, high = self.box.low, self.box.high
        weights = self._weights(x)
        # Around the mean, so that large slopes do not cost digits.
        y = rows(x) - _mean(rows(x.detach()), weights)[:, None]
        scale, offset = _affine(y, weights, self._mean(x, weights), float(self.sphere.std), low, high)
        new = (scale[:, None] * y + offset[:, None]).clamp(low, high)
        new = new if weights is None else torch.where(weights > 0, new, rows(x).clamp(low, high))
        return new.reshape(x.shape)

    def tangent(self, x: Tensor, direction: Tensor) -> Tensor:
        """Return the nearest direction that leaves mean and contrast, and does not leave the box."""
        return self._open(x, direction)[0]

    def intrinsic(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient without its part along the normal of the sphere, pixels at the bounds included."""
        normal = self._open(x, -gradient)[1]
        return gradient + normal

    def _open(self, x: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
        """Project on the cone of open directions; return also what was taken away for mean and contrast."""
        y, d, weights = rows(x), rows(direction), self._weights(x)
        inside = torch.ones_like(y) if weights is None else weights
        off = (y - _mean(y, weights)[:, None]) * inside
        normals = [off] if self.sphere.mean is None else [off, inside]
        basis = torch.stack(normals, 2)
        at_low, at_high = y <= self.box.low, y >= self.box.high

        def leaves(v: Tensor) -> Tensor:
            return (at_low & (v < 0)) | (at_high & (v > 0))

        kept = torch.ones_like(at_low)
        normal = torch.zeros_like(d)
        for _ in range(ROUNDS):
            normal = _fitted(basis, d, kept)
            before, kept = kept, ~leaves(d - normal)
            if torch.equal(before, kept):
                break
        return torch.where(kept, d - normal, 0).reshape(x.shape), normal.reshape(x.shape)

    def _weights(self, x: Tensor) -> Tensor | None:
        inside = self.sphere.inside(x)
        return None if inside is None else rows(inside).to(x.dtype)

    def _mean(self, x: Tensor, weights: Tensor | None) -> Tensor:
        if self.sphere.mean is not None:
            return x.new_full((len(x),), float(self.sphere.mean))
        clipped = rows(self.sphere.project(x)).clamp(self.box.low, self.box.high)
        # Only means well inside the box leave room for the contrast, and pixels in between take some of that.
        half, middle = (self.box.high - self.box.low) / 2, (self.box.high + self.box.low) / 2
        count = clipped.shape[1] if weights is None else weights.sum(1)
        room = (torch.as_tensor(half**2 - 2 * half**2 / count) - float(self.sphere.std) ** 2).clamp(min=0).sqrt().to(x)
        return middle + torch.minimum(torch.maximum(_mean(clipped, weights) - middle, -room), room)


def _mean(y: Tensor, weights: Tensor | None) -> Tensor:
    return y.mean(1) if weights is None else (y * weights).sum(1) / weights.sum(1)


def _fitted(basis: Tensor, d: Tensor, kept: Tensor) -> Tensor:
    """Least-squares fit of `d` (batch, n) by the columns of `basis` (batch, n, k), over what is kept."""
    held = torch.where(kept[:, :, None], basis, 0).double()
    gram, right = held.mT @ basis.double(), held.mT @ d.double()[:, :, None]
    # Where nothing is kept there is nothing to fit; a ridge of rounding size keeps the solution finite.
    size = torch.diagonal(gram, dim1=1, dim2=2).amax(1)[:, None, None]
    eye = torch.eye(gram.shape[1], dtype=gram.dtype, device=gram.device)
    gram = gram + torch.where(size > 0, 1e-14 * size, 1.0) * eye
    return (basis.double() @ torch.linalg.solve(gram, right))[:, :, 0].to(d)


def _affine(
    y: Tensor, weights: Tensor | None, mean: Tensor, std: float, low: Number, high: Number
) -> tuple[Tensor, Tensor]:
    """Return a and b such that ``clip(a y + b)`` has these moments, as differentiable functions of `y` and `mean`."""
    problem = _Moments(y.detach().double(), weights, mean.detach().double(), std, float(low), float(high))
    scale, offset = problem.solve()
    if y.requires_grad or mean.requires_grad:
        scale, offset = problem.differentiable(y, mean, scale, offset)
    return scale.to(y), offset.to(y)


@dataclass
class _Moments:
    """``clip(a y + b)`` of given mean and deviation: two nested monotone equations, one for each of a and b."""

    y: Tensor
    weights: Tensor | None
    mean: Tensor
    std: float
    low: float
    high: float

    def clipped(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Return the clipped stimuli, and 1 where they were not."""
        raw = a[:, None] * self.y + b[:, None]
        x = raw.clamp(self.low, self.high)
        return x, (raw == x).to(x)

    def solve(self) -> tuple[Tensor, Tensor]:
        centre = _mean(self.y, self.weights)
        spread_y = _mean((self.y - centre[:, None]).square(), self.weights).sqrt()
        # Clipping never widens: the slope is at least that of the sphere alone.
        least = self.std / spread_y.clamp(min=torch.finfo(self.y.dtype).tiny)
        a = least.clone()
        below, above = least.clone(), torch.full_like(a, torch.inf)
        b = self.mean - a * centre
        for _ in range(ROUNDS):
            b = self.offset(a, b)
            x, free = self.clipped(a, b)
            excess = _mean((x - self.mean[:, None]).square(), self.weights) - self.std**2
            middle = _mean(free * self.y, self.weights) / _mean(free, self.weights).clamp(min=1e-300)
            slope = 2 * a * _mean(free * (self.y - middle[:, None]).square(), self.weights)
            done = (excess.abs() <= 1e-13 * self.std**2) | (slope == 0) | (above <= below * (1 + 1e-14))
            if bool(done.all()):
                break
            below, above = torch.where(excess < 0, a, below), torch.where(excess > 0, a, above)
            # In the logarithm of a the variance is nearly straight.
            new = a * (-excess / (slope * a)).clamp(-1.0, 1.0).exp()
            inside = (new > below) & (new < above)
            middle_a = torch.where(above.isinf(), 2 * below, (below + above) / 2)
            old = a
            a = torch.where(done, a, torch.where(inside, new, middle_a))
            b = b + (old - a) * middle
        return a, b

    def offset(self, a: Tensor, b: Tensor) -> Tensor:
        """Return b such that ``clip(a y + b)`` has the mean, by safeguarded Newton steps from `b`."""
        least = self.low - a * self.y.amax(1)
        most = self.high - a * self.y.amin(1)
        b = torch.minimum(torch.maximum(b, least), most)
        for _ in range(ROUNDS):
            x, free = self.clipped(a, b)
            off = _mean(x, self.weights) - self.mean
            if bool((off.abs() <= 1e-13 * (self.high - self.low)).all()):
                break
            least, most = torch.where(off < 0, b, least), torch.where(off > 0, b, most)
            new = b - off / _mean(free, self.weights)
            b = torch.where(off == 0, b, torch.where((new > least) & (new < most), new, (least + most) / 2))
        return b

    def differentiable(self, y: Tensor, mean: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Take one Newton step from the solution that knows of `y`: its derivative is that of the implicit function."""
        x, free = self.clipped(a, b)
        off = x - self.mean[:, None]
        rows_ = [_mean(free * self.y, self.weights), _mean(free, self.weights)]
        rows_ += [_mean(2 * free * off * self.y, self.weights), _mean(2 * free * off, self.weights)]
        jacobian = torch.stack(rows_, 1).reshape(-1, 2, 2)
        inverse = torch.linalg.pinv(jacobian, hermitian=False)
        now = (a[:, None] * y.double() + b[:, None]).clamp(self.low, self.high)
        left = torch.stack(
            [
                _mean(now, self.weights) - mean,
                _mean((now - mean.double()[:, None]).square(), self.weights) - self.std**2,
            ],
            1,
        )
        step = (inverse @ left[:, :, None])[:, :, 0]
        return a - step[:, 0], b - step[:, 1]
