"""What an earlier run in the folder of --out settled, which --resume cannot change."""

import json
from typing import Any

from metameric._core.errors import InputError
from metameric.cli._options import Context
from metameric.stimuli._words import parse_seeds

# Options that only the setup of a synthesis reads; what else a run cannot change, loading its archive checks.
_AT_SETUP = ("initial", "solver", "starts")


def kept_options(context: Context) -> dict[str, Any]:
    """Return the options of the run that is resumed which still hold, whatever the defaults are; {} if none is."""
    return {name: value for name, value in _earlier(context).items() if name in _AT_SETUP and name in context.params}


def check_resumed(context: Context) -> None:
    """Refuse options, given on the command line, that are not those of the run to be resumed."""
    for name, value in kept_options(context).items():
        if _is_given(context, name) and context.params[name] != value:
            raise _changed(name, context.params[name], value)
    seeds = _earlier(context).get("seeds")
    for name in ("seed", "seeds"):
        if not seeds or not _is_given(context, name):
            continue
        given = context.params[name]
        # Where one seed is given for several stimuli, it is that of the first.
        if (given != seeds[0]) if name == "seed" else (parse_seeds(given) != seeds):
            raise _changed(name, given, ",".join(map(str, seeds)))


def _earlier(context: Context) -> dict[str, Any]:
    if not context.params.get("resume"):
        return {}
    try:
        return dict(json.loads((context.params["out"] / "result.json").read_text())["options"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # none, or not finished: the archive is what counts


def _is_given(context: Context, name: str) -> bool:
    source = context.get_parameter_source(name) if name in context.params else None
    return source is not None and source.name == "COMMANDLINE"


def _changed(name: str, given: object, earlier: object) -> InputError:
    return InputError(
        f"--{name} is {given}, but the run to resume has {earlier}; leave it out, or give another folder with --out."
    )
