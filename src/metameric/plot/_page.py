"""A self-contained page about a synthesis, to look at and to keep."""

import base64
import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import CurvesPanel, ImagePanel
from metameric._core.tensors import to_numpy
from metameric._version import __version__
from metameric.plot._chart import chart
from metameric.plot._colors import signed_map
from metameric.plot._views import IMAGE, LOSS, TARGET, View, entries_of, view_of

MAX_ENTRIES = 24
_ITERATION = re.compile(r"\[\d+\] \[iteration=\d+\]$")


def report(
    synthesis_object: Any,
    path: str | Path | None = None,
    *,
    title: str | None = None,
    process_image: Callable[[Tensor], Tensor] | None = None,
) -> str:
    """Make a page in one file: target and stimulus to compare by eye, loss curve, numbers, options and versions.

    The page asks for nothing from elsewhere. It compares side by side, by flicker (space bar), by wiping or by
    the difference, at whole zooms; keys are listed on it.

    Parameters
    ----------
    synthesis_object
        Any synthesis of images. With a target image it can be compared in all these ways; stimuli without one, sets
        and sequences are shown side by side.
    path
        Where to write the page, if anywhere.
    title
        Heading; by default the name of the method.
    process_image
        Applied to target and stimulus, (1, channel, height, width), before they are shown.

    Returns
    -------
    page
        The HTML.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(torch.rand(1, 1, 16, 16), mm.models.Identity())
    >>> metamer.setup(seed=0)
    >>> _ = metamer.synthesize(2, progress=False)
    >>> page = mm.plot.report(metamer)
    """
    result = getattr(synthesis_object, "result", None)
    batch = entries_of(synthesis_object)
    n_entries = min(batch, MAX_ENTRIES)
    views = [view_of(synthesis_object, i) for i in range(n_entries)]
    environment = jinja2.Environment(loader=jinja2.PackageLoader("metameric.plot", "templates"), autoescape=True)
    page = environment.get_template("report.html.jinja").render(
        title=title or type(synthesis_object).__name__,
        entries=[_entry(view, i, result, process_image) for i, view in enumerate(views)],
        left_out=batch - n_entries,
        options=_options(result),
        version=__version__,
    )
    if path is not None:
        Path(path).write_text(page, encoding="utf-8")
    return page


def _entry(view: View, index: int, result: Any, process_image: Callable[[Tensor], Tensor] | None) -> dict[str, Any]:
    options = {} if process_image is None else {"process_image": process_image}
    if IMAGE not in view.names:
        raise InputError(f"The page needs a stimulus; there are {', '.join(view.names)}.")
    compared = TARGET in view.names
    names = (TARGET, IMAGE) if compared else (IMAGE,)
    panels = [panel for name in names for panel in view.panels(name, None, **options)]
    panels = [panel for panel in panels if isinstance(panel, ImagePanel)]
    if len(panels) < len(names):
        raise InputError("The page shows images; this synthesis has stimuli of another kind.")
    found = _compared(panels) if compared else _side_by_side(panels)
    problem = getattr(view, "problem", index)
    return {
        "index": index,
        "label": f"{index}: {labels[problem]}" if (labels := getattr(result, "labels", ())) else str(index),
        "headline": view.headline,
        "compared": compared,
        "size": tuple(panels[-1].image.shape[-2:]),
        **found,
        "charts": _charts(view),
        "figures": _figures(result, problem),
        "sentence": _sentence(result, problem),
    }


def _compared(panels: list[ImagePanel]) -> dict[str, Any]:
    """Target and stimulus, and their difference where they have one size."""
    images = [panel.image.detach().cpu() for panel in panels[:2]]
    low, high = _shared_range(images)
    pictures = [("target", "Target", images[0]), ("stimulus", panels[1].title.split("[")[0], images[1])]
    shown = [{"role": r, "label": label, "src": _png(_gray(i, low, high))} for r, label, i in pictures]
    difference = None
    if images[0].shape == images[1].shape:
        pixels, top = _difference(images[1] - images[0])
        shown.append({"role": "difference", "label": f"Difference, ±{top:.3g}", "src": _png(pixels)})
        difference = top
    return {"images": shown, "range": (f"{low:.3g}", f"{high:.3g}"), "difference": difference}


def _side_by_side(panels: list[ImagePanel]) -> dict[str, Any]:
    """Every picture there is; distortions each about zero, in their own units."""
    images = [panel.image.detach().cpu() for panel in panels]
    signed = [panel.vrange == "indep0" for panel in panels]
    given = {panel.vrange for panel in panels}
    pair = given.pop() if len(given) == 1 else None
    low, high = pair if isinstance(pair, tuple) else _shared_range(images)
    shown = []
    for panel, image, about_zero in zip(panels, images, signed, strict=True):
        top = float(image.abs().max()) or 1.0
        pixels = _gray(image, -top, top) if about_zero else _gray(image, low, high)
        label = _ITERATION.sub("", panel.title) + (f", ±{top:.3g}" if about_zero else "")
        shown.append({"role": "target", "label": label, "src": _png(pixels)})
    limits = None if all(signed) else (f"{low:.3g}", f"{high:.3g}")
    return {"images": shown, "range": limits, "difference": None}


def _sentence(result: Any, index: int) -> str:
    status = getattr(result, "status", None)
    if status is None:
        return ""
    several = status[index] if isinstance(status[index], list) else [status[index]]
    return "; ".join(dict.fromkeys(getattr(s, "sentence", str(s)) for s in several))


def _charts(view: View) -> list[dict[str, Any]]:
    if LOSS not in view.names:
        return []
    return [chart(panel) for panel in view.panels(LOSS, None) if isinstance(panel, CurvesPanel)]


def _shared_range(images: list[Tensor]) -> tuple[float, float]:
    values = torch.cat([i.flatten().double() for i in images])
    low, high = float(values.min()), float(values.max())
    # Images in [0, 1] are shown as they are; a little beyond is clipped rather than dimming both.
    return (0.0, 1.0) if low >= -0.1 and high <= 1.1 else (low, high)


def _gray(image: Tensor, low: float, high: float) -> np.ndarray:
    pixels = to_numpy((image.double() - low) / ((high - low) or 1.0))
    pixels = np.nan_to_num(np.clip(pixels, 0, 1))
    return np.round(255 * (pixels[0] if pixels.shape[0] == 1 else np.moveaxis(pixels, 0, -1))).astype(np.uint8)


def _difference(difference: Tensor) -> tuple[np.ndarray, float]:
    values = to_numpy(difference.double())
    top = float(np.abs(values).max()) or 1.0
    if values.shape[0] == 1:
        shown = np.asarray(signed_map()(values[0] / (2 * top) + 0.5))[..., :3]
    else:
        shown = np.moveaxis(values[:3], 0, -1) / (2 * top) + 0.5
    return np.round(255 * shown).astype(np.uint8), top


def _png(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _figures(result: Any, index: int) -> list[tuple[str, str, str]]:
    found: Mapping[str, Any] = getattr(result, "figures", {})
    meaning: Mapping[str, str] = getattr(result, "meaning", {})
    return [(n.replace("_", " "), f"{float(v[index]):.4g}", meaning.get(n, "")) for n, v in found.items()]


def _options(result: Any) -> list[tuple[str, str]]:
    config: Mapping[str, Any] = getattr(result, "config", {})
    return [(name.replace("_", " "), str(value)) for name, value in config.items()]
