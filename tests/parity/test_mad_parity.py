"""MAD competition against plenoptic's: the penalty form step by step, the held form by what it reaches."""

import warnings

import pytest
import torch

import metameric as mm

pytest.importorskip("plenoptic", reason="plenoptic IS MISSING: parity with it is NOT tested")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import plenoptic as po

pytestmark = pytest.mark.filterwarnings("ignore:.*falls? outside.*:UserWarning", "ignore:.*\\[0, 1\\].*:UserWarning")

ADAM = {"lr": 0.01, "amsgrad": True}


def image() -> torch.Tensor:
    return mm.data.image("camera", size=48).double()


def peers_dissimilarity(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return 1 - po.metric.ssim(x, y, weighted=True, pad="reflect")


def dissimilarity(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return 1 - mm.metric.ssim(x, y, weighted=True, pad="reflect")


def peers(minmax: str, weight: float, swapped: bool) -> "po.MADCompetition":
    metrics = (peers_dissimilarity, po.metric.mse)
    po.set_seed(0)
    mad = po.MADCompetition(image(), *(metrics[::-1] if swapped else metrics), minmax, weight)
    mad.setup(0.1)
    return mad


@pytest.mark.parametrize("minmax", ["min", "max"])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_weight_gives_plenoptics_trajectory(minmax: str, swapped: bool) -> None:
    peer = peers(minmax, 100.0, swapped)
    # The same metrics for both: Adam's first steps turn differences in the last digits into signs.
    mad = mm.MADCompetition(image(), peer.optimized_metric, peer.reference_metric, minmax, 100.0)
    mad.setup(None, torch.optim.Adam, ADAM, initial_image=peer.initial_image.detach())
    # plenoptic fixes the reference at the noisy image, ours too: with a torch optimiser no bounds apply.
    torch.testing.assert_close(mad.objective_function(), peer.objective_function().squeeze(), rtol=1e-9, atol=0)
    peer.synthesize(8)
    mad.synthesize(8, progress=False)
    for name in ("losses", "penalties", "reference_metric_loss", "optimized_metric_loss"):
        torch.testing.assert_close(getattr(mad, name), getattr(peer, name).to(mad.losses), rtol=1e-6, atol=1e-10)
    torch.testing.assert_close(mad.mad_image, peer.mad_image.detach(), rtol=0, atol=1e-6)
    torch.testing.assert_close(mad.gradient_norm, peer.gradient_norm.to(mad.losses), rtol=1e-5, atol=0)
    torch.testing.assert_close(mad.pixel_change_norm, peer.pixel_change_norm.to(mad.losses), rtol=1e-5, atol=0)


@pytest.mark.parametrize("minmax", ["min", "max"])
def test_held_is_more_extreme_than_a_tuned_weight_where_plenoptics_reference_ends(minmax: str) -> None:
    peer = peers(minmax, 1e4 if minmax == "min" else 1e6, False)
    peer.synthesize(40)
    mad = mm.MADCompetition(image(), dissimilarity, mm.metric.mse, minmax)
    mad.setup(initial_image=peer.initial_image.detach(), reference_value=float(peer.reference_metric_loss[-1]))
    result = mad.synthesize(40, progress=False)
    assert float(result.figures["stray_percent"]) < 0.1
    reached, theirs = float(result.figures["optimized_final"]), float(peer.optimized_metric_loss[-1])
    assert reached < theirs if minmax == "min" else reached > theirs


def test_progress_has_plenoptics_names() -> None:
    peer = peers("min", 100.0, False)
    peer.synthesize(3, store_progress=True)
    mad = mm.MADCompetition(image(), dissimilarity, mm.metric.mse, "min", 100.0)
    mad.synthesize(3, store_progress=True, progress=False)
    assert set(peer.get_progress(2)) <= set(mad.get_progress(2))
    assert mad.saved_mad_image.shape == peer.saved_mad_image.shape
