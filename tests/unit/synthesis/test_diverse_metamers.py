"""Maximally different metamers: within what a single metamer reaches, and farther apart than independent seeds."""

import pytest
import torch

import metameric as mm

QUIET = {"progress": False}


def texture(size=64):
    model = mm.models.PortillaSimoncelli((size, size), n_scales=3, spatial_corr_width=5)
    return mm.data.image("grass", size=size), mm.remove_grad(model.eval())


def gain_control(size=64):
    model = mm.models.LuminanceGainControl((31, 31), pretrained=True)
    return mm.data.image("camera", size=size), mm.remove_grad(model.eval())


@pytest.mark.parametrize(
    ("make", "tolerance", "gain"), [(texture, 1e-2, 1.3), (gain_control, None, 1.8)], ids=["texture", "gain control"]
)
def test_every_member_is_a_metamer_and_the_set_is_wider_than_independent_seeds(make, tolerance, gain):
    image, model = make()
    metamers = mm.DiverseMetamers(image, model, 3, tolerance)
    metamers.setup(seed=0)
    result = metamers.synthesize(**QUIET)
    assert result.converged
    target = model(image).flatten(1)
    errors = (model(metamers.stimulus[0]).flatten(1) - target).norm(dim=1) / target.norm()
    assert torch.allclose(metamers.errors[0], errors, rtol=1e-3)
    assert bool((errors <= metamers.tolerance * (1 + 1e-4)).all())
    assert float(metamers.stimulus.min()) >= 0 and float(metamers.stimulus.max()) <= 1
    assert result.figures["mean_distance"] > gain * result.figures["independent_distance"]
    # As far apart as single metamers from those seeds are, made without this class.
    single = mm.Metamer(image, model)
    single.setup(seed=[11, 12, 13])
    single.synthesize(tolerance=tolerance, **QUIET)
    alone = torch.pdist(single.metamer.flatten(1)).mean()
    assert result.figures["mean_distance"] > gain * 0.95 * alone


def test_the_tolerance_is_that_of_a_metamer():
    image, model = gain_control(32)
    assert torch.equal(mm.DiverseMetamers(image, model, 2).tolerance, mm.Metamer(image, model).enough())
    assert mm.Metamer(image, model).enough() == min(1e-3, float(mm.Metamer(image, model).unrelated_error) / 100)
    assert mm.DiverseMetamers(image, model, 2, 0.01).tolerance == pytest.approx(0.01)


def test_a_short_spreading_ends_within_the_tolerance_too():
    image, model = gain_control(32)
    metamers = mm.DiverseMetamers(image, model, 3, spreading=40)
    result = metamers.synthesize(**QUIET)
    assert result.converged
    assert (metamers.errors <= metamers.tolerance * (1 + 1e-4)).all()


def test_several_seeds_give_as_many_sets_also_from_a_file(tmp_path):
    # In float64: a batch rounds in another order than a single set.
    image, model = mm.data.image("camera", size=16).double(), mm.remove_grad(mm.models.Gaussian(5)).double()
    make = lambda: mm.DiverseMetamers(image, model, 2, 1e-2, spreading=20)  # noqa: E731
    both, alone, again = make(), make(), make()
    both.setup(seed=[4, 9])
    alone.setup(seed=9)
    both.synthesize(3, **QUIET)
    alone.synthesize(3, **QUIET)
    assert both.stimulus.shape == (2, 2, 1, 16, 16)
    assert torch.allclose(both.stimulus[1:], alone.stimulus, atol=1e-5)
    both.save(tmp_path / "sets")
    again.load(tmp_path / "sets")
    assert torch.equal(again.errors, both.errors)
    both.synthesize(**QUIET)
    again.synthesize(**QUIET)
    assert torch.equal(again.stimulus, both.stimulus)
