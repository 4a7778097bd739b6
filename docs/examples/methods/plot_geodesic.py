"""
Geodesics
=========

**Question.** Which sequence of images between two is the straightest for a model? If the model has learned what stays
the same
when something moves, its geodesic moves; if not, it fades (Hénaff & Simoncelli 2016).

**Mathematics.** With fixed ends, minimise the energy of the path in response space,

.. math:: E = \\sum_t |f(x_{t+1}) - f(x_t)|^2 \\; \\geq \\; |f(b) - f(a)|^2 / T .

The bound gives a certificate: at an optimality gap of 1 no path is better.
"""

import math

import matplotlib.pyplot as plt
import torch

import metameric as mm

# %%
# A photograph that moves
# -----------------------
#
# The model takes local amplitudes of a complex pyramid, which hardly change when an image moves a little, and the
# low-pass
# residual. The ends are a photograph, and the same photograph two pixels to the right; a translation takes it there.

n, shift, steps = 32, 2, 6
image = mm.GaussianBlur(1.5)(mm.data.image("camera", size=n))
phase = -2j * math.pi * torch.fft.rfftfreq(n) * shift / steps
moved = [torch.fft.irfft2(torch.fft.rfft2(image) * (phase * t).exp(), s=(n, n))[0] for t in range(steps + 1)]
translation = torch.stack(moved)
pyramid = mm.process.SteerablePyramidFreq((n, n), height=2, order=3, is_complex=True)


def amplitudes(x: torch.Tensor) -> torch.Tensor:
    """Local amplitude of every band, and the low-pass residual."""
    bands = pyramid(x)
    parts = [(b.real**2 + b.imag**2 + 1e-6).sqrt().flatten(1) for b in bands.values() if b.is_complex()]
    return torch.cat([*parts, bands["residual_lowpass"].flatten(1)], dim=1)


geodesic = mm.Geodesic(translation[:1], translation[-1:], amplitudes, steps, conditional=True)
result = geodesic.synthesize(60, progress=False)
print(result)

# %%
# The pixel fade goes the straight way in pixels and blurs edges half way. The geodesic, which nobody told of motion,
# comes
# nearer to the translation.

path, fade = geodesic.geodesic, geodesic.pixelfade
fig, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
for frames, style, name in ((fade, "k.--", "pixel fade"), (path, "C0o-", "geodesic")):
    ax.plot((frames - translation).square().mean((1, 2, 3)).sqrt(), style, label=name)
ax.set(xlabel="frame", ylabel="RMS difference from the translation", ylim=(0, None))
ax.legend()
fig = mm.plot.contact_sheet(
    torch.cat([translation[3:4], path[3:4], fade[3:4]]), ["translation", "geodesic", "pixel fade"], columns=3, zoom=4
)

# %%
# What a geodesic cannot know
# ---------------------------
#
# Two pixels are half a wavelength of the finest band, and the photograph may as well be sharp: the geodesic is then
# 0.024 (RMS) from the translation, the fade 0.052. Four pixels are a whole wavelength: the finest band is back at the
# phase it began with, and its straightest way is not to move. The geodesic of the sharp photograph (gap 1.03) is then
# straighter than the translation itself (gap 1.17), and hardly nearer to it than the fade (0.084 and 0.093). Coarse to
# fine in scale (``coarse_to_fine="time and scale"``) ends there too, for bands do not carry one another. Take ends that
# are about half a wavelength of the finest band apart at most, or blur them.
#
# A front end
# -----------
#
# Luminance gain control hardly rewards anything but the fade: its responses follow the pixels. The gap says so,
# before one reads anything into a picture.

retina = mm.models.LuminanceGainControl((7, 7)).eval()
straight = mm.Geodesic(translation[:1], translation[-1:], retina, steps)
straight.synthesize(60, progress=False)
print("optimality gap", straight.optimality_gap)
print("RMS difference from the pixel fade", float((straight.geodesic - fade).square().mean().sqrt()))

# %%
# How to check it
# ---------------
#
# * The optimality gap: 1 is as straight as can be, and may be out of reach.
# * Curvature along the path, in the model's representation, against that of the pixel fade, in degrees.

print("optimality gap", geodesic.optimality_gap)
print(
    "curvature of the geodesic",
    mm.curvature(path, amplitudes).mean(),
    "of the fade",
    mm.curvature(fade, amplitudes).mean(),
)
plt.show()
