"""Pyramids, stems, histograms, representations and their updates, sheets, spectra, families."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import metameric as mm
from metameric._core.errors import InputError, InputTypeError
from metameric._core.panels import ImagePanel, RepresentationPanel
from metameric.plot._pyrshow import check_single
from metameric.plot._spectrum import ring_means


def bands(dtype=torch.float32):
    found = {"residual_highpass": torch.zeros(2, 1, 16, 16)}
    for scale in range(2):
        for orientation in range(3):
            found[scale, orientation] = torch.full((2, 1, 16 >> scale, 16 >> scale), 10.0 * scale + orientation).to(
                dtype
            )
    return {**found, "residual_lowpass": torch.ones(2, 1, 4, 4)}


def test_pyramid_has_a_row_for_each_scale(pixels_of):
    figure = mm.plot.pyrshow(bands(), vrange="auto0", zoom=2)
    by_title = {a.get_title().split("\n")[0]: a for a in figure.axes}
    assert len(by_title) == 8
    first, second = by_title["scale 0, orientation 1"], by_title["scale 1, orientation 1"]
    assert first.get_position().y0 > second.get_position().y0
    assert first.get_position().x0 == second.get_position().x0
    assert pixels_of(figure, first).shape == pixels_of(figure, second).shape == (32, 32, 3)
    assert {a.images[0].get_clim() for a in figure.axes} == {(-12, 12)}
    assert second.images[0].get_array().mean() == 11
    assert by_title["residual lowpass"].get_position().y0 == min(a.get_position().y0 for a in figure.axes)


def test_pyramid_options():
    assert len(mm.plot.pyrshow(bands(), show_residuals=False).axes) == 6
    assert len(mm.plot.pyrshow(bands(torch.complex64), show_residuals=False).axes) == 12
    with pytest.raises(InputTypeError, match="one image at a time"):
        check_single("batch_idx", None)
    with pytest.raises(InputError, match="no band to show"):
        mm.plot.pyrshow({"residual_lowpass": torch.ones(1, 1, 4, 4)}, show_residuals=False)


def test_stems():
    data = torch.tensor([0.5, -1.0, 2.0])
    axes = mm.plot.stem_plot(data, title="three")
    (stems,) = axes.containers
    assert np.array_equal(stems.markerline.get_ydata(), data)
    assert axes.get_title() == "three"
    tops = [segment[1, 1] for segment in stems.stemlines.get_segments()]
    assert np.array_equal(tops, data)
    plt.figure()
    assert mm.plot.stem_plot(data.abs()).get_ylim()[0] == 0
    plt.figure()
    assert mm.plot.stem_plot(data, ylim=(-3, 4)).get_ylim() == (-3, 4)
    with pytest.raises(InputError, match="expected real numbers of shape"):
        mm.plot.stem_plot(torch.rand(2, 3))


def test_stems_with_a_broken_base_line():
    axes = mm.plot.stem_plot(torch.rand(6), xvals=([0, 3], [2, 5]))
    base = axes.collections[-1].get_segments()
    assert [tuple(segment[:, 0]) for segment in base] == [(0, 2), (3, 5)]


def test_histograms_share_bins_and_count_everything():
    a, b = torch.linspace(0, 1, 100).reshape(1, 1, 10, 10), torch.full((1, 1, 5, 5), 3.0)
    axes = mm.plot.histogram([a, b], labels=["a", "b"], bins=[0, 0.5, 1, 2, 4])
    heights = [polygon.get_xy()[:, 1].max() for polygon in axes.patches]
    assert heights == [50, 25]
    assert axes.get_xlim() == (0, 3)
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["a", "b"]
    with pytest.raises(InputError, match="1 labels for 2 tensors"):
        mm.plot.histogram([a, b], labels="a")
    with pytest.raises(InputError, match="complex"):
        mm.plot.histogram(torch.complex(a, a))


def test_histogram_of_one_entry_and_channel():
    data = torch.arange(4.0).reshape(2, 2, 1, 1).expand(2, 2, 3, 3)
    axes = mm.plot.histogram(data, batch_idx=1, channel_idx=0)
    assert np.isclose(np.mean(axes.get_xlim()), 2)


def test_representation_by_shape():
    data = {"mean": torch.tensor([[[1.0, -4.0]]]), "map": torch.arange(6.0).reshape(1, 1, 2, 3)}
    vector, image = mm.plot.plot_representation(data=data, ylim=None)
    assert vector.get_title() == "mean" and vector.get_ylim() == pytest.approx((-4.2, 4.2))
    assert image.get_title().startswith("map\n") and np.array_equal(image.images[0].get_array(), data["map"][0, 0])
    assert len(mm.plot.plot_representation(data=torch.rand(2, 3, 7), batch_idx=1)) == 3
    assert len(mm.plot.plot_representation(data=torch.rand(1, 50, 4, 4))) == 36
    (color,) = mm.plot.plot_representation(data=torch.rand(1, 3, 4, 5), as_rgb=True)
    assert color.images[0].get_array().shape == (4, 5, 3)


def test_representation_directions():
    first, second = mm.plot.plot_representation(data=torch.rand(1, 2, 4), axes_direction="vertical")
    assert first.get_position().y0 > second.get_position().y1
    first, second = mm.plot.plot_representation(data=torch.rand(1, 2, 4))
    assert first.get_position().x1 < second.get_position().x0


def test_representation_by_its_model(ramp):
    class Old(torch.nn.Module):
        def plot_representation(self, data, ax=None, title=""):
            ax.plot(data[0, 0])
            ax.set_title(title)
            return ax.figure, [ax]

    class New:
        def representation_panels(self, representation, batch_idx=0):
            return [
                RepresentationPanel("numbers", {"sum": representation[batch_idx].sum((0, 1))}),
                ImagePanel("picture", representation[batch_idx], "as it is"),
            ]

    _, axes = plt.subplots()
    (drawn,) = mm.plot.plot_representation(Old(), ramp[:, :, 0], ax=axes, title="old")
    assert drawn is axes and axes.get_title() == "old"
    numbers, picture = mm.plot.plot_representation(New(), ramp)
    assert numbers.get_title() == "sum" and picture.get_title().startswith("as it is")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing to plot"),
        ({"data": torch.rand(3)}, r"shape \(3,\); expected"),
        ({"data": torch.rand(1, 1, 3), "axes_direction": "up"}, "axes_direction is 'up'"),
        ({"data": torch.rand(1, 2, 3, 3), "as_rgb": True}, "needs 3 or 4 channels; found 2"),
    ],
)
def test_representation_errors(arguments, message):
    with pytest.raises(InputError, match=message):
        mm.plot.plot_representation(**arguments)


def test_update_of_several_axes():
    axes = mm.plot.plot_representation(data={"v": torch.zeros(1, 1, 3), "m": torch.zeros(1, 1, 2, 2)})
    new = {"v": torch.tensor([[[3.0, 4, 5]]]), "m": torch.arange(4.0).reshape(1, 1, 2, 2)}
    artists = mm.plot.update_plot(axes, new, rescale_ylim=True)
    assert np.array_equal(axes[0].containers[0].markerline.get_ydata(), [3, 4, 5])
    assert [segment[1, 1] for segment in axes[0].containers[0].stemlines.get_segments()] == [3, 4, 5]
    assert np.array_equal(axes[1].images[0].get_array(), new["m"][0, 0])
    assert axes[0].get_ylim() == pytest.approx((-5.25, 5.25))
    assert axes[1].images[0] in artists and len(artists) == 3


def test_update_by_label_and_of_points():
    _, ax = plt.subplots()
    ax.plot([0, 0], label="a")
    ax.plot([0, 0], label="b")
    mm.plot.update_plot(ax, {"b": torch.tensor([[[1.0, 2.0]]])})
    assert np.array_equal(ax.lines[1].get_ydata(), [1, 2]) and np.array_equal(ax.lines[0].get_ydata(), [0, 0])
    mm.plot.update_plot(ax, torch.tensor([[[5.0, 6], [7, 8]]]))
    assert np.array_equal(ax.lines[0].get_ydata(), [5, 6]) and np.array_equal(ax.lines[1].get_ydata(), [7, 8])
    with pytest.raises(InputError, match="No plot has the label 'c'"):
        mm.plot.update_plot(ax, {"c": torch.rand(1, 1, 2)})
    with pytest.raises(InputError, match="1 sets of data for 2 plots"):
        mm.plot.update_plot(ax, torch.rand(1, 1, 2))
    with pytest.raises(InputError, match="The plot has 2 values"):
        mm.plot.update_plot(ax, torch.rand(1, 2, 3))
    _, points = plt.subplots()
    points.scatter([0, 1], [0, 1])
    mm.plot.update_plot(points, torch.tensor([[[[1.0, 2], [3, 4]]]]))
    assert np.array_equal(points.collections[0].get_offsets(), [[1, 2], [3, 4]])


def test_update_asks_the_model():
    class Model:
        def update_plot(self, axes, data, batch_idx, rescale_ylim):
            axes.lines[0].set(ydata=data, label=f"{batch_idx} {rescale_ylim}")
            return list(axes.lines)

    _, axes = plt.subplots()
    (line,) = axes.plot([0, 1])
    assert mm.plot.update_plot(axes, torch.tensor([2.0, 3.0]), Model(), 2, True) == [line]
    assert line.get_label() == "2 True" and np.array_equal(line.get_ydata(), [2, 3])


def test_contact_sheet_pixels(pixels_of):
    images = torch.arange(5.0).reshape(5, 1, 1, 1).expand(5, 1, 4, 6)
    figure = mm.plot.contact_sheet(images, labels=list("abcde"), columns=2, zoom=3, title="five")
    (axes,) = figure.axes
    shown = pixels_of(figure, axes)[..., 0]
    assert shown[6:18, 6:24].max() == 0
    assert shown[6:18, 30:48].min() == shown[6:18, 30:48].max() == 64
    assert shown[6 + 33 : 18 + 33, 6:24].min() == 128
    assert [t.get_text() for t in axes.texts] == list("abcde")
    assert figure.texts[0].get_text() == "five, range [0, 4], zoom 3"
    with pytest.raises(InputError, match="2 labels for 5 images"):
        mm.plot.contact_sheet(images, labels=["a", "b"])


def test_spectrum_of_a_grating_peaks_at_its_frequency():
    x = torch.arange(64, dtype=torch.float64)
    grating = torch.cos(2 * torch.pi * 8 * x / 64).expand(1, 48, 64)
    frequencies, power = ring_means(grating)
    assert len(frequencies) == 24 and frequencies[-1] == 0.5
    assert float(frequencies[power.argmax()]) == pytest.approx(8 / 64, abs=1 / 48)


def test_spectrum_keeps_total_power_of_white_noise():
    noise = torch.randn(1, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, power = ring_means(noise)
    assert float(power[5:].mean()) == pytest.approx(1, abs=0.1)


def test_spectrum_plot():
    images = {"target": torch.rand(1, 1, 32, 32), "metamer": torch.rand(1, 1, 32, 32)}
    _, ax = plt.subplots()
    axes = mm.plot.radial_spectrum(images, ax=ax)
    assert [line.get_label() for line in axes.lines] == ["target", "metamer"]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    with pytest.raises(InputError, match="expected 4 dimensions"):
        mm.plot.radial_spectrum(torch.rand(32, 32), ax=ax)


def test_texture_statistics():
    families = {"skew": torch.tensor([[[3.0, 4.0]]]), "redundant": torch.tensor([[[1.0, float("nan")]]])}
    other = {"skew": torch.tensor([[[3.0, 9.0]]]), "redundant": torch.tensor([[[1.0, float("nan")]]])}
    skew, redundant = mm.plot.texture_statistics(families, other).axes
    assert skew.get_title() == f"skew (2)\nrelative error {5 / 90**0.5:.2g}"
    assert redundant.get_title() == "redundant (1)\nrelative error 0"
    by_label = {line.get_label(): line.get_ydata() for line in skew.lines}
    assert np.array_equal(by_label["metamer"], [3, 4]) and np.array_equal(by_label["target"], [3, 9])
    with pytest.raises(InputError, match="convert_to_dict"):
        mm.plot.texture_statistics(torch.rand(1, 1, 5))
    with pytest.raises(InputError, match="different families"):
        mm.plot.texture_statistics(families, {"skew": families["skew"]})


def test_pyramid_as_it_comes_is_shown_band_by_band():
    bands_of_image = mm.process.SteerablePyramidFreq((32, 32), height=2, order=2)(torch.rand(1, 1, 32, 32))
    figure = mm.plot.pyrshow(bands_of_image)
    titles = [a.get_title().split("\n")[0] for a in figure.axes]
    assert titles.count("scale 1, orientation 2") == 1 and len(titles) == 2 + 2 * 3
