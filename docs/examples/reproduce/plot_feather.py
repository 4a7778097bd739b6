"""
Metamers of layers of a network (Feather et al. 2023)
=====================================================

Feather, Leclerc, Mądry & McDermott (2023) synthesised, from noise, images whose activations in one layer of a network
match those of a natural image, and asked people and other networks to name them. The deeper the layer, the less people
recognised: networks have invariances that people have not.

Only the mechanics are shown here: the network has seeded random weights, so that nothing is learned and nothing can be
recognised.
"""

import matplotlib.pyplot as plt
import torch
import torchvision

import metameric as mm

torch.manual_seed(0)
network = torchvision.models.resnet18(weights=None)
layers = ["relu", "layer1", "layer2", "layer3", "layer4"]
model = mm.models.DeepNetFeatures(network, layers)
image = mm.data.image("astronaut", size=64, as_gray=False)
metamers = []
for layer in layers:
    metamer = mm.Metamer(image, mm.models.DeepNetFeatures(network, layer), mm.loss.relative_sse)
    metamer.setup(seed=0)
    result = metamer.synthesize(150, tolerance=0.01, progress=False)
    error, unrelated = (float(result.figures[k]) for k in ("relative_error", "unrelated_error"))
    print(f"{layer:<7} {result.status[0]!s:<11} relative error {error:.4f}, of an unrelated image {unrelated:.2f}")
    metamers.append(metamer.metamer)
fig = mm.plot.contact_sheet(torch.cat([image, *metamers]), ["image", *layers], columns=3, zoom=2, as_rgb=True)

# %%
# The paper's test of a metamer
# -----------------------------
#
# The activations of the metamer must correlate with those of its image more than those of any pair of unrelated
# images do. Here for every layer, also those that were not matched.


@torch.no_grad()
def correlations(first: torch.Tensor, second: torch.Tensor) -> list[float]:
    """Return the correlation of the activations of two images in each layer."""
    pairs = zip(*(model.convert_to_dict(model(x)).values() for x in (first, second)), strict=True)
    return [float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]) for a, b in pairs]


photographs = [mm.data.image(name, size=64, as_gray=False) for name in ("coffee", "chelsea", "rocket", "colorwheel")]
pairs = [correlations(a, b) for i, a in enumerate(photographs) for b in photographs[:i]]
fig, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
ax.plot(layers, torch.tensor(pairs).max(0).values, "k--", label="largest of unrelated pairs")
for name, metamer in zip(layers, metamers, strict=True):
    ax.plot(layers, correlations(image, metamer), "o-", label=f"metamer of {name}")
ax.set(ylabel="correlation with the image", ylim=(None, 1.02))
ax.legend(fontsize="small")

# %%
# What matches
# ------------
#
# * From the matched layer on the responses agree, in all later layers as well: those see nothing else of the image.
#   In earlier layers they differ.
# * The first layer leaves little free and its metamer is the image to the eye; those of later layers look like noise.
#
# What does not
# -------------
#
# * The weights are random: no class is predicted, and no behaviour compared. In a random network even unrelated
#   images have highly correlated activations in late layers, so that the correlation says little there. The relative
#   error beside that of an unrelated image says more.
# * The paper takes 24,000 steps of gradient descent with a decaying rate, and a ReLU whose gradient is changed in the
#   matched layer so that silent units can be brought back. Here 150 iterations of L-BFGS with the true gradient are
#   taken; the printed errors say how far they have come.

plt.show()
