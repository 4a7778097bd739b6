"""The texture model against plenoptic and against the authors' MATLAB code, family by family.

The peers sample their masks in tables. With exact masks that costs the differences of `EXACT`; with masks sampled like
theirs agreement with MATLAB is to 1e-7 of a family's largest member, and with plenoptic to 5e-7, since it stores its
masks in single precision.
"""

import json

import numpy as np
import pytest
import torch
from skimage.io import imread

import metameric as mm
from metameric.models.portilla_simoncelli import _statistics as statistics

EXACT = {
    "pixel_statistics": 1e-11,
    "auto_correlation_magnitude": 1e-5,
    "skew_reconstructed": 3e-5,
    "kurtosis_reconstructed": 3e-5,
    "auto_correlation_reconstructed": 1e-5,
    "std_reconstructed": 1e-5,
    "cross_orientation_correlation_magnitude": 2e-5,
    "magnitude_std": 1e-5,
    "cross_scale_correlation_magnitude": 2e-5,
    "cross_scale_correlation_real": 2e-5,
    "var_highpass_residual": 2e-5,
}
SAMPLED, SAMPLED_IN_SINGLE_PRECISION = 1e-7, 5e-7


def difference(ours, theirs):
    """Largest difference of a family relative to its largest member, redundant statistics left out."""
    known = ~torch.isnan(ours)
    if not known.any():
        return 0.0
    return float((ours[known] - theirs[known]).abs().max() / theirs[known].abs().max())


@pytest.mark.parametrize(
    "options, shape",
    [
        (dict(), (128, 128)),
        (dict(spatial_corr_width=5, n_orientations=3, n_scales=2), (64, 96)),
        (dict(n_scales=1, n_orientations=2, spatial_corr_width=3), (32, 32)),
        (dict(n_scales=3, n_orientations=6, spatial_corr_width=7), (64, 64)),
    ],
)
def test_plenoptic(options, shape, sampled_profiles):
    po = pytest.importorskip("plenoptic")
    peer = po.models.PortillaSimoncelli(shape, **options).double()
    ours = mm.models.PortillaSimoncelli(shape, **options)
    photograph = po.data.einstein().double()
    image = torch.cat([photograph[..., 60 : 60 + shape[0], start : start + shape[1]] for start in (0, 40, 80, 120)])
    image = image.reshape(2, 2, *shape)
    theirs = peer.convert_to_dict(peer(image))
    exact = ours.convert_to_dict(ours(image))
    assert list(exact) == list(theirs)
    assert ours.scales == peer.scales
    ours = mm.models.PortillaSimoncelli(shape, **options)
    ours.profiles = sampled_profiles
    sampled = ours.convert_to_dict(ours(image))
    for name, values in theirs.items():
        assert torch.equal(torch.isnan(values), torch.isnan(exact[name])), name
        assert difference(exact[name], values) < EXACT[name], name
        assert difference(sampled[name], values) < SAMPLED_IN_SINGLE_PRECISION, name
    for scale in peer.scales:
        assert ours(image, [scale]).shape == peer(image, [scale]).shape


def matlab(folder, name):
    """MATLAB's statistics as correlations, keys and order of dimensions as ours."""
    raw = {
        key: np.array(value, dtype=float) for key, value in json.loads((folder / f"{name}.json").read_text()).items()
    }
    centre, scales = 4, 4
    low_variance = raw["autoCorrReal"][centre, centre]
    cousins = raw["cousinMagCorr"][..., :scales]
    deviations = np.sqrt(np.stack([np.diag(cousins[..., scale]) for scale in range(scales)], axis=-1))
    return {
        "pixel_statistics": raw["pixelStats"],
        "auto_correlation_magnitude": np.swapaxes(raw["autoCorrMag"] / raw["autoCorrMag"][centre, centre], 2, 3),
        "skew_reconstructed": raw["pixelLPStats"][:, 0],
        "kurtosis_reconstructed": raw["pixelLPStats"][:, 1],
        "auto_correlation_reconstructed": raw["autoCorrReal"] / low_variance,
        "std_reconstructed": np.sqrt(low_variance),
        "cross_orientation_correlation_magnitude": cousins / (deviations[:, None] * deviations[None]),
        "magnitude_std": np.sqrt(raw["autoCorrMag"][centre, centre].T),
        "var_highpass_residual": raw["varianceHPR"].reshape(1),
    }


def reference_image(folder, name):
    array = folder / f"{name}.npy"
    pixels = np.load(array) if array.exists() else imread(folder / f"{name}.png").astype(float)
    return torch.as_tensor(pixels)[None, None]


NAMES = ["camera", "grass", "brick", "astronaut"]


@pytest.mark.parametrize("name", NAMES)
def test_matlab(reference_folder, sampled_profiles, name):
    folder = reference_folder / "portilla_simoncelli"
    image, theirs = reference_image(folder, name), matlab(folder, name)
    for profiles, tolerance in ((sampled_profiles, dict.fromkeys(EXACT, SAMPLED)), (None, EXACT)):
        model = mm.models.PortillaSimoncelli((256, 256), spatial_corr_width=9)
        if profiles is not None:
            model.profiles = profiles
        ours = model.convert_to_dict(model(image))
        for key, values in theirs.items():
            assert difference(ours[key][0, 0], torch.as_tensor(values)) < tolerance[key], key


@pytest.mark.parametrize("name", NAMES)
def test_matlab_parents(reference_folder, sampled_profiles, name):
    """MATLAB gives covariances with the coarser scale only, without the variances that would make them correlations."""
    folder = reference_folder / "portilla_simoncelli"
    raw = json.loads((folder / f"{name}.json").read_text())
    model = mm.models.PortillaSimoncelli((256, 256), spatial_corr_width=9)
    model.profiles = sampled_profiles
    for scale in range(3):
        band, parent = model._bank.analyse(reference_image(folder, name), [("band", scale), ("parent", scale)])
        band, parent = band.unflatten(-3, (2, 4)), parent.unflatten(-3, (2, 4))
        doubled = statistics.phase_doubled(parent)[0, 0]
        magnitudes = statistics.cross_covariance(statistics.magnitude(band)[0, 0], doubled[0])
        assert difference(magnitudes, torch.tensor(raw["parentMagCorr"])[..., scale]) < SAMPLED
        # MATLAB's complex bands are minus the conjugates of ours and of plenoptic's.
        phases = torch.cat([-doubled[1], doubled[2]])
        real = statistics.cross_covariance(band[0, 0, 0], phases)
        assert difference(real, torch.tensor(raw["parentRealCorr"])[:4, :, scale]) < SAMPLED
