"""Losses that weight families."""

from collections import OrderedDict

import pytest
import torch

import metameric as mm
from metameric._core.errors import InputError


@pytest.fixture
def pair(rng):
    return torch.rand(2, 1, 1, 32, 32, generator=rng, dtype=torch.float64)


@pytest.fixture
def model():
    return mm.models.PortillaSimoncelli((32, 32), n_scales=2)


def test_usual_weights(pair, model):
    target, other = (model(image) for image in pair)
    difference = model.convert_to_dict(target - other)
    difference["pixel_statistics"][..., 4:] = 0
    difference["var_highpass_residual"] *= 100
    expected = torch.linalg.vector_norm(model.convert_to_tensor(difference))
    loss = mm.loss.portilla_simoncelli_loss_factory(model, pair[0])
    assert torch.allclose(loss(other, target), expected)
    assert loss.each(torch.cat([other, target]), torch.cat([target, target])).tolist() == [float(expected), 0]


def test_given_weights_take_precedence(pair, model):
    weights = {"pixel_statistics": 0.0, "var_highpass_residual": 1.0, "magnitude_std": 2.0}
    loss = mm.loss.portilla_simoncelli_loss_factory(model, pair[0], weights)
    target, other = (model(image) for image in pair)
    difference = model.convert_to_dict(target - other)
    difference["pixel_statistics"] *= 0
    difference["magnitude_std"] *= 2
    assert torch.allclose(loss(other, target), torch.linalg.vector_norm(model.convert_to_tensor(difference)))


def test_groupwise_norms(pair, model):
    loss = mm.loss.groupwise_relative_l2_norm_factory(model, pair[0])
    target = model(pair[0])
    # Twice the target is off by each family's norm.
    assert torch.allclose(loss(2 * target, target), torch.tensor(11.0, dtype=torch.float64).sqrt())


def test_groupwise_norms_of_a_flat_target_are_finite(pair, model):
    loss = mm.loss.groupwise_relative_l2_norm_factory(model, torch.full_like(pair[0], 0.5))
    assert torch.isfinite(loss(model(pair[0]), model(pair[1])))


@pytest.mark.parametrize("name", ["portilla_simoncelli_loss_factory", "groupwise_relative_l2_norm_factory"])
def test_parity_with_plenoptic(pair, model, name):
    po = pytest.importorskip("plenoptic")
    peer = po.models.PortillaSimoncelli((32, 32), n_scales=2).double()
    theirs = getattr(po.loss, name)(peer, pair[0])
    ours = getattr(mm.loss, name)(model, pair[0])
    first, second = model(pair[1]), model(pair[0])
    assert torch.allclose(ours(first, second), theirs(first, second), rtol=1e-4)


@pytest.mark.parametrize("name", ["portilla_simoncelli_loss_factory", "groupwise_relative_l2_norm_factory"])
def test_unknown_family(pair, model, name):
    with pytest.raises(InputError, match="not found in the model's representation"):
        getattr(mm.loss, name)(model, pair[0], {"colour": 1.0})


class Plain(torch.nn.Module):
    """A model with one family, in a plain dictionary."""

    def forward(self, image):
        return image.flatten(2)

    def convert_to_dict(self, representation):
        return {"pixel_statistics": representation}

    def convert_to_tensor(self, families):
        return families["pixel_statistics"]


def test_other_models(pair):
    with pytest.warns(UserWarning, match="not an OrderedDict"):
        mm.loss.groupwise_relative_l2_norm_factory(Plain(), pair[0])
    ordered = Plain()
    ordered.convert_to_dict = lambda values: OrderedDict(pixel_statistics=values)
    with pytest.raises(InputError, match="must have 6 members"):
        mm.loss.portilla_simoncelli_loss_factory(ordered, pair[0])
    with pytest.warns(UserWarning, match="no family"):
        mm.loss.portilla_simoncelli_loss_factory(ordered, pair[0], {"pixel_statistics": 1.0})


def test_a_loss_for_two_images_serves_one_that_goes_on_alone(rng):
    model = mm.models.PortillaSimoncelli((32, 32), 2, 2, 3)
    images = torch.rand(3, 1, 32, 32, generator=rng)
    loss = mm.loss.groupwise_relative_l2_norm_factory(model, images)
    targets, others = model(images), model(images.flip(-1))
    values = loss.each(others, targets)
    index = torch.tensor([2, 0])
    torch.testing.assert_close(loss.each(others[index], targets[index]), values[index])
    with pytest.raises(ValueError, match="made for 3 target images, found 2"):
        loss.each(others[:2], others[:2])
    with pytest.raises(ValueError, match="some scales only"):
        loss.each(others[..., :6], targets[..., :6])
