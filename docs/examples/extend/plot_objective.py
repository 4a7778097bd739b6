"""
A new objective
===============

`Synthesis` takes any function from stimuli to one number for each: here, of all metamers of an image, the smoothest.
Named
parts are logged at every iteration.
"""

import matplotlib.pyplot as plt
import torch

import metameric as mm

image = mm.data.image("camera", size=64)
model = mm.models.LuminanceGainControl((31, 31), pretrained=True).eval()
wanted = model(image)


def objective(x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Mismatch of responses, and roughness; one value of each for each stimulus."""
    mismatch = 1e5 * (model(x) - wanted).square().flatten(1).mean(1)
    roughness = x.diff(dim=-1).square().flatten(1).mean(1) + x.diff(dim=-2).square().flatten(1).mean(1)
    return mismatch + roughness, {"mismatch": mismatch, "roughness": roughness}


smoothest = mm.Synthesis(objective, (1, 1, 64, 64), constraint=mm.Box(0, 1))
smoothest.setup(seed=0)
result = smoothest.synthesize(200, progress=False)
print(result)
plain = mm.Metamer(image, model)
plain.setup(seed=0)
plain.synthesize(progress=False)

# %%
# The solver, stopping rules, statuses, saving and resuming, and plots are those of every other method.

images = torch.cat([image, plain.metamer, smoothest.stimulus])
fig = mm.plot.contact_sheet(images, ["image", "a metamer", "the smoothest"], columns=3, zoom=3)
fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
for part in ("mismatch", "roughness"):
    ax.semilogy([float(v) for v in result.trace.columns[part]], label=part)
ax.set(xlabel="iteration")
ax.legend()
plt.show()
