"""Fingerprints: what models, metrics, losses and penalties say about a seeded stimulus. Files hold these, not code."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from metameric._core.random import uniform
from metameric.io._tree import full_name

Roles = dict[str, Callable[[Callable[..., Tensor]], Tensor]]


@torch.no_grad()
def fingerprints(settings: Mapping[str, Any], more: Mapping[str, Tensor]) -> dict[str, dict[str, Any]]:
    """Return name and behaviour of every callable among the settings of a synthesis.

    Parameters
    ----------
    settings
        What the synthesis was made from.
    more
        Behaviour of callables that the roles known here do not cover.
    """
    callables = _callables(settings)
    reference = next((v for v in settings.values() if isinstance(v, Tensor) and v.is_floating_point()), None)
    roles = {} if reference is None else _roles(settings, reference[:1])
    found: dict[str, dict[str, Any]] = {}
    for name, function in callables.items():
        role = roles.get(name.split("[")[0])
        value = more.get(name, None if role is None else role(function))
        found[name] = {"name": full_name(function), "value": _flat(value)}
    return found


def _flat(value: Any) -> Tensor | None:
    """Return outputs, of which a model may have several, as one tensor."""
    if value is None or isinstance(value, Tensor):
        return value
    parts = list(value.values()) if isinstance(value, Mapping) else list(value)
    return torch.cat([torch.as_tensor(part).reshape(-1) for part in parts])


def _callables(settings: Mapping[str, Any]) -> dict[str, Callable[..., Tensor]]:
    found = {}
    for name, value in settings.items():
        if callable(value):
            found[name] = value
        elif isinstance(value, list | tuple):
            found.update({f"{name}[{i}]": item for i, item in enumerate(value) if callable(item)})
    return found


def _roles(settings: Mapping[str, Any], reference: Tensor) -> Roles:
    """How to call each kind of callable: on noise over the reference's own range, which no model can be tuned to."""
    low, high = min(0.0, float(reference.min())), max(1.0, float(reference.max()))
    noise = low + (high - low) * uniform([0], reference)
    beyond = low - (high - low) + 3 * (noise - low)  # penalties are mostly silent within the range

    def loss(function: Callable[..., Tensor]) -> Tensor:
        model = settings.get("model")
        return function(model(noise), model(reference)) if callable(model) else function(noise, reference)

    def metric(function: Callable[..., Tensor]) -> Tensor:
        return function(noise, reference)

    def model(function: Callable[..., Tensor]) -> Tensor:
        return function(noise)

    return {
        "model": model,
        "models": model,
        "loss_function": loss,
        "penalty_function": lambda function: function(beyond),
        "metric": metric,
        "metrics": metric,
        "optimized_metric": metric,
        "reference_metric": metric,
    }
