"""
Front ends
==========

Models of the early visual system, one more step each: filters, rectification, gain control by luminance and by
contrast, and separate On and Off pathways (Berardino et al. 2017). All take grey images of any size.
"""

import matplotlib.pyplot as plt

import metameric as mm

image = mm.data.image("camera", size=128)
models = {
    "Gaussian": mm.models.Gaussian(31, std=3.0),
    "CenterSurround": mm.models.CenterSurround(31, on_center=True),
    "LinearNonlinear": mm.models.LinearNonlinear((31, 31), pretrained=True),
    "LuminanceGainControl": mm.models.LuminanceGainControl((31, 31), pretrained=True),
    "LuminanceContrastGainControl": mm.models.LuminanceContrastGainControl((31, 31), pretrained=True),
    "OnOff": mm.models.OnOff((31, 31), pretrained=True),
}
responses = [model.eval()(image).detach()[:, :1] for model in models.values()]
titles = ["image", "Gaussian", "CenterSurround", "LinearNonlinear", "LuminanceGain", "Lum.ContrastGain", "OnOff, On"]
fig = mm.plot.imshow([image, *responses], title=titles, zoom=1, col_wrap=4)

# %%
# * `Gaussian` blurs; `CenterSurround` subtracts a wider blur from a narrower one. `Identity` and `Linear` (two 3 x 3
#   filters) are there to test with.
# * `LinearNonlinear` is a difference of Gaussians, then a softplus.
# * `LuminanceGainControl` divides by local luminance before it, `LuminanceContrastGainControl` by local contrast as
#   well, and `OnOff` has two of the last, of opposite sign. ``pretrained=True`` sets the values that were fitted to
#   people's ratings of distortions; they belong to filters of 31 x 31 pixels.
#
# Each shows its filters.

fig = models["LuminanceContrastGainControl"].display_filters()

# %%
# How much of the image each throws away: noise at the level of 5 %, and the change of response that it makes, in
# parts of what the response is.

import torch

noisy = image + 0.05 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
for name, model in models.items():
    with torch.no_grad():
        change = (model(noisy) - model(image)).norm() / model(image).norm()
    print(f"{name:<30} {tuple(model(image).shape[1:])!s:<16} change {float(change):.3f}")
plt.show()
