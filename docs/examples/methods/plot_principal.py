"""
Principal distortions
=====================

**Question.** Eigendistortions compare models one by one. Which two small changes of an image separate a whole set of
models the best (Feather et
al. 2025)? Half of them find the first one more visible, the others the second one.

**Mathematics.** For a pair of distortions :math:`a, b` and the Fisher information :math:`F_n` of model :math:`n`,

.. math:: s_n = \\log a^\\top F_n a - \\log b^\\top F_n b, \\qquad \\max_{a, b} \\operatorname{Var}_n s_n .

For two models the answer is in closed form, a generalised eigenvalue problem; for more it is sought from several
starts.
"""

import matplotlib.pyplot as plt

import metameric as mm

image = mm.data.image("camera", size=32)
mm.set_seed(0)
models = {
    "linear-nonlinear": mm.models.LinearNonlinear((15, 15)),
    "luminance gain": mm.models.LuminanceGainControl((15, 15)),
    "luminance and contrast gain": mm.models.LuminanceContrastGainControl((15, 15)),
}
principal = mm.PrincipalDistortions(image, [m.eval() for m in models.values()], ridge=1e-6)
result = principal.synthesize(max_iter=150, progress=False)
print("variance", principal.variance, "iterations", result.iterations)

# %%
# The pair, and how much more visible the first distortion is than the second one, to each model. The first is
# nearly the image itself, a change of contrast: gain control takes it out, and the linear-nonlinear model sees it.
# The second one is uniform light, which the filters of that model do not pass. The ridge stands for what an
# observer would see of anything; without it a model that is blind to a distortion would make the variance
# unbounded.

fig = mm.plot.imshow(
    principal.distortions[0].unsqueeze(0).flatten(0, 1), vrange="indep0", title=["first", "second"], zoom=4
)
for name, ratio in zip(models, principal.log_ratios[0], strict=True):
    print(f"{name:<30} {float(ratio):+.2f}")

# %%
# Layers of a network
# -------------------
#
# The models may be anything, for instance layers of one network (with random weights here): which two changes do
# its layers weigh most differently?

import torch

torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Conv2d(1, 8, 5, padding=2),
    torch.nn.Softplus(),
    torch.nn.AvgPool2d(2),
    torch.nn.Conv2d(8, 8, 5),
    torch.nn.Softplus(),
)
layers = ["1", "4"]
deep = mm.PrincipalDistortions(image, [mm.models.DeepNetFeatures(network, layer) for layer in layers], ridge=1e-6)
deep.synthesize(max_iter=100, progress=False)
fig = mm.plot.imshow(deep.distortions[0].unsqueeze(0).flatten(0, 1), vrange="indep0", title=["first", "second"], zoom=4)
for name, ratio in zip(layers, deep.log_ratios[0], strict=True):
    print(f"layer {name} {float(ratio):+.2f}")

# %%
# How to check it
# ---------------
#
# * The variance must not depend on the seed of the starts.
# * A model of one's own choice added to the set can only be separated if its ratio differs: look at ``thresholds``,
#   the lengths at which each model just sees each distortion.

print(principal.thresholds[0])
plt.show()
