"""
Image space, response space, null space
=======================================

A model maps images to responses. Usually there are fewer responses than pixels, so that many images give the same
one. Here an "image" has two pixels
and a model one or two responses; what the methods of metameric do can then be drawn.
"""

# %%
# Metamers: down to the line of equal response
# --------------------------------------------
#
# The model is :math:`f(x) = 2 x_1 + x_2`. All images on a line give the same response. A metamer starts anywhere and
# goes to the line of the target;
# it moves along the response's gradient only, so what the model cannot see stays as it was at the start. That is why
# two starts give two metamers.

import math

import matplotlib.pyplot as plt
import torch

import metameric as mm

model = mm.problems.LinearModel(torch.tensor([[2.0, 1.0]]))
target = torch.tensor([[0.7, 0.6]])
starts = torch.tensor([[0.1, 0.2], [0.3, 0.9], [0.95, 0.85], [0.75, 0.05]])
metamer = mm.Metamer(target, model, penalty_lambda=0)
metamer.setup(starts, optimizer=torch.optim.SGD, optimizer_kwargs={"lr": 0.03})
metamer.synthesize(200, store_progress=True, progress=False)
paths = torch.stack([*metamer.saved_metamer])

grid = torch.stack(torch.meshgrid(torch.linspace(0, 1, 101), torch.linspace(0, 1, 101), indexing="xy"), dim=-1)
response = model(grid.reshape(-1, 2)).reshape(101, 101)
fig, ax = plt.subplots(figsize=(5, 5))
ax.contour(grid[..., 0], grid[..., 1], response, levels=12, cmap="Greys", linewidths=0.8, alpha=0.6)
ax.contour(grid[..., 0], grid[..., 1], response, levels=[float(model(target))], colors="C3", linewidths=2)
for i, path in enumerate(paths.transpose(0, 1)):
    ax.plot(path[:, 0], path[:, 1], "C0.-", markersize=3, label="synthesis, from four starts" if i == 0 else None)
    ax.plot(*path[-1], "C0o")
ax.plot(*target[0], "C3*", markersize=16, label="target, and all its metamers (line)")
ax.set(xlabel="pixel 1", ylabel="pixel 2", aspect="equal", title="Metamers")
ax.legend(loc="lower left", framealpha=1, fontsize="small")

# %%
# For a linear model the answer is known: the point of the line that is nearest to the start.

print((metamer.metamer - model.nearest_metamer(target, starts)).abs().max())

# %%
# Eigendistortions: the long and the short axis of an ellipse
# -----------------------------------------------------------
#
# How well does a model see a small change :math:`v` of an image? Its response changes by :math:`J v`, the Jacobian
# times the change, so it sees it with
# :math:`d'^2 = v^\top J^\top J v = v^\top F v`. Changes that are equally visible form an ellipse around the image.
# The most noticeable distortion is its
# short axis, the least noticeable one its long axis. For a nonlinear model the ellipse changes from image to image:
# local, where metamers are global.

polar = mm.problems.PolarModel()
fig, ax = plt.subplots(figsize=(5, 5))
circle = torch.stack([torch.cos(torch.linspace(0, 2 * math.pi, 100)), torch.sin(torch.linspace(0, 2 * math.pi, 100))])
for i, point in enumerate([(0.4, 0.1), (0.9, 0.4), (1.3, 0.8), (0.2, 0.8), (0.3, 1.5)]):
    image = torch.tensor([point])
    eigendistortion = mm.Eigendistortion(image, polar)
    eigendistortion.synthesize(progress=False)
    lengths = 0.12 / eigendistortion.eigenvalues.sqrt()
    axes = eigendistortion.eigendistortions * lengths[:, None]
    ellipse = image[0, :, None] + axes.T @ circle
    ax.plot(*ellipse, "0.5", label="equally visible changes" if i == 0 else None)
    for axis, color, name in zip(axes, ("C3", "C0"), ("most noticeable", "least noticeable"), strict=True):
        ax.plot(*torch.stack([image[0], image[0] + axis]).T, color, linewidth=2, label=name if i == 0 else None)
ax.set(
    xlim=(0, 1.75), ylim=(0, 1.75), aspect="equal", xlabel="pixel 1", ylabel="pixel 2", title="Model: radius and angle"
)
ax.legend(loc="upper right", framealpha=1, fontsize="small")

# %%
# Comparing two models: MAD competition and principal distortions
# ---------------------------------------------------------------
#
# Two metrics that agree on most images may still be told apart by the right ones. MAD competition holds the distance
# from the reference by one of them (an
# ellipse) and goes along it to where the other one is smallest and largest.

held = mm.problems.QuadraticMetric(torch.diag(torch.tensor([1.0, 4.0])))
driven = mm.problems.QuadraticMetric(torch.tensor([[3.0, 1.2], [1.2, 1.0]]))
reference, start = torch.zeros(1, 2), torch.tensor([[0.5, 0.3]])
fig, ax = plt.subplots(figsize=(5.5, 5))
grid = torch.stack(torch.meshgrid(torch.linspace(-1, 1, 101), torch.linspace(-1, 1, 101), indexing="xy"), dim=-1)
flat, origin = grid.reshape(-1, 2), torch.zeros(101 * 101, 2)
ax.contour(grid[..., 0], grid[..., 1], driven(flat, origin).reshape(101, 101), levels=10, cmap="Greys", alpha=0.6)
level = float(held(start, reference))
ax.contour(grid[..., 0], grid[..., 1], held(flat, origin).reshape(101, 101), levels=[level], colors="C3", linewidths=2)
for minmax, color in (("max", "C1"), ("min", "C0")):
    mad = mm.MADCompetition(reference, driven, held, minmax, penalty_lambda=0)
    mad.setup(initial_image=start)
    mad.synthesize(store_progress=True, progress=False)
    path = mad.saved_mad_image[:, 0]
    ax.plot(path[:, 0], path[:, 1], color + ".-", label=f"{minmax} of the metric in grey")
    ax.plot(*path[-1], color + "o", markersize=9)
ax.plot(*start[0], "k^", label="start: reference with noise")
ax.plot(*reference[0], "C3*", markersize=16, label="reference; held metric (line)")
ax.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal", xlabel="pixel 1", ylabel="pixel 2", title="MAD competition")
ax.legend(loc="lower left", framealpha=1, fontsize="small")

# %%
# Geodesics: straight for the model
# ---------------------------------
#
# Between two images there are many sequences. The geodesic is the one that is straight, and goes at even pace, in
# response space; in image space it may be
# bent. The optimality gap says how close to straight it is: at 1 no path is better.

a, b = torch.tensor([[1.2, 0.0]]), torch.tensor([[0.0, 0.5]])
geodesic = mm.Geodesic(a, b, polar, n_steps=10)
result = geodesic.synthesize(progress=False)
path = geodesic.geodesic
path = path[0] if path.ndim == 3 else path
fade = torch.lerp(a, b, torch.linspace(0, 1, 11)[:, None])
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for x, style, name in ((fade, "k.--", "pixel fade"), (path, "C0o-", "geodesic")):
    left.plot(*x.T, style, label=name)
    right.plot(*polar(x).T, style, label=name)
left.set(xlabel="pixel 1", ylabel="pixel 2", title="Image space", aspect="equal")
right.set(xlabel="radius", ylabel="angle", title="Response space")
left.legend()
print("optimality gap", geodesic.optimality_gap)
plt.show()
