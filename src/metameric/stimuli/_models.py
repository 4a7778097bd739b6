"""Models by name: built-in ones, or one's own as ``module:attribute`` or ``file.py:attribute``.

Both may begin with a folder, as ``folder/module:attribute``.
"""

import difflib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from metameric._core.errors import InputError, MissingFileError, ModelError, NearestNameError
from metameric._core.random import same_random_state
from metameric.stimuli._networks import layer_of, layer_options, parameters_of

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


def make_model(name: str, options: Mapping[str, Any], stimulus: Tensor) -> Callable[..., Tensor]:
    """Return a built-in model by name or one's own by ``module:attribute``, on the stimulus's device and dtype.

    The options `layer`, `mean` and `std` of a network that does not take them itself choose a layer, or several, and
    the normalisation of its input.
    """
    given = dict(options)
    with same_random_state():
        model = _own_model(name, given) if ":" in name else _built_in(name, given, stimulus)
    if isinstance(model, nn.Module):
        model = model.eval().to(device=stimulus.device, dtype=stimulus.dtype)
    return model


def check_built_in(name: str) -> None:
    """Raise an error with the nearest names if there is no built-in model of this name."""
    if name not in BUILT_IN:
        near = difflib.get_close_matches(name, BUILT_IN, n=2, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(BUILT_IN)}."
        raise NearestNameError(f"there is no model {name!r}. {hint} Your own is written module:attribute.")


def _built_in(name: str, given: dict[str, Any], stimulus: Tensor) -> nn.Module:
    check_built_in(name)
    import metameric.models

    options = {**BUILT_IN[name](tuple(stimulus.shape)), **given}
    if "kernel_size" in given and given["kernel_size"] not in (31, [31, 31]) and "pretrained" not in given:
        options.pop("pretrained", None)  # the published parameters are those of 31 x 31 filters
    return _call(getattr(metameric.models, name), name, options)


def _own_model(name: str, given: dict[str, Any]) -> Callable[..., Tensor]:
    where, _, attribute = name.partition(":")
    found = own_attribute(own_module(where, name), attribute, name)
    if not callable(found):
        raise ModelError(f"{name} is a {type(found).__name__}; expected a model, a class or a function.")
    layer = layer_options(found, given)
    return layer_of(_made(found, name, given), name, layer)


def _made(found: Callable[..., Any], name: str, given: dict[str, Any]) -> Callable[..., Tensor]:
    if isinstance(found, nn.Module):
        if given:
            raise InputError(f"{name} is a model already made; options need a class or a function that makes one.")
        return found
    # A function of one argument is itself a model; any other one makes a model.
    if not inspect.isclass(found) and not given and _n_required(found) == 1:
        return found
    made: Callable[..., Tensor] = _call(found, name, given)
    if not callable(made):
        raise ModelError(f"{name} returned a {type(made).__name__}; expected a function or class that makes a model.")
    return made


def own_module(where: str, name: str) -> Any:
    if where.endswith(".py"):
        path = Path(where)
        if not path.is_file():
            raise MissingFileError(f"{name}: there is no file {where}.")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ModelError(f"{name}: {where} is not a Python file.")
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise ModelError(f"{name}: {where} does not run: {type(error).__name__}: {error}") from error
        return module
    beside, where = Path(where).parent, Path(where).name
    folder = Path.cwd() / beside
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(where)
    except Exception as error:
        raise ModelError(f"{name}: cannot import {where}: {type(error).__name__}: {error}") from error
    file = getattr(module, "__file__", None)
    if beside != Path() and (file is None or not Path(file).resolve().is_relative_to(folder.resolve())):
        raise ModelError(
            f"{name}: another {where} is in use, {file or 'part of Python'}; rename yours, or write file.py:attribute."
        )
    return module


def own_attribute(module: Any, attribute: str, name: str) -> Any:
    found = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            public = [n for n in vars(module) if not n.startswith("_")]
            near = difflib.get_close_matches(part, public, n=3) or public[:5]
            raise NearestNameError(f"{name}: there is no {part!r} there; there are {', '.join(near)}.")
        found = getattr(found, part)
    return found


def _n_required(function: Callable[..., Any]) -> int:
    parameters = parameters_of(function).values()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.default is inspect.Parameter.empty and p.kind in kinds for p in parameters)


def _call(make: Callable[..., Any], name: str, options: dict[str, Any]) -> Any:
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    try:
        return make(**options)
    except (TypeError, ValueError) as error:
        shown = ", ".join(f"{k}={v}" for k, v in options.items()) or "no options"
        raise InputError(f"model {name} cannot be made with {shown}: {error}") from error
