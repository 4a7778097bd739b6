"""
A tour: one photograph, one retina, one texture
===============================================

What talks about synthesis usually show in turn: a metamer of a model of the retina, made from noise; what the same
model sees best and worst of small changes of the same photograph; and a texture.
"""

import matplotlib.pyplot as plt
import torch

import metameric as mm

# %%
# A metamer, from noise
# ---------------------

image = mm.data.image("camera", size=96)
retina = mm.models.LuminanceGainControl((31, 31), pretrained=True).eval()
metamer = mm.Metamer(image, retina)
metamer.setup(seed=0)
start = metamer.metamer.clone()
result = metamer.synthesize(progress=False)
print(result)
fig = mm.plot.contact_sheet(
    torch.cat([image, start, metamer.metamer]), ["photograph", "start", "metamer"], columns=3, zoom=2
)

# %%
# The cells answer to the noisy picture as they do to the photograph. They average over some pixels, so that what is
# finer than their filters is free.
#
# Eigendistortions of the same photograph
# ---------------------------------------

eigendistortion = mm.Eigendistortion(image, retina)
result = eigendistortion.synthesize(k=1, stop_criterion=1e-5, progress=False)
print(result)
fig = mm.plot.eigendistortion_imshow_all(eigendistortion, eigenindex=[0, -1], distortion_scale=3, zoom=3)
first, last = eigendistortion.eigenvalues[[0, -1]].tolist()
print(f"thresholds: {first**-0.5:.3g} for the most noticeable, {max(last, 1e-12) ** -0.5:.3g} for the least noticeable")

# %%
# A texture
# ---------

texture = mm.process.center_crop(mm.data.image("gravel", size=256), 96)
statistics = mm.models.PortillaSimoncelli((96, 96), n_scales=3)
sample = mm.Metamer(texture, statistics)
sample.setup(seed=0)
print(sample.synthesize(150, progress=False))
fig = mm.plot.contact_sheet(torch.cat([texture, sample.metamer]), ["gravel", "sample"], columns=2, zoom=2)

# %%
# What matches
# ------------
#
# * The metamer is noise to the eye in the fine structure, and the photograph in the coarse one; the loss falls by
#   orders of magnitude.
# * The most noticeable change is a local, high-contrast spot where the image is dark; the least noticeable one is
#   spread out: a change
#   of contrast, which gain control takes out.
# * The sample has stones of the right size and shading, elsewhere.
#
# What does not
# -------------
#
# * Talks show 256 x 256 pixels and some thousand steps. The sizes here are small, so that the page is quick.
# * Default solvers are metameric's: an L-BFGS in place of Adam, a Krylov method in place of power iteration.

plt.show()
