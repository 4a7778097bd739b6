"""Eigendistortions do not run in the loop, but promise the same of their files."""

import pytest
import torch

import metameric as mm


def make(dtype=torch.float32, batch=1, size=8, **options):
    image = torch.rand(batch, 1, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return mm.Eigendistortion(image.to(dtype), mm.remove_grad(mm.models.Gaussian((5, 5)).to(dtype)), **options)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("method", ["auto", "power"])
def test_what_was_found_comes_back(tmp_path, dtype, batch, method):
    found, loaded = make(dtype, batch), make(dtype, batch)
    found.synthesize(method, k=2, progress=False)
    found.save(tmp_path / "a")
    loaded.load(tmp_path / "a")
    for name in ("eigendistortions", "eigenvalues", "eigenindex"):
        assert torch.equal(getattr(loaded, name), getattr(found, name))
    assert torch.equal(loaded.thresholds, found.thresholds)
    assert loaded.result.status == found.result.status
    assert repr(loaded) == repr(found)


def test_nothing_is_done_again_after_loading(tmp_path):
    found, loaded = make(), make()
    found.synthesize(k=2, progress=False)
    found.save(tmp_path / "a")
    loaded.load(tmp_path / "a")
    before = loaded.result.products
    loaded.synthesize(k=2, progress=False)
    assert loaded.result.products == before


def test_unfinished_search_can_be_finished(tmp_path):
    unfinished, loaded = make(), make()
    assert not unfinished.synthesize("power", max_iter=2, progress=False).converged
    unfinished.save(tmp_path / "a")
    loaded.load(tmp_path / "a")
    assert not loaded.result.converged
    assert loaded.synthesize(progress=False).converged


def test_jacobian_comes_back(tmp_path):
    found, loaded = make(), make()
    jacobian = found.compute_jacobian()
    found.save(tmp_path / "a")
    loaded.load(tmp_path / "a")
    assert torch.equal(loaded.jacobian, jacobian)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": torch.ones(1, 8, 8)}, "mask: found None, expected a tensor"),
        ({"noise": 0.5}, r"noise_model: found None, expected 0\.5"),
        ({"size": 9}, "image: found shape"),
    ],
)
def test_other_questions_are_told_apart(tmp_path, options, message):
    found = make()
    found.synthesize(progress=False)
    found.save(tmp_path / "a")
    other = make(**options)
    before = dict(vars(other))
    with pytest.raises(ValueError, match=message):
        other.load(tmp_path / "a")
    assert vars(other) == before
    with pytest.raises(ValueError, match="make a new one"):
        found.load(tmp_path / "a")
