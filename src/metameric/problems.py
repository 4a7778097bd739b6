"""Small problems whose answers are known in closed form: for tests, documentation and benchmarks.

Each model maps (batch, n) vectors to (batch, m) responses and carries the answer as methods.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metameric._core.random import generator


class LinearModel(nn.Module):
    """``f(x) = A x``: metamers, eigendistortions, geodesics and exciting inputs are all in closed form.

    Parameters
    ----------
    matrix
        A, shape (responses, pixels).

    Examples
    --------
    >>> import torch, metameric as mm
    >>> model = mm.problems.LinearModel(torch.eye(2, 3))
    >>> model(torch.ones(1, 3))
    tensor([[1., 1.]])
    """

    matrix: Tensor

    def __init__(self, matrix: Float[Tensor, "responses pixels"]) -> None:
        super().__init__()
        self.register_buffer("matrix", matrix)

    @classmethod
    def random(
        cls, n_responses: int, n_pixels: int, seed: int = 0, condition: float = 10.0, dtype: torch.dtype | None = None
    ) -> "LinearModel":
        """Return a model with a random matrix whose singular values run geometrically from `condition` to 1."""
        rng = generator(seed)
        rank = min(n_responses, n_pixels)
        left = torch.linalg.qr(torch.randn(n_responses, rank, generator=rng, dtype=torch.float64))[0]
        right = torch.linalg.qr(torch.randn(n_pixels, rank, generator=rng, dtype=torch.float64))[0]
        values = torch.logspace(0, 1, rank, base=condition, dtype=torch.float64).flip(0)
        return cls((left * values @ right.mT).to(dtype or torch.get_default_dtype()))

    def forward(self, x: Float[Tensor, "batch pixels"]) -> Float[Tensor, "batch responses"]:
        """Return the responses to stimuli (batch, pixels)."""
        return x @ self.matrix.mT

    def nearest_metamer(self, image: Tensor, start: Tensor) -> Tensor:
        """Return the metamer of `image` nearest to `start`: where gradient descent from there must end."""
        return start + (image - start) @ (torch.linalg.pinv(self.matrix) @ self.matrix).mT

    def fisher(self) -> Tensor:
        """Return the Fisher information, A'A, the same at every stimulus."""
        return self.matrix.mT @ self.matrix


class PolarModel(nn.Module):
    """``f(x) = (|x|, angle(x))`` of points in the plane: its geodesics are straight in radius and angle.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.problems.PolarModel()(torch.tensor([[0.0, 2.0]]))
    tensor([[2.0000, 1.5708]])
    """

    def forward(self, x: Float[Tensor, "batch 2"]) -> Float[Tensor, "batch 2"]:
        """Return radius and angle of points (batch, 2)."""
        return torch.stack([torch.linalg.vector_norm(x, dim=1), torch.atan2(x[:, 1], x[:, 0])], dim=1)


class EnergyModel(nn.Module):
    """``f(x) = |x|``: the quadrature energy of a complex cell; every rotation of a stimulus is its metamer.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.problems.EnergyModel()(torch.tensor([[3.0, 4.0]]))
    tensor([[5.]])
    """

    def forward(self, x: Float[Tensor, "batch pixels"]) -> Float[Tensor, "batch 1"]:
        """Return the norm of each stimulus."""
        return torch.linalg.vector_norm(x, dim=1, keepdim=True)


class EllipseModel(nn.Module):
    """Linear model of the plane whose Fisher information has given axes: discrimination ellipses one can draw.

    Parameters
    ----------
    angle
        Direction of the most visible change, in radians.
    eigenvalues
        Largest and smallest eigenvalue of the Fisher information.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.problems.EllipseModel(0.0, (4.0, 1.0)).fisher()
    tensor([[4., 0.],
            [0., 1.]])
    """

    matrix: Tensor

    def __init__(self, angle: float, eigenvalues: tuple[float, float], dtype: torch.dtype | None = None) -> None:
        super().__init__()
        turn = torch.tensor(angle, dtype=torch.float64)
        axes = torch.stack([torch.stack([turn.cos(), turn.sin()]), torch.stack([-turn.sin(), turn.cos()])])
        matrix = torch.tensor(eigenvalues, dtype=torch.float64).sqrt()[:, None] * axes
        self.register_buffer("matrix", matrix.to(dtype or torch.get_default_dtype()))

    def forward(self, x: Float[Tensor, "batch 2"]) -> Float[Tensor, "batch 2"]:
        """Return the responses to points (batch, 2)."""
        return x @ self.matrix.mT

    def fisher(self) -> Tensor:
        """Return the Fisher information, (2, 2), the same everywhere."""
        return self.matrix.mT @ self.matrix


class QuadraticMetric(nn.Module):
    """``d(x, y) = (x - y)' A (x - y)``: maximum differentiation is then a generalised eigenvalue problem.

    Parameters
    ----------
    matrix
        A, symmetric and positive definite, (pixels, pixels).

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.problems.QuadraticMetric(torch.eye(2))(torch.zeros(1, 2), torch.ones(1, 2))
    tensor([2.])
    """

    matrix: Tensor

    def __init__(self, matrix: Float[Tensor, "pixels pixels"]) -> None:
        super().__init__()
        self.register_buffer("matrix", matrix)

    def forward(self, x: Tensor, y: Tensor) -> Float[Tensor, " batch"]:
        """Return one value per pair of stimuli (batch, ...)."""
        difference = (x - y).reshape(x.shape[0], -1)
        return ((difference @ self.matrix) * difference).sum(1)
