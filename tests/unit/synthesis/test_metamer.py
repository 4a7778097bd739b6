import functools
import os
import signal

import pytest
import torch
from torch import nn

import metameric as mm
from metameric._solve._constraint import FREE, Box
from metameric._solve._lbfgs import LBFGS
from metameric._solve._observe import Observer
from metameric._solve._status import Status
from metameric._solve._stop import Never

QUIET = {"progress": False}


@pytest.fixture(scope="module")
def image():
    return mm.data.image("camera", size=32)


@pytest.fixture(scope="module")
def model():
    return mm.remove_grad(mm.models.Gaussian((7, 7)))


def test_five_lines(image, model):
    metamer = mm.Metamer(image, model)
    metamer.setup(seed=0)
    result = metamer.synthesize(**QUIET)
    assert result.converged
    error = torch.linalg.vector_norm(model(metamer.metamer) - model(image)) / torch.linalg.vector_norm(model(image))
    assert error <= 1e-3
    assert float(result.figures["relative_error"]) == pytest.approx(float(error), rel=1e-4)
    assert float(result.figures["unrelated_error"]) > 10 * float(error)
    assert metamer.metamer.min() >= 0
    assert metamer.metamer.max() <= 1
    assert float(result.figures["pixel_distance"]) > 0.05


def test_linear_model_ends_at_the_nearest_metamer(dtype):
    model = mm.problems.LinearModel.random(6, 20, dtype=dtype)
    image, start = torch.rand(2, 20, dtype=dtype), torch.rand(2, 20, dtype=dtype)
    metamer = mm.Metamer(image, model, penalty_lambda=0)
    metamer.setup(start)
    result = metamer.synthesize(tolerance=1e-6, **QUIET)
    assert result.converged
    expected = model.nearest_metamer(image, start)
    assert torch.allclose(metamer.metamer, expected, atol=1e-4)
    assert metamer.metamer.dtype == dtype


def test_batch_of_different_images_and_seeds_is_each_alone(model):
    names = ["camera", "astronaut", "coffee", "brick"]
    images = torch.cat([mm.data.image(name, size=32) for name in names]).double()
    model = mm.remove_grad(mm.models.Gaussian((7, 7)).double())
    together = mm.Metamer(images, model)
    together.setup(seed=[3, 1, 4, 7])
    # A long run amplifies the rounding by which a convolution of four images differs from one of each.
    result = together.synthesize(tolerance=0.02, **QUIET)
    for i, seed in enumerate([3, 1, 4, 7]):
        alone = mm.Metamer(images[i : i + 1], model)
        alone.setup(seed=seed)
        single = alone.synthesize(tolerance=0.02, **QUIET)
        assert single.status[0] is result.status[i]
        assert single.figures["evaluations"][0] == result.figures["evaluations"][i]
        assert torch.allclose(alone.metamer[0], together.metamer[i], atol=1e-9)


def test_several_seeds_of_one_image_are_distinct_metamers(image, model):
    metamer = mm.Metamer(image, model)
    metamer.setup(seed=[0, 1, 2])
    assert metamer.synthesize(**QUIET).converged
    assert metamer.metamer.shape[0] == 3
    assert torch.pdist(metamer.metamer.flatten(1)).min() > 1
    assert metamer.objective_function().shape == ()


def test_plenoptic_vocabulary(image, model):
    metamer = mm.Metamer(image, model, mm.loss.l2_norm, penalty_lambda=0.2)
    assert metamer.metamer.numel() == metamer.losses.numel() == metamer.saved_metamer.numel() == 0
    assert metamer.objective_function().numel() == 0
    assert metamer.optimizer is not None
    options = {"lr": 0.02}
    metamer.setup(torch.rand_like(image), torch.optim.Adam, options, torch.optim.lr_scheduler.StepLR, {"step_size": 3})
    assert metamer.metamer.shape == image.shape
    metamer.synthesize(5, store_progress=2, stop_criterion=1e-9, **QUIET)
    metamer.synthesize(5, store_progress=2, stop_criterion=1e-9, **QUIET)
    assert options == {"lr": 0.02}
    assert metamer.losses.shape == metamer.penalties.shape == (11,)
    assert metamer.gradient_norm.shape == metamer.pixel_change_norm.shape == (10,)
    assert metamer.saved_metamer.shape == (6, *image.shape)
    assert torch.equal(metamer.saved_metamer[-1], metamer.metamer)
    assert isinstance(metamer.optimizer, torch.optim.Adam)
    assert metamer.optimizer.param_groups[0]["lr"] < 0.02
    assert isinstance(metamer.scheduler, torch.optim.lr_scheduler.StepLR)
    assert metamer.store_progress == 2
    expected = mm.loss.l2_norm(model(metamer.metamer), metamer.target_representation)
    expected = expected + 0.2 * mm.regularize.penalize_range(metamer.metamer)
    assert torch.allclose(metamer.objective_function(), expected)
    assert torch.allclose(metamer.losses[-1], expected)
    assert metamer.loss_function is mm.loss.l2_norm
    assert metamer.model is model
    assert metamer.penalty_lambda == 0.2


def test_without_progress_only_the_present_metamer_is_saved(image, model):
    metamer = mm.Metamer(image, model)
    metamer.setup(seed=0)
    assert torch.equal(metamer.saved_metamer, metamer.metamer[None])
    metamer.synthesize(2, **QUIET)
    assert torch.equal(metamer.saved_metamer, metamer.metamer[None])
    assert metamer.store_progress is None
    assert "saved_metamer" not in metamer.get_progress(1)


def test_what_a_run_returns_is_shown_as_its_summary(image, model):
    result = mm.Metamer(image, model).synthesize(2, **QUIET)
    assert repr(result) == str(result) == result.summary()
    found = mm.Eigendistortion(image, model).synthesize(**QUIET)
    assert repr(found) == str(found) == found.summary()


def test_get_progress(image, model):
    metamer, every_other = mm.Metamer(image, model), mm.Metamer(image, model)
    every_other.synthesize(8, store_progress=2, stop=Never(), **QUIET)
    metamer.synthesize(7, store_progress=3, stop=Never(), **QUIET)
    last = metamer.get_progress(-1)
    assert list(last)[:2] == ["losses", "iteration"]
    assert last["iteration"] == 7
    assert last["losses"] == metamer.losses[-1]
    assert last["gradient_norm"] is None
    assert torch.equal(last["saved_metamer"], metamer.metamer)
    exact = metamer.get_progress(3)
    assert exact["store_progress_iteration"] == 3
    assert exact["pixel_change_norm"] == metamer.pixel_change_norm[3]
    for how, found in (("floor", 3), ("ceiling", 6), ("round", 3)):
        with pytest.warns(UserWarning, match="iteration 4 was not stored"):
            assert metamer.get_progress(4, how)["store_progress_iteration"] == found
    with pytest.warns(UserWarning, match="was not stored"):
        assert [every_other.get_progress(i)["store_progress_iteration"] for i in (1, 3, 5, 7)] == [0, 4, 4, 8]
    with pytest.raises(IndexError, match="iteration 8 is not among the 8"):
        metamer.get_progress(8)
    with pytest.raises(ValueError, match="expected 'floor'"):
        metamer.get_progress(1, "nearest")


def test_penalties_are_weighed_and_bounds_are_held(image, model):
    tight = functools.partial(mm.regularize.penalize_range, allowed_range=(0.2, 0.8))
    metamer = mm.Metamer(image.clamp(0.2, 0.8), model, penalty_function=tight)
    metamer.setup()
    assert metamer._constraint == Box(0.2, 0.8)
    metamer.synthesize(20, **QUIET)
    assert metamer.metamer.min() >= 0.2
    # A target outside the range cannot be matched within it: the penalty is weighed instead.
    with pytest.warns(UserWarning, match=r"the penalty asks for \[0, 1\]"):
        wide = mm.Metamer(image * 3, model)
    wide.setup()
    assert wide._constraint is FREE
    own = mm.Metamer(image, model, penalty_function=lambda x: (x**2).mean())
    own.setup()
    assert own._constraint is FREE
    adam = mm.Metamer(image, model)
    adam.setup(optimizer=torch.optim.Adam)
    assert adam._constraint is FREE


def test_free_leaves_the_range_to_the_penalty(image, model):
    metamer = mm.Metamer(image, model, penalty_lambda=1e-6)
    metamer.setup(constraint=mm.Free(), seed=1)
    metamer.synthesize(20, **QUIET)
    assert metamer.penalties[-1] > 0
    assert metamer.metamer.min() < 0 or metamer.metamer.max() > 1


def test_start_outside_the_range_is_taken_to_it(image, model):
    metamer = mm.Metamer(image, model)
    metamer.setup(4 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0)))
    result = metamer.synthesize(**QUIET)
    assert result.status == [Status.CONVERGED]
    assert metamer.metamer.min() >= 0
    assert metamer.metamer.max() <= 1


class FailsFrom(nn.Module):
    """A blur that answers NaN from some call on."""

    def __init__(self, call):
        super().__init__()
        self.blur, self.calls, self.fails = mm.models.Gaussian((7, 7)), 0, call

    def forward(self, x):
        self.calls += 1
        return self.blur(x) * (torch.nan if self.calls > self.fails else 1)


@pytest.mark.parametrize("optimizer", [None, torch.optim.Adam])
def test_model_that_returns_nan_from_iteration_20_on(image, optimizer):
    metamer = mm.Metamer(image, FailsFrom(22))
    metamer.setup(seed=0, optimizer=optimizer)
    result = metamer.synthesize(tolerance=0, **QUIET)
    assert result.status == [Status.NON_FINITE]
    assert "last good stimulus is kept" in result.summary()
    assert torch.isfinite(metamer.metamer).all()
    assert 5 < result.iterations < 25
    assert metamer.losses[-1] < metamer.losses[0]


def test_interrupt_in_the_middle(image, model):
    class CtrlC(Observer):
        def step(self, run):
            if run.iteration == 5:
                os.kill(os.getpid(), signal.SIGINT)

    metamer = mm.Metamer(image, model)
    metamer.setup(seed=0)
    result = metamer.synthesize(observers=[CtrlC()], **QUIET)
    assert result.status == [Status.INTERRUPTED]
    assert result.iterations == 5
    assert metamer.synthesize(**QUIET).converged
    straight = mm.Metamer(image, model)
    straight.setup(seed=0)
    straight.synthesize(**QUIET)
    assert torch.equal(straight.metamer, metamer.metamer)


def test_step_limit_and_stalled(image, model):
    metamer = mm.Metamer(image, model)
    assert metamer.synthesize(3, **QUIET).status == [Status.STEP_LIMIT]
    impossible = mm.Metamer(image, model, penalty_function=lambda x: x.mean() ** 2, penalty_lambda=10.0)
    assert impossible.synthesize(2000, stop_iters_to_check=5, **QUIET).status == [Status.STALLED]


def test_sound_and_video():
    sound = torch.sin(torch.linspace(0, 60, 400, dtype=torch.float64)).reshape(1, 1, 400)
    filters = torch.randn(5, 1, 21, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def spectrogram(x):
        return torch.nn.functional.softplus(torch.nn.functional.conv1d(x, filters, stride=8))

    around_zero = functools.partial(mm.regularize.penalize_range, allowed_range=(-1, 1))
    metamer = mm.Metamer(sound, spectrogram, penalty_function=around_zero)
    metamer.setup(seed=0)
    assert metamer.synthesize(**QUIET).converged
    assert metamer.metamer.min() < -0.1  # sound lives around zero
    video = torch.rand(2, 1, 4, 12, 12, generator=torch.Generator().manual_seed(1))
    conv = mm.remove_grad(nn.Conv3d(1, 3, 3))
    torch.nn.init.normal_(conv.weight, generator=torch.Generator().manual_seed(2))
    metamer = mm.Metamer(video, conv)
    metamer.setup(seed=0)
    assert metamer.synthesize(**QUIET).converged
    assert metamer.metamer.shape == video.shape


def test_another_size_needs_a_representation_that_allows_it(image):
    def pooled(x):
        return torch.stack([x.mean((1, 2, 3)), x.var((1, 2, 3))], 1)

    metamer = mm.Metamer(image, pooled)
    metamer.setup(torch.rand(1, 1, 20, 48, generator=torch.Generator().manual_seed(0)))
    assert metamer.synthesize(**QUIET).converged
    assert metamer.metamer.shape == (1, 1, 20, 48)
    assert "pixel_distance" not in metamer.result.figures


def test_nothing_touches_the_global_random_state(image, model):
    state = torch.get_rng_state()
    metamer = mm.Metamer(image, model)
    metamer.synthesize(3, **QUIET)
    assert torch.equal(state, torch.get_rng_state())


def test_set_seed_repeats_the_default_start(image, model):
    def start():
        mm.set_seed(11)
        metamer = mm.Metamer(image, model)
        metamer.setup()
        return metamer.metamer

    assert torch.equal(start(), start())


def test_moves_between_precisions(image):
    metamer = mm.Metamer(image, mm.models.Gaussian((7, 7)))
    metamer.synthesize(3, store_progress=True, **QUIET)
    metamer.to(torch.float64)
    assert metamer.image.dtype == metamer.metamer.dtype == metamer.target_representation.dtype == torch.float64
    metamer.synthesize(3, store_progress=True, stop=Never(), **QUIET)
    assert metamer.losses.shape == (7,)


def test_repr_and_summary(image, model):
    metamer = mm.Metamer(image, model)
    assert "penalty_lambda = 0.1" in repr(metamer)
    assert "status" not in repr(metamer)
    with pytest.raises(RuntimeError, match=r"call synthesize\(\) first"):
        metamer.summary()
    metamer.synthesize(2, **QUIET)
    assert "step limit after 2 iterations" in repr(metamer)
    assert "relative error" in metamer.summary()
    plain = metamer.result.to_dict()
    assert plain["status"] == ["step limit"]
    assert plain["config"]["seeds"] == metamer._seeds


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda i, m: mm.Metamer(i * torch.nan, m), ValueError, "NaN or infinite"),
        (lambda i, m: mm.Metamer(i.to(torch.uint8), m), TypeError, "expected floating point"),
        (lambda i, m: mm.Metamer(i, lambda x: x.sum()), ValueError, "expected the batch"),
        (lambda i, m: mm.Metamer(i, m, penalty_lambda=-1), ValueError, "penalty_lambda is -1"),
        (lambda i, m: mm.Metamer(i, m).setup(i[:, :, :8]), ValueError, "representation has shape"),
        (lambda i, m: mm.Metamer(i, m).setup(i[0]), ValueError, r"expected \(1, 1, 32, 32\), like the target"),
        (lambda i, m: mm.Metamer(i, m).setup(optimizer_kwargs={"lr": 1}, solver=LBFGS()), ValueError, "choose one"),
        (lambda i, m: mm.Metamer(i, m).setup(optimizer=3), ValueError, "expected a class such as"),
        (
            lambda i, m: mm.Metamer(i, m).setup(optimizer=torch.optim.Adam, solver=LBFGS()),
            ValueError,
            "both `solver` and `optimizer`",
        ),
        (
            lambda i, m: mm.Metamer(i, m).setup(optimizer=torch.optim.Adam, scheduler_kwargs={"gamma": 1}),
            ValueError,
            "name the scheduler class",
        ),
        (lambda i, m: mm.Metamer(i, m).synthesize(-1), ValueError, "max_iter is -1"),
        (lambda i, m: mm.Metamer(i, m).synthesize(tolerance=-1.0), ValueError, "tolerance is -1.0"),
        (lambda i, m: mm.Metamer(i, m).synthesize(stop_iters_to_check=0), ValueError, "stop_iters_to_check is 0"),
        (lambda i, m: mm.Metamer(i, m).synthesize(store_progress=-2), ValueError, "store_progress is -2"),
    ],
)
def test_errors(image, model, call, error, message):
    with pytest.raises(error, match=message):
        call(image, model)


def test_calls_out_of_order(image, model):
    metamer = mm.Metamer(image, model)
    metamer.setup()
    with pytest.raises(ValueError, match="was called before"):
        metamer.setup()
    metamer.synthesize(2, **QUIET)
    with pytest.raises(ValueError, match="first call of synthesize"):
        metamer.synthesize(2, store_progress=True, **QUIET)
    stored = mm.Metamer(image, model)
    stored.synthesize(2, store_progress=2, **QUIET)
    with pytest.raises(ValueError, match="was 2 in the first call"):
        stored.synthesize(2, store_progress=3, **QUIET)


def test_a_result_does_not_go_on_with_the_run(image, model):
    metamer = mm.Metamer(image, model)
    metamer.setup(seed=0)
    result = metamer.synthesize(3, stop=Never(), **QUIET)
    text, points, stimulus = result.summary(), len(result.trace), metamer.metamer.clone()
    result.stimulus.mul_(255)
    assert torch.equal(metamer.metamer, stimulus)
    metamer.synthesize(3, stop=Never(), **QUIET)
    assert len(result.trace) == points and result.trace["loss"].shape == (points, 1) and result.summary() == text


def test_one_number_as_a_response(image):
    metamer = mm.Metamer(image, lambda x: x.mean((1, 2, 3)))
    assert metamer.enough().shape == metamer.enough(0.01).shape == (1,)
    metamer.setup(seed=[0, 1])
    result = metamer.synthesize(tolerance=0.01, **QUIET)
    assert result.converged and result.figures["unrelated_error"].shape == metamer.enough(0.01).shape == (2,)
    assert mm.metric.model_metric_factory(lambda x: x.mean((1, 2, 3))).each(image, image).shape == (1,)


@pytest.mark.parametrize("case", ["phase", "uniform"])
def test_what_a_model_does_not_tell_from_the_target_is_a_metamer_of_it(image, model, case):
    grating = (0.5 + 0.4 * torch.sin(torch.arange(32) * torch.pi / 4)).expand(1, 1, 32, 32)
    target, looks = {
        "phase": (grating, lambda x: torch.fft.rfft2(x).abs()),
        "uniform": (torch.full_like(image, 0.5), model),
    }[case]
    metamer = mm.Metamer(target, looks)
    metamer.setup(seed=0)
    assert float(metamer.unrelated_error) < 1e-4
    assert metamer.enough().tolist() == pytest.approx([1e-3])
    assert metamer.synthesize(**QUIET).converged


def test_shows_itself_in_notebooks(image, model):
    metamer = mm.Metamer(image, model)
    assert metamer._repr_html_().startswith("<pre>")
    metamer.synthesize(2, **QUIET)
    assert "<img" in metamer._repr_html_()
    assert "step limit" in metamer._repr_html_()


@pytest.mark.parametrize(
    ("setup", "kind", "options"),
    [
        ({"optimizer": torch.optim.SGD}, torch.optim.SGD, {"lr": 0.01}),
        ({"optimizer": torch.optim.Adam, "optimizer_kwargs": {"lr": 0.3}}, torch.optim.Adam, {"lr": 0.3}),
        (
            {"optimizer_kwargs": {"betas": (0.5, 0.9)}},
            torch.optim.Adam,
            {"lr": 0.01, "amsgrad": True, "betas": (0.5, 0.9)},
        ),
        ({"optimizer_kwargs": {"amsgrad": False}}, torch.optim.Adam, {"lr": 0.01, "amsgrad": False}),
        (
            {"scheduler": torch.optim.lr_scheduler.StepLR, "scheduler_kwargs": {"step_size": 5}},
            torch.optim.Adam,
            {"lr": 0.01, "amsgrad": True},
        ),
    ],
)
def test_options_of_an_optimizer(image, model, setup, kind, options):
    metamer = mm.Metamer(image, model)
    metamer.setup(**setup, seed=0)
    metamer.synthesize(2, **QUIET)
    assert isinstance(metamer.optimizer, kind)
    assert {key: metamer.optimizer.param_groups[0][key] for key in options} == options


def test_an_optimizer_without_a_learning_rate(image, model):
    def shrinking(parameters):
        return torch.optim.SGD(parameters, lr=0.125)

    metamer = mm.Metamer(image, model)
    metamer.setup(optimizer=shrinking, seed=0)
    metamer.synthesize(1, **QUIET)
    assert metamer.optimizer.param_groups[0]["lr"] == 0.125
