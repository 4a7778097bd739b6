"""Panels of stimuli by their shape: images, sounds, videos."""

from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import CurvesPanel, ImagePanel, Panel, ValueRange


def stimulus_panel(
    name: str, stimulus: Tensor, channel_idx: int | None, title: str, vrange: ValueRange = "indep1"
) -> Panel:
    """Panel of one stimulus: (channel, height, width), (channel, samples) or (channel, time, height, width)."""
    if channel_idx is not None:
        stimulus = stimulus[channel_idx : channel_idx + 1]
    if stimulus.ndim == 2:
        curves = {f"channel {i}": samples for i, samples in enumerate(stimulus)}
        return CurvesPanel(name, curves, title, xlabel="Sample", ylabel="Amplitude", log=False)
    if stimulus.ndim == 4:
        middle = stimulus.shape[1] // 2
        title, stimulus = f"{title} [frame={middle}]", stimulus[:, middle]
    if stimulus.ndim != 3:
        raise InputError(f"Found a stimulus of shape {tuple(stimulus.shape)}; expected an image, a sound or a video.")
    if stimulus.shape[0] not in (1, 3, 4):
        raise InputError(f"Found an image of {stimulus.shape[0]} channels; choose one with channel_idx.")
    return ImagePanel(name, stimulus, title, vrange)
