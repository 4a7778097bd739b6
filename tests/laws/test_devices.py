"""What the CPU computes, another device computes, too: every tensor function, model and method, without leaving it.

Skipped without a CUDA device; `METAMERIC_TEST_DEVICE=cpu` (or another) runs them there.
"""

import copy
import os

import matplotlib.pyplot as plt
import pytest
import torch

import metameric as mm
from metameric import process
from metameric._core import replay
from metameric.cli._app import run
from parts import FUNCTIONS, MODELS, SIZE, draw, tensors

DEVICE = os.environ.get("METAMERIC_TEST_DEVICE", "cuda")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="needs a CUDA device"),
]
QUIET = {"progress": False}


def same(function, image, dtype):
    """Hold values and gradients of a function on both devices to each other."""
    found = []
    for device in ("cpu", DEVICE):
        leaf = image.to(device).requires_grad_()
        parts = tensors(function(leaf))
        assert parts and all(p.device.type == torch.device(device).type for p in parts)
        (gradient,) = torch.autograd.grad(sum((p.square().sum() for p in parts), leaf.new_zeros(())), leaf)
        found.append([*(p.detach().cpu() for p in parts), gradient.cpu()])
    for here, there in zip(*found, strict=True):
        assert here.dtype == there.dtype
        scale = float(here.abs().max()) or 1.0
        tolerance = 2e-4 if dtype == torch.float32 else 1e-9
        torch.testing.assert_close(there, here, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name, dtype):
    same(FUNCTIONS[name], draw(2, 3, *SIZE, dtype=dtype), dtype)


@pytest.mark.parametrize("name", MODELS)
def test_models(name, dtype):
    model = mm.remove_grad(MODELS[name]()).to(dtype).eval()
    same(lambda x: model.to(x.device)(x), draw(2, 1, 64, 64, dtype=dtype), dtype)


def test_deep_features(dtype):
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Conv2d(4, 2, 3)
    )
    model = mm.models.DeepNetFeatures(network.to(dtype), ["2", "3"])
    same(lambda x: model.to(x.device)(x), draw(2, 3, 16, 16, dtype=dtype), dtype)


REPEATED = {
    "ssim": lambda x: mm.metric.ssim(x, x.detach().flip(-1)),
    "ssim, weighted": lambda x: mm.metric.ssim(x, x.detach().flip(-1), weighted=True, pad="reflect"),
    "ms_ssim": lambda x: mm.metric.ms_ssim(x, x.detach().flip(-1), [0.5, 0.5]),
    "nlpd": lambda x: mm.metric.nlpd(x, x.detach().flip(-1)),
    "normalized_laplacian_pyramid": process.normalized_laplacian_pyramid,
    "LaplacianPyramid": process.LaplacianPyramid(3),
    "SteerablePyramidFreq": process.SteerablePyramidFreq((64, 64), height=3, is_complex=True),
    "recon_pyr": (lambda pyramid: lambda x: pyramid.recon_pyr(pyramid(x), levels=[0, 1]))(
        process.SteerablePyramidFreq((64, 64), height=3)
    ),
}


@pytest.mark.parametrize("name", [*MODELS, *REPEATED])
def test_repeated_calls(name, dtype):
    """Values and gradients of one call after the other, on a CUDA device from a recording, each for its own image."""
    if name in MODELS:
        model = mm.remove_grad(MODELS[name]()).to(dtype).eval()
        here, there = copy.deepcopy(model), model.to(DEVICE)
    else:
        here = there = REPEATED[name]
    parts = lambda function, x: [torch.view_as_real(t) if t.is_complex() else t for t in tensors(function(x))]  # noqa: E731
    slope = lambda x, out: torch.autograd.grad(sum(p.square().sum() for p in out), x)[0]  # noqa: E731
    tolerance = 1e-3 if dtype == torch.float32 else 1e-9
    for i in range(0, 16, 2):
        images = [draw(2, 1, 64, 64, seed=i + j, dtype=dtype) for j in (0, 1)]
        a, b = (x.to(DEVICE).requires_grad_() for x in images)
        first, second = parts(there, a), parts(there, b)
        slopes = [slope(b, second), slope(a, first)][::-1]
        for x, out, found in zip(images, (first, second), slopes, strict=True):
            x.requires_grad_()
            wanted = parts(here, x)
            for one, other in zip([*out, found], [*wanted, slope(x, wanted)], strict=True):
                scale = float(other.detach().abs().max()) or 1.0
                torch.testing.assert_close(one.detach().cpu(), other.detach(), rtol=tolerance, atol=tolerance * scale)
    x = draw(2, 1, 64, 64, dtype=dtype).to(DEVICE)
    with torch.no_grad():
        again = parts(there, x)
        torch.testing.assert_close(parts(there, x.clone()), again, rtol=0, atol=0)


@pytest.mark.skipif(DEVICE != "cuda", reason="CUDA graphs")
def test_models_are_recorded_and_keep_what_they_use():
    """Recordings exist, hold the constants that they read, and notice a parameter that is changed in place."""
    for name in MODELS:
        if name == "Identity":
            continue
        model = mm.remove_grad(MODELS[name]()).to(DEVICE).eval()
        for i in range(replay.CALLS_BEFORE + 2):
            x = draw(1, 1, 64, 64, seed=i, dtype=torch.float32).to(DEVICE).requires_grad_()
            torch.autograd.grad(model(x).square().sum(), x)
        kept = [r for held in replay._of_modules.get(model, {}).values() for r in held._kept.values()]
        failures = [held.failure for held in replay._of_modules.get(model, {}).values()]
        assert len(kept) == 1, (name, failures)
        recordings = [kept[0].values, *kept[0].gradients.values()]
        assert len(recordings) == 2 and all(r.held for r in recordings), name
    model = mm.remove_grad(mm.models.Gaussian(9, std=1.0)).to(DEVICE)
    x = draw(1, 1, 64, 64, dtype=torch.float32).to(DEVICE)
    for _ in range(replay.CALLS_BEFORE + 2):
        narrow = model(x)
    with torch.no_grad():
        model.std.fill_(3.0)
    for _ in range(replay.CALLS_BEFORE + 2):
        wide = model(x)
    assert narrow.std() > 1.2 * wide.std()


@pytest.mark.parametrize(
    "noise",
    [lambda x: process.add_noise(x[:1], [0.01, 0.1], seed=3), lambda x: process.random_phase(x, [1, 2])],
    ids=["add_noise", "random_phase"],
)
def test_noise_is_the_same_everywhere(noise):
    image = draw(2, 1, 20, 20)
    there = noise(image.to(DEVICE))
    assert there.device.type == torch.device(DEVICE).type
    torch.testing.assert_close(there.cpu(), noise(image))


def test_synthetic_stimuli_are_made_there(dtype):
    for name in ("grating", "gabor", "plaid", "zone_plate", "checkerboard", "power_law_noise", "pink_noise_texture"):
        make = getattr(mm.data, name)
        there = make(24, dtype=dtype, device=DEVICE)
        assert there.device.type == torch.device(DEVICE).type
        torch.testing.assert_close(there.cpu(), make(24, dtype=dtype), rtol=1e-4, atol=1e-5)
    for make in (mm.data.polar_radius, mm.data.polar_angle, mm.data.disk):
        torch.testing.assert_close(make(24, device=DEVICE).cpu(), make(24))


# Methods --------------------------------------------------------------------------------------------------------------


class Rectified(torch.nn.Module):
    """A small nonlinear model."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 3, 5, bias=False)
        self.conv.weight = torch.nn.Parameter(draw(3, 1, 5, 5, seed=9) - 0.5, requires_grad=False)

    def forward(self, x):
        return torch.nn.functional.softplus(self.conv(x))


def image(device, seed=0):
    return draw(1, 1, 16, 16, seed=100 + seed).to(device)


def unit(x):
    return Rectified().to(x)(x)[:, 1, 4, 4]


def classifier(seed):
    weights = draw(3, 256, seed=seed) - 0.5
    return lambda x: x.flatten(1) @ weights.to(x).mT


def texture(device):
    return mm.models.PortillaSimoncelli((32, 32), n_scales=2, spatial_corr_width=3).to(device)


METHODS = {
    "Metamer": (lambda d: mm.Metamer(image(d), Rectified().to(d)), {"seed": [0, 1]}),
    "Metamer, Adam": (lambda d: mm.Metamer(image(d), Rectified().to(d)), {"seed": 0, "optimizer": torch.optim.Adam}),
    "MetamerCTF": (lambda d: mm.MetamerCTF(draw(1, 1, 32, 32).to(d), texture(d)), {"seed": 0}),
    "MADCompetition": (
        lambda d: mm.MADCompetition(image(d), mm.metric.as_distance(mm.metric.ssim), mm.metric.mse, "max"),
        {"seed": 0, "initial_noise": 0.1},
    ),
    "MADSet": (
        lambda d: mm.MADSet(image(d), [mm.metric.as_distance(mm.metric.ssim), mm.metric.mse]),
        {"seed": 0, "initial_noise": 0.1},
    ),
    "MostExcitingInput": (
        lambda d: mm.MostExcitingInput(unit, (2, 1, 16, 16), dtype=torch.float64, device=d),
        {"seed": 1},
    ),
    "DiverseExcitingInputs": (
        lambda d: mm.DiverseExcitingInputs(unit, (1, 1, 16, 16), 3, dtype=torch.float64, device=d),
        {"seed": 1},
    ),
    "DiverseMetamers": (lambda d: mm.DiverseMetamers(image(d), Rectified().to(d), 2, tolerance=1e-2), {"seed": 1}),
    "Geodesic": (lambda d: mm.Geodesic(image(d), image(d, 1), Rectified().to(d), 4, conditional=True), {"seed": 1}),
    "PrincipalDistortions": (
        lambda d: mm.PrincipalDistortions(image(d), [Rectified().to(d), mm.models.Identity()], ridge=0.01),
        {"seed": 1},
    ),
    "ControversialStimuli": (
        lambda d: mm.ControversialStimuli(
            [classifier(1), classifier(2)], [[0, 1]], (1, 1, 16, 16), dtype=torch.float64, device=d
        ),
        {"seed": 1},
    ),
    "FourierPixels": (
        lambda d: mm.MostExcitingInput(
            unit,
            (1, 1, 16, 16),
            mean=None,
            std=None,
            parametrization=mm.FourierPixels(16, 16),
            transforms=[mm.RandomJitter(2), mm.RandomRotation(5)],
            dtype=torch.float64,
            device=d,
        ),
        {"seed": 1},
    ),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods(name, tmp_path):
    """A few steps from the same start go the same way; figures, files and summaries work."""
    make, setup = METHODS[name]
    found = []
    for device in ("cpu", DEVICE):
        synthesis = make(device)
        synthesis.setup(**setup)
        result = synthesis.synthesize(max_iter=6, **QUIET)
        assert result.stimulus.device.type == torch.device(device).type
        found.append(result.stimulus.cpu())
    assert found[0].dtype == found[1].dtype
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-4)
    assert "iterations" in result.summary()
    mm.plot.synthesis_status(synthesis)
    plt.close("all")
    synthesis.save(tmp_path / "saved")
    again = make("cpu")
    again.load(tmp_path / "saved", map_location="cpu", tensor_equality_rtol=1e-4)
    assert again.run.x.device.type == "cpu"


def test_eigendistortions():
    found = []
    for device in ("cpu", DEVICE):
        eigen = mm.Eigendistortion(image(device), Rectified().to(device))
        eigen.synthesize(k=2, **QUIET)
        assert eigen.eigendistortions.device.type == torch.device(device).type
        found.append(eigen.eigenvalues.cpu())
        mm.plot.eigendistortion_imshow_all(eigen)
        plt.close("all")
    torch.testing.assert_close(found[1], found[0], rtol=1e-6, atol=1e-9)


def test_pictures_and_numbers_come_back():
    picture = draw(1, 1, 16, 16).to(DEVICE)
    assert mm.to_numpy(picture).shape == (1, 1, 16, 16)
    assert mm.convert_float_to_int(picture).shape == (1, 1, 16, 16)
    mm.plot.imshow(picture)
    mm.plot.histogram(picture)
    mm.plot.radial_spectrum(picture)
    plt.close("all")


def test_validators():
    model = mm.remove_grad(Rectified()).to(DEVICE).eval()
    mm.validate.validate_input(image(DEVICE))
    mm.validate.validate_model(model, image_shape=(1, 1, 16, 16), image_dtype=torch.float64, device=DEVICE)
    if DEVICE != "cpu":
        with pytest.raises(ValueError, match=r"img2 .* on cpu"):
            mm.metric.mse(image(DEVICE), image("cpu"))


def test_command_line(tmp_path):
    options = ["--model", "LuminanceGainControl", "--size", "32", "--seed", "0", "--max-iter", "5"]
    assert run(["metamer", "camera", *options, "--device", DEVICE, "--out", str(tmp_path / "out")]) in (0, 3)
    assert (tmp_path / "out" / "metamer.png").is_file()
