"""What is left out to be quick must not be missed: the same pixels, ticks and files as matplotlib's own."""

import io
from pathlib import PurePath

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import LogNorm
from matplotlib.image import AxesImage
from PIL import Image

import metameric as mm
from metameric.plot._pixels import new_figure, unhinted
from metameric.plot._quick import PixelImage, QuickAxes, show_pixels

RNG = np.random.default_rng(0)
RAMP = np.linspace(-0.5, 1.5, 77).reshape(7, 11)
WITH_HOLES = np.where(RAMP > 1.2, np.nan, RAMP)
KINDS = {
    "float32": (RAMP.astype(np.float32), {}),
    "float64": (RAMP, {}),
    "missing values": (WITH_HOLES, {"cmap": "viridis"}),
    "infinite values": (np.where(RAMP > 1.2, np.inf, RAMP), {"cmap": "viridis"}),
    "masked": (np.ma.masked_greater(RAMP, 1.2), {"cmap": "viridis"}),
    "whole numbers": (np.arange(77, dtype=np.uint8).reshape(7, 11), {}),
    "few colours": (RAMP, {"cmap": mpl.colormaps["viridis"].resampled(5)}),
    "colour": (RNG.random((7, 11, 3)), {}),
    "logarithm": (RAMP + 1, {"norm": LogNorm(0.1, 3)}),
}


def drawn(zoom, draw, view=None):
    """Pixels of an image of 7 x 11 values in axes that have its size."""
    figure = plt.figure(figsize=(1, 1), dpi=100)
    ax = figure.add_axes((0.1, 0.1, 0.11 * zoom, 0.07 * zoom))
    ax.set_axis_off()
    artist = draw(ax)
    if view is not None:
        ax.set_xlim(*view)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba()).copy(), artist


@pytest.mark.parametrize("zoom", [3, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_the_pixels_are_those_of_matplotlib(kind, zoom):
    pixels, options = KINDS[kind]
    ours, artist = drawn(zoom, lambda ax: show_pixels(ax, pixels, 0.0, 1.0, **options))
    limits = {} if "norm" in options else {"vmin": 0.0, "vmax": 1.0}
    theirs, _ = drawn(zoom, lambda ax: ax.imshow(pixels, interpolation="nearest", aspect="auto", **limits, **options))
    assert isinstance(artist, PixelImage)
    # Colours and missing values pass through other roundings there: one level of 255 at most.
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_only_what_is_enlarged_by_a_whole_factor_leaves_out_matplotlib(monkeypatch):
    asked = []
    monkeypatch.setattr(AxesImage, "make_image", lambda self, *args, **kwargs: asked.append(1) or (None, 0, 0, None))
    drawn(3, lambda ax: show_pixels(ax, RAMP, 0, 1))
    assert not asked
    drawn(2.5, lambda ax: show_pixels(ax, RAMP, 0, 1))
    drawn(3, lambda ax: show_pixels(ax, RAMP, 0, 1, alpha=0.5))
    drawn(3, lambda ax: show_pixels(ax, RAMP, 0, 1, origin="lower"))
    drawn(3, lambda ax: show_pixels(ax, RAMP, 0, 1), view=(0, 5))
    assert len(asked) == 4


def test_a_part_of_an_image_is_shown_as_matplotlib_does():
    ours, _ = drawn(7, lambda ax: show_pixels(ax, RAMP, 0, 1, cmap="gray"), view=(2.5, 6.5))
    theirs, _ = drawn(7, lambda ax: ax.imshow(RAMP, "gray", vmin=0, vmax=1, aspect="auto"), view=(2.5, 6.5))
    assert np.array_equal(ours, theirs)


def chart(figure, axes_class):
    ax = figure.add_axes((0.2, 0.2, 0.7, 0.7), axes_class=axes_class)
    ax.plot([1, 10, 1000])
    ax.set(yscale="log", xlabel="x", title="title")
    ax.tick_params(length=7)
    ax.grid(True)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba()).copy(), ax


def test_late_ticks_are_the_same_ticks():
    ours, ax = chart(plt.figure(), QuickAxes)
    theirs, _ = chart(plt.figure(), None)
    assert np.array_equal(ours, theirs)
    assert len(ax.yaxis.get_minor_ticks()) > 0
    ax.minorticks_off()
    assert ax.yaxis.get_minor_ticks() == []


def test_a_picture_has_ticks_as_soon_as_they_are_wanted():
    figure = mm.plot.imshow(torch.rand(1, 1, 32, 32), zoom=4)
    ax = figure.axes[0]
    assert isinstance(ax, QuickAxes)
    assert "majorTicks" not in vars(ax.xaxis)
    ax.set_axis_on()
    figure.canvas.draw()
    assert len(ax.get_xticklabels()) > 2
    assert all(label.get_text() for label in ax.get_xticklabels()[1:-1])


def test_other_kinds_of_axes_can_be_asked_for():
    figure = new_figure(200, 200)
    assert figure.add_subplot(projection="polar").name == "polar"
    assert type(figure.add_axes((0, 0, 1, 1), axes_class=plt.Axes)) is plt.Axes


@pytest.mark.parametrize("transparent", [False, True])
def test_a_saved_figure_has_the_pixels_of_the_screen(tmp_path, transparent):
    figure = mm.plot.imshow(torch.rand(1, 1, 9, 13), zoom=3)
    figure.savefig(PurePath(tmp_path, "f.png"), transparent=transparent)
    buffer = io.BytesIO()
    figure.savefig(buffer, transparent=transparent)
    saved = Image.open(io.BytesIO((tmp_path / "f.png").read_bytes()))
    assert (tmp_path / "f.png").read_bytes() == buffer.getvalue()
    assert saved.mode == ("RGBA" if transparent else "RGB")
    assert np.allclose(saved.info["dpi"], 100, atol=0.1)
    if not transparent:
        figure.canvas.draw()
        assert np.array_equal(np.asarray(saved), np.asarray(figure.canvas.buffer_rgba())[..., :3])


def test_a_figure_is_saved_at_any_resolution(tmp_path):
    figure = mm.plot.imshow(torch.rand(1, 1, 9, 13), zoom=3)
    width, height = figure.canvas.get_width_height()
    figure.savefig(tmp_path / "f.png", dpi=200)
    saved = Image.open(io.BytesIO((tmp_path / "f.png").read_bytes()))
    assert saved.size == (2 * width, 2 * height)
    assert np.allclose(saved.info["dpi"], 200, atol=0.1)


@pytest.mark.parametrize("options", [{"metadata": {"Title": "a"}}, {"bbox_inches": "tight"}, {"format": "svg"}])
def test_what_only_matplotlib_can_do_is_left_to_it(options):
    figure, buffer = mm.plot.imshow(torch.rand(1, 1, 9, 13), zoom=3), io.BytesIO()
    figure.savefig(buffer, **options)
    if options.get("format") == "svg":
        assert b"<svg" in buffer.getvalue()
    else:
        assert Image.open(buffer).info["Software"].startswith("Matplotlib")


def test_the_setting_for_letters_is_lent_for_a_drawing_only():
    with mpl.rc_context({"text.hinting": mpl.rcParamsDefault["text.hinting"]}):
        with pytest.raises(RuntimeError), unhinted():
            assert mpl.rcParams["text.hinting"] == "none"
            raise RuntimeError
        assert mpl.rcParams["text.hinting"] == mpl.rcParamsDefault["text.hinting"]
    other = "force_autohint" if mpl.rcParamsDefault["text.hinting"] != "force_autohint" else "native"
    with mpl.rc_context({"text.hinting": other}), unhinted():
        assert mpl.rcParams["text.hinting"] == other
