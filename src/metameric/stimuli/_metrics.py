"""Metrics by name."""

import difflib
from collections.abc import Callable, Sequence

from torch import Tensor

from metameric._core.errors import InputError, ModelError, NearestNameError
from metameric._core.random import same_random_state
from metameric.metric._distance import as_distance, model_metric_factory
from metameric.metric._mse import mse
from metameric.metric._nlpd import nlpd
from metameric.metric._ssim import ms_ssim, ssim
from metameric.stimuli._models import BUILT_IN, make_model, own_attribute, own_module

METRICS: dict[str, Callable[..., Tensor]] = {"mse": mse, "ssim": ssim, "ms_ssim": ms_ssim, "nlpd": nlpd}
SIMILARITIES = ("ssim", "ms_ssim")


def chosen_metrics(names: Sequence[str], image: Tensor, distances: bool) -> dict[str, Callable[..., Tensor]]:
    """Return metrics by name: metameric's, built-in models (through their representations), one's own.

    With `distances`, similarities s are turned into 1 - s, and named so.
    """
    if len(set(names)) < len(names):
        raise InputError(f"the metrics are {', '.join(names)}; expected distinct ones.")
    chosen = {}
    for name in names:
        metric = _one(name, image)
        turned = distances and name in SIMILARITIES
        chosen[f"1-{name}" if turned else name] = as_distance(metric) if turned else metric
    return chosen


def check_metric(name: str) -> None:
    """Raise an error with the nearest names if there is no metric of this name."""
    if ":" not in name and name not in METRICS and name not in BUILT_IN:
        near = difflib.get_close_matches(name, [*METRICS, *BUILT_IN], n=2, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join([*METRICS, *BUILT_IN])}."
        raise NearestNameError(f"there is no metric {name!r}. {hint} Your own is written module:attribute.")


def _one(name: str, image: Tensor) -> Callable[..., Tensor]:
    check_metric(name)
    if ":" in name:
        where, _, attribute = name.partition(":")
        with same_random_state():
            found = own_attribute(own_module(where, name), attribute, name)
        if not callable(found):
            raise ModelError(f"{name} is a {type(found).__name__}; expected a function of two images.")
        return found
    return model_metric_factory(make_model(name, {}, image)) if name in BUILT_IN else METRICS[name]
