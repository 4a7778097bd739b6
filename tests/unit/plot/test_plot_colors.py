import numpy as np
from matplotlib.colors import to_rgb

from metameric.plot._colors import CYCLE, signed_map

# Machado, Oliveira and Fernandes (2009), severity 1.
DEFICIENCIES = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


def lab(colors):
    rgb = np.asarray(colors)[..., :3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    xyz = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def test_signed_map_is_even_to_the_eye():
    found = lab(signed_map()(np.linspace(0, 1, 255)))
    lightness = found[:, 0]
    assert lightness.argmax() == 127
    assert (np.diff(lightness[:128]) > 0).all() and (np.diff(lightness[127:]) < 0).all()
    assert np.abs(lightness - lightness[::-1]).max() < 3
    steps = np.linalg.norm(np.diff(found, axis=0), axis=1)
    assert steps.max() / np.median(steps) < 2
    assert np.abs(found[127, 1:]).max() < 1


def test_signs_differ_under_colour_deficiencies():
    ends = signed_map()([0.0, 1.0])[:, :3]
    for matrix in DEFICIENCIES.values():
        seen = np.clip(ends @ np.array(matrix).T, 0, 1)
        assert np.linalg.norm(np.subtract(*lab(seen))) > 30


def test_lines_differ_under_colour_deficiencies():
    colors = np.array([to_rgb(c) for c in CYCLE[:4]])
    for matrix in DEFICIENCIES.values():
        seen = lab(np.clip(colors @ np.array(matrix).T, 0, 1))
        apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
        assert apart[np.triu_indices(4, 1)].min() > 10
