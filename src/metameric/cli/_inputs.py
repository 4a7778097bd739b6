"""From words on the command line to models."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.random import fresh_seed
from metameric.stimuli import _models
from metameric.stimuli._words import DTYPES, checked_device, parse_seeds


def make_model(name: str, options: Sequence[str], stimulus: Tensor) -> Callable[..., Tensor]:
    """Return a built-in model by name or one's own by ``module:attribute``, on the stimulus's device and dtype."""
    return _models.make_model(name, parse_options(options), stimulus)


def parse_options(options: Sequence[str]) -> dict[str, Any]:
    """Read ``key=value`` words; values are YAML: numbers, booleans, [lists], text."""
    parsed = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise InputError(f"--model-option is {option!r}; expected key=value, such as kernel_size=31.")
        try:
            parsed[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InputError(f"--model-option {key} has the unreadable value {value!r}.") from error
    return parsed


def chosen_seeds(seed: int | None, seeds: str | None) -> list[int]:
    """Return the seeds of the starts: several, one, or a fresh one."""
    return parse_seeds(seeds) if seeds else [fresh_seed() if seed is None else seed]


def several_models(names: Sequence[str], options: Sequence[str], stimulus: Tensor) -> list[Callable[..., Tensor]]:
    """Return at least two models by name; the options are for all of them."""
    if len(names) < 2:
        raise InputError(f"--models is {', '.join(names)}; expected at least two, as in --models A B.")
    return [make_model(name, options, stimulus) for name in names]


def blank(shape: str, dtype: str, device: str) -> Tensor:
    """Return an empty stimulus (1, channels, height, width) from ``64,64`` or ``3,64,64``."""
    if dtype not in DTYPES:
        raise InputError(f"--dtype is {dtype!r}; expected {' or '.join(DTYPES)}.")
    sizes = whole_numbers(shape, "--image-shape", "height,width or channels,height,width, such as 3,64,64")
    if len(sizes) not in (2, 3) or min(sizes) < 1:
        raise InputError(
            f"--image-shape is {shape!r}; expected height,width or channels,height,width, such as 3,64,64."
        )
    return torch.zeros(1, *([1] if len(sizes) == 2 else []), *sizes, dtype=DTYPES[dtype], device=checked_device(device))


def whole_numbers(text: str, label: str, expected: str) -> list[int]:
    """Read ``3,7``."""
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise InputError(f"{label} is {text!r}; expected {expected}.") from None


def interval(text: str | None, label: str) -> tuple[float, float] | None:
    """Read ``low,high`` or none."""
    if text is None or text == "none":
        return None
    try:
        low, high = (float(word) for word in text.split(","))
    except ValueError:
        raise InputError(f"{label} is {text!r}; expected low,high, such as 0,1, or none.") from None
    return low, high


def begin(synthesis: Any, archive: Path, resume: bool, seeds: list[int], **setup: Any) -> list[int]:
    """Set the synthesis up, or take over what the archive holds; return the seeds that count."""
    if resume and archive.exists():
        synthesis.load(archive)
        return synthesis.seeds or seeds
    synthesis.setup(seed=seeds, **setup)
    return seeds
