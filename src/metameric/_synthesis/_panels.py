"""Panels of syntheses whose stimulus is a set or a sequence, (batch, members, ...)."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import CurvesPanel, ImagePanel, Panel, ValueRange
from metameric._synthesis._synthesis import Synthesis

MOST = 5
"""Members shown in one figure."""


class SetSynthesis(Synthesis):
    """Base of the syntheses of sets and sequences: they offer their own panels."""

    _curves: tuple[str, ...] = ("total",)
    """Columns of the trace worth a curve."""
    _signed: ClassVar[bool] = False
    """Whether zero means nothing there: members are then shown each symmetrically about it."""

    @property
    def panel_iterations(self) -> list[int]:
        """Iterations that can be shown: those stored, and the last one."""
        return self._stored_iterations() or [0 if self._run is None else self._run.iteration]

    def panels(
        self, iteration: int | None = None, batch_idx: int = 0, channel_idx: int | None = None
    ) -> Sequence[Panel]:
        """Say what there is to see: members of the set, and how the objective fell."""
        stimulus = self._members_at(iteration, batch_idx).detach().cpu()
        found: list[Panel] = []
        if stimulus.ndim == 4:
            shared = (float(stimulus.min()), float(stimulus.max()))
            vrange: ValueRange = "indep0" if self._signed else shared
            for i in self._worth_showing(len(stimulus)):
                image = self._shown(stimulus[i], channel_idx)
                found.append(ImagePanel("synthesis_imshow", image, self._title(i), vrange))
        if self._run is not None:
            at = self._run.iteration if iteration is None else iteration % len(self._run.trace)
            for name in self._curves:
                curve = {name: self._column(name)[:, batch_idx].detach().cpu()}
                label = name.replace("_", " ").capitalize()
                found.append(CurvesPanel("synthesis_loss", curve, ylabel=label, log=name != "total", iteration=at))
        return [*found, *self._more_panels(stimulus, batch_idx)]

    def _members_at(self, iteration: int | None, batch_idx: int) -> Tensor:
        return self._stimulus_at(iteration)[batch_idx]

    def _worth_showing(self, n: int) -> list[int]:
        """Choose some of `n` members, evenly."""
        chosen: list[int] = torch.linspace(0, n - 1, min(MOST, n)).round().long().tolist()
        return chosen

    def _more_panels(self, stimulus: Tensor, batch_idx: int) -> Sequence[Panel]:
        """Return what else there is to see of one batch entry (members, ...)."""
        return ()

    def _title(self, member: int) -> str:
        return f"{self.stimulus_name.replace('_', ' ')} {member}"

    def _shown(self, image: Tensor, channel_idx: int | None) -> Tensor:
        if channel_idx is not None:
            return image[channel_idx : channel_idx + 1]
        return image if image.shape[0] in (1, 3, 4) else image[:1]

    def _stimulus_at(self, iteration: int | None) -> Tensor:
        last = 0 if self._run is None else self._run.iteration
        if iteration is None or iteration % (last + 1) == last:
            return self._stimulus
        if self._snapshots is None:
            raise InputError("only the last stimulus was kept; call synthesize with store_progress=True to see others.")
        stored = self._stored_iterations()
        position = min(range(len(stored)), key=lambda i: abs(stored[i] - iteration % (last + 1)))
        return self._saved[position]
