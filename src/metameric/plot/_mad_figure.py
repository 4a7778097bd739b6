"""The classical figure of a MAD competition: four images around the reference, with arrows and values."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import Real
from metameric._core.tensors import to_numpy
from metameric.plot._canvas import FONT_SIZE
from metameric.plot._colors import BLUE, INK, VERMILION
from metameric.plot._pixels import check_zoom, new_figure, shown_size, zoom_to_fit

_GAP = 74
_LINE = 16
_USUAL = 255
# Column and row of each stimulus: the first metric is driven along the vertical, the second along the horizontal.
_PLACES = {(0, "max"): (1, 0), (0, "min"): (1, 2), (1, "min"): (0, 1), (1, "max"): (2, 1)}


def mad_competition(
    mad_set: Any,
    metrics: tuple[str, str] | None = None,
    batch_idx: int = 0,
    zoom: Real | None = None,
    vrange: tuple[Real, Real] = (0, 1),
) -> Figure:
    """Show the four stimuli of two metrics around the reference image (Wang & Simoncelli 2008, figure 4).

    Up and down the first metric is driven and the second one held; across, the other way round. The initial image, from
    which all four started, is at the top left.

    Parameters
    ----------
    mad_set
        A `MADSet` that was run.
    metrics
        Names of two of its metrics; the first two by default.
    batch_idx
        Which image.
    zoom
        Figure pixels per image pixel, n or 1/n; by default as many as make small images about 200 pixels wide.
    vrange
        Values shown black and white.

    Raises
    ------
    InputError
        If there is no such metric or image, or nothing was synthesised.

    Examples
    --------
    >>> import metameric as mm
    >>> image = mm.data.image("camera", size=32)
    >>> mad = mm.MADSet(image, {"ssim": mm.metric.as_distance(mm.metric.ssim), "mse": mm.metric.mse})
    >>> mad.setup(0.05, seed=0)
    >>> result = mad.synthesize(3, progress=False)
    >>> figure = mm.plot.mad_competition(mad, zoom=4)
    """
    names = tuple(mad_set.metrics)[:2] if metrics is None else tuple(metrics)
    if len(names) != 2 or not set(names) <= set(mad_set.metrics):
        raise InputError(f"metrics are {names}; expected two of {list(mad_set.metrics)}.")
    n = mad_set.image.shape[0]
    if not -n <= batch_idx < n:
        raise InputError(f"batch_idx is {batch_idx}; expected one of {n} images.")
    table = {(r["optimized"], r["reference"], r["minmax"]): r for r in mad_set.table() if r["image"] == batch_idx % n}
    shape = mad_set.image.shape[-2:]
    scale = max(1, zoom_to_fit(shape, _USUAL, _USUAL)) if zoom is None else check_zoom(zoom)
    page = _Page(mad_set.image[batch_idx], scale, vrange)
    page.show((1, 1), mad_set.image[batch_idx], "reference", INK)
    first = table[names[0], names[1], "min"]
    values = f"{names[0]} {first['optimized_initial']:.3g}, {names[1]} {first['reference_initial']:.3g}"
    page.show((0, 0), mad_set.initial_image[batch_idx], f"initial\n{values}", INK)
    for (k, minmax), place in _PLACES.items():
        driven, held = names[k], names[1 - k]
        row = table[driven, held, minmax]
        word = "highest" if minmax == "max" else "lowest"
        text = f"{word} {driven} {row['optimized_final']:.3g}\n{held} {row['reference_final']:.3g}"
        color = (VERMILION, BLUE)[k]
        page.show(place, mad_set[driven, held, minmax][batch_idx], text, color)
        page.arrow(place, color)
    return page.figure


class _Page:
    """Three rows and columns of pictures of one size, with room for arrows between them."""

    def __init__(self, image: Tensor, zoom: Real, vrange: tuple[Real, Real]) -> None:
        self.zoom, self.vrange = zoom, vrange
        self.height, self.width = shown_size(image.shape[-2:], zoom)
        # Captions have lines of text of about this many figure pixels, whatever the size of the pictures.
        self.step_x, self.step_y = max(self.width, 150) + _GAP, self.height + _GAP + 2 * _LINE
        self.size = 3 * self.step_x, 3 * self.step_y
        self.figure = new_figure(*self.size)
        self.figure.patch.set_facecolor("white")

    def _corner(self, place: tuple[int, int]) -> tuple[float, float]:
        """Lower left corner of a picture, in figure pixels."""
        left = place[0] * self.step_x + (self.step_x - self.width) // 2
        return left, (2 - place[1]) * self.step_y + _GAP // 2

    def show(self, place: tuple[int, int], image: Tensor, text: str, color: str) -> None:
        left, bottom = self._corner(place)
        across, up = self.size
        axes = self.figure.add_axes((left / across, bottom / up, self.width / across, self.height / up), label=text)
        pixels = to_numpy(image).transpose(1, 2, 0)
        low, high = self.vrange
        if pixels.shape[2] == 3:
            axes.imshow(((pixels - low) / (high - low)).clip(0, 1), interpolation="nearest", aspect="auto")
        else:
            axes.imshow(pixels[:, :, 0], cmap="gray", vmin=low, vmax=high, interpolation="nearest", aspect="auto")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color(color)
        axes.set_title(text, fontsize=FONT_SIZE, color=color, pad=4, y=1.0)

    def arrow(self, place: tuple[int, int], color: str) -> None:
        """Draw an arrow from the reference towards a picture, through the gap between them."""
        (left, bottom), dx, dy = self._corner((1, 1)), place[0] - 1, 1 - place[1]
        middle_x, middle_y = left + self.width / 2, bottom + self.height / 2
        near_x, near_y = self.width / 2 + 6, self.height / 2 + 6
        if dy:
            near_y += (2 * _LINE + 2) if dy > 0 else 0
            far = self.step_y - self.height / 2 - 6 - (0 if dy > 0 else 2 * _LINE + 2)
            start, end = (middle_x, middle_y + dy * near_y), (middle_x, middle_y + dy * far)
        else:
            far = self.step_x - self.width / 2 - 6
            start, end = (middle_x + dx * near_x, middle_y), (middle_x + dx * far, middle_y)
        across, up = self.size
        ends = [(x / across, y / up) for x, y in (start, end)]
        head: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 14, "linewidth": 1.5}
        self.figure.add_artist(FancyArrowPatch(*ends, transform=self.figure.transFigure, color=color, **head))
