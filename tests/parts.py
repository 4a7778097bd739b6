"""Every function of images that gives tensors, and every model, by name."""

import torch

import metameric as mm
from metameric import process

SIZE = (52, 48)


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def tensors(value):
    """All tensors of a nested result, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for part in value for t in tensors(part)] if isinstance(value, (list, tuple)) else []


FUNCTIONS = {
    "blur_downsample": process.blur_downsample,
    "upsample_blur": lambda x: process.upsample_blur(x, (0, 1)),
    "correlate_downsample": lambda x: process.correlate_downsample(x, torch.ones(3, 5).to(x) / 15),
    "upsample_convolve": lambda x: process.upsample_convolve(x, (1, 0), torch.ones(3, 5).to(x)),
    "same_padding": lambda x: process.same_padding(x, 5),
    "center_crop": lambda x: process.center_crop(x, 5),
    "expand": lambda x: process.expand(x, 2),
    "shrink": lambda x: process.shrink(x, 2),
    "autocorrelation": process.autocorrelation,
    "local_gain_control": process.local_gain_control,
    "local_gain_release": lambda x: process.local_gain_release(*process.local_gain_control(x)),
    "rescale": lambda x: process.rescale(x, -2, 3),
    "variance": lambda x: process.variance(x, dim=(-2, -1)),
    "skew": lambda x: process.skew(x, dim=(-2, -1)),
    "kurtosis": lambda x: process.kurtosis(x, dim=(-2, -1)),
    "modulate_phase": lambda x: torch.view_as_real(process.modulate_phase(torch.complex(x, 1 - x), 2)),
    "rectangular_to_polar": lambda x: process.rectangular_to_polar(torch.complex(x, 1 - x)),
    "ssim_map": lambda x: process.ssim_map(x, x.detach().flip(-1)),
    "normalized_laplacian_pyramid": process.normalized_laplacian_pyramid,
    "LaplacianPyramid": process.LaplacianPyramid(3),
    "SteerablePyramidFreq": lambda x: process.SteerablePyramidFreq(SIZE, height=3).to(x.device)(x),
    "SteerablePyramidFreq, complex": lambda x: [
        torch.view_as_real(band) if band.is_complex() else band
        for band in process.SteerablePyramidFreq(SIZE, height=3, is_complex=True, downsample=False)
        .to(x.device)(x)
        .values()
    ],
    "recon_pyr": lambda x: (lambda pyramid: pyramid.recon_pyr(pyramid(x)))(process.SteerablePyramidFreq(SIZE)),
    "mse": lambda x: mm.metric.mse(x, x.detach().flip(-1)),
    "ssim": lambda x: mm.metric.ssim(x, x.detach().flip(-1)),
    "ssim, weighted": lambda x: mm.metric.ssim(x, x.detach().flip(-1), weighted=True, pad="reflect"),
    "ms_ssim": lambda x: mm.metric.ms_ssim(x, x.detach().flip(-1), [0.5, 0.5]),
    "nlpd": lambda x: mm.metric.nlpd(x, x.detach().flip(-1)),
    "loss.mse": lambda x: mm.loss.mse(x, x.detach().flip(-1)),
    "l2_norm": lambda x: mm.loss.l2_norm(x, x.detach().flip(-1)),
    "relative_sse": lambda x: mm.loss.relative_sse(x, x.detach().flip(-1)),
    "penalize_range": lambda x: mm.regularize.penalize_range(2 * x, (0.1, 0.9)),
    "Gaussian blur": mm.GaussianBlur(1.5),
}
MODELS = {
    "Identity": mm.models.Identity,
    "Linear": mm.models.Linear,
    "Gaussian": lambda: mm.models.Gaussian(9, std=2.0),
    "Gaussian, large": lambda: mm.models.Gaussian(31, std=5.0, cache_filt=True, pad_mode="circular"),
    "CenterSurround": lambda: mm.models.CenterSurround(9),
    "LinearNonlinear": lambda: mm.models.LinearNonlinear(31, pretrained=True, cache_filt=True),
    "LuminanceGainControl": lambda: mm.models.LuminanceGainControl(31, pretrained=True, cache_filt=True),
    "LuminanceContrastGainControl": lambda: mm.models.LuminanceContrastGainControl(
        31, pretrained=True, cache_filt=True
    ),
    "OnOff": lambda: mm.models.OnOff(31, pretrained=True, cache_filt=True),
    "OnOff, mask": lambda: mm.models.OnOff(31, pretrained=True, apply_mask=True),
    "PortillaSimoncelli": lambda: mm.models.PortillaSimoncelli((64, 64), n_scales=2, spatial_corr_width=5),
}
