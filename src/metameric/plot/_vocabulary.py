"""Panels of a synthesis that runs through iterations, from its attributes."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import (
    CurvesPanel,
    HistogramPanel,
    OffersRepresentationPanels,
    Panel,
    RepresentationPanel,
    ValueRange,
)
from metameric.plot._axes import Limits
from metameric.plot._by_model import ByModelPanel
from metameric.plot._parts import parts_of
from metameric.plot._pictures import check_index
from metameric.plot._stimulus import UNIT, stimulus_panel, usual_range
from metameric.plot._views import ERROR, HISTOGRAM, IMAGE, LOSS, TARGET, Process, headline, nearest_stored

_LABELS = {"metamer": "Metamer", "mad_image": "MAD"}
_NOT_STORED = "Only the last stimulus was kept; call synthesize with store_progress=True to see others."
_METRICS = {"reference_metric_loss": "reference_metric", "optimized_metric_loss": "optimized_metric"}


def stimulus_name(synthesis: Any) -> str | None:
    """Name of the attribute that holds the stimulus."""
    named = getattr(synthesis, "stimulus_name", None)
    return next((n for n in (named, *_LABELS) if n is not None and hasattr(synthesis, n)), None)


class Vocabulary:
    """View of one batch entry. What does not change with the iteration is read from the synthesis once."""

    def __init__(self, synthesis: Any, name: str, batch_idx: int, channel_idx: int | None) -> None:
        self.synthesis, self.name = synthesis, name
        self.label = _LABELS.get(name, name.replace("_", " ").capitalize())
        last: Tensor = getattr(synthesis, name)
        if last is None or last.numel() == 0:
            raise InputError(f"This {type(synthesis).__name__} has no {name} yet; call setup() or synthesize() first.")
        self.last = last.detach()
        self.batch_idx = check_index("batch_idx", batch_idx, last.shape[0])
        self.channel_idx = None if channel_idx is None else check_index("channel_idx", channel_idx, last.shape[1])
        has_error = hasattr(synthesis, "target_representation") and hasattr(synthesis, "model")
        self.default = [IMAGE, LOSS, ERROR] if has_error else [IMAGE, LOSS]
        has_target = getattr(synthesis, "image", None) is not None
        self.names = [*([TARGET] if has_target else []), *self.default, HISTOGRAM]
        self.headline = headline(synthesis, self.batch_idx)

    # Iterations -----------------------------------------------------------------------------------------------------

    @cached_property
    def curves(self) -> dict[str, Tensor]:
        """Series over iterations of this batch entry: the parts of the objective."""
        synthesis = self.synthesis
        if all(hasattr(synthesis, name) for name in _METRICS):
            found = {name: self._trace(col, self._entry(getattr(synthesis, name))) for name, col in _METRICS.items()}
        elif hasattr(synthesis, "responses"):
            found = {"response": self._entry(synthesis.responses)}
        else:
            found = {"loss": self._loss()}
        if hasattr(synthesis, "penalties"):
            found["penalties"] = self._trace("penalty", self._entry(synthesis.penalties))
        return found

    def _loss(self) -> Tensor:
        total = self._entry(self.synthesis.losses)
        weight, penalties = (getattr(self.synthesis, n, None) for n in ("penalty_lambda", "penalties"))
        if weight is not None and penalties is not None:
            total = total - weight * self._entry(penalties)
        return self._trace("loss", self._trace("total", total))

    def _trace(self, column: str, otherwise: Tensor) -> Tensor:
        # The attributes reduce over the batch; the trace keeps a value for each entry.
        if self.last.shape[0] == 1:
            return otherwise
        trace: Any = getattr(getattr(self.synthesis, "result", None), "trace", ())
        return self._entry(trace[column]) if column in trace else otherwise

    def _entry(self, series: Tensor) -> Tensor:
        series = torch.as_tensor(series).detach().cpu()
        return series[:, self.batch_idx] if series.ndim > 1 else series

    @property
    def n_points(self) -> int:
        return len(next(iter(self.curves.values())))

    @cached_property
    def saved(self) -> Tensor | None:
        """Stored stimuli, (stored, batch, ...)."""
        saved = getattr(self.synthesis, f"saved_{self.name}", None)
        return saved if saved is not None and len(saved) else None

    @cached_property
    def stored(self) -> list[int]:
        """Iterations of the stored stimuli: evenly spaced, then the last one."""
        if self.saved is None:
            return []
        step = int(self.synthesis.store_progress or 1)
        return [min(i * step, self.n_points - 1) for i in range(len(self.saved))]

    def iterations(self) -> list[int]:
        """Iterations whose stimulus was stored."""
        if not self.stored:
            raise InputError(_NOT_STORED)
        return self.stored

    def _checked(self, iteration: int | None) -> int:
        if iteration is None:
            return self.n_points - 1
        if not -self.n_points <= iteration < self.n_points:
            raise IndexError(f"iteration={iteration} is out of bounds; {self.n_points} were recorded, from 0.")
        return iteration % self.n_points

    def stimulus(self, iteration: int | None) -> tuple[Tensor, int]:
        """Stimulus of this batch entry, (1, channel, ...), and its iteration."""
        at = self._checked(iteration)
        b = self.batch_idx
        if iteration is None or at == self.n_points - 1:
            return self.last[b : b + 1], at
        if self.saved is None:
            raise InputError(_NOT_STORED)
        position = nearest_stored(self.stored, at)
        return self.saved[position, b : b + 1], self.stored[position]

    # Panels ---------------------------------------------------------------------------------------------------------

    def panels(self, name: str, iteration: int | None, **options: Any) -> Sequence[Any]:
        """Make the panels of one name."""
        makers: dict[str, Any] = {
            TARGET: self._target,
            IMAGE: self._image,
            LOSS: self._losses,
            ERROR: self._error,
            HISTOGRAM: self._histogram,
        }
        return makers[name](iteration, **options)

    def _titled(self, iteration: int) -> str:
        return f"{self.label}[{self.batch_idx}] [iteration={iteration}]"

    def _image(self, iteration: int | None, process_image: Process | None = None) -> list[Panel]:
        stimulus, at = self.stimulus(iteration)
        if process_image is not None:
            stimulus = process_image(stimulus)
        return [stimulus_panel(IMAGE, stimulus[0], self.channel_idx, self._titled(at), self._range(stimulus))]

    def _target(self, iteration: int | None, process_image: Process | None = None) -> list[Panel]:
        image: Tensor = self.synthesis.image.detach()
        b = self.batch_idx % image.shape[0]
        shown = image[b : b + 1] if process_image is None else process_image(image[b : b + 1])
        return [stimulus_panel(TARGET, shown[0], self.channel_idx, "Target", self._range(shown))]

    def _range(self, shown: Tensor) -> ValueRange:
        """The range of images for what lies within it, so that a stimulus can be compared with its target by eye."""
        return UNIT if self._target_in_range and usual_range(shown) == UNIT else "indep1"

    @cached_property
    def _target_in_range(self) -> bool:
        image: Tensor | None = getattr(self.synthesis, "image", None)
        return image is not None and usual_range(image) == UNIT

    def _losses(self, iteration: int | None, plot_penalties: bool = False) -> list[Panel]:
        at = self._checked(iteration)
        if "loss" in self.curves:
            curves = {f"{self.label.lower()} loss": self.curves["loss"]}
            if plot_penalties and "penalties" in self.curves:
                curves["penalty"] = self.curves["penalties"]
            return [CurvesPanel(LOSS, curves, iteration=at)]
        kept = [n for n in self.curves if n != "penalties" or plot_penalties]
        labels = {name: name.replace("_", " ").capitalize() for name in kept}
        return [CurvesPanel(LOSS, {n: self.curves[n]}, ylabel=labels[n], log=False, iteration=at) for n in kept]

    @torch.no_grad()
    def representation_error(self, iteration: int | None, **model_kwargs: Any) -> Tensor:
        """Representation of the stimulus minus that of the target, for this batch entry."""
        target: Tensor = self.synthesis.target_representation
        stimulus, _ = self.stimulus(iteration)
        b = self.batch_idx
        return self.synthesis.model(stimulus.to(self.last), **model_kwargs) - target[b : b + 1]

    def _error(
        self, iteration: int | None, ylim: Limits = None, as_rgb: bool = False, **model_kwargs: Any
    ) -> list[Any]:
        error, model = self.representation_error(iteration, **model_kwargs), self.synthesis.model
        title = "Representation error"
        if isinstance(model, OffersRepresentationPanels):
            panels = model.representation_panels(error, batch_idx=0)
            titles = [f"Error, {panel.title}" if panel.title else title for panel in panels]
            return [replace(p, name=ERROR, title=text) for p, text in zip(panels, titles, strict=True)]
        if hasattr(model, "plot_representation"):
            return [ByModelPanel(ERROR, model, error, "error", ylim)]
        parts = parts_of(error, 0, title, as_rgb)
        if len(parts) > 1:
            parts = parts_of(error, 0, "Error,", as_rgb)
        return [RepresentationPanel(ERROR, {p.title: torch.from_numpy(p.values) for p in parts}, title, ylim)]

    def _histogram(self, iteration: int | None) -> list[Panel]:
        stimulus, at = self.stimulus(iteration)
        channels = slice(None) if self.channel_idx is None else slice(self.channel_idx, self.channel_idx + 1)
        values = {self._titled(at): stimulus[:, channels]}
        image: Tensor | None = getattr(self.synthesis, "image", None)
        if image is not None:
            b = self.batch_idx % image.shape[0]
            values["Target image"] = image[b : b + 1, channels]
        return [HistogramPanel(HISTOGRAM, values, "Histogram of tensor values")]
