"""
Diverse exciting inputs and maximally different metamers
========================================================

**Question.** How different can stimuli be that are all the same, or all as good, to a model? One metamer shows one
thing that a model does not see, and seeds show what chance brings up. A set that is pushed apart shows how far the
freedom goes, and of what kind it is (Cadena et al. 2018).

**Mathematics.** For the members :math:`x_1, \\dots, x_n` of a set

.. math:: \\max \\; \\frac{2}{n (n - 1)} \\sum_{i < j} |x_i - x_j| \\quad \\text{subject to} \\quad g(x_i) \\leq 0 \\;
   \\text{for all } i,

where :math:`g(x) \\leq 0` says that the response is at least a fraction of the largest possible one (exciting inputs),
or that the relative error :math:`|f(x) - f(x_0)| / |f(x_0)|` is within a tolerance (metamers). The set begins as single
syntheses from seeds of their own; an augmented Lagrangian then moves it apart.
"""

# sphinx_gallery_thumbnail_number = 3

import math

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

import metameric as mm

# %%
# The phases of a complex cell
# ----------------------------
#
# The energy of a pair of filters in quadrature does not depend on phase: the best stimuli form a circle. Six of them,
# as far apart as can be, must be spaced by 60 degrees.

y, x = torch.meshgrid(torch.linspace(-3, 3, 32), torch.linspace(-3, 3, 32), indexing="ij")
window, angle = torch.exp(-(x**2 + y**2) / 2), 2 * math.pi * 0.6 * x
filters = torch.stack([window * angle.cos(), window * angle.sin()])
filters = filters - filters.mean((1, 2), keepdim=True)
filters = filters / filters.square().sum((1, 2), keepdim=True).sqrt()


def pair(stimulus: torch.Tensor) -> torch.Tensor:
    """Responses of both filters."""
    return torch.einsum("bchw,fhw->bf", stimulus, filters)


def complex_cell(stimulus: torch.Tensor) -> torch.Tensor:
    """Respond to any phase."""
    return pair(stimulus).square().sum(1)


exciting = mm.DiverseExcitingInputs(complex_cell, (1, 1, 32, 32), 6, fraction=0.95, mean=0.5, std=0.15)
exciting.setup(seed=0)
print(exciting.synthesize(progress=False))

even, odd = pair(exciting.stimulus[0]).T
phases = torch.atan2(odd, even).rad2deg() % 360
order = phases.argsort()
labels = [f"{float(p):.0f} degrees" for p in phases[order]]
fig = mm.plot.contact_sheet(exciting.stimulus[0][order], labels, columns=3, zoom=4)

# %%
# Seeds fall where they fall. In the matrix of distances the set has its nearest neighbours all equally far.


def compare_distances(diverse: mm.DiverseMetamers | mm.DiverseExcitingInputs) -> Figure:
    """Draw the distances within a set beside those of independent seeds."""
    matrices = {"independent seeds": diverse.independent_distances[0], "diverse set": diverse.distances[0]}
    limit = max(float(m.max()) for m in matrices.values())
    fig, axes = plt.subplots(1, 2, figsize=(7, 3.9), layout="constrained")
    for ax, (name, matrix) in zip(axes, matrices.items(), strict=True):
        n = len(matrix)
        shown = ax.imshow(matrix, vmin=0, vmax=limit, cmap="viridis")
        ax.set(title=f"{name}\nmean {float(matrix.sum()) / (n * (n - 1)):.1f}", xticks=range(n), yticks=range(n))
        for i, j in torch.cartesian_prod(torch.arange(n), torch.arange(n)).tolist():
            dark = float(matrix[i, j]) < limit / 2
            ax.text(j, i, f"{float(matrix[i, j]):.1f}", ha="center", va="center", c="white" if dark else "black")
    fig.colorbar(shown, ax=axes, label="distance")
    return fig


fig = compare_distances(exciting)

# %%
# A front end
# -----------
#
# Luminance gain control does not see fine detail. Single metamers differ by the noise that they began with; different
# ones use the whole range of the pixels. The photograph is there in all of them, in the local density of the dots, as
# in a halftone.

image = mm.data.image("camera", size=64)
front_end = mm.remove_grad(mm.models.LuminanceGainControl((31, 31), pretrained=True).eval())
metamers = mm.DiverseMetamers(image, front_end, 4, spreading=100)
metamers.setup(seed=0)
print(metamers.synthesize(progress=False))
fig = mm.plot.contact_sheet(
    torch.cat([image, metamers.stimulus[0]]), ["target", *[f"metamer {i}" for i in range(4)]], columns=3, zoom=3
)
fig = compare_distances(metamers)

# %%
# A texture
# ---------
#
# The statistics say what grass is like, and not where its blades are. The tolerance is wide and the spreading short,
# for speed; with more iterations (``spreading=``) the set moves farther apart.

grass = mm.process.center_crop(mm.data.image("grass", size=256), 64)
texture = mm.remove_grad(mm.models.PortillaSimoncelli((64, 64), n_scales=3, spatial_corr_width=7))
samples = mm.DiverseMetamers(grass, texture, 3, tolerance=0.01, spreading=100)
samples.setup(seed=0)
print(samples.synthesize(progress=False))
fig = mm.plot.contact_sheet(
    torch.cat([grass, samples.stimulus[0]]), ["grass", *[f"metamer {i}" for i in range(3)]], columns=2, zoom=3
)
fig = compare_distances(samples)

# %%
# How to check it
# ---------------
#
# * Every member is good by itself: its error is within the tolerance, or its response above the fraction.
# * The set is farther apart than independent seeds are; if not, the seeds had found all the freedom there is.
# * Distance has a price: ask for a smaller fraction or a wider tolerance, and the set grows.

ratio = complex_cell(exciting.stimulus[0]) / exciting.result.figures["best_response"]
print("complex cell: responses, as a fraction of the best", ratio.round(decimals=3))
for name, found in (("front end", metamers), ("texture", samples)):
    print(f"{name}: errors over the tolerance", (found.errors / found.tolerance[:, None]).round(decimals=3))
plt.show()
