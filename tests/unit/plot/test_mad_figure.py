"""The classical figure of a MAD competition."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import metameric as mm


@pytest.fixture(scope="module")
def mad() -> mm.MADSet:
    image = torch.cat([mm.data.image("camera", size=32), mm.data.image("coins", size=32)])
    competition = mm.MADSet(image, {"dssim": mm.metric.as_distance(mm.metric.ssim), "mse": mm.metric.mse})
    competition.setup(0.05, seed=0)
    competition.synthesize(3, progress=False)
    return competition


def test_six_pictures_with_their_values(mad) -> None:
    figure = mm.plot.mad_competition(mad, batch_idx=1, zoom=2)
    titles = [ax.get_title() for ax in figure.axes]
    assert len(titles) == 6
    assert titles[0] == "reference"
    rows = [row for row in mad.table() if row["image"] == 1]
    for row in rows:
        word = "highest" if row["minmax"] == "max" else "lowest"
        start = f"{word} {row['optimized']} {row['optimized_final']:.3g}"
        assert sum(title.startswith(start) for title in titles) == 1
    plt.close(figure)


def test_pictures_are_pixel_for_pixel(mad) -> None:
    figure = mm.plot.mad_competition(mad, zoom=2)
    figure.canvas.draw()
    drawn = np.asarray(figure.canvas.buffer_rgba())[..., 0]
    box = figure.axes[0].get_window_extent()
    left, bottom = round(box.x0), round(drawn.shape[0] - box.y0)
    assert (round(box.width), round(box.height)) == (64, 64)
    shown = drawn[bottom - 64 : bottom, left : left + 64][1::2, 1::2]
    wanted = mm.convert_float_to_int(mad.image[0, 0])
    inner = np.s_[2:-2, 2:-2]  # the frame lies on the outermost pixels
    assert np.abs(shown[inner].astype(int) - wanted[inner]).max() <= 2  # 256 levels, twice
    plt.close(figure)


def test_colour(mad) -> None:
    image = mm.data.image("astronaut", size=32, as_gray=False)
    colour = mm.MADSet(image, {"dssim": mm.metric.as_distance(mm.metric.ssim), "mse": mm.metric.mse})
    colour.setup(0.05, seed=0)
    colour.synthesize(2, progress=False)
    figure = mm.plot.mad_competition(colour)
    assert len(figure.axes) == 6
    plt.close(figure)


def test_errors(mad) -> None:
    with pytest.raises(ValueError, match="expected two of"):
        mm.plot.mad_competition(mad, ("dssim", "nlpd"))
    with pytest.raises(ValueError, match="batch_idx is 5; expected one of 2 images"):
        mm.plot.mad_competition(mad, batch_idx=5)
    with pytest.raises(ValueError, match="zoom is 0"):
        mm.plot.mad_competition(mad, zoom=0)
