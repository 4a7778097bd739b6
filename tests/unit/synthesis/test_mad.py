"""MAD competition of one pair of metrics: closed forms, kinks, models as metrics, surface."""

import warnings

import pytest
import torch
from torch import Tensor

import metameric as mm
from metameric.problems import QuadraticMetric


def dissimilarity() -> object:
    return mm.metric.as_distance(mm.metric.ssim)


def l1(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).abs().sum()


def l2(x: Tensor, y: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x - y)


def quadratic(n: int, seed: int) -> QuadraticMetric:
    root = torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return QuadraticMetric(root @ root.mT / n + 0.1 * torch.eye(n, dtype=torch.float64))


@pytest.mark.parametrize("minmax", ["min", "max"])
def test_quadratic_metrics_reach_the_extreme_generalised_eigenvalues(minmax: str) -> None:
    a, b = quadratic(20, 0), quadratic(20, 1)
    ratios = torch.linalg.eigvals(torch.linalg.solve(b.matrix, a.matrix)).real
    image = torch.full((1, 20), 0.5, dtype=torch.float64)
    mad = mm.MADCompetition(image, a, b, minmax)
    mad.setup(0.01, seed=0)
    result = mad.synthesize(300, progress=False)
    wanted = ratios.min() if minmax == "min" else ratios.max()
    assert result.converged
    reached = result.figures["optimized_final"] / result.figures["reference_final"]
    assert abs(float(reached / wanted) - 1) < 1e-3
    assert float(result.figures["stray_percent"]) < 0.1


@pytest.mark.parametrize(
    ("optimized", "reference", "minmax", "on_axis"),
    [(l1, l2, "max", False), (l1, l2, "min", True), (l2, l1, "max", True), (l2, l1, "min", False)],
)
def test_l1_against_l2_in_the_plane_ends_in_the_corners(optimized, reference, minmax: str, on_axis: bool) -> None:
    image = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    mad = mm.MADCompetition(image, optimized, reference, minmax)
    mad.setup(initial_image=image + torch.tensor([[0.07, 0.03]], dtype=torch.float64))
    result = mad.synthesize(200, progress=False)
    difference = (mad.mad_image - image).abs().sort().values[0]
    if on_axis:
        assert float(difference[0] / difference[1]) < 1e-3
    else:
        assert abs(float(difference[0] / difference[1]) - 1) < 1e-3
    assert float(result.figures["stray_percent"]) < 0.1


PAIRS = {
    "ssim, mse": lambda: (dissimilarity(), mm.metric.mse),
    "l1 (a kink), mse": lambda: (l1, mm.metric.mse),
    "nlpd, ssim": lambda: (mm.metric.nlpd, dissimilarity()),
    "model, mse": lambda: (
        mm.metric.model_metric_factory(mm.models.OnOff((31, 31), pretrained=True)),
        mm.metric.mse,
    ),
    "two models": lambda: (
        mm.metric.model_metric_factory(mm.models.Gaussian((7, 7))),
        mm.metric.model_metric_factory(mm.models.CenterSurround((7, 7))),
    ),
}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("minmax", ["min", "max"])
@pytest.mark.parametrize("swapped", [False, True])
def test_any_metrics_run_through_the_same_call(pair: str, minmax: str, swapped: bool) -> None:
    metrics = PAIRS[pair]()
    optimized, reference = metrics[::-1] if swapped else metrics
    mad = mm.MADCompetition(mm.data.image("camera", size=48), optimized, reference, minmax)
    mad.setup(0.05, seed=0)
    result = mad.synthesize(25, progress=False)
    figures = {name: float(value) for name, value in result.figures.items()}
    assert figures["stray_percent"] < 0.1
    assert float(100 * result.trace["stray"].max()) < 0.1  # at every iteration
    if minmax == "min":
        assert figures["optimized_final"] < 0.9 * figures["optimized_initial"]
    else:
        assert figures["optimized_final"] > 1.1 * figures["optimized_initial"]
    assert mad.mad_image.min() >= 0
    assert mad.mad_image.max() <= 1


def test_metrics_of_piq() -> None:
    piq = pytest.importorskip("piq")
    fsim = piq.FSIMLoss(chromatic=False)
    mad = mm.MADCompetition(mm.data.image("camera", size=64), fsim, mm.metric.mse, "max")
    mad.setup(0.05, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figures = mad.synthesize(5, progress=False).figures
    assert figures["stray_percent"] < 0.1
    assert figures["optimized_final"] > figures["optimized_initial"]


def test_a_batch_is_independent_problems() -> None:
    images = torch.cat([mm.data.image("camera", size=32), mm.data.image("coins", size=32)]).double()
    together = mm.MADCompetition(images, dissimilarity(), mm.metric.mse, "min")
    together.setup(0.05, seed=[4, 9])
    together.synthesize(15, progress=False)
    for i, seed in enumerate((4, 9)):
        alone = mm.MADCompetition(images[i : i + 1], dissimilarity(), mm.metric.mse, "min")
        alone.setup(0.05, seed=seed)
        alone.synthesize(15, progress=False)
        torch.testing.assert_close(together.mad_image[i : i + 1], alone.mad_image, rtol=0, atol=1e-8)


def test_several_seeds_give_several_stimuli_of_one_image() -> None:
    mad = mm.MADCompetition(mm.data.image("camera", size=32), dissimilarity(), mm.metric.mse, "min")
    mad.setup(0.05, seed=[1, 2, 3])
    mad.synthesize(3, progress=False)
    assert mad.mad_image.shape == (3, 1, 32, 32)


def test_start_within_the_range_and_at_a_wanted_value() -> None:
    image = mm.data.image("camera", size=32)
    mad = mm.MADCompetition(image, dissimilarity(), mm.metric.mse, "min")
    mad.setup(0.3, seed=0)
    assert mad.initial_image.min() == 0
    assert mad.initial_image.max() == 1
    other = mm.MADCompetition(image, dissimilarity(), mm.metric.mse, "min")
    other.setup(0.1, seed=0, reference_value=0.004)
    other.synthesize(5, progress=False)
    torch.testing.assert_close(mm.metric.mse(other.initial_image, image), torch.tensor([[0.004]]), rtol=1e-4, atol=0)
    torch.testing.assert_close(mm.metric.mse(other.mad_image, image), torch.tensor([[0.004]]), rtol=1e-3, atol=0)


@pytest.mark.parametrize("metric", ["nlpd", "model"])
def test_metrics_that_are_not_quite_zero_for_equal_images_in_double_precision(metric: str) -> None:
    metrics = {"nlpd": mm.metric.nlpd, "model": mm.metric.model_metric_factory(mm.models.Gaussian((7, 7)).double())}
    mad = mm.MADCompetition(mm.data.image("camera", size=48).double(), metrics[metric], mm.metric.mse, "max")
    mad.setup(0.05, seed=0)
    assert mad.synthesize(3, progress=False).figures["stray_percent"] < 0.1


def test_continuing_equals_going_on(dtype: torch.dtype) -> None:
    def make() -> mm.MADCompetition:
        mad = mm.MADCompetition(mm.data.image("camera", size=32).to(dtype), dissimilarity(), mm.metric.mse, "max")
        mad.setup(0.05, seed=0)
        return mad

    whole, parts = make(), make()
    whole.synthesize(10, progress=False)
    parts.synthesize(4, progress=False)
    parts.synthesize(6, progress=False)
    assert torch.equal(whole.mad_image, parts.mad_image)
    assert whole.mad_image.dtype == dtype


def test_a_saved_competition_goes_on(tmp_path) -> None:
    def make() -> mm.MADCompetition:
        return mm.MADCompetition(mm.data.image("camera", size=32), dissimilarity(), mm.metric.mse, "max")

    first, second = make(), make()
    first.setup(0.05, seed=0)
    first.synthesize(4, progress=False)
    first.save(tmp_path / "mad.safetensors")
    second.load(tmp_path / "mad.safetensors")
    for mad in (first, second):
        mad.synthesize(4, progress=False)
    assert torch.equal(first.mad_image, second.mad_image)
    assert torch.equal(first.initial_image, second.initial_image)


def test_a_torch_optimizer_follows_the_level_set_too() -> None:
    mad = mm.MADCompetition(mm.data.image("camera", size=32).double(), l2, mm.metric.mse, "min", penalty_lambda=0.0)
    other = mm.MADCompetition(mm.data.image("camera", size=32), l1, mm.metric.mse, "min")
    for each in (mad, other):
        each.setup(0.05, torch.optim.Adam, {"lr": 0.01}, seed=0)
        result = each.synthesize(20, progress=False)
        assert result.figures["stray_percent"] < 0.1
    assert other.optimized_metric_loss[-1] < other.optimized_metric_loss[0]


def test_attributes_and_progress() -> None:
    mad = mm.MADCompetition(mm.data.image("camera", size=32), dissimilarity(), mm.metric.mse, "max")
    assert mad.mad_image.numel() == 0
    assert mad.initial_image.numel() == 0
    assert mad.objective_function().numel() == 0
    mad.setup(0.05, seed=0)
    mad.synthesize(5, store_progress=2, progress=False)
    assert mad.minmax == "max"
    assert mad.metric_tradeoff_lambda is None
    assert mad.losses.shape == mad.penalties.shape == mad.optimized_metric_loss.shape == (6,)
    assert mad.gradient_norm.shape == mad.pixel_change_norm.shape == (5,)
    assert mad.saved_mad_image.shape == (4, 1, 1, 32, 32)
    torch.testing.assert_close(mad.losses, -mad.optimized_metric_loss, rtol=1e-3, atol=0)
    torch.testing.assert_close(mad.objective_function(), mad.losses[-1], rtol=1e-3, atol=0)
    progress = mad.get_progress(2)
    assert progress["reference_metric_loss"] == mad.reference_metric_loss[2]
    assert progress["optimized_metric_loss"] == mad.optimized_metric_loss[2]
    assert "strayed" in mad.summary()
    assert "minmax = max" in repr(mad)


def test_to_double_goes_on() -> None:
    mad = mm.MADCompetition(mm.data.image("camera", size=32), dissimilarity(), mm.metric.mse, "max")
    mad.setup(0.05, seed=0)
    mad.synthesize(3, progress=False)
    mad.to(torch.float64)
    result = mad.synthesize(3, progress=False)
    assert mad.mad_image.dtype == torch.float64
    assert result.figures["stray_percent"] < 0.1


def test_to_takes_metrics_along_that_are_modules() -> None:
    a, b = (QuadraticMetric(torch.eye(4) + i * torch.diag(torch.arange(4.0))) for i in range(2))
    mad = mm.MADCompetition(torch.full((1, 4), 0.5), a, b, "min")
    mad.setup(0.1, seed=0)
    mad.to(torch.float64)
    mad.synthesize(2, progress=False)
    assert mad.mad_image.dtype == torch.float64


def test_global_random_state_is_left_alone() -> None:
    torch.manual_seed(0)
    wanted = torch.rand(1)
    torch.manual_seed(0)
    mad = mm.MADCompetition(mm.data.image("camera", size=32), dissimilarity(), mm.metric.mse, "max")
    mad.synthesize(2, progress=False)
    assert torch.equal(torch.rand(1), wanted)


def test_a_model_sees_the_image_once() -> None:
    seen = []

    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x.detach().clone())
            return torch.tanh(x)

    image = mm.data.image("camera", size=32)
    mad = mm.MADCompetition(image, mm.metric.mse, mm.metric.model_metric_factory(Model()), "max")
    mad.setup(0.1, seed=0)
    seen.clear()
    mad.synthesize(3, progress=False)
    assert sum(torch.equal(x, image) for x in seen) == 1
