"""
A new metric
============

A metric takes two batches of images and returns one value for each pair, zero for equal images. This one weighs
errors by
how visible they are at each spatial frequency, by a contrast sensitivity function (Mannos & Sakrison 1974).
"""

import matplotlib.pyplot as plt
import torch

import metameric as mm


class WeightedError(torch.nn.Module):
    """Squared error in the Fourier domain, weighted by contrast sensitivity."""

    def __init__(self, size: int, pixels_per_degree: float) -> None:
        super().__init__()
        y, x = torch.fft.fftfreq(size), torch.fft.rfftfreq(size)
        f = 0.114 * (y[:, None] ** 2 + x[None] ** 2).sqrt() * pixels_per_degree
        self.register_buffer("weight", 2.6 * (0.0192 + f) * torch.exp(-(f**1.1)))

    def forward(self, image: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Return one value for each pair, (batch,)."""
        spectrum = torch.fft.rfft2(image - other, norm="ortho") * self.weight
        return spectrum.abs().square().flatten(1).mean(1)


csf = WeightedError(64, pixels_per_degree=32)
mm.validate.validate_metric(csf, image_shape=(1, 1, 64, 64))
image = mm.data.image("camera", size=64)
mad = mm.MADSet(image, {"CSF": csf, "MSE": mm.metric.mse})
mad.setup(initial_noise=0.1, seed=0)
result = mad.synthesize(60, progress=False)
fig = mm.plot.mad_competition(mad, zoom=2)

# %%
# Highest weighted error at equal MSE: all of it at a few cycles per degree, where the function peaks. Lowest: at the
# highest
# frequencies, where it is nearly blind. If the upper picture does not look worse to you than the lower one, at the
# distance
# that ``pixels_per_degree`` stands for, the function is wrong.

for row in mad.table():
    print(
        f"{row['optimized']} {row['minmax']}: {row['optimized_initial']:.5f} -> "
        f"{row['optimized_final']:.5f}, {row['status']}"
    )
plt.show()
