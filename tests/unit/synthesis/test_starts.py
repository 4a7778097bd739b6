"""Starts, targets given as representations, batches in pieces."""

import pytest
import torch

import metameric as mm
from metameric._synthesis._start import STARTS, starting_image
from metameric.process import random_phase

QUIET = {"progress": False}


@pytest.fixture(scope="module")
def image():
    return mm.data.image("grass", size=64)


@pytest.fixture(scope="module")
def model():
    return mm.models.PortillaSimoncelli((64, 64), n_scales=3)


def spectrum(x):
    return torch.fft.fft2(x.double()).abs()


@pytest.mark.parametrize("shape", [(2, 64), (2, 16, 16)])
def test_sounds_and_planes_have_random_phases_too(shape, rng):
    sound = torch.rand(shape, generator=rng)
    other = random_phase(sound, [0, 1])
    dims = tuple(range(min(2, len(shape) - 1), len(shape)))
    torch.testing.assert_close(torch.fft.fftn(other, dim=dims).abs(), torch.fft.fftn(sound, dim=dims).abs())
    assert not torch.allclose(other, sound, atol=0.1)


def test_random_phase_keeps_the_spectrum_and_nothing_else(image, dtype):
    image = image.to(dtype)
    other = random_phase(image, [3])
    assert other.dtype == dtype
    assert torch.allclose(spectrum(other), spectrum(image), rtol=1e-3, atol=1e-3)
    assert (other - image).norm() > 0.5 * (image - image.mean()).norm()
    assert not torch.equal(other, random_phase(image, [4]))


def test_random_phase_keeps_correlations_of_channels():
    image = mm.data.image("astronaut", size=32, as_gray=False)
    other = random_phase(image, [0])
    expected, found = (torch.corrcoef(x[0].flatten(1)) for x in (image, other))
    assert torch.allclose(expected, found, atol=1e-3)


def test_random_phase_of_signals():
    signal = torch.sin(torch.arange(64.0))[None]
    assert random_phase(signal, [0]).shape == signal.shape


@pytest.mark.parametrize("name", STARTS)
def test_starts_are_seeded_and_in_range(image, name):
    both = starting_image(name, image, [0, 1], (0.0, 1.0))
    assert both.shape == (2, *image.shape[1:])
    assert both.min() >= 0
    assert both.max() <= 1
    assert torch.equal(both[1:], starting_image(name, image, [1], (0.0, 1.0)))
    assert not torch.equal(both[0], both[1])


def test_starts_share_what_they_say(image):
    gaussian = starting_image("gaussian", image, [0], (0.0, 1.0))
    assert abs(gaussian.mean() - image.mean()) < 0.02
    assert abs(gaussian.std() - image.std()) < 0.02
    histogram = starting_image("random_phase_histogram", image, [0], (0.0, 1.0))
    assert torch.equal(histogram.flatten().sort().values, image.flatten().sort().values)


def test_a_matched_start_begins_nearer(image, model):
    target = model(image)
    errors = {n: (model(starting_image(n, image, [0], (0.0, 1.0))) - target).norm() for n in STARTS}
    assert errors["random_phase"] < 0.7 * errors["noise"]


def test_the_model_says_where_to_start(image, model):
    metamer = mm.Metamer(image, model)
    metamer.setup(seed=0)
    assert torch.equal(metamer.metamer, starting_image("random_phase", image, [0], (0.0, 1.0)))
    with pytest.raises(ValueError, match="expected a tensor or one of noise"):
        mm.Metamer(image, model).setup("nosuch")


def test_textures_converge_far_below_the_start(image, model):
    metamer = mm.Metamer(image, model)
    metamer.setup(seed=0)
    result = metamer.synthesize(150, **QUIET)
    error = result.trace["error"][:, 0]
    assert error[-1] < 0.02 * error[0]
    assert result.figures["pixel_distance"] > 0.5 * image.std()


def test_texture_at_another_size(image):
    small = mm.models.PortillaSimoncelli((64, 64), n_scales=2, spatial_corr_width=5)
    large = mm.models.PortillaSimoncelli((96, 64), n_scales=2, spatial_corr_width=5)
    canvas = mm.data.image("grass", size=96)[..., :64]
    metamer = mm.Metamer(canvas, large, target_representation=small(image))
    metamer.setup(seed=0)
    metamer.synthesize(100, **QUIET)
    assert metamer.metamer.shape == (1, 1, 96, 64)
    assert torch.linalg.vector_norm(large(metamer.metamer) - small(image)) < 0.05 * torch.linalg.vector_norm(
        large(canvas.flip(-1) * 0.5) - small(image)
    )


def test_mixture_of_two_targets(image, model):
    mixture = (model(image) + model(mm.data.image("gravel", size=64))) / 2
    metamer = mm.Metamer(image, model, target_representation=mixture)
    metamer.setup(seed=0)
    result = metamer.synthesize(60, **QUIET)
    assert result.trace["error"][-1, 0] < 0.1 * result.trace["error"][0, 0]


def test_filling_in_leaves_the_rest_alone(image, model):
    known = torch.ones_like(image, dtype=torch.bool)
    known[..., 20:44, 20:44] = False
    metamer = mm.Metamer(image, model)
    metamer.setup(seed=0, constraint=mm.Intersection(mm.FixedPixels(known, image), mm.Box()))
    result = metamer.synthesize(80, **QUIET)
    assert torch.equal(metamer.metamer[known], image[known])
    assert not torch.allclose(metamer.metamer[~known], image[~known], atol=0.02)
    assert result.trace["error"][-1, 0] < 0.3 * result.trace["error"][0, 0]


def test_target_representation_is_checked(image, model):
    with pytest.raises(ValueError, match=r"target_representation has shape \(1, 1, 3\)"):
        mm.Metamer(image, model, target_representation=torch.zeros(1, 1, 3))
    with pytest.raises(ValueError, match="target_representation has NaN"):
        mm.Metamer(image, model, target_representation=model(image) * torch.nan)


def test_batch_size_bounds_what_the_model_sees_and_changes_nothing():
    images = torch.cat([mm.data.image(n, size=24) for n in ("camera", "coffee", "brick", "moon", "coins")])
    seen = []

    class Blur(torch.nn.Module):
        def forward(self, x):
            seen.append(x.shape[0])
            return torch.nn.functional.avg_pool2d(x, 3)

    results = []
    for size in (None, 2):
        metamer = mm.Metamer(images, Blur())
        metamer.setup(seed=0)
        seen.clear()
        metamer.synthesize(12, batch_size=size, tolerance=0, **QUIET)
        results.append(metamer.metamer)
        assert max(seen[1:]) == (size or 5)
    assert torch.allclose(*results, atol=1e-5)
    with pytest.raises(ValueError, match="batch_size is 0"):
        metamer.synthesize(1, batch_size=0, **QUIET)
