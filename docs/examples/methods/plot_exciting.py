"""
Most exciting inputs
====================

**Question.** Which stimulus drives this unit the most? Without a bound on contrast there is none, so all stimuli of a
given
mean and contrast are compared (Walker et al. 2019).

**Mathematics.** Stimuli of mean :math:`m` and standard deviation :math:`s` form a sphere, and

.. math:: x^* = \\arg\\max_x r(x) \\quad \\text{subject to} \\quad \\bar{x} = m, \\; \\operatorname{std}(x) = s

is sought on it: every step moves along the sphere, and none leaves it.
"""

import math

import matplotlib.pyplot as plt
import torch

import metameric as mm

# %%
# A unit whose answer is known
# ----------------------------
#
# A linear unit is driven best by its own filter, scaled to the allowed contrast.

y, x = torch.meshgrid(torch.linspace(-3, 3, 32), torch.linspace(-3, 3, 32), indexing="ij")
even = torch.exp(-(x**2 + y**2) / 2) * torch.cos(2 * math.pi * 0.6 * x)
odd = torch.exp(-(x**2 + y**2) / 2) * torch.sin(2 * math.pi * 0.6 * x)
even, odd = (f - f.mean() for f in (even, odd))
even, odd = even / even.norm(), odd / odd.norm()


def simple_cell(stimulus: torch.Tensor) -> torch.Tensor:
    """Respond to one phase."""
    return (stimulus * even).sum((1, 2, 3))


def complex_cell(stimulus: torch.Tensor) -> torch.Tensor:
    """Respond to any phase."""
    return (stimulus * even).sum((1, 2, 3)) ** 2 + (stimulus * odd).sum((1, 2, 3)) ** 2


simple = mm.MostExcitingInput(simple_cell, (1, 1, 32, 32), mean=0.5, std=0.15)
print(simple.synthesize(progress=False))

# %%
# A complex cell has no single best stimulus: each seed ends at another phase, all of them as good.

phases = mm.MostExcitingInput(complex_cell, (4, 1, 32, 32), mean=0.5, std=0.15)
phases.setup(seed=0)
phases.synthesize(progress=False)
images = torch.cat([even[None, None] * 4 + 0.5, simple.stimulus, phases.stimulus])
fig = mm.plot.contact_sheet(images, ["filter", "simple", *[f"complex, seed {i}" for i in range(4)]], columns=3, zoom=4)
print("responses of the complex cell:", complex_cell(phases.stimulus))

# %%
# A unit of a network
# -------------------
#
# `UnitResponse` takes one number per stimulus from a layer: ``3`` is a channel, averaged over positions,
# ``(3, 16, 16)`` one unit of it. Layers inside a network go by name:
# ``UnitResponse(DeepNetFeatures(resnet, "layer2"), 3)``. The network has random weights here (nothing is downloaded),
# so that there is no structure to be found. With a range of values and with contrast held, the sphere is cut by the
# range; the least exciting input is found in the same way.

torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Conv2d(1, 12, 7, padding=3), torch.nn.Softplus(), torch.nn.Conv2d(12, 8, 7, padding=3), torch.nn.Softplus()
).requires_grad_(False)
unit = mm.UnitResponse(network, (3, 16, 16))
pixels = mm.MostExcitingInput(unit, (1, 1, 32, 32), mean=0.5, std=0.15, allowed_range=(0, 1))
pixels.synthesize(progress=False)
least = mm.MostExcitingInput(unit, (1, 1, 32, 32), mean=0.5, std=0.15, allowed_range=(0, 1), least=True)
least.synthesize(progress=False)
images = torch.cat([pixels.stimulus, least.stimulus])
fig = mm.plot.contact_sheet(images, ["most exciting", "least exciting"], columns=2, zoom=4)

# %%
# Many maxima
# -----------
#
# The response of a deep network has very many local maxima, and a climb ends on one of them. Adding noise to its
# stimulus and climbing again leads to a higher one nearby, time after time: `kicks` says how often. It costs about
# twenty iterations each, and it is worth far more than other starts or longer climbs.

torch.manual_seed(1)
layers, width = [], 1
for channels in (16, 32, 64, 64):
    layers += [torch.nn.Conv2d(width, channels, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
    width = channels
deep = mm.UnitResponse(torch.nn.Sequential(*layers).requires_grad_(False), 5)
fig, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for kicks, color, label in ((0, "C1", "one climb"), (16, "C0", "16 kicks")):
    search = mm.MostExcitingInput(deep, (3, 1, 32, 32), mean=0.5, std=0.15)
    search.setup(seed=0)
    search.synthesize(500, stop=mm.Never() if kicks == 0 else None, kicks=kicks, progress=False)
    ax.plot(search.responses.cummax(0).values, color=color, label=[label, None, None])
    print(label, search.result.figures["response"])
ax.set(xlabel="iteration", ylabel="response of the best so far")
ax.legend(loc="lower right")

# %%
# How to check it
# ---------------
#
# * Mean and contrast of the stimulus are those that were asked for, to rounding.
# * Other seeds reach the same response; if not, the response has several maxima, and the best of them counts: kicks.

for exciting in (simple, phases, pixels):
    x = exciting.stimulus.flatten(1)
    print("mean", x.mean(1).round(decimals=4), "contrast", x.std(1, correction=0).round(decimals=4))
plt.show()
