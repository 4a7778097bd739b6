"""
MAD competition
===============

**Question.** Two metrics (or two models) both agree with people reasonably well. On which images do they disagree the
most? One pair of such images settles
more than a thousand random ones.

**Mathematics.** From the reference :math:`x` with noise added, :math:`y_0`, hold one distance and drive the other
(Wang & Simoncelli 2008):

.. math:: y^* = \\arg\\min_y \\; \\pm d_1(x, y) \\quad \\text{subject to} \\quad d_2(x, y) = d_2(x, y_0).

Every step stays on the level set of :math:`d_2`; there is no weight to tune. Two metrics give four images: each one
driven both ways.
"""

import matplotlib.pyplot as plt
import torch

import metameric as mm

image = mm.data.image("camera", size=128)
metrics = {"1 - SSIM": mm.metric.as_distance(mm.metric.ssim), "MSE": mm.metric.mse}
mad = mm.MADSet(image, metrics)
mad.setup(initial_noise=0.08, seed=0)
result = mad.synthesize(150, progress=False)
fig = mm.plot.mad_competition(mad)

# %%
# Up and down the structural dissimilarity is driven and mean squared error held; across it is the other way round. The
# upper and the lower picture have equal squared errors to four digits. Whichever looks worse to you, MSE does not
# know it.
#
# Look at the right border of the lowest picture: SSIM without padding hardly counts pixels at the border, and the
# competition put most of the error there. It has found a hole in the metric; ``ssim(..., pad="reflect")`` closes it.

for row in mad.table():
    print(
        f"{row['optimized']:>8} {row['minmax']}, {row['reference']:>8} held: "
        f"{row['optimized_initial']:.4f} -> {row['optimized_final']:.4f}, "
        f"held to {row['stray_percent']:.2g} %, {row['status']}"
    )

# %%
# One case, as an object of its own, has the plots of every synthesis.

fig = mm.plot.synthesis_status(mad.competition("1 - SSIM", "MSE", "max"))

# %%
# A model as a metric
# -------------------
#
# ``model_metric_factory`` makes a distance of any model: how far apart two representations are. Here a front end
# competes with the squared error.

small = mm.data.image("camera", size=64)
front_end = mm.metric.model_metric_factory(mm.models.OnOff((31, 31), pretrained=True).eval())
models = mm.MADSet(small, {"front end": front_end, "MSE": mm.metric.mse})
models.setup(initial_noise=0.08, seed=0)
models.synthesize(60, progress=False)
fig = mm.plot.mad_competition(models)

# %%
# How to check it
# ---------------
#
# * *Stray*: how far the held metric is from its value at the start, in percent. Above 0.1 the comparison is not fair.
# * The driven metric must end well below or above where the start was.
# * The status. A step limit means that it could have become more extreme; call ``synthesize`` again.

print(
    f"largest stray {float(torch.stack([m.result.figures['stray_percent'].max() for m in (mad, models)]).max()):.2g} %"
)
plt.show()
