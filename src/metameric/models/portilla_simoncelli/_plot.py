"""Texture statistics as the vectors that are drawn side by side."""

from typing import Any

import torch
from torch import Tensor

from metameric.models.portilla_simoncelli._layout import Representation

GROUPS = {
    "pixels + high-pass\nvariance": ("pixel_statistics", "var_highpass_residual"),
    "low-pass std,\nskew, kurtosis": ("std_reconstructed", "skew_reconstructed", "kurtosis_reconstructed"),
    "magnitude\nstd": ("magnitude_std",),
    "low-pass\nautocorrelation": ("auto_correlation_reconstructed",),
    "magnitude\nautocorrelation": ("auto_correlation_magnitude",),
    "magnitude correlation\nacross orientations": ("cross_orientation_correlation_magnitude",),
    "magnitude correlation\nacross scales": ("cross_scale_correlation_magnitude",),
    "real correlation\nacross scales": ("cross_scale_correlation_real",),
}


def grouped(representation: Representation, batch_idx: int) -> dict[str, Tensor]:
    """Group the families of one batch entry, each group as (1, 1, n): channels averaged, redundant members left out."""
    groups = {}
    for title, names in GROUPS.items():
        present = [representation[name][batch_idx].detach().flatten(1) for name in names if name in representation]
        values = torch.cat(present, dim=1) if present else torch.empty(1, 0)
        values = values.mean(0)
        values = values[~torch.isnan(values)]
        if values.numel():
            groups[title] = values[None, None]
    return groups


def draw(
    groups: dict[str, Tensor], ax: Any, figsize: tuple[float, float] | None, ylim: Any, title: str
) -> tuple[Any, list[Any]]:
    """One stem plot per group, in rows of four."""
    from metameric.plot._axes import split, symmetric_limits
    from metameric.plot._pixels import new_figure
    from metameric.plot._stem import stem_plot

    if ax is None:
        width, height = figsize or (12, 5)
        width, height = 100 * width, 100 * height
        ax = new_figure(width, height).add_axes((50 / width, 30 / height, 1 - 65 / width, 1 - 80 / height))
    values = {name: group.squeeze((0, 1)).cpu().numpy() for name, group in groups.items()}
    correlations = symmetric_limits([group for name, group in values.items() if "correlation" in name])
    # Tick labels and the two lines of a title have their place between the plots.
    axes = split(ax, -(-len(groups) // 4), min(4, len(groups)), gaps=(48, 62))[: len(groups)]
    for panel, (name, group) in zip(axes, values.items(), strict=True):
        limits = (correlations if "correlation" in name else False) if ylim is None else ylim
        stem_plot(group, panel, f"{title} {name}".strip(), limits)
    return ax.figure, axes
