"""Panels of eigendistortions."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import HistogramPanel, Panel, Real
from metameric.plot._pictures import check_index
from metameric.plot._stimulus import beyond, stimulus_panel, usual_range
from metameric.plot._views import HISTOGRAM, IMAGE, Process, headline


class EigenView:
    """View of one eigendistortion: batch entries are those of one image, or of one image after the other."""

    def __init__(self, synthesis: Any, batch_idx: int, channel_idx: int | None) -> None:
        found = synthesis.eigendistortions
        if found is None or found.numel() == 0:
            raise InputError("There are no eigendistortions yet; call synthesize() first.")
        self.channel_idx = channel_idx
        image: Tensor = synthesis.image.detach()
        several = found.ndim > image.ndim
        each = found.shape[1] if several else len(found)
        entry = check_index("batch_idx", batch_idx, len(image) * each if several else each)
        at, index = divmod(entry, each)
        self.problem = at
        self.image, self.distortion = image[at], found.detach().reshape(-1, *image.shape[1:])[entry]
        self.names = self.default = [IMAGE, HISTOGRAM]
        self._label = f"Eigendistortion[{index}]" + (f" of image {at}" if several else "")
        value = float(torch.as_tensor(synthesis.eigenvalues).reshape(-1)[entry])
        self.headline = f"{headline(synthesis, at)}, eigenvalue {value:.3g}"

    def iterations(self) -> list[int]:
        """There are none."""
        raise InputError("Eigendistortions have no iterations to show; see synthesis_status.")

    def panels(self, name: str, iteration: int | None, **options: Any) -> Sequence[Any]:
        """Make the panels of one name."""
        if iteration is not None:
            raise InputError(f"iteration={iteration}, but eigendistortions have none; leave it out.")
        return self._image(**options) if name == IMAGE else self._histogram(**options)

    def _image(self, distortion_scale: Real = 5.0, process_image: Process | None = None) -> list[Panel]:
        process = process_image or (lambda x: x)
        image, shown = process(self.image[None])[0], process((self.image + distortion_scale * self.distortion)[None])[0]
        title, limits = f"Image + {distortion_scale:g} × {self._label}", None
        if image.ndim == 3:
            limits = usual_range(image)
            channels = slice(None) if self.channel_idx is None else [self.channel_idx]
            title += beyond(shown[channels], limits)
        return [stimulus_panel(IMAGE, shown, self.channel_idx, title, limits or "indep1")]

    def _histogram(self) -> list[Panel]:
        channels = slice(None) if self.channel_idx is None else slice(self.channel_idx, self.channel_idx + 1)
        return [HistogramPanel(HISTOGRAM, {self._label: self.distortion[channels]}, "Histogram of tensor values")]
