"""Steering: bands at any orientation as weighted sums of those at hand (Freeman & Adelson 1991)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from metameric._core.verbatim import as_written
from metameric.process.steerable._arguments import Coefficients


def steering_weights(order: int, angles: Tensor, even_phase: bool) -> Tensor:
    r"""Weights :math:`w` for which :math:`\sum_k w_k \cos^{order}(\theta - \theta_k)` is turned to each angle.

    The angular function has the harmonics order, order - 2, ...; the weights match every one of them. Shape
    (order + 1, angles), double precision.
    """
    harmonics = torch.arange(order % 2, order + 1, 2, dtype=torch.float64, device=angles.device)
    turns = torch.pi / (order + 1) * torch.arange(order + 1, dtype=torch.float64, device=angles.device)
    basis = torch.exp(-1j * harmonics[:, None] * turns)
    target = torch.exp(-1j * harmonics[:, None] * angles)
    if not even_phase:
        target = torch.where(harmonics[:, None] == 0, target, -1j * target)
    # Harmonic zero has no imaginary part; its row of zeros does no harm to the pseudo-inverse.
    system, wanted = (torch.cat([matrix.real, matrix.imag]) for matrix in (basis, target))
    return torch.linalg.pinv(system) @ wanted


@as_written
def steer(
    coefficients: Coefficients, order: int, angles: Sequence[float] | Tensor, even_phase: bool
) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Steer every scale to the angles (radians)."""
    steered, used = {}, {}
    for name, bands in coefficients.items():
        if isinstance(name, str):
            continue
        weights = steering_weights(order, torch.as_tensor(angles, dtype=torch.float64, device=bands.device), even_phase)
        used[name] = weights.to(bands.real.dtype)
        steered[name] = torch.einsum("...khw,ka->...ahw", bands, used[name].to(bands.dtype))
    return steered, used
