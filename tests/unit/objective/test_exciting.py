"""One number per stimulus out of many responses."""

import pytest
import torch

import metameric as mm
from metameric._objective._controversial import controversiality, evidence
from metameric._objective._exciting import Penalised


def test_what_a_unit_is(rng):
    maps = torch.randn(2, 4, 3, 5, generator=rng)
    same = torch.nn.Identity()
    torch.testing.assert_close(mm.UnitResponse(same, (1, 2, 0))(maps), maps[:, 1, 2, 0])
    torch.testing.assert_close(mm.UnitResponse(same, (1, 2))(maps), maps[:, 1, 2].mean(1))
    torch.testing.assert_close(mm.UnitResponse(same, -1)(maps), maps[:, 3].mean((1, 2)))
    torch.testing.assert_close(mm.UnitResponse(same, -4)(maps), maps[:, 0].mean((1, 2)))
    assert mm.UnitResponse(same).__name__ == "Identity layer" and mm.UnitResponse(same, 2).__name__ == "Identity 2"
    torch.testing.assert_close(mm.UnitResponse(same)(maps), maps.mean((1, 2, 3)))
    means = maps.mean((2, 3))
    torch.testing.assert_close(mm.UnitResponse(same, -3, "others")(maps), means[:, 1] - means[:, [0, 2, 3]].mean(1))
    torch.testing.assert_close(mm.UnitResponse(same, 0, "others")(maps[:, :2]), means[:, 0] - means[:, 1])
    softmax = mm.UnitResponse(same, 2, "softmax", temperature=0.5)
    torch.testing.assert_close(softmax(maps), torch.log_softmax(2 * means, 1)[:, 2])
    torch.testing.assert_close(mm.UnitResponse(same, 2, "softmax")(maps), torch.log_softmax(means, 1)[:, 2])
    for layout in (means, maps.flatten(2)):
        torch.testing.assert_close(mm.UnitResponse(same, 1, "others")(layout), mm.UnitResponse(same, 1, "others")(maps))


def test_a_penalty_is_taken_off_and_logged():
    objective = Penalised(lambda x: x.sum(1), -1.0, lambda x: x.square().sum(), 0.1)
    value, parts = objective(torch.tensor([[1.0, 2.0], [0.0, 3.0]]))
    torch.testing.assert_close(value, torch.tensor([-3.5, -3.9]))
    assert parts["response"].tolist() == [3, 3] and parts["penalty"].tolist() == [5, 9]


def test_evidence_of_two_classifiers_by_hand():
    logits = torch.tensor([[[2.0, -1.0, 0.0], [0.5, 3.0, 1.0]]])
    targets = torch.tensor([[0, 1]])
    # Own targets, then minus the logits for those of the others; infinite where there is nothing against.
    found = evidence(logits, targets, "sigmoid")
    assert found.isinf().sum() == 2
    assert sorted(found[found.isfinite()].tolist()) == [-0.5, 1.0, 2.0, 3.0]
    softmax = evidence(logits, targets, "softmax")
    torch.testing.assert_close(
        softmax, torch.stack([logits[:, 0].log_softmax(1)[:, 0], logits[:, 1].log_softmax(1)[:, 1]], 1)
    )
    score = controversiality(logits, targets, "sigmoid")
    torch.testing.assert_close(score, 1 - torch.sigmoid(torch.tensor([0.5])))
    score = controversiality(logits, targets, "softmax")
    torch.testing.assert_close(score, logits[:, 1].softmax(1)[:, 1])


def test_distances_of_one_model_are_compared_with_the_mean_of_the_others():
    ratio = mm.DistanceRatio([lambda x: x, lambda x: 3 * x, lambda x: 9 * x], seen_by=2)
    found = ratio(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2))
    torch.testing.assert_close(found, 1.5 * torch.tensor([3.0]).log())
    assert ratio(torch.zeros(1, 2), torch.zeros(1, 2)).item() == 0


def test_a_channel_of_a_layer_of_a_network_is_a_map(rng):
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 6, 3))
    image = torch.rand(2, 1, 9, 9, generator=rng)
    layer = mm.models.DeepNetFeatures(net, {"2": "maps"})
    maps = net(image)
    torch.testing.assert_close(mm.UnitResponse(layer, 3)(image), maps[:, 3].mean((1, 2)))
    torch.testing.assert_close(mm.UnitResponse(layer, (3, 1, 2))(image), maps[:, 3, 1, 2])
    torch.testing.assert_close(mm.UnitResponse(layer, 3, "others")(image), mm.UnitResponse(net, 3, "others")(image))
    several = mm.models.DeepNetFeatures(net, ["0", "2"])
    assert several.layers == ["0", "2"]
    with pytest.raises(ValueError, match="layers 0, 2; expected one,"):
        mm.UnitResponse(several, 3)
    torch.testing.assert_close(mm.UnitResponse(several)(image), several(image).mean(1))
