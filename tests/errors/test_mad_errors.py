"""What MAD competition refuses, and what it says."""

import pytest
import torch

import metameric as mm

IMAGE = torch.full((1, 1, 16, 16), 0.5)
MSE = mm.metric.mse


def blurred(x, y):
    return (x - y).square().mean().detach()


BAD = {
    "similarity": (lambda x, y: 1 - (x - y).square().mean(), "of an image with itself is 1; expected 0"),
    "negative": (lambda x, y: -(x - y).square().mean(), "never negative"),
    "not a scalar": (lambda x, y: (x - y).square().mean((1, 2)), "expected a tensor with a single value"),
    "no gradient": (blurred, "has no gradient"),
    "no tensor": (lambda x, y: 0.0, "returned a float"),
    "one argument": (lambda x: x.mean(), "cannot be called with two images"),
    "other precision": (lambda x, y: (x - y).double().square().mean(), "same precision"),
    "NaN": (lambda x, y: (x - y).sum() / 0 * 0, "finite"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("first", [True, False])
def test_bad_metrics(bad: str, first: bool) -> None:
    metric, message = BAD[bad]
    with pytest.raises((ValueError, TypeError), match=message):
        mm.MADCompetition(IMAGE, *((metric, MSE) if first else (MSE, metric)), "min")
    with pytest.raises((ValueError, TypeError), match=message):
        mm.MADSet(IMAGE, {"good": MSE, "bad": metric})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minmax": "up"}, "minmax is 'up'; expected 'min' or 'max'"),
        ({"metric_tradeoff_lambda": -1.0}, "metric_tradeoff_lambda is -1.0; expected 0 or more"),
        ({"penalty_lambda": -1.0}, "penalty_lambda is -1.0; expected 0 or more"),
        ({"image": torch.zeros(1, 1, 4, 4, dtype=torch.uint8)}, "floating point"),
    ],
)
def test_bad_options(options: dict, message: str) -> None:
    given = {"image": IMAGE, "optimized_metric": MSE, "reference_metric": MSE, "minmax": "min", **options}
    with pytest.raises((ValueError, TypeError), match=message):
        mm.MADCompetition(**given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"initial_noise": 0.0}, "expected a standard deviation, more than 0"),
        ({"initial_noise": 0.1, "initial_image": IMAGE}, "both initial_noise and initial_image"),
        ({"initial_image": IMAGE}, "more initial_noise"),
        ({"initial_image": IMAGE[..., :8]}, r"expected \(1, 1, 16, 16\)"),
        ({"reference_value": 0.0}, "reference_value is 0.0; expected more than 0"),
        ({"reference_value": 50.0}, "within the allowed range"),
        ({"scheduler_kwargs": {"gamma": 1.0}}, "name the scheduler class"),
    ],
)
def test_bad_setup(options: dict, message: str) -> None:
    mad = mm.MADCompetition(IMAGE, MSE, mm.metric.as_distance(mm.metric.ssim), "min")
    with pytest.raises(ValueError, match=message):
        mad.setup(**options)


def test_setup_twice() -> None:
    mad = mm.MADCompetition(IMAGE, MSE, MSE, "min")
    mad.setup()
    with pytest.raises(ValueError, match="make a new MADCompetition"):
        mad.setup()


def test_bad_window() -> None:
    with pytest.raises(ValueError, match="stop_iters_to_check is 0; expected at least 1"):
        mm.MADCompetition(IMAGE, MSE, MSE, "min").synthesize(stop_iters_to_check=0, progress=False)


def test_set() -> None:
    with pytest.raises(ValueError, match="at least two, with distinct names"):
        mm.MADSet(IMAGE, [MSE])
    with pytest.raises(ValueError, match="distinct names"):
        mm.MADSet(IMAGE, [MSE, MSE])
    mad = mm.MADSet(IMAGE, {"a": MSE, "b": mm.metric.as_distance(mm.metric.ssim)})
    with pytest.raises(ValueError, match="no stimuli yet"):
        mad.competition("a", "b", "min")
    with pytest.raises(ValueError, match="there is no case"):
        mad["a", "a", "min"]
    with pytest.raises(ValueError, match="reference_value is for a single MADCompetition"):
        mad.setup(reference_value=0.1)
