"""
Metrics
=======

How far apart are two images? Mean squared error counts pixels, SSIM compares local structure, the normalised Laplacian
pyramid distance (NLPD) compares what an early visual system would respond. Here are three distortions of the same
squared error.
"""

import matplotlib.pyplot as plt
import torch

import metameric as mm

image = 0.3 + 0.4 * mm.data.image("camera", size=176)
level = 0.001
blurred = image
for std in torch.arange(0.5, 6, 0.1):
    blurred = mm.models.Gaussian(31, float(std))(image).detach()
    if float(mm.metric.mse(blurred, image)) > level:
        break
level = float(mm.metric.mse(blurred, image))
noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
noisy = image + noise * (level**0.5 / noise.square().mean().sqrt())
contrast = image + (image.mean() - image) * (level / image.var(correction=0)) ** 0.5
distorted = {"blur": blurred, "noise": noisy, "less contrast": contrast}

fig = mm.plot.contact_sheet(torch.cat([image, *distorted.values()]), ["image", *distorted], columns=2, zoom=1)
print(f"{'':<14}{'mse':>10}{'1 - ssim':>10}{'1-ms_ssim':>10}{'nlpd':>10}")
for name, other in distorted.items():
    values = [
        mm.metric.mse(image, other),
        1 - mm.metric.ssim(image, other),
        1 - mm.metric.ms_ssim(image, other),
        mm.metric.nlpd(image, other),
    ]
    print(f"{name:<14}" + "".join(f"{float(v):>10.4f}" for v in values))

# %%
# Equal squared errors, and very different pictures.
#
# Any callable of two images that is zero for equal ones is a metric: `as_distance` makes one of a similarity, and
# `model_metric_factory` makes one of a model. `validate_metric` says whether a MAD competition can use it.

texture = mm.metric.model_metric_factory(mm.models.PortillaSimoncelli((176, 176), n_scales=3))
mm.validate.validate_metric(texture, image_shape=(1, 1, 176, 176))
for name, other in distorted.items():
    print(f"texture statistics, {name:<14} {float(texture(image, other)):.4f}")

# %%
# Metrics of piq
# --------------
#
# piq has some twenty more. Those of grey or colour images that are differentiable and need no trained weights can
# be used as they are; a similarity is turned into a distance.

import functools

import piq

others = {
    "1 - FSIM": mm.metric.as_distance(functools.partial(piq.fsim, chromatic=False, reduction="none")),
    "GMSD": functools.partial(piq.gmsd, reduction="none"),
    "1 - VIF": mm.metric.as_distance(functools.partial(piq.vif_p, reduction="none")),
}
for name, metric in others.items():
    print(
        f"{name:<10}"
        + ", ".join(f"{other} {float(metric(x.clamp(0, 1), image)):.4f}" for other, x in distorted.items())
    )
mm.validate.validate_metric(others["1 - FSIM"], image_shape=(1, 1, 64, 64))
plt.show()
