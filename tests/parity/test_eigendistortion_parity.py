"""plenoptic's `Eigendistortion`: the same vocabulary, shapes and order; equal where it is exact, better where not."""

import warnings

import pytest
import torch

import metameric as mm

po = pytest.importorskip("plenoptic")


def both(size=16):
    image = mm.data.image("camera", size=size).double()
    ours = mm.remove_grad(mm.models.Gaussian(7, 1.5, "circular").double().eval())
    theirs = po.models.Gaussian(7, 1.5, "circular").double().eval()
    po.remove_grad(theirs)
    return mm.Eigendistortion(image, ours), po.Eigendistortion(image, theirs)


def run(theirs, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.synthesize(**options)


def test_the_exact_method_agrees():
    ours, theirs = both()
    ours.synthesize("exact", progress=False)
    run(theirs, method="exact")
    assert torch.equal(ours.eigenindex, theirs.eigenindex)
    assert ours.eigendistortions.shape == theirs.eigendistortions.shape
    torch.testing.assert_close(ours.eigenvalues, theirs.eigenvalues, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(ours.jacobian, theirs.jacobian)
    assert abs(float((ours.eigendistortions[0] * theirs.eigendistortions[0]).sum())) == pytest.approx(1)


@pytest.mark.parametrize("k", [1, 2])
def test_ranks_and_shapes_of_the_power_method_agree_and_its_ends_are_bettered(k):
    ours, theirs = both()
    ours.synthesize(k=k, progress=False)
    run(theirs, method="power", k=k, max_iter=50)
    assert ours.eigenindex.tolist() == theirs.eigenindex.tolist()
    assert ours.eigendistortions.shape == theirs.eigendistortions.shape
    # Of orthonormal vectors only the sum of the quotients is bounded by the eigenvalues.
    assert float(ours.eigenvalues[:k].sum()) >= float(theirs.eigenvalues[:k].sum()) - 1e-9
    assert float(ours.eigenvalues[k:].sum()) <= float(theirs.eigenvalues[k:].sum()) + 1e-9
    named, _ = both()
    named.synthesize("power", k=k, max_iter=50, progress=False)
    torch.testing.assert_close(named.eigenvalues[:k], theirs.eigenvalues[:k], rtol=0.05, atol=0)


def test_the_randomised_method_returns_the_upper_end_only():
    ours, theirs = both()
    ours.synthesize("randomized_svd", k=3, progress=False)
    run(theirs, method="randomized_svd", k=3)
    assert ours.eigenindex.tolist() == theirs.eigenindex.tolist()
    assert ours.eigendistortions.shape == theirs.eigendistortions.shape
