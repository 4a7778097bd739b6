"""
Eigendistortions
================

**Question.** Of all small changes of an image with the same length, which one does the model see best, and which one
worst? Show them to people: if a change that the
model finds invisible is plain to see, or the other way round, the model is wrong *here*.

**Mathematics.** A small change :math:`v` moves the response by :math:`J v`. With noise of covariance :math:`C` on the
response its discriminability is

.. math:: d'(v) = \\sqrt{v^\\top F v}, \\qquad F = J^\\top C^{-1} J,

the Fisher information, and the extremes over unit vectors are its first and last eigenvectors (Berardino et al.
2017). :math:`F` has as many rows as the image
has pixels and is never written down: only its products with vectors are.
"""

# sphinx_gallery_thumbnail_number = 2

import matplotlib.pyplot as plt
import torch

import metameric as mm

image = mm.data.image("camera", size=64)
model = mm.models.LuminanceGainControl((15, 15)).eval()
eigendistortion = mm.Eigendistortion(image, model)
result = eigendistortion.synthesize(k=2, progress=False)
print(result)

# %%
# The residual of each pair certifies it: no iteration count to guess.

fig = mm.plot.eigendistortion_imshow_all(eigendistortion, eigenindex=[0, 1, -2, -1], distortion_scale=3, zoom=2)

# %%
# All pictures are on the scale of the image; what lies beyond is clipped. Files hold values from 0 to 1 only, too:
# ``mm.io.save_png("changed.png", (image + 3 * eigendistortion.eigendistortions[:1]).clamp(0, 1)[0])``.
#
# The most noticeable changes are in the dark coat, since the model divides by local luminance, and have the frequency
# that its filters pass best. The least noticeable ones are a checkerboard at the finest grain, which the filters do not
# pass, and the image itself plus a constant: gain control takes out a change of contrast everywhere. Their eigenvalues
# cannot be told from zero, as the summary says.
#
# Thresholds
# ----------
#
# The length at which the model would just tell the changed image from the original, :math:`1 / \sqrt{v^\top F v}`,
# can be compared with people's thresholds.

print(
    "thresholds of the first and last distortion:", [float(1 / v.sqrt()) for v in eigendistortion.eigenvalues[[0, -1]]]
)

# %%
# A deep network
# --------------
#
# Any differentiable model will do. This one has random weights (nothing is downloaded): read it as a recipe, not as a
# result about networks. A mask keeps the
# distortion within a disk.

torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Conv2d(1, 8, 5, padding=2),
    torch.nn.Softplus(),
    torch.nn.Conv2d(8, 16, 5, stride=2),
    torch.nn.Softplus(),
)
features = mm.models.DeepNetFeatures(network, ["3"])
within = mm.data.disk(64, outer_radius=24, inner_radius=18) > 0.5
local = mm.Eigendistortion(image, features, mask=within)
result = local.synthesize(k=1, progress=False)
fig = mm.plot.eigendistortion_imshow_all(local, distortion_scale=3, zoom=2)
print(result)

# %%
# How to check it
# ---------------
#
# * The residual :math:`|F v - \lambda v| / \lambda_{\max}` is printed with each pair.
# * A different ``seed`` must give the same distortions, up to sign.

again = mm.Eigendistortion(image, model)
again.synthesize(k=1, seed=1, progress=False)
overlap = (eigendistortion.eigendistortions[[0, -1]] * again.eigendistortions[[0, -1]]).flatten(1).sum(1).abs()
print("overlap of two runs:", overlap)
plt.show()
