"""
A new constraint
================

A constraint is an object with two methods: ``move`` goes from a stimulus by a step and ends on the set, ``tangent``
returns the
part of a direction along which one can go without leaving the set at once. This one keeps images mirror symmetric;
every step
of the solver does.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch

import metameric as mm


@dataclass(frozen=True)
class Symmetric:
    """Images that are their own mirror image, left to right."""

    def project(self, x: torch.Tensor) -> torch.Tensor:
        """Return the nearest symmetric images."""
        return (x + x.flip(-1)) / 2

    def move(self, x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        """Go and return to the set."""
        return self.project(x + step)

    def tangent(self, x: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
        """Keep what is symmetric of a direction: the set is flat."""
        return self.project(direction)


image = mm.data.image("camera", size=64)
model = mm.models.PortillaSimoncelli((64, 64), n_scales=3)
metamer = mm.Metamer(image, model, mm.loss.l2_norm, penalty_lambda=0)
metamer.setup(
    initial_image=Symmetric().project(torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))),
    constraint=Symmetric(),
)
result = metamer.synthesize(100, progress=False)
print(result)
print("largest asymmetry", float((metamer.metamer - metamer.metamer.flip(-1)).abs().max()))
fig = mm.plot.contact_sheet(torch.cat([image, metamer.metamer]), ["target", "symmetric"], columns=2, zoom=3)

# %%
# The error stays well above zero: no symmetric image has all the statistics of this one, and the status says so. Sets
# that
# come with metameric: `Box`, `ContrastSphere`, `NormSphere`, `FixedSpectrum`, `FixedPixels`, and `Intersection` of
# several.

plt.show()
