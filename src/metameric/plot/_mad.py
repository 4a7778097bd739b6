"""Full sets of MAD competition: two metrics, each minimised and maximised while the other is held."""

from collections.abc import Mapping
from typing import Any

import torch
from matplotlib.figure import Figure

from metameric._core.batched import name_of
from metameric._core.errors import InputError
from metameric._core.panels import Real
from metameric._core.tensors import to_numpy
from metameric.plot._axes import plain, whole_ticks
from metameric.plot._canvas import FONT_SIZE
from metameric.plot._colors import BLUE, VERMILION
from metameric.plot._imshow import imshow
from metameric.plot._pixels import new_figure

_COLOR_1: Mapping[str, Any] = {"c": BLUE}
_COLOR_2: Mapping[str, Any] = {"c": VERMILION}
_MIN: Mapping[str, Any] = {"linestyle": "--"}
_MAX: Mapping[str, Any] = {"linestyle": "-"}


def mad_imshow_all(
    mad_metric1_min: Any,
    mad_metric2_min: Any,
    mad_metric1_max: Any,
    mad_metric2_max: Any,
    metric1_name: str | None = None,
    metric2_name: str | None = None,
    zoom: Real = 1,
    **kwargs: Any,
) -> Figure:
    """Show the reference, the noisy image and the best and worst image of each metric.

    Parameters
    ----------
    mad_metric1_min, mad_metric2_min, mad_metric1_max, mad_metric2_max
        Four competitions about one image.
    metric1_name, metric2_name
        Names for the titles; by default those of the optimised metrics.
    zoom
        As in `imshow`.
    **kwargs
        `batch_idx`, `channel_idx`, `iteration`, and further arguments of `imshow`.

    Raises
    ------
    InputError
        If the four do not have the same image.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> from metameric.metric import mse, ssim
    >>> image = torch.rand(1, 1, 16, 16)
    >>> mads = []
    >>> for driven, held in ((mm.metric.as_distance(ssim), mse), (mse, mm.metric.as_distance(ssim))):
    ...     for minmax in ("min", "max"):
    ...         mads.append(mm.MADCompetition(image, driven, held, minmax))
    ...         mads[-1].setup(0.1)
    ...         _ = mads[-1].synthesize(2, progress=False)
    >>> ssim_min, ssim_max, mse_min, mse_max = mads
    >>> figure = mm.plot.mad_imshow_all(ssim_min, mse_min, ssim_max, mse_max, "1 - SSIM", "MSE")
    """
    four = (mad_metric1_min, mad_metric1_max, mad_metric2_min, mad_metric2_max)
    _check_same_image(four)
    first, second = _names(four, metric1_name, metric2_name)
    batch_idx, channel_idx = kwargs.pop("batch_idx", 0), kwargs.pop("channel_idx", None)
    iteration = kwargs.pop("iteration", None)
    images = [four[0].image, four[0].initial_image]
    for mad in four:
        at = None if iteration is None else mad.get_progress(iteration)["saved_mad_image"]
        images.append(mad.mad_image if at is None else at)
    titles = ["Reference image", "Initial image"]
    titles += [f"{verb} {name}" for name in (first, second) for verb in ("Lowest", "Highest")]
    shown = [i.detach()[batch_idx % len(i)][None] for i in images]
    as_rgb = channel_idx is None and shown[0].shape[1] in (3, 4)
    options = {"col_wrap": 2, "vrange": "auto1", **kwargs}
    return imshow(shown, zoom=zoom, title=titles, channel_idx=channel_idx, as_rgb=as_rgb, **options)


def mad_loss_all(
    mad_metric1_min: Any,
    mad_metric2_min: Any,
    mad_metric1_max: Any,
    mad_metric2_max: Any,
    metric1_name: str | None = None,
    metric2_name: str | None = None,
    metric1_kwargs: Mapping[str, Any] = _COLOR_1,
    metric2_kwargs: Mapping[str, Any] = _COLOR_2,
    min_kwargs: Mapping[str, Any] = _MIN,
    max_kwargs: Mapping[str, Any] = _MAX,
    figsize: tuple[Real, Real] = (10, 5),
) -> Figure:
    """Plot both metrics over the iterations of four competitions.

    Parameters
    ----------
    mad_metric1_min, mad_metric2_min, mad_metric1_max, mad_metric2_max
        Four competitions about one image.
    metric1_name, metric2_name
        Names for axes and legend; by default those of the optimised metrics.
    metric1_kwargs, metric2_kwargs, min_kwargs, max_kwargs
        How to draw lines of competitions that optimise this metric, or in this direction.
    figsize
        Inches of the figure.

    Raises
    ------
    InputError
        If the four do not have the same image.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> from metameric.metric import mse, ssim
    >>> image = torch.rand(1, 1, 16, 16)
    >>> mads = []
    >>> for driven, held in ((mm.metric.as_distance(ssim), mse), (mse, mm.metric.as_distance(ssim))):
    ...     for minmax in ("min", "max"):
    ...         mads.append(mm.MADCompetition(image, driven, held, minmax))
    ...         mads[-1].setup(0.1)
    ...         _ = mads[-1].synthesize(2, progress=False)
    >>> ssim_min, ssim_max, mse_min, mse_max = mads
    >>> figure = mm.plot.mad_loss_all(ssim_min, mse_min, ssim_max, mse_max, "1 - SSIM", "MSE")
    """
    four = (mad_metric1_min, mad_metric1_max, mad_metric2_min, mad_metric2_max)
    _check_same_image(four)
    names = _names(four, metric1_name, metric2_name)
    styles = [{**m, **d} for m in (metric1_kwargs, metric2_kwargs) for d in (min_kwargs, max_kwargs)]
    labels = [f"{verb} {name}" for name in names for verb in ("Minimise", "Maximise")]
    figure = new_figure(100 * figsize[0], 100 * figsize[1])
    axes = [figure.add_axes((0.08 + 0.49 * i, 0.22, 0.41, 0.68), label=name) for i, name in enumerate(names)]
    for i, (mad, style, label) in enumerate(zip(four, styles, labels, strict=True)):
        series = [mad.optimized_metric_loss, mad.reference_metric_loss]
        for values, ax in zip(series if i < 2 else series[::-1], axes, strict=True):
            ax.plot(to_numpy(torch.as_tensor(values)), label=label, **style)
    for ax, name in zip(axes, names, strict=True):
        plain(ax, None, "Synthesis iteration", name)
        whole_ticks(ax)
    handles, found = axes[0].get_legend_handles_labels()
    figure.legend(handles, found, loc="lower center", ncols=4, fontsize=FONT_SIZE, frameon=False)
    return figure


def _names(four: tuple[Any, ...], first: str | None, second: str | None) -> tuple[str, str]:
    return first or name_of(four[0].optimized_metric), second or name_of(four[2].optimized_metric)


def _check_same_image(four: tuple[Any, ...]) -> None:
    image = four[0].image
    if any(mad.image.shape != image.shape or not torch.equal(mad.image, image) for mad in four[1:]):
        raise InputError("The four competitions do not have the same image; expected four about one image.")
