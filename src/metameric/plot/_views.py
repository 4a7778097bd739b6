"""What there is to see of a synthesis: its own panels, or those that its attributes make possible.

Nothing here asks what class an object has. The attributes are those that synthesis classes share: a stimulus
(named by `stimulus_name`, else `metamer` or `mad_image`), ``saved_<stimulus>``, `image`, `losses`, `penalties`,
`store_progress`, `model` with `target_representation`, `eigendistortions`.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from metameric._core.errors import InputError, InputTypeError, StateError
from metameric._core.panels import OffersPanels
from metameric._core.tensors import to_numpy

TARGET, IMAGE, LOSS, ERROR, HISTOGRAM = (
    "synthesis_target",
    "synthesis_imshow",
    "synthesis_loss",
    "metamer_representation_error",
    "synthesis_histogram",
)


@runtime_checkable
class View(Protocol):
    """One batch entry of a synthesis, as panels by name."""

    names: list[str]
    """Names of the panels there are."""
    default: list[str]
    """Those shown unless others are asked for."""
    headline: str
    """One line that says what it is and how it ended."""

    def iterations(self) -> list[int]:
        """Iterations that can be shown, in order."""
        ...

    def panels(self, name: str, iteration: int | None, **options: Any) -> Sequence[Any]:
        """Panels of one name at one iteration, the last one for ``None``."""
        ...


def with_target(view: View) -> list[str]:
    """Names of the usual panels, with the target before them where there is one."""
    return [TARGET, *view.default] if TARGET in view.names and TARGET not in view.default else view.default


class OwnPanels:
    """View of an object that offers panels itself."""

    def __init__(self, source: OffersPanels, batch_idx: int, channel_idx: int | None) -> None:
        self.source, self.batch_idx, self.channel_idx = source, batch_idx, channel_idx
        self._latest: tuple[int | None, Sequence[Any]] = (None, source.panels(None, batch_idx, channel_idx))
        self.names = list(dict.fromkeys(panel.name for panel in self._latest[1]))
        self.default = self.names
        self.headline = headline(source, batch_idx)

    def iterations(self) -> list[int]:
        """Ask the object."""
        found = getattr(self.source, "panel_iterations", None)
        if found is None:
            raise InputError(
                f"{type(self.source).__name__} does not say which iterations can be shown; give it an attribute "
                "panel_iterations, for instance range(0, 101, 10)."
            )
        return list(found() if callable(found) else found)

    def panels(self, name: str, iteration: int | None, **options: Any) -> Sequence[Any]:
        """Ask the object, once for each iteration."""
        if options:
            raise InputError(f"{type(self.source).__name__} makes its own panels and takes no {sorted(options)}.")
        if self._latest[0] != iteration:
            self._latest = (iteration, self.source.panels(iteration, self.batch_idx, self.channel_idx))
        return [panel for panel in self._latest[1] if panel.name == name]


def view_of(synthesis: Any, batch_idx: int = 0, channel_idx: int | None = None) -> View:
    """Return the view of any object that offers panels or has the attributes of a synthesis."""
    from metameric.plot._eigen_view import EigenView
    from metameric.plot._vocabulary import Vocabulary, stimulus_name

    if isinstance(synthesis, OffersPanels):
        return OwnPanels(synthesis, batch_idx, channel_idx)
    if hasattr(synthesis, "eigendistortions"):
        return EigenView(synthesis, batch_idx, channel_idx)
    name = stimulus_name(synthesis)
    if name is not None:
        return Vocabulary(synthesis, name, batch_idx, channel_idx)
    raise InputTypeError(
        f"Found a {type(synthesis).__name__}; expected a synthesis: an object that offers panels(iteration, batch_idx, "
        "channel_idx), or has a stimulus (metamer, mad_image, eigendistortions or the one named by stimulus_name)."
    )


def entries_of(synthesis: Any) -> int:
    """Return how many views there are: batch entries, or eigendistortions of all images."""
    found = getattr(synthesis, "eigendistortions", None)
    if found is not None:
        image: Tensor = synthesis.image
        return int(found.shape[0] * found.shape[1] if found.ndim > image.ndim else found.shape[0])
    status = getattr(getattr(synthesis, "result", None), "status", None)
    return 1 if status is None else len(status)


def headline(synthesis: Any, batch_idx: int) -> str:
    """One line: method, how the batch entry ended, and the first figure by which the method is judged."""
    name = type(synthesis).__name__
    try:
        result = getattr(synthesis, "result", None)
    except StateError:
        return f"{name}: not run yet"
    if result is None or not hasattr(result, "status"):
        return name
    if labels := getattr(result, "labels", ()):
        name += f", {labels[batch_idx]}"
    status = result.status[batch_idx] if isinstance(result.status, Sequence) else result.status
    # Some methods have several outcomes for one batch entry.
    several = list(status) if isinstance(status, Sequence) and not isinstance(status, str) else [status]
    text = f"{name}: {', '.join(dict.fromkeys(str(s) for s in several))}"
    if getattr(result, "iterations", None) is not None:
        text += f", {result.iterations} iterations"
    for label, values in list(getattr(result, "figures", {}).items())[:2]:
        value = to_numpy(torch.as_tensor(values[batch_idx % len(values)]))
        if value.size == 1:
            text += f", {label.replace('_', ' ')} {float(value):.3g}"
    return text


def nearest_stored(stored: Sequence[int], iteration: int) -> int:
    """Position of the stored iteration nearest to the one asked for; a warning says if it is another one."""
    position = min(range(len(stored)), key=lambda i: abs(stored[i] - iteration))
    if stored[position] != iteration:
        warnings.warn(
            f"Iteration {iteration} was not stored; showing the stimulus of iteration {stored[position]}.",
            UserWarning,
            stacklevel=4,
        )
    return position


Process = Callable[[Tensor], Tensor]
