"""Local gain control of real signals: a local norm and a local direction."""

from collections.abc import Hashable

from jaxtyping import Float
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.types import Number
from metameric.process._blur import blur_downsample, upsample_blur
from metameric.process._polar import Coefficients, check_same_bands, is_residual, kept_residuals
from metameric.process._power import positive_power

Signal = Float[Tensor, "*lead height width"]
Norm = Float[Tensor, "*lead half_height half_width"]


def local_gain_control(x: Signal, epsilon: Number = 1e-8) -> tuple[Norm, Signal]:
    """Divide a signal by its local norm, the root of its blurred and halved square.

    Parameters
    ----------
    x
        Shape (..., height, width), real.
    epsilon
        Added to the norm before dividing.

    Returns
    -------
    norm
        Local norm, (..., ceil(height / 2), ceil(width / 2)).
    direction
        The signal over its norm (blurred back to full size), (..., height, width).

    Raises
    ------
    ValueError
        If an image is too small to be halved (3 x 3 is the least).

    Notes
    -----
    What amplitude and phase are for complex signals: blurring plays the part of adding the quadrature pair. The norm
    of a signal that is zero in a whole neighbourhood has a gradient of 0.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> norm, direction = mm.process.local_gain_control(torch.ones(1, 1, 8, 8))
    >>> norm.shape, torch.allclose(direction, torch.ones(1, 1, 8, 8))
    (torch.Size([1, 1, 4, 4]), True)
    """
    norm = positive_power(blur_downsample(x.square()).abs(), 0.5)
    return norm, x / (_full_size(norm, x) + epsilon)


def local_gain_release(norm: Norm, direction: Signal, epsilon: Number = 1e-8) -> Signal:
    """Multiply a direction by its local norm, the inverse of `local_gain_control`.

    Parameters
    ----------
    norm
        Shape (..., ceil(height / 2), ceil(width / 2)).
    direction
        Shape (..., height, width).
    epsilon
        As given to `local_gain_control`.

    Raises
    ------
    ValueError
        If the shapes do not belong together.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> x = torch.rand(1, 1, 9, 8)
    >>> torch.allclose(mm.process.local_gain_release(*mm.process.local_gain_control(x)), x)
    True
    """
    expected = tuple((n + 1) // 2 for n in direction.shape[-2:])
    if norm.shape[:-2] != direction.shape[:-2] or tuple(norm.shape[-2:]) != expected:
        raise InputError(
            f"norm has shape {tuple(norm.shape)} for a direction of shape {tuple(direction.shape)}; "
            f"expected {(*direction.shape[:-2], *expected)}, half the height and width."
        )
    return direction * (_full_size(norm, direction) + epsilon)


def local_gain_control_dict(
    coeff_dict: Coefficients, residuals: bool = True
) -> tuple[dict[Hashable, Tensor], dict[Hashable, Tensor]]:
    """Apply `local_gain_control` to every band of a real pyramid.

    Parameters
    ----------
    coeff_dict
        Bands by key, (..., height, width) each.
    residuals
        Keep entries whose key starts with ``"residual"``, unchanged, in the norms.

    Returns
    -------
    energy, state
        Norms and directions under the same keys.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> energy, state = mm.process.local_gain_control_dict({(0, 0): torch.rand(1, 1, 8, 8)})
    >>> energy[0, 0].shape
    torch.Size([1, 1, 4, 4])
    """
    bands = {k: local_gain_control(v) for k, v in coeff_dict.items() if not is_residual(k)}
    energy = {k: norm for k, (norm, _) in bands.items()}
    return energy | kept_residuals(coeff_dict, residuals), {k: direction for k, (_, direction) in bands.items()}


def local_gain_release_dict(
    energy: Coefficients, state: Coefficients, residuals: bool = True
) -> dict[Hashable, Tensor]:
    """Apply `local_gain_release` to every band, the inverse of `local_gain_control_dict`.

    Parameters
    ----------
    energy, state
        Norms and directions by key.
    residuals
        Pass on entries of `energy` whose key starts with ``"residual"``.

    Raises
    ------
    ValueError
        If a band is in `energy` or `state` only.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> bands = {(0, 0): torch.rand(1, 1, 8, 8)}
    >>> back = mm.process.local_gain_release_dict(*mm.process.local_gain_control_dict(bands))
    >>> torch.allclose(back[0, 0], bands[0, 0])
    True
    """
    check_same_bands(energy, state)
    bands = {k: local_gain_release(v, state[k]) for k, v in energy.items() if not is_residual(k)}
    return bands | kept_residuals(energy, residuals)


def _full_size(norm: Tensor, like: Tensor) -> Tensor:
    return upsample_blur(norm, (like.shape[-2] % 2, like.shape[-1] % 2))
