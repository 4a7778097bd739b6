"""
A model with its own panels
===========================

A model is any callable from images to a tensor. One that offers ``representation_panels`` also says how its
representation is to be
looked at, without importing a plotting library: as pictures, curves or stems.
"""

import matplotlib.pyplot as plt
import torch

import metameric as mm


class OrientedEnergy(torch.nn.Module):
    """Mean energy of each scale and orientation, and a blurred image."""

    def __init__(self, size: int, n_scales: int = 3) -> None:
        super().__init__()
        self.n_scales, self.side = n_scales, size // 8
        self.pyramid = mm.process.SteerablePyramidFreq((size, size), height=n_scales, order=3, is_complex=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, scales * 4 + side * side)."""
        bands = self.pyramid(x)
        energy = [(bands[s].abs().square()).mean((-2, -1)).flatten(1).log() for s in range(self.n_scales)]
        coarse = mm.process.blur_downsample(x, n_scales=3).flatten(1)
        return torch.cat([*energy, coarse], dim=1)

    def representation_panels(
        self, representation: torch.Tensor, batch_idx: int = 0
    ) -> list[mm.plot.RepresentationPanel]:
        """Energies as stems, the blurred image as a map."""
        values = representation[batch_idx].detach()
        parts = {"scale × orientation": values[: 4 * self.n_scales]}
        parts["coarse"] = values[4 * self.n_scales :].reshape(self.side, self.side)
        return [mm.plot.RepresentationPanel("oriented_energy", parts, "Oriented energy")]


image = mm.data.image("camera", size=64)
model = OrientedEnergy(64)
mm.validate.validate_model(model, image_shape=(1, 1, 64, 64))
metamer = mm.Metamer(image, model)
metamer.setup(seed=0)
result = metamer.synthesize(progress=False)
print(result)

# %%
# The status figure draws the model's own panels, of the difference between the two representations.

fig = mm.plot.synthesis_status(metamer)
plt.show()
