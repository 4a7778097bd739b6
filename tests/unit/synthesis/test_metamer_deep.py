"""Metamers of intermediate layers of other people's networks, with seeded random weights."""

import pytest
import torch

import metameric as mm


def network(library: str) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if library == "torchvision":
            return pytest.importorskip("torchvision").models.resnet18(weights=None)
        return pytest.importorskip("timm").create_model("mobilenetv3_small_050", pretrained=False)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("library", "layer"), [("torchvision", "layer3"), ("timm", "blocks.3")])
def test_intermediate_layer(library, layer):
    model = mm.models.DeepNetFeatures(network(library), [layer])
    image = mm.data.image("astronaut", size=64, as_gray=False)
    metamer = mm.Metamer(image, model)
    metamer.setup(seed=0)
    result = metamer.synthesize(400, tolerance=0.02, progress=False)
    assert result.converged, result.summary()
    assert result.figures["relative_error"] < 0.1 * result.figures["unrelated_error"]
    assert metamer.metamer.min() >= 0
    assert metamer.metamer.max() <= 1


def test_a_network_as_it_is():
    net = network("torchvision").eval()
    metamer = mm.Metamer(mm.data.image("coffee", size=64, as_gray=False), net)
    metamer.setup(seed=0)
    result = metamer.synthesize(60, tolerance=0.01, progress=False)
    assert result.trace["error"][-1, 0] < 0.2 * result.trace["error"][0, 0]
    assert all(p.requires_grad for p in net.parameters())
