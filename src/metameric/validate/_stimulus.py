"""What a stimulus must be before anything is computed from it."""

import torch
from torch import Tensor

from metameric._core.errors import InputError, InputTypeError


def validate_input(
    input_tensor: Tensor, no_batch: bool = False, allowed_range: tuple[float, float] | None = None
) -> None:
    """Check that a tensor can be a stimulus: floating point, batched, finite.

    Parameters
    ----------
    input_tensor
        Stimulus, shape (batch, ...): images (batch, channel, height, width), but signals and video as well.
    no_batch
        Ask for a batch of exactly one.
    allowed_range
        Lowest and highest value allowed; ``None`` allows any.

    Raises
    ------
    TypeError
        If it is no floating-point tensor.
    ValueError
        If it has fewer than two dimensions, no elements, NaN or infinite values, values outside `allowed_range`,
        or more than one batch entry where `no_batch` forbids it; or in `torch.inference_mode`.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.validate.validate_input(torch.rand(1, 1, 8, 8))
    """
    refuse_inference_mode()
    if not isinstance(input_tensor, Tensor):
        raise InputTypeError(
            f"the stimulus is a {type(input_tensor).__name__}; expected a torch.Tensor "
            "(torch.as_tensor converts arrays)."
        )
    if not (input_tensor.is_floating_point() or input_tensor.is_complex()):
        raise InputTypeError(
            f"the stimulus has dtype {input_tensor.dtype}; expected floating point. Convert it, for 8-bit images with "
            "image.float() / 255."
        )
    if input_tensor.ndim < 2 or input_tensor.numel() == 0:
        raise InputError(
            f"the stimulus has shape {tuple(input_tensor.shape)}; expected (batch, ...) with at least one element, for "
            "images (batch, channel, height, width)."
        )
    n_bad = int((~torch.isfinite(input_tensor)).sum())
    if n_bad:
        raise InputError(
            f"the stimulus has {n_bad} NaN or infinite values among {input_tensor.numel()}; expected finite ones. "
            "Repair it, for instance with torch.nan_to_num."
        )
    if no_batch and input_tensor.shape[0] != 1:
        raise InputError(f"the stimulus is a batch of {input_tensor.shape[0]}; expected a single one, shape (1, ...).")
    if allowed_range is not None:
        _check_range(input_tensor, allowed_range)


def refuse_inference_mode() -> None:
    """Refuse to begin where PyTorch computes no gradient, whoever asks for it."""
    if torch.is_inference_mode_enabled():
        raise InputError(
            "torch.inference_mode is on, in which there are no gradients; expected it off. Leave it for synthesis, "
            "which works under torch.no_grad."
        )


def _check_range(stimulus: Tensor, allowed: tuple[float, float]) -> None:
    low, high = float(stimulus.min()), float(stimulus.max())
    if low < allowed[0] or high > allowed[1]:
        raise InputError(
            f"the stimulus runs from {low:.4g} to {high:.4g}; expected values in [{allowed[0]}, {allowed[1]}]. "
            "Rescale or clip it."
        )
