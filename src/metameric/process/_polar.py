"""Complex signals as amplitude and phase."""

from collections.abc import Hashable, Mapping

import torch
from jaxtyping import Complex, Float, Inexact
from torch import Tensor

from metameric._core.errors import InputError, InputTypeError

Coefficients = Mapping[Hashable, Tensor]


def rectangular_to_polar(x: Inexact[Tensor, "*shape"]) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """Split a complex signal into amplitude and phase.

    Parameters
    ----------
    x
        Any shape. Of a real signal the amplitude is the absolute value and the phase 0 or pi.

    Returns
    -------
    amplitude, phase
        ``|x|``, and the angle in radians, from -pi to pi.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.rectangular_to_polar(torch.tensor([3 + 4j]))[0]
    tensor([5.])
    """
    return x.abs(), x.angle()


def polar_to_rectangular(amplitude: Float[Tensor, "*shape"], phase: Float[Tensor, "*shape"]) -> Complex[Tensor, "*out"]:
    """Join amplitude and phase to a complex signal, the inverse of `rectangular_to_polar`.

    Parameters
    ----------
    amplitude
        Any shape, not negative.
    phase
        Radians, of the same shape and dtype.

    Raises
    ------
    ValueError
        If an amplitude is negative.
    TypeError
        If either is not a tensor of floats.

    Examples
    --------
    >>> import math, torch, metameric as mm
    >>> mm.process.polar_to_rectangular(torch.tensor([2.0]), torch.tensor([0.0]))
    tensor([2.+0.j])
    """
    if not (amplitude.is_floating_point() and phase.is_floating_point()):
        raise InputTypeError(f"amplitude is {amplitude.dtype}, phase {phase.dtype}; expected real floats for both.")
    if bool((amplitude < 0).any()):
        raise InputError(
            f"amplitude goes down to {amplitude.min():.4g}; expected no negative values. "
            "A sign belongs into the phase, as a shift by pi."
        )
    return torch.complex(amplitude * torch.cos(phase), amplitude * torch.sin(phase))


def rectangular_to_polar_dict(
    coeff_dict: Coefficients, residuals: bool = False
) -> tuple[dict[Hashable, Tensor], dict[Hashable, Tensor]]:
    """Split every band of a complex pyramid into amplitude and phase.

    Parameters
    ----------
    coeff_dict
        Bands by key, such as the coefficients of a complex `SteerablePyramidFreq`.
    residuals
        Keep ``"residual_lowpass"`` and ``"residual_highpass"``, unchanged, in the amplitudes.

    Returns
    -------
    energy, state
        Amplitudes and phases, under the same keys. Residuals have no phase.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> energy, state = mm.process.rectangular_to_polar_dict({(0, 0): torch.tensor([3 + 4j])})
    >>> energy
    {(0, 0): tensor([5.])}
    """
    bands = {k: rectangular_to_polar(v) for k, v in coeff_dict.items() if not is_residual(k)}
    energy = {k: amplitude for k, (amplitude, _) in bands.items()}
    return energy | kept_residuals(coeff_dict, residuals), {k: phase for k, (_, phase) in bands.items()}


def polar_to_rectangular_dict(energy: Coefficients, state: Coefficients) -> dict[Hashable, Tensor]:
    """Join amplitudes and phases of bands, the inverse of `rectangular_to_polar_dict`.

    Parameters
    ----------
    energy
        Amplitudes by key, with or without residuals, which are passed on.
    state
        Phases by key.

    Raises
    ------
    ValueError
        If an amplitude is negative, or a band has an amplitude and no phase.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.polar_to_rectangular_dict({0: torch.ones(1)}, {0: torch.zeros(1)})
    {0: tensor([1.+0.j])}
    """
    check_same_bands(energy, state)
    bands = {k: polar_to_rectangular(v, state[k]) for k, v in energy.items() if not is_residual(k)}
    return bands | kept_residuals(energy, True)


def is_residual(key: Hashable) -> bool:
    """Tell the residuals of a pyramid from its bands."""
    return isinstance(key, str) and key.startswith("residual")


def kept_residuals(coefficients: Coefficients, keep: bool) -> dict[Hashable, Tensor]:
    """Return the residuals of a pyramid, or nothing."""
    return {k: v for k, v in coefficients.items() if keep and is_residual(k)}


def check_same_bands(energy: Coefficients, state: Coefficients) -> None:
    """Refuse energies and states of different bands."""
    odd_ones = {k for k in energy if not is_residual(k)} ^ {k for k in state if not is_residual(k)}
    if odd_ones:
        raise InputError(f"energy and state do not have the same bands: {sorted(map(str, odd_ones))} are in one only.")
