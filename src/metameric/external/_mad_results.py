"""The results of the first MAD competition."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from matplotlib.figure import Figure
from scipy.io import loadmat

from metameric._core.errors import InputError, MissingFileError
from metameric._core.panels import Real, ValueRange
from metameric.data._plenoptic import fetch_data
from metameric.plot._canvas import caption, draw_picture, grid_of_axes, map_for, sizes_of
from metameric.plot._pictures import Picture
from metameric.plot._pixels import check_zoom
from metameric.plot._ranges import resolve

NAMES = tuple(f"samp{i}" for i in range(1, 11))
LEVELS = tuple(2**i for i in range(1, 11))
_IMAGES = {
    "im_init": "Initial image",
    "im_fixmse_maxssim": "Highest SSIM",
    "im_fixmse_minssim": "Lowest SSIM",
    "im_fixssim_minmse": "Lowest MSE",
    "im_fixssim_maxmse": "Highest MSE",
}
_NUMBERS = ("maxssim", "minssim", "minmse", "maxmse", "FIX_MSE", "FIX_SSIM")
_SHOWN = {
    "im_init": ("FIX_MSE", "FIX_SSIM"),
    "im_fixmse_maxssim": ("FIX_MSE", "maxssim"),
    "im_fixmse_minssim": ("FIX_MSE", "minssim"),
    "im_fixssim_minmse": ("minmse", "FIX_SSIM"),
    "im_fixssim_maxmse": ("maxmse", "FIX_SSIM"),
}


def plot_MAD_results(
    original_image: str,
    noise_levels: Sequence[int] | None = None,
    results_dir: str | Path | None = None,
    ssim_images_dir: str | Path | None = None,
    zoom: Real = 3,
    vrange: ValueRange = "indep1",
    **kwargs: Any,
) -> tuple[Figure, dict[str, dict[str, Any]]]:
    """Show images that its authors made by MAD competition between MSE and SSIM, and return their losses.

    The first row has the original image, each further row one level of noise: the noisy image, then those of
    highest and lowest SSIM at equal MSE, then those of lowest and highest MSE at equal SSIM.

    Parameters
    ----------
    original_image
        ``"samp1"`` to ``"samp10"``.
    noise_levels
        Powers of two from 2 to 1024; all that there are by default.
    results_dir
        Folder with ``<image>_L<level>_results.mat``.
    ssim_images_dir
        Folder with ``<image>.tif``.
    zoom
        As in `metameric.plot.imshow`.
    vrange
        As there; ``"row<k>"`` computes one range for each row.
    **kwargs
        Passed to :meth:`matplotlib.axes.Axes.imshow`.

    Returns
    -------
    figure, results
        Results have one entry for each level, ``"L2"`` to ``"L1024"``.

    Raises
    ------
    InputError
        If there is no such image or level.

    Notes
    -----
    Wang and Simoncelli (2008), "Maximum differentiation (MAD) competition", Journal of Vision 8(12):8.

    Examples
    --------
    >>> import tempfile, imageio.v3 as imageio, numpy as np, scipy.io, metameric as mm
    >>> image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    >>> names = ["im_init", "im_fixmse_maxssim", "im_fixmse_minssim", "im_fixssim_minmse", "im_fixssim_maxmse"]
    >>> numbers = dict.fromkeys(["maxssim", "minssim", "minmse", "maxmse", "FIX_MSE", "FIX_SSIM"], 0.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     imageio.imwrite(f"{folder}/samp1.tif", image)
    ...     scipy.io.savemat(f"{folder}/samp1_L8_results.mat", {**dict.fromkeys(names, image), **numbers})
    ...     figure, results = mm.external.plot_MAD_results("samp1", results_dir=folder, ssim_images_dir=folder)
    >>> results["L8"]["maxssim"]
    0.5
    """
    if original_image not in NAMES:
        raise InputError(f"original_image is {original_image!r}; expected one of {', '.join(NAMES)}.")
    wrong = [level for level in noise_levels or () if level not in LEVELS]
    if wrong:
        raise InputError(f"noise_levels has {wrong}; expected powers of two from 2 to 1024.")
    results_folder = Path(fetch_data("MAD_results.tar.gz") if results_dir is None else results_dir)
    images_folder = Path(fetch_data("ssim_images.tar.gz") if ssim_images_dir is None else ssim_images_dir)
    original = _read_image(images_folder / f"{original_image}.tif")
    levels = list(noise_levels) if noise_levels is not None else _levels(results_folder, original_image)
    rows, titles, results = [[original]], [["Original image"]], {}
    for level in levels:
        found = _read_results(results_folder / f"{original_image}_L{level}_results.mat")
        numbers = {name: float(found[name]) for name in _NUMBERS}
        results[f"L{level}"] = {**numbers, "noise_level": level, "original_image": original_image}
        rows.append([np.asarray(found[name], dtype=np.float64) for name in _IMAGES])
        titles.append([_title(name, label, level, numbers) for name, label in _IMAGES.items()])
    return _draw(rows, titles, zoom, vrange, **kwargs), results


def _title(name: str, label: str, level: int, numbers: dict[str, float]) -> str:
    mse, ssim = (numbers[key] for key in _SHOWN[name])
    start = f"Noise level {level}\n" if name == "im_init" else ""
    return f"{start}{label}\nMSE {mse:.4g}, SSIM {ssim:.3g}"


def _levels(folder: Path, name: str) -> list[int]:
    found = [level for level in LEVELS if (folder / f"{name}_L{level}_results.mat").is_file()]
    if not found:
        raise MissingFileError(f"{folder} has no file {name}_L<level>_results.mat.")
    return found


def _read_image(path: Path) -> np.ndarray:
    if not path.is_file():
        raise MissingFileError(f"{path} is not there; ssim_images_dir must hold the images samp1.tif to samp10.tif.")
    return np.asarray(iio.imread(path), dtype=np.float64)


def _read_results(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise MissingFileError(f"{path} is not there; results_dir must hold <image>_L<level>_results.mat.")
    found: dict[str, Any] = loadmat(path, squeeze_me=True)
    missing = [name for name in (*_NUMBERS, *_IMAGES) if name not in found]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}; it is not a file of MAD results.")
    return found


def _draw(
    rows: list[list[np.ndarray]], titles: list[list[str]], zoom: Real, vrange: ValueRange, **kwargs: Any
) -> Figure:
    cells = [(r, c) for r, row in enumerate(rows) for c in range(len(row))]
    images = [image for row in rows for image in row]
    texts = [text for row in titles for text in row]
    if isinstance(vrange, str) and vrange.startswith("row"):
        limits = [limit for row in rows for limit in resolve(row, f"auto{vrange[3:]}")]
    else:
        limits = resolve(images, vrange)
    found = [Picture(image[None]) for image in images]
    zooms = [check_zoom(zoom)] * len(found)
    captions = [caption(*args) for args in zip(texts, found, limits, zooms, strict=True)]
    figure, all_axes = grid_of_axes(sizes_of(found, zooms), captions, cells)
    cmap = kwargs.pop("cmap", None)
    for axes, picture, limit, text in zip(all_axes, found, limits, texts, strict=True):
        draw_picture(axes, picture, limit, zooms[0], text, map_for(picture, vrange, cmap), **kwargs)
    return figure
