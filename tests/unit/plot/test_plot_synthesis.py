"""Plots that read a synthesis: by its attributes, or by the panels it offers."""

import itertools
import warnings
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import metameric as mm
from metameric._core.errors import InputError, InputTypeError
from metameric.plot import CurvesPanel, HistogramPanel, ImagePanel, RepresentationPanel
from metameric.plot._rich import rich_html
from metameric.plot._views import TARGET, entries_of, view_of, with_target

N = 11
STATUS = ("synthesis_target", "synthesis_imshow", "synthesis_loss", "metamer_representation_error")


class Doubled(torch.nn.Module):
    def forward(self, x):
        return 2 * x


def fake_metamer(every=1, batch=2, model=None):
    """What a synthesis looks like from outside: at iteration i the stimulus is image + 1 - i / 10."""
    image = torch.arange(48.0).reshape(1, 1, 6, 8).div(47).repeat(batch, 1, 1, 1)
    image = image * torch.arange(1.0, batch + 1).reshape(-1, 1, 1, 1)
    model = model or Doubled()
    all_stimuli = torch.stack([image + 1 - i / 10 for i in range(N)])
    stored = [*range(0, N - 1, every), N - 1]
    penalties = torch.full((N,), 0.5)
    return SimpleNamespace(
        image=image,
        metamer=all_stimuli[-1],
        saved_metamer=all_stimuli[stored],
        store_progress=every,
        losses=10.0 ** -torch.arange(N) + 0.1 * penalties,
        penalties=penalties,
        penalty_lambda=0.1,
        model=model,
        target_representation=model(image),
    )


def fake_mad():
    found = fake_metamer()
    found.mad_image, found.saved_mad_image = found.metamer, found.saved_metamer
    for name in ("metamer", "saved_metamer", "model", "target_representation"):
        delattr(found, name)
    found.reference_metric_loss, found.optimized_metric_loss = torch.arange(float(N)), -torch.arange(float(N))
    return found


def fake_eigen(channels=1):
    return SimpleNamespace(
        image=torch.full((1, channels, 6, 8), 0.5),
        eigendistortions=torch.arange(3.0).reshape(3, 1, 1, 1).expand(3, channels, 6, 8) / 10,
        eigenvalues=torch.tensor([9.0, 3.0, 1.0]),
    )


def test_stimulus_at_an_iteration(pixels_of):
    synthesis = fake_metamer()
    ax = mm.plot.synthesis_imshow(synthesis, batch_idx=1, iteration=3)
    assert np.allclose(ax.images[0].get_array(), synthesis.saved_metamer[3, 1, 0])
    assert ax.get_title().startswith("Metamer[1] [iteration=3]\nrange [0.7, 2.7]")
    plt.figure()
    last = mm.plot.synthesis_imshow(synthesis, title="last", zoom=2, vrange=(0, 4), process_image=lambda x: x + 1)
    assert np.allclose(last.images[0].get_array(), synthesis.metamer[0, 0] + 1)
    assert last.get_title() == "last\nrange [0, 4]\n6 × 8, zoom 2"
    assert pixels_of(last.figure, last).shape == (12, 16, 3)


def test_the_nearest_stored_iteration_is_shown_with_a_warning():
    synthesis = fake_metamer(every=4)
    with pytest.warns(UserWarning, match="Iteration 5 was not stored; showing the stimulus of iteration 4"):
        ax = mm.plot.synthesis_imshow(synthesis, iteration=5)
    assert "[iteration=4]" in ax.get_title()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plt.figure()
        assert "[iteration=10]" in mm.plot.synthesis_imshow(synthesis, iteration=-1).get_title()


def test_iterations_out_of_bounds_and_not_stored():
    synthesis = fake_metamer()
    for iteration in (N, -N - 1):
        with pytest.raises(IndexError, match=f"iteration={iteration} is out of bounds; 11 were recorded"):
            mm.plot.synthesis_imshow(synthesis, iteration=iteration)
    synthesis.saved_metamer = synthesis.saved_metamer[:0]
    with pytest.raises(InputError, match="store_progress=True"):
        mm.plot.synthesis_imshow(synthesis, iteration=2)
    with pytest.raises(InputError, match="store_progress=True"):
        mm.plot.synthesis_animate(synthesis)


def test_loss_without_its_penalty_on_a_log_axis():
    ax = mm.plot.synthesis_loss(fake_metamer(), iteration=2, plot_penalties=True)["loss"]
    loss, penalty = (line for line in ax.lines if line.get_linestyle() != "None")
    assert np.allclose(loss.get_ydata(), 10.0 ** -np.arange(N)) and np.allclose(penalty.get_ydata(), 0.5)
    assert ax.get_yscale() == "log"
    dots = [tuple(np.concatenate(line.get_data())) for line in ax.lines if line.get_linestyle() == "None"]
    assert dots[0] == pytest.approx((2, 0.01))


def test_loss_of_competitions():
    axes = mm.plot.synthesis_loss(fake_mad(), plot_penalties=True)
    assert list(axes) == ["reference_metric_loss", "optimized_metric_loss", "penalties"]
    assert np.array_equal(axes["optimized_metric_loss"].lines[0].get_ydata(), -np.arange(N))
    assert {a.get_yscale() for a in axes.values()} == {"linear"}
    figure, two = plt.subplots(1, 2)
    assert list(mm.plot.synthesis_loss(fake_mad(), ax=list(two)).values()) == list(two)
    with pytest.raises(InputError, match="2 axes for 1 panels"):
        mm.plot.synthesis_loss(fake_metamer(), ax=list(two))
    assert len(figure.axes) == 2


def test_losses_that_are_negative_get_a_linear_axis():
    synthesis = fake_metamer()
    synthesis.losses = synthesis.losses - 1
    assert mm.plot.synthesis_loss(synthesis)["loss"].get_yscale() == "linear"


def test_losses_of_one_batch_entry_come_from_the_trace():
    synthesis = fake_metamer()
    losses = torch.stack([torch.arange(1.0, N + 1), 10 * torch.arange(1.0, N + 1)], 1)
    trace = {"loss": losses, "penalty": torch.zeros(N, 2)}
    synthesis.result = SimpleNamespace(
        trace=trace, status=["a", "b"], iterations=10, figures={"error": torch.tensor([1.0, 2.0])}
    )
    figure = mm.plot.synthesis_status(synthesis, batch_idx=1, included_plots=["synthesis_loss"])
    assert np.array_equal(figure.axes[0].lines[0].get_ydata(), losses[:, 1])
    assert figure.get_suptitle() == "SimpleNamespace: b, 10 iterations, error 2"


def test_representation_error():
    (ax,) = mm.plot.metamer_representation_error(fake_metamer(), iteration=5)
    assert np.allclose(ax.images[0].get_array(), 1.0)
    plt.figure()
    (ax,) = mm.plot.metamer_representation_error(fake_metamer(), ylim=(-3, 3))
    assert ax.images[0].get_clim() == (-3, 3)


def test_representation_error_of_a_model_that_plots_itself():
    class Plots(Doubled):
        def plot_representation(self, data, ax=None, figsize=None, ylim=None, batch_idx=0, title=""):
            ax.plot(data[batch_idx].flatten(), label="mine")
            return ax.figure, [ax]

        def update_plot(self, axes, data, batch_idx=0, rescale_ylim=False):
            axes.lines[0].set_ydata(data[batch_idx].flatten())
            return list(axes.lines)

    synthesis = fake_metamer(model=Plots())
    animation = mm.plot.synthesis_animate(synthesis, included_plots=["metamer_representation_error"])
    (ax,) = animation.figure.axes
    assert np.allclose(ax.lines[0].get_ydata(), 2)
    assert len(list(animation.frames())) == N
    assert np.allclose(ax.lines[0].get_ydata(), 0, atol=1e-6)


def test_histogram_of_stimulus_and_target():
    ax = mm.plot.synthesis_histogram(fake_metamer(), batch_idx=0, iteration=0, bins=[0, 1, 2])
    stimulus, target = (polygon.get_xy()[:, 1].max() for polygon in ax.patches)
    assert (stimulus, target) == (48, 47), "the brightest value of the target opens the second bin"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["Metamer[0] [iteration=0]", "Target image"]
    plt.figure()
    assert len(mm.plot.synthesis_histogram(fake_eigen()).patches) == 3


def test_eigendistortions():
    synthesis = fake_eigen()
    ax = mm.plot.synthesis_imshow(synthesis, batch_idx=-1, distortion_scale=2)
    assert np.allclose(ax.images[0].get_array(), 0.9)
    assert ax.get_title().startswith("Image + 2 × Eigendistortion[2]")
    with pytest.raises(InputError, match="eigendistortions have none"):
        mm.plot.synthesis_status(synthesis, iteration=3)
    with pytest.raises(InputTypeError, match="has no synthesis_loss"):
        mm.plot.synthesis_loss(synthesis)
    figure = mm.plot.eigendistortion_imshow_all(synthesis, eigenindex=[0, 1, -1], distortion_scale=[1, 2, 3], zoom=3)
    titles = [a.get_title().split("\n")[0] for a in figure.axes]
    assert titles[0] == "Original image" and titles[-1] == "Image + 3 × Eigendistortion[-1]"
    assert np.allclose(figure.axes[-1].images[0].get_array(), 0.5 + 3 * 0.2)
    assert "eigenvalue 1" in figure.axes[5].get_title()
    with pytest.raises(InputError, match="2 distortion scales for 3"):
        mm.plot.eigendistortion_imshow_all(synthesis, [0, 1, 2], distortion_scale=[1, 2])


def test_eigendistortions_in_colour_are_shown_around_gray():
    figure = mm.plot.eigendistortion_imshow_all(fake_eigen(3), [1])
    assert np.allclose(figure.axes[1].images[0].get_array(), 0.6)
    assert "+ 0.5" in figure.axes[1].get_title()


def test_status_has_a_place_for_each_plot():
    figure = mm.plot.synthesis_status(fake_metamer(), iteration=4, included_plots=STATUS)
    target, stimulus, loss, error = figure.axes
    assert target.get_title().startswith("Target") and "[iteration=4]" in stimulus.get_title()
    assert loss.get_xlabel() == "Synthesis iteration" and error.get_title().startswith("Representation error")
    assert [a.get_position().x0 for a in figure.axes] == sorted(a.get_position().x0 for a in figure.axes)
    assert len(mm.plot.synthesis_status(fake_metamer()).axes) == 3
    assert len(mm.plot.synthesis_status(fake_mad()).axes) == 4


def test_status_in_axes_of_the_user():
    figure, axes = plt.subplots(1, 4, figsize=(16, 4))
    axes[0].set_title("mine")
    places = {"misc": [0], "synthesis_loss": 3}
    assert mm.plot.synthesis_status(fake_metamer(), fig=figure, axes_idx=places) is figure
    assert axes[0].get_title() == "mine" and axes[1].images and axes[2].images
    assert axes[3].get_ylabel() == "Loss"


def test_status_options():
    figure = mm.plot.synthesis_status(
        fake_metamer(),
        included_plots=["synthesis_imshow", "synthesis_loss"],
        width_ratios={"synthesis_loss": 2},
        figsize=(10, 4),
        synthesis_imshow_kwargs={"zoom": 2, "title": "image"},
        synthesis_loss_kwargs={"plot_penalties": True, "linewidth": 3},
    )
    image, loss = figure.axes
    assert image.get_title() == "image\nrange [0, 1]\n6 × 8, zoom 2"
    assert loss.get_position().width > 2 * image.get_position().width
    assert {line.get_linewidth() for line in loss.lines[::2]} == {3}
    assert tuple(figure.get_size_inches()) == (10, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"included_plots": ["foo"]}, "included_plots names .'foo'.; there are synthesis_target"),
        ({"axes_idx": {"foo": 1}}, "axes_idx names"),
        ({"width_ratios": {"foo": 1}}, "width_ratios names"),
        ({"foo": 1}, r"Found the arguments \['foo'\]"),
        ({"included_plots": []}, "included_plots is empty"),
        ({"iteration": N}, "out of bounds"),
    ],
)
def test_status_errors(arguments, message):
    with pytest.raises((InputError, IndexError), match=message):
        mm.plot.synthesis_status(fake_metamer(), **arguments)


def test_objects_without_anything_to_see():
    with pytest.raises(InputTypeError, match="expected a synthesis: an object that offers panels"):
        mm.plot.synthesis_status(object())


def test_competitions_side_by_side():
    four = [fake_mad() for _ in range(4)]
    for i, mad in enumerate(four):
        mad.optimized_metric = mm.metric.mse if i < 2 else mm.metric.ssim
        mad.initial_image = mad.image + 0.5
        mad.mad_image = mad.image + i
        mad.optimized_metric_loss = torch.full((N,), float(i))
    ordered = four[0], four[2], four[1], four[3]
    figure = mm.plot.mad_imshow_all(*ordered, zoom=2)
    shown = {a.get_title().split("\n")[0]: float(a.images[0].get_array().mean()) for a in figure.axes}
    offsets = {name: round(value - shown["Reference image"], 4) for name, value in shown.items()}
    expected = {"Lowest mse": 0, "Highest mse": 1, "Lowest ssim": 2, "Highest ssim": 3}
    assert offsets == {"Reference image": 0, "Initial image": 0.5, **expected}
    first, second = mm.plot.mad_loss_all(*ordered, metric2_name="SSIM").axes
    assert (first.get_ylabel(), second.get_ylabel()) == ("mse", "SSIM")
    assert first.lines[1].get_label() == "Maximise mse" and np.array_equal(first.lines[1].get_ydata(), np.ones(N))
    assert np.array_equal(second.lines[1].get_ydata(), np.arange(N))
    four[3].image = four[3].image + 1
    with pytest.raises(InputError, match="do not have the same image"):
        mm.plot.mad_loss_all(*ordered)


class Walk:
    """A user's own synthesis, of another kind, with its own panels."""

    panel_iterations = range(0, 9, 2)

    def panels(self, iteration=None, batch_idx=0, channel_idx=None):
        i = 8 if iteration is None else iteration
        return [
            ImagePanel("map", torch.full((1, 4, 4), float(i)), f"step {i}", (0, 8)),
            CurvesPanel("path", {"x": torch.arange(9.0), "y": -torch.arange(9.0)}, log=True, iteration=i),
            RepresentationPanel("state", {"position": torch.tensor([1.0, -1.0]) * i}),
            HistogramPanel("spread", {"steps": torch.arange(10.0) + i}),
        ]


def test_own_panels_make_a_status_figure():
    figure = mm.plot.synthesis_status(Walk(), iteration=4)
    image, path, state, spread = figure.axes
    assert image.get_title().startswith("step 4\nrange [0, 8]")
    assert path.get_yscale() == "linear" and [t.get_text() for t in path.get_legend().get_texts()] == ["x", "y"]
    assert np.array_equal(state.containers[0].markerline.get_ydata(), [4, -4])
    assert len(spread.patches) == 1
    assert len(mm.plot.synthesis_status(Walk(), included_plots=["map"]).axes) == 1


def test_own_panels_are_animated():
    animation = mm.plot.synthesis_animate(Walk(), included_plots=["map", "path", "state"])
    image, path, state = animation.figure.axes
    frames = [frame.copy() for frame in animation.frames()]
    assert len(frames) == 5 and all((a != b).any() for a, b in itertools.pairwise(frames))
    assert image.images[0].get_array().max() == 8
    dots = [line for line in path.lines if line.get_linestyle() == "None"]
    assert [tuple(np.concatenate(d.get_data())) for d in dots] == [(8, 8), (8, -8)]
    assert np.array_equal(state.containers[0].markerline.get_ydata(), [8, -8])


def test_a_users_model_with_its_own_panels_appears_in_status_and_animation():
    class Mine(Doubled):
        def representation_panels(self, representation, batch_idx=0):
            rows = representation[batch_idx, 0].mean(1)
            return [RepresentationPanel("rows", {"rows of mine": rows}), ImagePanel("all", representation[batch_idx])]

    synthesis = mm.Metamer(torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(0)), Mine())
    synthesis.setup(seed=0)
    synthesis.synthesize(3, store_progress=True, progress=False, stop_criterion=0.0)
    figure = mm.plot.synthesis_status(synthesis)
    assert "rows of mine" in [a.get_title() for a in figure.axes]
    animation = mm.plot.synthesis_animate(synthesis)
    rows = next(a for a in animation.figure.axes if a.get_title() == "rows of mine")
    heights = []
    for _ in animation.frames():
        heights.append(rows.containers[0].markerline.get_ydata())
    final = synthesis.model(synthesis.metamer) - synthesis.target_representation
    assert np.allclose(heights[-1], final[0, 0].mean(1), atol=1e-6)
    assert not np.allclose(heights[0], heights[-1])


def test_sounds_are_drawn_as_curves():
    synthesis = fake_metamer()
    synthesis.image = torch.rand(1, 1, 50)
    synthesis.metamer = torch.arange(50.0).reshape(1, 1, 50)
    synthesis.target_representation = 2 * synthesis.image
    ax = mm.plot.synthesis_imshow(synthesis)
    assert np.array_equal(ax.lines[0].get_ydata(), np.arange(50)) and ax.get_xlabel() == "Sample"


def test_rich_display_leaves_no_figure():
    fragment = rich_html(fake_metamer())
    assert fragment.startswith('<img alt="SimpleNamespace"') and "<pre>namespace(image=tensor" in fragment
    assert plt.get_fignums() == []


def test_a_loss_that_hardly_changes_has_a_linear_axis():
    synthesis = fake_metamer()
    synthesis.losses = torch.linspace(45.0, 46.0, N)
    assert mm.plot.synthesis_loss(synthesis)["loss"].get_yscale() == "linear"
    synthesis.losses = torch.linspace(4.0, 46.0, N)
    assert mm.plot.synthesis_loss(synthesis)["loss"].get_yscale() == "log"


def test_a_loss_of_zero_throughout_is_drawn_without_a_warning():
    synthesis = fake_metamer()
    synthesis.losses = torch.zeros(N)
    assert mm.plot.synthesis_loss(synthesis)["loss"].get_yscale() == "linear"


def test_a_stimulus_without_a_target_has_no_panel_of_it():
    synthesis = fake_metamer()
    assert with_target(view_of(synthesis))[0] == TARGET
    synthesis.image = None
    assert TARGET not in with_target(view_of(synthesis)) and TARGET not in view_of(synthesis).names


def test_eigendistortions_of_several_images_follow_one_another():
    one, two = fake_eigen(1), fake_eigen(1)
    both = SimpleNamespace(
        image=torch.cat([one.image, two.image / 2]),
        eigendistortions=torch.stack([one.eigendistortions, -two.eigendistortions]),
        eigenvalues=torch.stack([one.eigenvalues, one.eigenvalues + 10]),
    )
    n = len(one.eigendistortions)
    assert entries_of(one) == n and entries_of(both) == 2 * n
    view = view_of(both, n + 1)
    assert view.problem == 1 and f"eigenvalue {float(one.eigenvalues[1]) + 10:.3g}" in view.headline
    (panel,) = view.panels("synthesis_imshow", None, distortion_scale=2)
    torch.testing.assert_close(panel.image, two.image[0] / 2 - 2 * two.eigendistortions[1])
    figure = mm.plot.eigendistortion_imshow_all(both, [1], batch_idx=1)
    assert f"eigenvalue {float(one.eigenvalues[1]) + 10:.3g}" in figure.axes[1].get_title()
    with pytest.raises(IndexError, match="batch_idx=2"):
        mm.plot.eigendistortion_imshow_all(both, [1], batch_idx=2)


def test_images_with_distortions_share_the_scale_of_the_image():
    image = torch.linspace(0.2, 0.9, 48).reshape(1, 1, 6, 8)
    found = SimpleNamespace(image=image, eigendistortions=torch.ones(1, 1, 6, 8), eigenvalues=torch.tensor([2.0]))
    original, _, added = mm.plot.eigendistortion_imshow_all(found, [0], distortion_scale=0.5).axes
    assert original.images[0].get_clim() == added.images[0].get_clim() == (0, 1)
    share = float((image + 0.5 > 1).float().mean())
    assert f"({share:.0%} clipped)" in added.get_title() and "clipped" not in original.get_title()
    found.image = 3 * image
    original, *_ = mm.plot.eigendistortion_imshow_all(found, [0], distortion_scale=0.5).axes
    assert original.images[0].get_clim() == pytest.approx((0.6, 2.7))


def test_curves_are_those_of_one_entry():
    image = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    mad = mm.MADCompetition(image, mm.metric.mse, mm.loss.l2_norm, "max")
    mad.setup(0.1, seed=0)
    trace = mad.synthesize(3, progress=False).trace
    for name in ("optimized_metric", "reference_metric"):
        torch.testing.assert_close(view_of(mad, 1).curves[f"{name}_loss"], trace[name][:, 1])
    exciting = mm.MostExcitingInput(lambda x: (x[:, 0, 0] ** 3).mean(1), (2, 1, 4, 4))
    exciting.synthesize(3, progress=False)
    torch.testing.assert_close(view_of(exciting, 1).curves["response"], exciting.responses[:, 1])
    general = mm.Synthesis(lambda x: (x**4).mean((1, 2, 3)), (2, 1, 4, 4))
    general.synthesize(3, progress=False)
    torch.testing.assert_close(view_of(general, 1).curves["loss"], general.result.trace["total"][:, 1])


def test_stimulus_and_target_are_shown_on_one_scale():
    image = torch.full((1, 1, 8, 8), 0.4)
    image[..., 4:] = 0.6
    metamer = mm.Metamer(image, mm.models.Gaussian(3))
    metamer.setup(initial_image=1 - image / 2)
    names = ["synthesis_target", "synthesis_imshow"]
    axes = mm.plot.synthesis_status(metamer, included_plots=names).axes[:2]
    assert [ax.images[0].get_clim() for ax in axes] == [(0, 1), (0, 1)]
    beyond = mm.Metamer(3 * image, mm.models.Gaussian(3), penalty_lambda=0)
    beyond.setup(seed=0)
    (ax,) = mm.plot.synthesis_status(beyond, included_plots=names[:1]).axes
    assert ax.images[0].get_clim() == pytest.approx((1.2, 1.8))
