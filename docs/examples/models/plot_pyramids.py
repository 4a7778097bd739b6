"""
Pyramids and bands
==================

A steerable pyramid splits an image by scale and orientation, and puts it together again exactly.
"""

import math

import matplotlib.pyplot as plt

import metameric as mm

image = mm.data.image("camera", size=128)
pyramid = mm.process.SteerablePyramidFreq((128, 128), height=3, order=3)
bands = pyramid(image)
for key, band in list(bands.items())[:3]:
    print(key, tuple(band.shape))
fig = mm.plot.pyrshow(bands, zoom=1)

# %%
# Reconstruction is exact to rounding, in either precision. Bands may be left out: without the coarsest scale and the
# residuals a picture of the edges is left.

error = (pyramid.recon_pyr(bands) - image).abs().max()
double = mm.process.SteerablePyramidFreq((128, 128), height=3, order=3).double()
error64 = (double.recon_pyr(double(image.double())) - image.double()).abs().max()
print(f"largest error: float32 {float(error):.1e}, float64 {float(error64):.1e}")
edges = pyramid.recon_pyr(bands, levels=[0, 1])
fig = mm.plot.imshow([image, edges], title=["image", "two finest scales"], zoom=2)

# %%
# A complex pyramid has local amplitude and phase. Amplitude changes little as the image moves; that is what the
# texture model's correlations are taken of.

quadrature = mm.process.SteerablePyramidFreq((128, 128), height=3, order=3, is_complex=True)
energy, state = mm.process.rectangular_to_polar_dict(quadrature(image))
fig = mm.plot.imshow([energy[1][:, :, 0], energy[1][:, :, 2]], title=["amplitude, band 0", "amplitude, band 2"], zoom=2)

# %%
# Filters in between those of the pyramid are weighted sums of them.

steered, _ = pyramid.steer_coeffs(bands, [math.pi / 8])
print(list(steered)[-1], tuple(list(steered.values())[-1].shape))

# %%
# A Laplacian pyramid has scales only, and is cheaper.

laplacian = mm.process.LaplacianPyramid(n_scales=4)
levels = laplacian(image)
fig = mm.plot.imshow(levels[:3], title=[f"scale {i}" for i in range(3)], zoom=1)
print("largest error", float((laplacian.recon_pyr(levels) - image).abs().max()))
plt.show()
