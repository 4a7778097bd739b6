"""
Controversial stimuli
=====================

**Question.** Two models of a behaviour are right equally often. Which stimuli tell them apart? Those about which the
models disagree, each with confidence: whatever an observer answers, one model is wrong (Golan et al. 2020).

**Mathematics.** Model :math:`a` is to see class :math:`i`, model :math:`b` class :math:`j`. With the probability
:math:`p_a(i \\mid x)` that :math:`a` gives to the presence of class :math:`i`, the score of a stimulus is

.. math:: c(x) = \\min \\{ p_a(i \\mid x), \\; 1 - p_a(j \\mid x), \\; p_b(j \\mid x), \\; 1 - p_b(i \\mid x) \\},

from 0 to 1; 0.85 is a usual requirement. A smooth minimum of the logits is climbed in its place, sharpened in stages.
"""

# sphinx_gallery_thumbnail_number = 2

import math

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

import metameric as mm

# %%
# Two classifiers that always agree
# ---------------------------------
#
# There are three kinds of gratings: *coarse* ones at 0 degrees, *medium* ones at 60 and *fine* ones at 120. Orientation
# and spatial frequency say the same, and a classifier may go by either. To know what ours go by, one is
# trained on gratings of any frequency, labelled by orientation, the other the other way round.

SIZE, ANGLES, CYCLES = 32, torch.tensor([0.0, 60, 120]), torch.tensor([3.0, 6, 10])
rows, columns = torch.meshgrid(torch.arange(SIZE) / SIZE, torch.arange(SIZE) / SIZE, indexing="ij")


def gratings(orientation: torch.Tensor, frequency: torch.Tensor, seed: int) -> torch.Tensor:
    """Noisy gratings of random phase and contrast, of these orientations and frequencies (0, 1 or 2)."""
    random = torch.Generator().manual_seed(seed)
    shape = (len(orientation), 1, 1)
    theta, cycles = ANGLES[orientation].deg2rad().view(shape), CYCLES[frequency].view(shape)
    phase = 2 * math.pi * (cycles * (theta.cos() * columns + theta.sin() * rows) + torch.rand(shape, generator=random))
    contrast = 0.1 + 0.35 * torch.rand(shape, generator=random)
    noise = 0.05 * torch.randn(len(orientation), SIZE, SIZE, generator=random)
    return (0.5 + contrast * phase.cos() + noise).clamp(0, 1)[:, None]


class EnergyClassifier(torch.nn.Module):
    """Logits from the logarithm of the mean energy of 24 learned filters."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self.filters = torch.nn.Parameter(torch.randn(24, 1, 9, 9, generator=random) / 9)
        self.weight, self.bias = torch.nn.Parameter(torch.zeros(3, 24)), torch.nn.Parameter(torch.zeros(3))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 3)."""
        filters = self.filters - self.filters.mean((2, 3), keepdim=True)
        energy = F.conv2d(image - 0.5, filters).square().mean((2, 3))
        return F.linear((energy + 1e-3).log(), self.weight, self.bias)


def train(sees: str, seed: int) -> EnergyClassifier:
    """Train on gratings of all orientations and frequencies, labelled by one of them."""
    model, random = EnergyClassifier(seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for step in range(80):
        kinds = torch.randint(3, (2, 64), generator=random)
        labels = F.one_hot(kinds[0 if sees == "orientation" else 1], 3).float()
        loss = F.binary_cross_entropy_with_logits(model(gratings(kinds[0], kinds[1], 1000 * seed + step)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return mm.remove_grad(model.eval())


by_orientation, by_frequency = train("orientation", 1), train("frequency", 2)
classes = torch.arange(300) % 3
test = gratings(classes, classes, seed=0)
for name, model in (("orientation", by_orientation), ("frequency", by_frequency)):
    print(f"by {name}: {100 * (model(test).argmax(1) == classes).float().mean():.1f} % right")
NAMES = ("coarse, 0°", "medium, 60°", "fine, 120°")
fig = mm.plot.contact_sheet(test[:3], NAMES, columns=3, zoom=5)

# %%
# Both are perfect, and no number of such images tells which is which.
#
# Where they disagree
# -------------------
#
# Ours answer every class on its own (``readout="sigmoid"``, the default); classifiers trained with cross-entropy need
# ``readout="softmax"``. All six pairs of different classes are one batch. Each stimulus has the orientation of one
# class and the frequency of another, which nobody has told the synthesis of.

pairs = [(a, b) for a in range(3) for b in range(3) if a != b]
stimuli = mm.ControversialStimuli([by_orientation, by_frequency], pairs, (1, SIZE, SIZE))
stimuli.setup(seed=0)
stimuli.synthesize(progress=False)


def captions(found: mm.ControversialStimuli, first: list[str], second: list[str]) -> list[str]:
    """Say what both models see, and the score."""
    seen = zip(found.targets.tolist(), found.score, strict=True)
    return [f"{first[a]} | {second[b]}, c = {float(c):.2f}" for (a, b), c in seen]


angles, cycles = [f"{a:.0f}°" for a in ANGLES], [f"{c:.0f} cycles" for c in CYCLES]
fig = mm.plot.contact_sheet(stimuli.stimulus, captions(stimuli, angles, cycles), columns=3, zoom=5)

# %%
# Below each: what the first model sees, what the second sees, and the score. An observer who has learned the three
# kinds and is asked which of them this is shows by the answer which cue counts.
#
# Two models of one kind
# ----------------------
#
# The same architecture from another seed, trained in the same way, has other filters. The two agree on
# gratings, so that their controversies are no gratings any more: they are what training has left open.

another = train("orientation", 3)
siblings = mm.ControversialStimuli([by_orientation, another], pairs, (1, SIZE, SIZE))
siblings.setup(seed=0)
siblings.synthesize(200, progress=False)
fig = mm.plot.contact_sheet(siblings.stimulus, captions(siblings, angles, angles), columns=3, zoom=5)

# %%
# How to check it
# ---------------
#
# * The score, taken after rounding to 256 levels, as an observer will see the stimulus. A low score is a finding only
#   if other seeds do no better.
# * The probabilities behind it, model by model.
# * A reading of the stimulus that knows neither model: here the largest coefficient of its Fourier transform.

for model in (by_orientation, by_frequency):
    print(model(stimuli.stimulus).sigmoid().round(decimals=3))
spectrum = torch.fft.rfft2(stimuli.stimulus[:, 0] - stimuli.stimulus.mean((1, 2, 3))[:, None, None]).abs()
for (a, b), peak in zip(pairs, spectrum.flatten(1).argmax(1), strict=True):
    v, u = torch.fft.fftfreq(SIZE, 1 / SIZE)[peak // (SIZE // 2 + 1)], peak % (SIZE // 2 + 1)
    angle, found = float(torch.atan2(v, u.float()).rad2deg()) % 180, float(torch.hypot(v, u.float()))
    print(f"wanted {ANGLES[a]:3.0f} degrees, {CYCLES[b]:2.0f} cycles; found {angle:3.0f} degrees, {found:4.1f} cycles")
plt.show()
