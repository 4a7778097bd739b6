"""Panels of stimuli by their shape (images, sounds, videos), and the range in which to show images."""

from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import CurvesPanel, ImagePanel, Panel, ValueRange

UNIT = (0.0, 1.0)


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


def usual_range(image: Tensor) -> tuple[float, float]:
    """Range in which an image and its changes can be compared: 0 to 1 for an image within, else its own."""
    low, high = (float(value) for value in image.aminmax())
    return UNIT if low >= 0 and high <= 1 else (low, high)


def beyond(image: Tensor, limits: tuple[float, float]) -> str:
    """Say how much of a gray image lies beyond a range; captions of colour images say it themselves."""
    share = float(((image < limits[0]) | (image > limits[1])).double().mean())
    return f"\n({share:.0%} clipped)" if share >= 0.005 and image.shape[-3] not in (3, 4) else ""
