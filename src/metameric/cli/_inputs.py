"""From words on the command line to images, models, solvers and seeds."""

import difflib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from metameric._core.errors import InputError, MissingFileError, ModelError, NearestNameError
from metameric.data._bundled import available, image
from metameric.data._load import load_images

DTYPES = {"float32": torch.float32, "float64": torch.float64}

# What the built-in models need beyond their own defaults to be of use on an image of this shape.
BUILT_IN: dict[str, Callable[[tuple[int, ...]], dict[str, Any]]] = {
    "Identity": lambda shape: {},
    "Linear": lambda shape: {},
    "Gaussian": lambda shape: {"kernel_size": (31, 31)},
    "CenterSurround": lambda shape: {"kernel_size": (31, 31)},
    "LinearNonlinear": lambda shape: {"kernel_size": (31, 31), "pretrained": True},
    "LuminanceGainControl": lambda shape: {"kernel_size": (31, 31), "pretrained": True},
    "LuminanceContrastGainControl": lambda shape: {"kernel_size": (31, 31), "pretrained": True},
    "OnOff": lambda shape: {"kernel_size": (31, 31), "pretrained": True},
    "PortillaSimoncelli": lambda shape: {"image_shape": tuple(shape[-2:])},
}


def read_image(name: str, size: int | None, color: bool, dtype: str, device: str) -> Tensor:
    """Return a bundled image or a file as (1, channel, height, width)."""
    if dtype not in DTYPES:
        raise InputError(f"--dtype is {dtype!r}; expected {' or '.join(DTYPES)}.")
    path = Path(name)
    if path.suffix or path.exists():
        stimulus = load_images([path], as_gray=not color)
        if size is not None:
            stimulus = _fit(stimulus, size)
    elif name in available():
        stimulus = image(name, size=size, as_gray=not color)
    else:
        near = difflib.get_close_matches(name, available(), n=2, cutoff=0.6)
        hint = f" Did you mean {' or '.join(near)}?" if near else " `metameric images` lists the bundled ones."
        raise MissingFileError(f"{name!r} is neither a file nor a bundled image.{hint}")
    return stimulus.to(dtype=DTYPES[dtype], device=checked_device(device))


def _fit(stimulus: Tensor, size: int) -> Tensor:
    from metameric.data._bundled import _square as square

    return square(stimulus, size)


def checked_device(device: str) -> torch.device:
    """Return a device that exists here."""
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device is {device!r}, which cannot be used here: {str(error).splitlines()[0]}") from error
    return found


def make_model(name: str, options: Sequence[str], stimulus: Tensor) -> Callable[..., Tensor]:
    """Return a built-in model by name or one's own by ``module:attribute``, on the stimulus's device and dtype."""
    given = parse_options(options)
    model = _own_model(name, given) if ":" in name else _built_in(name, given, stimulus)
    if isinstance(model, nn.Module):
        model = model.eval().to(device=stimulus.device, dtype=stimulus.dtype)
    return model


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


def _built_in(name: str, given: dict[str, Any], stimulus: Tensor) -> nn.Module:
    if name not in BUILT_IN:
        near = difflib.get_close_matches(name, BUILT_IN, n=2, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(BUILT_IN)}."
        raise NearestNameError(f"there is no model {name!r}. {hint} Your own is written module:attribute.")
    import metameric.models

    options = {**BUILT_IN[name](tuple(stimulus.shape)), **given}
    if "kernel_size" in given and given["kernel_size"] not in (31, [31, 31]) and "pretrained" not in given:
        options.pop("pretrained", None)  # the published parameters are those of 31 x 31 filters
    return _call(getattr(metameric.models, name), name, options)


def _own_model(name: str, given: dict[str, Any]) -> Callable[..., Tensor]:
    where, _, attribute = name.partition(":")
    found = _attribute(_module(where, name), attribute, name)
    if isinstance(found, nn.Module):
        if given:
            raise InputError(
                f"{name} is a model already made; --model-option needs a class or a function that makes one."
            )
        return found
    if not callable(found):
        raise ModelError(f"{name} is a {type(found).__name__}; expected a model, a class or a function.")
    # A function of one argument is itself a model; any other one makes a model.
    if not inspect.isclass(found) and not given and _n_required(found) == 1:
        return found
    return _call(found, name, given)


def _module(where: str, name: str) -> Any:
    if where.endswith(".py"):
        path = Path(where)
        if not path.is_file():
            raise MissingFileError(f"--model {name}: there is no file {where}.")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ModelError(f"--model {name}: {where} is not a Python file.")
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise ModelError(f"--model {name}: {where} does not run: {type(error).__name__}: {error}") from error
        return module
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(where)
    except Exception as error:
        raise ModelError(f"--model {name}: cannot import {where}: {type(error).__name__}: {error}") from error


def _attribute(module: Any, attribute: str, name: str) -> Any:
    found = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            public = [n for n in vars(module) if not n.startswith("_")]
            near = difflib.get_close_matches(part, public, n=3) or public[:5]
            raise NearestNameError(f"--model {name}: there is no {part!r} there; there are {', '.join(near)}.")
        found = getattr(found, part)
    return found


def _n_required(function: Callable[..., Any]) -> int:
    parameters = inspect.signature(function).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.default is inspect.Parameter.empty and p.kind in kinds for p in parameters)


def _call(make: Callable[..., Any], name: str, options: dict[str, Any]) -> Any:
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    try:
        return make(**options)
    except (TypeError, ValueError) as error:
        shown = ", ".join(f"{k}={v}" for k, v in options.items()) or "no options"
        raise InputError(f"model {name} cannot be made with {shown}: {error}") from error


def parse_seeds(text: str) -> list[int]:
    """Read ``3``, ``0-7`` or ``0,2,5``."""
    seeds: list[int] = []
    try:
        for part in text.split(","):
            first, dash, last = part.partition("-")
            seeds += range(int(first), int(last) + 1) if dash else [int(first)]
    except ValueError:
        seeds = []
    if not seeds or len(set(seeds)) != len(seeds):
        raise InputError(f"--seeds is {text!r}; expected distinct whole numbers such as 3, 0-7 or 0,2,5.")
    return seeds


def solver_options(name: str) -> dict[str, Any]:
    """Return the keywords of `setup` for a solver's name: lbfgs, or any optimizer of torch.optim."""
    if name.lower() in ("lbfgs", "auto"):
        return {}
    known = {n.lower(): n for n, v in vars(torch.optim).items() if inspect.isclass(v) and n != "Optimizer"}
    if name.lower() not in known:
        near = difflib.get_close_matches(name.lower(), known, n=2)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise InputError(f"--solver is {name!r}; expected lbfgs or an optimizer of torch.optim, such as adam.{hint}")
    options = {"lr": 0.01} if known[name.lower()] == "Adam" else {}
    return {"optimizer": getattr(torch.optim, known[name.lower()]), "optimizer_kwargs": options}
