"""Power by spatial frequency."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.tensors import to_numpy
from metameric.plot._axes import current_axes, plain
from metameric.plot._canvas import FONT_SIZE
from metameric.plot._colors import line_style


def radial_spectrum(
    images: Mapping[str, Tensor] | Tensor | Sequence[Tensor],
    *,
    batch_idx: int = 0,
    channel_idx: int | None = None,
    ax: Axes | None = None,
    title: str = "Power spectrum, averaged over orientation",
    **kwargs: Any,
) -> Axes:
    """Plot the power of images against spatial frequency, averaged over orientation, on logarithmic axes.

    Parameters
    ----------
    images
        Images (batch, channel, height, width) by name, for instance target and metamer.
    batch_idx
        Batch entry.
    channel_idx
        One channel; the average over all of them by default.
    ax
        Axes; pyplot's current ones by default.
    title
        Title.
    **kwargs
        Passed to :meth:`matplotlib.axes.Axes.plot`.

    Notes
    -----
    Frequencies are those of rings one cycle per image wide (of the shorter side), in cycles per pixel up to 0.5;
    the mean is subtracted first.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> axes = mm.plot.radial_spectrum({"target": torch.rand(1, 1, 32, 32), "metamer": torch.rand(1, 1, 32, 32)})
    """
    if isinstance(images, Tensor):
        images = {"": images}
    elif not isinstance(images, Mapping):
        images = {f"image {i}": image for i, image in enumerate(images)}
    ax = current_axes(ax)
    for i, (label, image) in enumerate(images.items()):
        if image.ndim != 4:
            raise InputError(f"{label or 'images'}: found the shape {tuple(image.shape)}; expected 4 dimensions.")
        entry = image.detach()[batch_idx]
        chosen = entry if channel_idx is None else entry[channel_idx : channel_idx + 1]
        frequencies, power = ring_means(chosen)
        style = {**line_style(i), "linewidth": 1.5, "label": label, **kwargs}
        ax.plot(to_numpy(frequencies), to_numpy(power), **style)
    ax.set_xscale("log")
    ax.set_yscale("log")
    _octave_ticks(ax)
    plain(ax, title, "Spatial frequency (cycles/pixel)", "Power")
    if len(images) > 1:
        ax.legend(fontsize=FONT_SIZE - 1, frameon=False)
    return ax


def _octave_ticks(ax: Axes) -> None:
    low = ax.get_xlim()[0]
    octaves = [k for k in range(1, 16) if 2.0**-k >= low]
    ax.set_xticks([2.0**-k for k in octaves], [f"1/{2**k}" for k in octaves])
    ax.set_xticks([], minor=True)


def ring_means(image: Tensor) -> tuple[Tensor, Tensor]:
    """Frequencies of rings, (rings,), in cycles per pixel, and the mean power of (channel, height, width) in each."""
    centred = image - image.mean((-2, -1), keepdim=True)
    height, width = image.shape[-2:]
    power = torch.fft.fft2(centred, norm="ortho").abs().square().mean(0)
    rows = torch.fft.fftfreq(height, dtype=power.dtype, device=power.device)
    columns = torch.fft.fftfreq(width, dtype=power.dtype, device=power.device)
    shorter = min(height, width)
    rings = (torch.hypot(rows[:, None], columns) * shorter).round().long().flatten()
    n_rings = shorter // 2 + 1
    inside = rings < n_rings
    total = torch.zeros(n_rings, dtype=power.dtype, device=power.device)
    counts = total.clone()
    total.index_add_(0, rings[inside], power.flatten()[inside])
    counts.index_add_(0, rings[inside], torch.ones_like(power.flatten()[inside]))
    frequencies = torch.arange(n_rings, dtype=power.dtype, device=power.device) / shorter
    return frequencies[1:], (total / counts)[1:]
