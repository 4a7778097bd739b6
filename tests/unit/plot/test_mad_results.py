import imageio.v3 as iio
import numpy as np
import pytest
from scipy.io import savemat

import metameric as mm
from metameric._core.errors import InputError, MissingFileError

NUMBERS = {"maxssim": 0.9, "minssim": 0.1, "minmse": 5.0, "maxmse": 50.0, "FIX_MSE": 20.0, "FIX_SSIM": 0.5}
IMAGES = ("im_init", "im_fixmse_maxssim", "im_fixmse_minssim", "im_fixssim_minmse", "im_fixssim_maxmse")


@pytest.fixture
def folder(tmp_path):
    iio.imwrite(tmp_path / "samp6.tif", np.arange(64, dtype=np.uint8).reshape(8, 8))
    for level in (2, 64):
        images = {name: np.full((8, 8), 10.0 * i + level) for i, name in enumerate(IMAGES)}
        images["im_init"][0, 0] = 255.0
        savemat(tmp_path / f"samp6_L{level}_results.mat", {**NUMBERS, **images})
    return tmp_path


def test_rows_of_images_and_their_losses(folder):
    figure, results = mm.external.plot_MAD_results("samp6", results_dir=folder, ssim_images_dir=folder)
    assert results["L64"] == {**NUMBERS, "noise_level": 64, "original_image": "samp6"} and list(results) == [
        "L2",
        "L64",
    ]
    shown = {a.get_title().split("\n")[0]: a for a in figure.axes}
    assert len(figure.axes) == 11
    assert shown["Original image"].images[0].get_array().max() == 63
    highest = [a for a in figure.axes if a.get_title().startswith("Highest MSE\nMSE 50, SSIM 0.5")]
    assert [a.images[0].get_array()[0, 0] for a in highest] == [42, 104]


def test_ranges_of_rows(folder):
    options = {"results_dir": folder, "ssim_images_dir": folder, "vrange": "row1"}
    figure, _ = mm.external.plot_MAD_results("samp6", [64], **options)
    assert [a.images[0].get_clim() for a in figure.axes] == [(0, 63)] + [(64, 255)] * 5


def test_mistakes(folder, tmp_path):
    options = {"results_dir": folder, "ssim_images_dir": folder}
    with pytest.raises(InputError, match="original_image is 'samp11'; expected one of samp1"):
        mm.external.plot_MAD_results("samp11", **options)
    with pytest.raises(InputError, match=r"noise_levels has \[3\]"):
        mm.external.plot_MAD_results("samp6", [3], **options)
    with pytest.raises(MissingFileError, match=r"samp7.tif is not there"):
        mm.external.plot_MAD_results("samp7", **options)
    with pytest.raises(MissingFileError, match=r"samp6_L4_results.mat is not there"):
        mm.external.plot_MAD_results("samp6", [4], **options)
    savemat(folder / "samp6_L4_results.mat", NUMBERS)
    with pytest.raises(InputError, match="lacks im_init"):
        mm.external.plot_MAD_results("samp6", [4], **options)
