"""
Front ends and networks
=======================

Models of the early visual system, from a linear filter to On and Off pathways with gain control (Berardino et al.
2017), and
layers of deep networks.
"""

import matplotlib.pyplot as plt
import torch

import metameric as mm

image = mm.data.image("camera", size=128)
models = {
    "linear-nonlinear": mm.models.LinearNonlinear((31, 31), pretrained=True),
    "luminance gain control": mm.models.LuminanceGainControl((31, 31), pretrained=True),
    "luminance and contrast": mm.models.LuminanceContrastGainControl((31, 31), pretrained=True),
    "On, Off": mm.models.OnOff((31, 31), pretrained=True),
}
responses = [model.eval()(image).detach()[:, :1] for model in models.values()]
fig = mm.plot.imshow([image, *responses], title=["image", *models], zoom=1, col_wrap=3)

# %%
# Each shows its filters.

fig = models["luminance and contrast"].display_filters()

# %%
# Deep networks
# -------------
#
# `DeepNetFeatures` takes any layers of any PyTorch network by the names that ``named_modules()`` gives. Here a small
# network with random weights; with torchvision or timm installed, and weights at hand, it is the same line::
#
#     features = mm.models.DeepNetFeatures(torchvision.models.resnet18(weights="DEFAULT"), ["layer1"])
#
# A metamer of an early layer of a random network is close to the image; deeper ones leave more free.

torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Conv2d(1, 16, 5, padding=2),
    torch.nn.Softplus(),
    torch.nn.AvgPool2d(2),
    torch.nn.Conv2d(16, 16, 5, padding=2),
    torch.nn.Softplus(),
    torch.nn.AvgPool2d(4),
    torch.nn.Conv2d(16, 8, 3, padding=1),
    torch.nn.Softplus(),
    torch.nn.AvgPool2d(4),
)
small = mm.data.image("camera", size=64)
shown = [small]
for layer in ("1", "5", "8"):
    metamer = mm.Metamer(small, mm.models.DeepNetFeatures(network, [layer]))
    metamer.setup(seed=0)
    result = metamer.synthesize(200, progress=False)
    error, unrelated = (float(result.figures[k]) for k in ("relative_error", "unrelated_error"))
    print(f"layer {layer}: {result.status[0]}, relative error {error:.1e}, unrelated {unrelated:.1e}")
    shown.append(metamer.metamer)
fig = mm.plot.contact_sheet(torch.cat(shown), ["image", "layer 1", "layer 5", "layer 8"], columns=4, zoom=2)
plt.show()
