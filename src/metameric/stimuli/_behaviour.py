"""Models known by what they answer: so that a changed model is noticed, and one moved to another machine is not."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from metameric._core.errors import ModelError
from metameric._core.random import uniform
from metameric._objective._jacobian import flatten_response

N_VALUES = 64
# Rounding differs between machines and thread counts; a trained model that changed differs by far more.
RELATIVE = 1e-4


@torch.no_grad()
def behaviour(function: Callable[..., Any], stimulus: Tensor, label: str) -> list[float]:
    """Return numbers that tell a model (of the stimulus) or a metric (of two stimuli) from others."""
    noise = uniform([0, 1], stimulus.expand(2, *stimulus.shape[1:]))
    try:
        try:
            response = flatten_response(function(noise[:1]))
        except TypeError:
            response = flatten_response(function(noise[:1], noise[1:]))
    except Exception as error:
        shape = " x ".join(map(str, stimulus.shape[1:]))
        raise ModelError(
            f"{label} fails on a stimulus of {shape}: {type(error).__name__}: {error}. Correct it, or leave this "
            "combination out."
        ) from error
    values = response.reshape(-1).double().cpu()
    scale = values.square().mean().sqrt()
    places = torch.linspace(0, values.numel() - 1, min(N_VALUES, values.numel())).long()
    return [float(values.numel()), float(values.mean()), float(scale), *values[places].tolist()]


class Registry:
    """Behaviours seen before, with their hashes: what answers alike, up to rounding, is the same model."""

    def __init__(self, known: list[dict[str, Any]] | None = None) -> None:
        self.entries = list(known or [])

    def hash_of(self, what: Mapping[str, Any], values: list[float]) -> str:
        """Return the hash of a behaviour: that of the known one that it equals, or a new one."""
        for entry in self.entries:
            if entry["what"] == what and _alike(entry["values"], values):
                return str(entry["hash"])
        found = hashlib.sha256(json.dumps([what, values]).encode()).hexdigest()
        self.entries.append({"what": dict(what), "values": values, "hash": found})
        return found


def _alike(first: list[float], second: list[float]) -> bool:
    if len(first) != len(second):
        return False
    a, b = torch.tensor(first, dtype=torch.float64), torch.tensor(second, dtype=torch.float64)
    return bool(torch.allclose(a, b, rtol=RELATIVE, atol=RELATIVE * abs(first[2]), equal_nan=True))
