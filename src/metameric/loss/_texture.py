"""Losses that weight the families of a representation, made for one target image."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from warnings import warn

import torch
from torch import Tensor, nn

from metameric._core.batched import PerProblem
from metameric._core.errors import InputError
from metameric._core.tensors import rows

Weights = Mapping[str, Tensor | float]
HIGHPASS_WEIGHT = 100.0


def portilla_simoncelli_loss_factory(
    model: nn.Module, image: Tensor, reweighting_dict: Weights | None = None
) -> Callable[..., Tensor]:
    """Make the loss for synthesis with the texture model: a weighted Euclidean norm.

    The minimum and maximum of the grey values get weight 0, for their gradient reaches one pixel each; the variance of
    the high-pass residual gets weight 100, for its value is small and its influence on the appearance is not.

    Parameters
    ----------
    model
        A `PortillaSimoncelli` model.
    image
        Target, or any image of its shape, dtype and device.
    reweighting_dict
        Family name to weight, a number or a tensor that broadcasts to the family. Takes the place of the weights above.

    Raises
    ------
    InputError
        If a key of `reweighting_dict` is no family of the model, or the families above have an unexpected shape.

    Warns
    -----
    UserWarning
        If the model lacks one of the two families.

    Examples
    --------
    >>> import metameric as mm, torch
    >>> image = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> model = mm.models.PortillaSimoncelli((32, 32), n_scales=2)
    >>> loss = mm.loss.portilla_simoncelli_loss_factory(model, image)
    >>> loss(model(image), model(image))
    tensor(0.)
    """
    families = _families(model, image)
    given = _checked(reweighting_dict, families)
    weights: dict[str, Tensor | float] = {}
    defaults = {"pixel_statistics": [1.0, 1.0, 1.0, 1.0, 0.0, 0.0], "var_highpass_residual": [HIGHPASS_WEIGHT]}
    for name, default in defaults.items():
        if name in given:
            continue
        if name not in families:
            warn(f"The model has no family {name!r}: its usual weights are not applied.", stacklevel=2)
            continue
        if families[name].shape[-1] != len(default):
            raise InputError(
                f"{name!r} must have {len(default)} members, found {families[name].shape[-1]}: give its weights in "
                "reweighting_dict."
            )
        weights[name] = families[name].new_tensor(default)
    return _weighted_norm(model, families, {**weights, **given}, "portilla_simoncelli_loss")


def groupwise_relative_l2_norm_factory(
    model: nn.Module, image: Tensor, reweighting_dict: Weights | None = None
) -> Callable[..., Tensor]:
    """Make a Euclidean norm in which every family is relative to its own norm on the target.

    Parameters
    ----------
    model
        Any model with methods `convert_to_dict` and `convert_to_tensor` that undo each other.
    image
        Target. Each of its batch entries has norms of its own; a family that is zero there is not scaled.
    reweighting_dict
        Family name to further weight, a number or a tensor that broadcasts to the family.

    Raises
    ------
    InputError
        If a key of `reweighting_dict` is no family of the model.

    Warns
    -----
    UserWarning
        If `convert_to_dict` does not return an ordered dictionary, so that the order of families is not safe.

    Examples
    --------
    >>> import metameric as mm, torch
    >>> image = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> model = mm.models.PortillaSimoncelli((32, 32), n_scales=2)
    >>> loss = mm.loss.groupwise_relative_l2_norm_factory(model, image, {"magnitude_std": 2.0})
    >>> loss(model(image), model(image))
    tensor(0.)
    """
    families = _families(model, image)
    given = _checked(reweighting_dict, families)
    weights: dict[str, Tensor | float] = {}
    for name, values in families.items():
        # Redundant statistics are NaN in the dictionary and absent from the tensor.
        size = torch.linalg.vector_norm(rows(values.nan_to_num()), dim=1)
        inverse = torch.where(size > 0, 1 / torch.where(size > 0, size, 1), 1)
        weights[name] = inverse.reshape(-1, *(1,) * (values.ndim - 1)) * given.get(name, 1.0)
    return _weighted_norm(model, families, weights, "groupwise_relative_l2_norm")


def _families(model: Any, image: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        families: dict[str, Tensor] = model.convert_to_dict(model(image))
    if not isinstance(families, OrderedDict):
        warn(
            f"model.convert_to_dict returned a {type(families).__name__}, not an OrderedDict: make sure that "
            "convert_to_tensor keeps the order of the families (validate_convert_tensor_dict checks it).",
            stacklevel=3,
        )
    return families


def _checked(weights: Weights | None, families: Mapping[str, Tensor]) -> Weights:
    unknown = [name for name in weights or {} if name not in families]
    if unknown:
        raise InputError(
            f"reweighting_dict contains keys not found in the model's representation: {unknown}. Its families are "
            f"{list(families)}."
        )
    return weights or {}


def _weighted_norm(
    model: Any, families: Mapping[str, Tensor], weights: Mapping[str, Tensor | float], name: str
) -> Callable[..., Tensor]:
    targets: Tensor = model.convert_to_tensor(families)
    scaled = OrderedDict((key, torch.ones_like(values) * weights.get(key, 1.0)) for key, values in families.items())
    flat: Tensor = model.convert_to_tensor(scaled)
    if bool((flat == flat[:1]).all()):
        # Weights common to all images serve batches of any size.
        flat = flat[:1]

    def loss(synth_rep: Tensor, ref_rep: Tensor, **kwargs: Any) -> Tensor:
        if synth_rep.shape[-1] != flat.shape[-1]:
            raise InputError(
                f"{name} was made for {flat.shape[-1]} statistics, found {synth_rep.shape[-1]}: some scales only, as "
                "coarse-to-fine synthesis compares, need another loss."
            )
        all_there = synth_rep.ndim > flat.ndim or len(flat) in (1, len(synth_rep))
        weight = flat if all_there else flat[_places(ref_rep, targets)]
        return torch.linalg.vector_norm(rows(weight * (synth_rep - ref_rep)), dim=1)

    loss.__name__ = loss.__qualname__ = name
    return PerProblem(loss)


def _places(ref_rep: Tensor, targets: Tensor) -> Tensor:
    """Which of the targets each reference is: problems that have come to their end are left out of a batch."""
    same = (rows(ref_rep)[:, None] == rows(targets)[None]).all(2)
    if not bool(same.any(1).all()):
        raise InputError(
            f"the loss was made for {len(targets)} target images, found {len(ref_rep)} representations of others: make "
            "it for the images that are to be matched."
        )
    return same.int().argmax(1)
