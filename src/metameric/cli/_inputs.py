"""From words on the command line to models."""

from collections.abc import Callable, Sequence
from typing import Any

import yaml
from torch import Tensor

from metameric._core.errors import InputError
from metameric.stimuli import _models


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
