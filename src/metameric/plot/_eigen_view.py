"""Panels of eigendistortions."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import HistogramPanel, Panel, Real
from metameric.plot._pictures import check_index
from metameric.plot._stimulus import stimulus_panel
from metameric.plot._views import HISTOGRAM, IMAGE, Process, headline


class EigenView:
    """View of one eigendistortion: batch entries are the eigendistortions of one image."""

    def __init__(self, synthesis: Any, batch_idx: int, channel_idx: int | None) -> None:
        found = synthesis.eigendistortions
        if found is None or len(found) == 0:
            raise InputError("There are no eigendistortions yet; call synthesize() first.")
        self.synthesis, self.channel_idx = synthesis, channel_idx
        self.index = check_index("batch_idx", batch_idx, len(found))
        self.distortion: Tensor = found[self.index].detach()
        self.names = self.default = [IMAGE, HISTOGRAM]
        self.headline = f"{headline(synthesis, 0)}, eigenvalue {float(synthesis.eigenvalues[self.index]):.3g}"

    def iterations(self) -> list[int]:
        """There are none."""
        raise InputError("Eigendistortions have no iterations to show; see synthesis_status.")

    def panels(self, name: str, iteration: int | None, **options: Any) -> Sequence[Any]:
        """Make the panels of one name."""
        if iteration is not None:
            raise InputError(f"iteration={iteration}, but eigendistortions have none; leave it out.")
        return self._image(**options) if name == IMAGE else self._histogram(**options)

    @property
    def _label(self) -> str:
        return f"Eigendistortion[{self.index}]"

    def _image(self, distortion_scale: Real = 5.0, process_image: Process | None = None) -> list[Panel]:
        shown = self.synthesis.image.detach() + distortion_scale * self.distortion
        if process_image is not None:
            shown = process_image(shown)
        title = f"Image + {distortion_scale:g} × {self._label}"
        return [stimulus_panel(IMAGE, torch.as_tensor(shown)[0], self.channel_idx, title)]

    def _histogram(self) -> list[Panel]:
        channels = slice(None) if self.channel_idx is None else slice(self.channel_idx, self.channel_idx + 1)
        return [HistogramPanel(HISTOGRAM, {self._label: self.distortion[channels]}, "Histogram of tensor values")]
