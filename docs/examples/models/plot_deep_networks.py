"""
Deep networks
=============

Any layers of any PyTorch network are a model: `DeepNetFeatures` takes the names that ``named_modules()`` gives, stops
at the deepest one, and leaves the network as it is. Networks here have seeded random weights, so that nothing is
downloaded; with weights at hand it is the same line.
"""

import matplotlib.pyplot as plt
import timm
import torch
import torchvision

import metameric as mm

# %%
# torchvision
# -----------
#
# The transform is what the network was trained with, without the resizing: the image has the size that you want.

torch.manual_seed(0)
resnet = torchvision.models.resnet18(weights=None)  # or weights="DEFAULT"
normalise = torchvision.transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
features = mm.models.DeepNetFeatures(resnet, ["layer1", "layer3"], transform=normalise)
image = mm.data.image("astronaut", size=64, as_gray=False)
representation = features(image)
print({name: tuple(layer.shape) for name, layer in features.convert_to_dict(representation).items()})
mm.validate.validate_model(features, image_shape=(1, 3, 64, 64))

# %%
# timm
# ----

mobilenet = timm.create_model("mobilenetv3_small_050", pretrained=False)
print([name for name, _ in mobilenet.named_modules()][1:8], "...")
blocks = mm.models.DeepNetFeatures(mobilenet, "blocks.1")
metamer = mm.Metamer(image, blocks)
metamer.setup(seed=0)
result = metamer.synthesize(200, tolerance=0.03, progress=False)
print(result)
fig = mm.plot.contact_sheet(torch.cat([image, metamer.metamer]), ["image", "blocks.1"], columns=2, zoom=3, as_rgb=True)

# %%
# ``tolerance`` is what counts as a metamer here. The error falls more slowly than with front ends: ReLU and
# max-pooling have kinks, and most of a random network's representation is determined by few of its units.
#
# Brain-Score
# -----------
#
# Brain-Score wraps a network in a ``PytorchWrapper(model, preprocessing, identifier)``, whose activations are NumPy
# arrays: nothing can be differentiated through it. The network inside can, and the names of layers are the same (its
# package asks for NumPy 1, so it may need an environment of its own)::
#
#     wrapper = brainscore_vision.load_model("alexnet").activations_model
#     features = mm.models.DeepNetFeatures(wrapper._model, ["features.5"], transform=normalise)
#
# Its ``preprocessing`` reads files, resizes and normalises; only the normalisation belongs into ``transform``.
#
# Your own
# --------
#
# A network of yours needs no wrapper, if its output is what you want matched.


class Energy(torch.nn.Module):
    """Squared responses of random filters, averaged over places."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = torch.nn.Conv2d(1, 16, 7, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, filters)."""
        return self.filters(x).square().mean((2, 3))


energies = mm.Metamer(mm.data.image("brick", size=64), Energy().eval())
energies.setup(seed=0)
print(energies.synthesize(progress=False))
plt.show()
