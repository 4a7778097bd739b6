"""Pictures of unusual things: sounds that move, zeros, NaN, nothing."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import metameric as mm
from metameric._core.errors import InputError
from metameric.plot import CurvesPanel
from metameric.plot._chart import chart


class Growing:
    """An object whose only panel is a curve that grows."""

    panel_iterations = range(4)

    def panels(self, iteration=None, batch_idx=0, channel_idx=None):
        at = 3 if iteration is None else iteration
        curve = torch.linspace(0, 10.0**at, 20)
        return [CurvesPanel("curve", {"a": curve}, f"step {at}", log=False)]


@pytest.mark.parametrize("rule", [False, "rescale1"])
def test_curves_that_change_leave_nothing_behind(rule):
    animation = mm.plot.synthesis_animate(Growing(), rescale_ylim=rule)
    *_, last = (frame.copy() for frame in animation.frames())
    (axes,) = animation.figure.axes
    assert axes.get_title() == "step 3"
    if rule:
        assert axes.get_ylim()[1] > 900
    animation.figure.canvas.draw()
    anew = np.asarray(animation.figure.canvas.buffer_rgba())[..., :3]
    inside = axes.get_window_extent()
    rows = slice(int(anew.shape[0] - inside.y1) + 3, int(anew.shape[0] - inside.y0) - 3)
    columns = slice(int(inside.x0) + 3, int(inside.x1) - 3)
    np.testing.assert_array_equal(last[rows, columns], anew[rows, columns])


def test_a_histogram_says_which_iteration_it_shows():
    metamer = mm.Metamer(torch.rand(1, 1, 8, 8), mm.models.Identity())
    metamer.setup(seed=0)
    metamer.synthesize(3, store_progress=True, progress=False)
    animation = mm.plot.synthesis_animate(metamer, included_plots=["synthesis_histogram"])
    list(animation.frames())
    labels = [text.get_text() for text in animation.figure.axes[0].get_legend().get_texts()]
    assert labels == [f"Metamer[0] [iteration={metamer.run.iteration}]", "Target image"]


def test_a_synthesis_without_target_has_a_histogram():
    synthesis = mm.Synthesis(lambda x: x.square().mean((1, 2, 3)), (1, 1, 4, 4))
    synthesis.synthesize(1, progress=False)
    ax = mm.plot.synthesis_histogram(synthesis)
    assert len(ax.get_legend().get_texts()) == 1


def test_zeros_are_in_the_middle_of_a_signed_range():
    (ax,) = mm.plot.imshow(torch.zeros(1, 1, 4, 4), vrange="indep0").axes
    assert ax.images[0].get_clim() == (-1, 1)


def test_what_is_not_a_number_is_not_grey():
    image = torch.ones(1, 1, 4, 4)
    image[..., 0, 0] = torch.nan
    (ax,) = mm.plot.imshow(image, vrange=(0, 1)).axes
    red, green, blue = (ax.images[0].to_rgba(image[0, 0].numpy())[0, 0, :3] * 255).round()
    assert len({red, green, blue}) > 1


def test_titles_stay_within_narrow_figures():
    metamer = mm.Metamer(torch.rand(1, 1, 8, 8), mm.models.Identity())
    metamer.setup(seed=0)
    metamer.synthesize(1, progress=False)
    figure = mm.plot.synthesis_status(metamer, included_plots=["synthesis_imshow"])
    figure.canvas.draw()
    box = figure._suptitle.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width


def test_labels_of_side_by_side_axes_do_not_overlap():
    mad = mm.MADCompetition(torch.rand(1, 1, 16, 16), mm.metric.mse, mm.loss.l2_norm, "max")
    mad.synthesize(2, progress=False)
    figure = plt.figure()
    mm.plot.synthesis_loss(mad, plot_penalties=True)
    figure.canvas.draw()
    boxes = [ax.get_tightbbox() for ax in figure.axes if ax.lines]
    assert len(boxes) == 3
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(boxes))


def test_ticks_can_be_told_apart():
    held = chart(CurvesPanel("loss", {"held": torch.tensor([0.2981, 0.29812])}, log=False))
    labels = [text for _, text in held["y_ticks"]]
    assert len(set(labels)) == len(labels)


def test_sheets_average_no_pixels_that_they_have_room_for():
    assert "zoom 1" in mm.plot.contact_sheet(torch.rand(2, 1, 256, 256)).texts[-1].get_text()
    assert "zoom 1/2" in mm.plot.contact_sheet(torch.rand(49, 1, 256, 256)).texts[-1].get_text()


def test_numbers_that_numpy_does_not_know():
    image = torch.rand(1, 1, 4, 4).bfloat16()
    (ax,) = mm.plot.imshow(image).axes
    np.testing.assert_array_equal(ax.images[0].get_array(), image[0, 0].float().numpy())


def test_limits_of_a_stem_plot_may_be_a_list():
    assert mm.plot.stem_plot(torch.arange(3.0), ylim=[-5, 5]).get_ylim() == (-5, 5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mm.plot.imshow(torch.rand(1, 1, 4, 4), vrange=(1, 0)), "darkest value first"),
        (lambda: mm.plot.imshow(torch.rand(1, 1, 4, 4), vrange=(float("nan"), 1)), "no NaN"),
        (lambda: mm.plot.imshow(torch.rand(1, 1, 0, 4)), "no pixels"),
        (lambda: mm.plot.imshow(torch.rand(1, 1, 4, 4), col_wrap=-1), "col_wrap is -1"),
        (lambda: mm.plot.imshow(torch.rand(1, 1, 4, 4), zoom=float("inf")), "zoom is inf"),
        (lambda: mm.plot.imshow(torch.rand(1, 3, 4, 4) + 0j, as_rgb=True), "no colours"),
        (lambda: mm.plot.stem_plot(torch.tensor([])), "one or more"),
        (lambda: mm.plot.animshow(torch.rand(1, 1, 3, 4, 4), framerate=0), "framerate is 0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InputError, match=message):
        call()
