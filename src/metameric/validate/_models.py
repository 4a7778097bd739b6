"""Checks of models: predicates over one probe."""

import inspect
from typing import Any

import torch
from torch import Tensor

from metameric._core.batched import name_of
from metameric._core.errors import InputTypeError, ModelError
from metameric._core.types import Model
from metameric.validate._probe import check, example_stimulus, probe

Shape = tuple[int, ...] | None
Device = str | torch.device


def validate_model(
    model: Model, image_shape: Shape = None, image_dtype: torch.dtype = torch.float32, device: Device = "cpu"
) -> None:
    """Check that a model can be used for synthesis: deterministic, differentiable, batch first, precision kept.

    Learnable parameters are allowed: synthesis asks for the gradient of the stimulus alone.

    Parameters
    ----------
    model
        Any callable from a stimulus (batch, ...) to a tensor (batch, ...).
    image_shape
        Shape of the noise to probe with; (1, 1, 16, 16) by default.
    image_dtype, device
        Of that noise.

    Raises
    ------
    TypeError
        If the model returns no tensor or changes the precision.
    ValueError
        If it raises an error, drops the batch dimension, is in training mode, random, not differentiable, returns NaN,
        moves to another device or writes on its input.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.validate.validate_model(mm.models.Gaussian(7))
    """
    check(probe(model, example_stimulus(image_shape, image_dtype, device)))


def validate_coarse_to_fine(
    model: Any, image_shape: Shape = None, device: Device = "cpu", *, image_dtype: torch.dtype = torch.float32
) -> None:
    """Check that a model can be matched from coarse to fine: ``model.scales``, and ``model(x, scales=[...])``.

    Parameters
    ----------
    model
        The model.
    image_shape
        Shape of the noise to probe with; (1, 1, 16, 16) by default.
    device, image_dtype
        Where to probe, and in which precision.

    Raises
    ------
    AttributeError
        If the model has no `scales`.
    TypeError
        If its forward takes no `scales`.
    ValueError
        If leaving scales out does not make the response smaller.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.validate.validate_coarse_to_fine(mm.models.PortillaSimoncelli((32, 32), n_scales=2), (1, 1, 32, 32))
    """
    name = name_of(model)
    if not hasattr(model, "scales"):
        raise AttributeError(
            f"{name} has no attribute `scales`; coarse to fine needs the list of its scales, from coarse to fine."
        )
    forward = getattr(model, "forward", model)
    if "scales" not in inspect.signature(forward).parameters:
        raise InputTypeError(f"{name}.forward takes no argument `scales`; coarse to fine calls model(x, scales=[...]).")
    stimulus = example_stimulus(image_shape, image_dtype, device)
    with torch.no_grad():
        everything = model(stimulus)
        for scale in model.scales:
            one = model(stimulus, scales=[scale])
            if one.numel() >= everything.numel() > 0 and len(model.scales) > 1:
                raise ModelError(
                    f"{name} returns {one.numel()} values for scale {scale!r} alone and {everything.numel()} for all "
                    "scales; expected fewer with fewer scales."
                )


def validate_convert_tensor_dict(
    model: Any,
    image_shape: Shape = None,
    device: Device = "cpu",
    n_checks: int = 100,
    *,
    image_dtype: torch.dtype = torch.float32,
) -> None:
    """Check that ``model.convert_to_dict`` and ``model.convert_to_tensor`` undo one another.

    Parameters
    ----------
    model
        The model.
    image_shape
        Shape of the noise to probe with; (1, 1, 16, 16) by default.
    device
        Where to probe.
    n_checks
        How many single representation entries to follow through the conversion, spread evenly.
    image_dtype
        Precision of the noise.

    Raises
    ------
    AttributeError
        If one of the methods is missing.
    TypeError
        If `convert_to_dict` returns no dictionary.
    ValueError
        If they do not undo one another, or if some entry of the representation does not show in the dictionary.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.validate.validate_convert_tensor_dict(mm.models.PortillaSimoncelli((32, 32), n_scales=2), (1, 1, 32, 32))
    """
    name = name_of(model)
    for method in ("convert_to_dict", "convert_to_tensor"):
        if not callable(getattr(model, method, None)):
            raise AttributeError(f"{name} has no method `{method}`; add it, or do not ask for dictionaries.")
    with torch.no_grad():
        tensor = model(example_stimulus(image_shape, image_dtype, device))
    as_dict = model.convert_to_dict(tensor)
    if not isinstance(as_dict, dict):
        raise InputTypeError(f"{name}.convert_to_dict returned a {type(as_dict).__name__}; expected a dictionary.")
    _check_round_trip(model, name, tensor, "its response")
    size = tensor[0].numel()
    step = max(1, size // max(1, n_checks))
    for i in range(0, size, step):
        marked = tensor.clone()
        marked.reshape(tensor.shape[0], -1)[:, i] += 1
        _check_round_trip(model, name, marked, f"a response changed at entry {i}")


def _check_round_trip(model: Any, name: str, tensor: Tensor, what: str) -> None:
    back = model.convert_to_tensor(model.convert_to_dict(tensor))
    if not isinstance(back, Tensor) or back.shape != tensor.shape or not torch.equal(back, tensor):
        raise ModelError(
            f"{name}.convert_to_tensor does not undo convert_to_dict for {what}; expected the same tensor back, in the "
            "same order."
        )
