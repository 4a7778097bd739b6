import io
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

import metameric as mm
from metameric._core.errors import InputError, InputTypeError
from metameric.plot._pictures import check_index


def enlarged(values, zoom):
    return np.kron(values, np.ones((zoom, zoom)))


def gray(values, low, high):
    return np.clip(np.floor((values - low) / (high - low) * 256), 0, 255)


@pytest.mark.parametrize("zoom", [1, 3, 8])
def test_every_value_is_a_square_of_figure_pixels(ramp, pixels_of, zoom):
    figure = mm.plot.imshow(ramp, zoom=zoom)
    shown = pixels_of(figure, figure.axes[0])
    expected = enlarged(gray(ramp[0, 0].numpy(), 0, 59), zoom)
    assert shown.shape == (6 * zoom, 10 * zoom, 3)
    assert np.abs(shown - expected[..., None]).max() <= 1


def test_pixels_stay_whole_in_cropped_files(ramp):
    figure = mm.plot.imshow(ramp, zoom=4, title="a title that is longer than the image is wide")
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight")
    pixels = np.asarray(Image.open(file).convert("L")).astype(float)
    expected = enlarged(gray(ramp[0, 0].numpy(), 0, 59), 4)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, expected.shape)
    assert np.abs(windows - expected).max((-2, -1)).min() <= 1


def test_zoom_below_one_averages_blocks(pixels_of):
    image = torch.rand(1, 1, 8, 12, generator=torch.Generator().manual_seed(0))
    figure = mm.plot.imshow(image, zoom=0.5, vrange=(0, 1))
    means = torch.nn.functional.avg_pool2d(image, 2)[0, 0].numpy()
    assert np.abs(pixels_of(figure, figure.axes[0])[..., 0] - gray(means, 0, 1)).max() <= 1


def test_title_gives_range_size_and_zoom(ramp):
    title = mm.plot.imshow(ramp, zoom=3, title="ramp").axes[0].get_title()
    assert title == "ramp\nrange [0, 59]\n6 × 10, zoom 3"
    assert mm.plot.imshow(ramp, title=None).axes[0].get_title() == ""
    assert "zoom 1/2" in mm.plot.imshow(ramp, zoom=0.5).axes[0].get_title()


def test_shared_and_separate_ranges(ramp):
    both = torch.cat([ramp, -2 * ramp])
    limits = [a.images[0].get_clim() for a in mm.plot.imshow(both, vrange="auto1").axes]
    assert limits == [(-118, 59), (-118, 59)]
    limits = [a.images[0].get_clim() for a in mm.plot.imshow(both, vrange="indep0").axes]
    assert limits == [(-59, 59), (-118, 118)]


def test_signed_data_have_white_at_zero(pixels_of):
    image = torch.tensor([-1.0, 0, 1]).reshape(1, 1, 1, 3)
    figure = mm.plot.imshow(image, vrange="indep0", zoom=1)
    negative, zero, positive = pixels_of(figure, figure.axes[0])[0].astype(int)
    assert negative[2] > negative[0] + 60
    assert positive[0] > positive[2] + 60
    assert zero.min() > 235


def test_colour(pixels_of):
    image = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    figure = mm.plot.imshow(image, as_rgb=True, zoom=2)
    expected = image[0].permute(1, 2, 0).numpy().repeat(2, 0).repeat(2, 1) * 255
    assert np.abs(pixels_of(figure, figure.axes[0]) - expected).max() <= 1
    over = mm.plot.imshow(2 * image, as_rgb=True).axes[0].get_title()
    share = float((2 * image > 1).float().mean())
    assert f"range [0, 1] ({share:.0%} clipped)" in over


def test_complex_images_become_two(ramp):
    z = torch.complex(ramp, -ramp)
    real, imaginary = mm.plot.imshow(z, title="z").axes
    assert real.get_title().startswith("z real") and imaginary.get_title().startswith("z imaginary")
    assert np.array_equal(imaginary.images[0].get_array(), -ramp[0, 0].numpy())
    amplitude, phase = mm.plot.imshow(z, plot_complex="polar").axes
    assert np.allclose(amplitude.images[0].get_array(), z.abs()[0, 0])
    assert phase.images[0].get_clim() == (-np.pi, np.pi) and phase.images[0].cmap.name == "twilight"
    log = mm.plot.imshow(z, plot_complex="logpolar").axes[0]
    assert np.allclose(log.images[0].get_array(), torch.log1p(z.abs())[0, 0])


def test_smaller_images_are_shown_as_large(pixels_of):
    large, small = torch.rand(1, 1, 16, 24), torch.rand(1, 1, 8, 12)
    figure = mm.plot.imshow([large, small], zoom=2)
    shapes = [pixels_of(figure, a).shape for a in figure.axes]
    assert shapes[0] == shapes[1]
    assert "8 × 12, zoom 4" in figure.axes[1].get_title()


def test_batches_channels_and_columns(ramp):
    batch = ramp.repeat(3, 1, 1, 1) + torch.arange(3.0).reshape(3, 1, 1, 1)
    assert len(mm.plot.imshow(batch).axes) == 3
    (only,) = mm.plot.imshow(batch, batch_idx=-1).axes
    assert only.images[0].get_array()[0, 0] == 2
    figure = mm.plot.imshow(batch, col_wrap=2, zoom=2)
    places = [a.get_position() for a in figure.axes]
    assert places[0].y0 == places[1].y0 > places[2].y0
    assert places[0].x0 == places[2].x0 < places[1].x0


def test_axes_of_the_user_shrink(ramp, pixels_of):
    figure, axes = plt.subplots(1, 3)
    assert mm.plot.imshow(ramp, ax=axes[1]) is figure
    zoom = int(axes[1].get_title().split("zoom ")[1])
    assert pixels_of(figure, axes[1]).shape == (6 * zoom, 10 * zoom, 3)
    assert not axes[0].images and not axes[2].images


def test_titles_do_not_overlap():
    figure = mm.plot.imshow(torch.rand(4, 1, 8, 8), zoom=1, title=[f"a rather long title {i}" for i in range(4)])
    figure.canvas.draw()
    boxes = [a.title.get_window_extent() for a in figure.axes]
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
    assert boxes[0].x0 >= 0 and boxes[-1].x1 <= figure.bbox.width and boxes[0].y1 <= figure.bbox.height


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": torch.rand(6, 10)}, r"shape \(6, 10\); expected 4 dimensions"),
        ({"zoom": 0.7}, "zoom is 0.7; expected a whole number"),
        ({"zoom": 1.5}, "zoom is 1.5"),
        ({"zoom": -1}, "zoom is -1"),
        ({"vrange": "foo"}, "vrange is 'foo'"),
        ({"image": torch.rand(2, 3, 4, 4)}, "2 batch entries of 3 channels"),
        ({"as_rgb": True}, "needs 3 or 4 channels; found 1"),
        ({"title": ["a", "b"]}, "2 titles for 1 images"),
        ({"plot_complex": "foo"}, "plot_complex is 'foo'"),
        ({"image": []}, "no image to show"),
    ],
)
def test_errors_say_what_was_expected(ramp, arguments, message):
    with pytest.raises(InputError, match=message):
        mm.plot.imshow(**{"image": ramp, **arguments})
    assert plt.get_fignums() == []


def test_errors_about_indices(ramp):
    with pytest.raises(IndexError, match="batch_idx=5 is out of bounds; there are 1"):
        mm.plot.imshow(ramp, batch_idx=5)
    with pytest.raises(InputTypeError, match="channel_idx must be an int or None"):
        check_index("channel_idx", 1.0, 3)
    _, axes = plt.subplots(figsize=(1, 1))
    with pytest.raises(InputError, match="too small for an image of 10 x 6 at zoom 50"):
        mm.plot.imshow(ramp, ax=axes, zoom=50)
    with pytest.raises(InputError, match="2 images"):
        mm.plot.imshow(torch.cat([ramp, ramp]), ax=axes)
