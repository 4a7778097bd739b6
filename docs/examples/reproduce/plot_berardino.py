"""
Eigendistortions of front ends (Berardino et al. 2017)
======================================================

Berardino, Ballé, Laparra & Simoncelli (2017) fitted models of the early visual system to ratings of distorted images,
and then compared them by
their eigendistortions: people saw the most noticeable distortion of the On-Off model better, and its least noticeable
one worse,
than those of simpler models, although all predicted the ratings well.

Here are the distortions; the thresholds of people are not remeasured.
"""

import matplotlib.pyplot as plt
import torch

import metameric as mm

image = mm.data.image("camera", size=64)
models = {
    "LN": mm.models.LinearNonlinear((31, 31), pretrained=True),
    "LG": mm.models.LuminanceGainControl((31, 31), pretrained=True),
    "LGG": mm.models.LuminanceContrastGainControl((31, 31), pretrained=True),
    "On-Off": mm.models.OnOff((31, 31), pretrained=True),
}
found = {}
for name, model in models.items():
    found[name] = mm.Eigendistortion(image, model.eval())
    result = found[name].synthesize(k=1, stop_criterion=1e-5, progress=False)
    first, last = found[name].eigenvalues[[0, -1]]
    outcome = "converged" if result.converged else "not converged"
    print(f"{name:<8} {outcome}, eigenvalues {float(first):.3g} and {float(last):.3g}")

# %%
# Most noticeable (above) and least noticeable (below), over the range of each.

pictures = [e.eigendistortions[:1] for e in found.values()] + [e.eigendistortions[-1:] for e in found.values()]
titles = [f"{name}, most" for name in found] + [f"{name}, least" for name in found]
fig = mm.plot.imshow(pictures, vrange="indep0", title=titles, col_wrap=4, zoom=2)

# %%
# How each model rates the distortions of each other one: the log of the visibility of the most noticeable one over
# that of the least noticeable one. A model's own pair has the largest ratio by definition.

print("judge \\ pair of " + "".join(f"{name:>9}" for name in found))
for judge, model in models.items():
    fisher = mm.FisherInformation(model, image)
    ratios = []
    for pair in found.values():
        first, last = (float(fisher.information(pair.eigendistortions[[i]])) for i in (0, -1))
        ratios.append(torch.tensor(first / max(last, 1e-12)).log().item() / 2)
    print(f"{judge:<16}" + "".join(f"{r:>9.1f}" for r in ratios))

# %%
# What matches
# ------------
#
# * The most noticeable distortions are local, of the size of the model's filters, and most local in the On-Off model.
#   With
#   gain control they lie in the dark coat.
# * Models disagree: the table's diagonal is far above its other entries, so that the distortions of one model are a
#   test
#   of the others.
#
# What does not
# -------------
#
# * Photograph and size are others than in the paper, and the measured thresholds of its observers are not part of
#   this page.
# * The least noticeable end is nearly a null space here: uniform light for the linear-nonlinear model, the image
#   itself (a
#   change of contrast) for those with gain control. Any mixture of such changes is as good, so the pictures of this end
#   cannot be compared one by one.

plt.show()
