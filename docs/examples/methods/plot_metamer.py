"""
Metamers
========

**Question.** What does this model not see? A metamer of an image is another image that gives the same response. If
people tell the two apart at a glance, the
model throws away what they use.

**Mathematics.** From a start :math:`x_0`, find

.. math:: x^* = \\arg\\min_x \\; L(f(x), f(x_{\\text{target}})) + \\lambda\\, P(x),

where :math:`f` is the model, :math:`L` a loss and :math:`P` a penalty, by default that of leaving the range [0, 1]
(Freeman & Simoncelli 2011).
"""

# %%
# A front end
# -----------
#
# Luminance gain control, as in the retina: centre-surround filters whose output is divided by local luminance.

# sphinx_gallery_thumbnail_number = 3

import matplotlib.pyplot as plt
import torch

import metameric as mm

image = mm.data.image("camera", size=128)
model = mm.models.LuminanceGainControl((31, 31), pretrained=True).eval()
metamer = mm.Metamer(image, model)
metamer.setup(seed=0)
start = metamer.metamer.clone()
result = metamer.synthesize(progress=False)
print(result)

# %%
# The relative error is a hundredth of that of an unrelated image, and the two pictures are far apart in pixels: this
# is a metamer.

fig = mm.plot.synthesis_status(metamer, included_plots=["synthesis_target", "synthesis_imshow", "synthesis_loss"])

# %%
# What differs is seen in the spectrum: above about 1/5 cycles per pixel, where the model's filters pass little, the
# noise of the start is still there.

fig, ax = plt.subplots(figsize=(5, 4), layout="constrained")
mm.plot.radial_spectrum({"target": image, "metamer": metamer.metamer, "start": start}, ax=ax)

# %%
# Several metamers at once
# ------------------------
#
# A batch is a set of independent problems. Three seeds for a single target give three metamers: if they look alike,
# little is left free.

several = mm.Metamer(image, model)
several.setup(seed=[1, 2, 3])
several.synthesize(progress=False)
fig = mm.plot.contact_sheet(torch.cat([image, several.metamer]), ["target", "seed 1", "seed 2", "seed 3"], columns=2)

# %%
# A texture
# ---------
#
# The Portilla-Simoncelli model has a few hundred statistics instead of one response per pixel: its metamers are new
# samples of the texture. It asks to start from
# random phases, which have the right power spectrum already.

texture = mm.process.center_crop(mm.data.image("brick", size=256), 128)
statistics = mm.models.PortillaSimoncelli((128, 128), n_scales=3)
sample = mm.Metamer(texture, statistics, mm.loss.portilla_simoncelli_loss_factory(statistics, texture))
sample.setup(seed=0)
start = sample.metamer.clone()
result = sample.synthesize(150, progress=False)
print(result)
fig = mm.plot.contact_sheet(
    torch.cat([texture, start, sample.metamer]), ["target", "start", "after 150 steps"], columns=3, zoom=2
)

# %%
# Which statistics are matched, and how well, family by family:

fig = mm.plot.texture_statistics(
    statistics(sample.metamer), statistics(texture), model=statistics, names=("metamer", "target")
)

# %%
# How to check it
# ---------------
#
# * ``result.converged`` and the relative error, beside the *unrelated error*: a metamer is one only if its error is
#   much smaller.
# * A second seed: another metamer, as good, and as different from the first as from the target.
# * The error that is left after saving: ``mm.io.save_png`` rounds to 8 or 16 bits. Load the file and ask the model
#   again.

rounded = mm.convert_float_to_int(metamer.metamer).astype("float32") / 255
rounded = torch.as_tensor(rounded)
with torch.no_grad():
    error = (model(rounded) - model(image)).norm() / model(image).norm()
print(f"relative error as computed {float(metamer.result.figures['relative_error']):.1e}, in 8 bits {error.item():.1e}")
plt.show()
