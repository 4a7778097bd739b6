"""
Textures
========

The model of Portilla & Simoncelli (2000): a few hundred statistics of a steerable pyramid's coefficients, averaged over
the image. What they do not fix is where things are, so that a metamer is another piece of the same texture.
"""

import matplotlib.pyplot as plt
import torch

import metameric as mm

SIZE, STEPS = 64, 120
image = mm.process.center_crop(mm.data.image("grass", size=256), SIZE)
model = mm.models.PortillaSimoncelli((SIZE, SIZE), n_scales=3, spatial_corr_width=7)
statistics = model.convert_to_dict(model(image))
for name, values in statistics.items():
    print(f"{name:<42} {tuple(values.shape[2:])}")

# %%
# A sample starts from random phases, which the model asks for.

sample = mm.Metamer(image, model)
sample.setup(seed=[0, 1])
sample.synthesize(STEPS, progress=False)
fig = mm.plot.contact_sheet(torch.cat([image, sample.metamer]), ["grass", "sample 1", "sample 2"], columns=3, zoom=3)
fig = mm.plot.texture_statistics(
    model(sample.metamer[:1]), model(image), model=model, names=("sample", "grass"), batch_idx=0
)

# %%
# Another size, and mixtures
# --------------------------
#
# The statistics do not depend on the size, so one of another size may have those of this image; and means of the
# statistics of two textures are a target as well. The image that is given says the shape, and the power spectrum of
# the start.

canvas = torch.cat([image, image.flip(-1)], dim=-1)
wide = mm.models.PortillaSimoncelli((64, 128), n_scales=3, spatial_corr_width=7)
larger = mm.Metamer(canvas, wide, target_representation=model(image))
larger.setup(seed=0)
larger.synthesize(STEPS, progress=False)

gravel = mm.process.center_crop(mm.data.image("gravel", size=256), SIZE)
between = mm.Metamer(image, model, target_representation=(model(image) + model(gravel)) / 2)
between.setup(seed=0)
between.synthesize(STEPS, progress=False)
fig = mm.plot.imshow(
    [image, gravel, between.metamer, larger.metamer], title=["grass", "gravel", "half of each", "wider grass"], zoom=2
)

# %%
# Filling in
# ----------
#
# A constraint holds the pixels that are known.

known = torch.ones_like(image, dtype=torch.bool)
known[..., 20:44, 20:44] = False
filled = mm.Metamer(image, model)
filled.setup(seed=0, constraint=mm.Intersection(mm.FixedPixels(known, image), mm.Box()))
filled.synthesize(STEPS, progress=False)
fig = mm.plot.contact_sheet(
    torch.cat([image, image * known, filled.metamer]), ["grass", "with a hole", "filled"], columns=3, zoom=3
)
plt.show()
