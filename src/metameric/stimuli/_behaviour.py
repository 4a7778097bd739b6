"""Models known by what they answer: so that a changed model is noticed, and one moved to another machine is not.

An answer is looked at piece by piece, each compared relative to its own size, since one part of an answer can be far
smaller than another. How much rounding may change a piece is measured: by how much the answer changes with the
last digits of the stimulus.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from metameric._core.errors import ModelError
from metameric._core.random import generator, uniform
from metameric._objective._jacobian import flatten_response
from metameric.stimuli._files import damaged, read_json

PIECES = 128
CHUNK = 2**16
# Of its own size, a piece of an answer may differ by the first between machines and thread counts, parameters, which
# nothing is computed from before, by the second.
ANSWER, PARAMETER = 1e-4, 1e-5
# The stimulus is changed so often, by so much of each pixel, and an answer may differ by so many times what that does:
# of our models the texture model comes nearest, whose answers in float32 and in float64 are a sixth of that apart.
SHIFTS, SHIFT, TIMES = 3, 1e-4, 4
# Where an answer is the difference of equal numbers, all of it is rounding: so many last digits of the whole.
CANCELLED = 8
HUGE = 1e140


@dataclass(frozen=True)
class Behaviour:
    """Numbers that tell a model from others: of each piece its root mean square and two random projections.

    Attributes
    ----------
    values
        One row per piece.
    tolerances
        How far each piece may be off, for want of rounding alike.
    """

    values: list[list[float]]
    tolerances: list[float]

    def __add__(self, other: "Behaviour") -> "Behaviour":
        return Behaviour(self.values + other.values, self.tolerances + other.tolerances)

    def equals(self, other: "Behaviour") -> bool:
        """Whether another behaviour is this one, up to rounding."""
        if [len(row) for row in self.values] != [len(row) for row in other.values]:
            return False
        a, b = (torch.tensor(found.values, dtype=torch.float64) for found in (self, other))
        allowed = torch.tensor([self.tolerances, other.tolerances], dtype=torch.float64).amax(0)
        return bool(((a - b).abs().amax(1) <= allowed).all())


@torch.no_grad()
def behaviour(function: Callable[..., Any], stimulus: Tensor, label: str, images: int = 1) -> Behaviour:
    """Return what tells a model (of one image) or a metric (of two) from others, on noise as large as the stimulus."""
    noise = list(uniform(range(images), stimulus.expand(images, *stimulus.shape[1:])).split(1))
    shifted = [[x * (1 - SHIFT * uniform([images + i], x)) for x in noise] for i in range(SHIFTS)]
    try:
        response, *others = (_flat(function(*given)) for given in (noise, *shifted))
    except Exception as error:
        shape = " x ".join(map(str, stimulus.shape[1:]))
        raise ModelError(
            f"{label} fails on a stimulus of {shape}: {type(error).__name__}: {error}. Correct it, or leave this "
            "combination out."
        ) from error
    # NaN and infinity are no numbers to compare, nor can JSON hold them: they are counted.
    counts = [float(response.numel()), float(response.isnan().sum()), float(response.isinf().sum())]
    answer = _finite(response)
    values = _pieces(answer, PIECES)
    changes = torch.stack([_pieces(_finite(other) - answer, PIECES)[:, 0] for other in others])
    rounding = changes.square().mean(0).sqrt()
    floor = CANCELLED * torch.finfo(stimulus.dtype).eps * _pieces(answer, 1)[0, 0]
    found = _of(values, ANSWER * values[:, 0] + TIMES * rounding + floor)
    return Behaviour([counts], [0.0]) + found + _parameters(function)


def _parameters(function: object) -> Behaviour:
    """Return the same of what a module holds: a change can be one that noise hardly shows."""
    held = function.state_dict().values() if isinstance(function, nn.Module) else ()
    found = Behaviour([], [])
    for tensor in held:
        if isinstance(tensor, Tensor) and tensor.layout == torch.strided and tensor.dtype.is_floating_point:
            values = _pieces(tensor.reshape(-1), 1)
            found += _of(values, PARAMETER * values[:, 0])
    return found


def _of(values: Tensor, tolerances: Tensor) -> Behaviour:
    return Behaviour(values.tolist(), tolerances.tolist())


def _flat(response: Any) -> Tensor:
    return flatten_response(response).reshape(-1).cpu().double()


def _finite(x: Tensor) -> Tensor:
    return x.nan_to_num(0.0, 0.0, 0.0).clamp(-HUGE, HUGE)


def _pieces(flat: Tensor, n: int) -> Tensor:
    """Return root mean square, and two projections on random signs on that scale, of so many stretches of numbers."""
    return torch.stack([_numbers(piece) for piece in flat.cpu().tensor_split(max(1, min(n, flat.numel())))])


def _numbers(piece: Tensor) -> Tensor:
    sums = torch.zeros(3, dtype=torch.float64)
    for chunk in piece.split(CHUNK):
        x = _finite(chunk.double())
        sums += torch.cat([x.square().sum()[None], _signs()[:, : x.numel()] @ x])
    size = max(1, piece.numel())
    return torch.cat([(sums[:1] / size).sqrt(), sums[1:] / size**0.5])


@cache
def _signs() -> Tensor:
    return 2.0 * torch.randint(0, 2, (2, CHUNK), generator=generator(0)).double() - 1


class Registry:
    """Behaviours seen before, with their hashes: what answers alike, up to rounding, is the same model."""

    def __init__(self, known: list[dict[str, Any]] | None = None) -> None:
        self.entries = list(known or [])

    @classmethod
    def read(cls, path: Path) -> "Registry":
        """Return what a set's file knows, nothing if there is none."""
        if not path.is_file():
            return cls()
        remedy = "remove it and run again (the models are looked at anew, finished trials are kept)"
        entries = read_json(path, remedy)
        try:
            sound = all({"what", "hash"} <= set(entry) and _known(entry).equals(_known(entry)) for entry in entries)
        except (TypeError, KeyError, ValueError, RuntimeError):
            sound = False
        if not sound:
            raise damaged(path, "holds no models", remedy)
        return cls(entries)

    def hash_of(self, what: Mapping[str, Any], found: Behaviour) -> str:
        """Return the hash of a behaviour: that of the known one that it equals, or a new one."""
        for entry in self.entries:
            if entry["what"] == what and _known(entry).equals(found):
                return str(entry["hash"])
        made = hashlib.sha256(json.dumps([what, found.values]).encode()).hexdigest()
        self.entries.append({"what": dict(what), "hash": made, "values": found.values, "tolerances": found.tolerances})
        return made


def _known(entry: Mapping[str, Any]) -> Behaviour:
    return Behaviour(entry["values"], entry["tolerances"])
