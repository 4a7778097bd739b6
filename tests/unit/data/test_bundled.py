"""The bundled images, their names as functions, and plenoptic's where it is installed."""

import importlib.util

import pytest
import torch
from skimage import color, data

import metameric as mm
from metameric._core.errors import InputError, MissingFileError, NearestNameError


@pytest.mark.parametrize("name", mm.data.available())
def test_every_bundled_image(name):
    grey = getattr(mm.data, name)()
    assert grey.dtype == torch.float32 and grey.shape[:2] == (1, 1)
    assert grey.min() >= 0 and grey.max() <= 1 and grey.std() > 0.01
    assert grey.shape[-2:] == getattr(data, name)().shape[:2]


def test_grey_is_scikit_images_grey():
    expected = torch.from_numpy(color.rgb2gray(data.astronaut())).float()[None, None]
    torch.testing.assert_close(mm.data.astronaut(), expected)


def test_colour_on_request():
    rgb = mm.data.astronaut(as_gray=False)
    assert torch.equal(rgb[0, :, 5, 7], torch.from_numpy(data.astronaut()[5, 7] / 255).float())
    grey = mm.data.camera(as_gray=False)
    assert torch.equal(grey[:, 0], grey[:, 2])


def test_size_crops_the_centre_and_resizes():
    small = mm.data.image("coffee", size=40)
    assert small.shape == (1, 1, 40, 40)
    centre = mm.data.coffee()[..., 100:500]
    blocks = torch.nn.functional.avg_pool2d(centre, 10)
    assert (small - blocks).abs().mean() < 0.02
    assert small.mean().item() == pytest.approx(centre.mean().item(), abs=2e-3)


@pytest.mark.parametrize(
    ("name", "size", "kind", "message"),
    [
        ("camara", None, NearestNameError, "no bundled image 'camara'. Did you mean 'camera'"),
        ("xyz", None, NearestNameError, "no bundled image 'xyz'. There are: astronaut"),
        ("camera", 0, InputError, "size is 0; expected a positive number"),
    ],
)
def test_errors(name, size, kind, message):
    with pytest.raises(kind, match=message):
        mm.data.image(name, size=size)


PLENOPTIC = ["einstein", "curie", "parrot", "reptile_skin", "color_wheel", "macaque"]


@pytest.mark.parametrize("name", PLENOPTIC)
def test_plenoptic_images_equal_its_own(name):
    pytest.importorskip("plenoptic", reason="plenoptic IS MISSING: parity with it is NOT tested")
    import plenoptic as po

    for options in ({}, {"as_gray": False}, {"as_gray": True}):
        torch.testing.assert_close(getattr(mm.data, name)(**options), getattr(po.data, name)(**options))


@pytest.mark.parametrize("name", PLENOPTIC)
def test_without_plenoptic_the_alternatives_are_named(name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(
        MissingFileError, match=r"belongs to plenoptic, and plenoptic is not installed.*camera, astronaut"
    ):
        getattr(mm.data, name)()


def test_fetch_data_explains():
    assert mm.data.DOWNLOADABLE_FILES == []
    with pytest.raises(MissingFileError, match=r"downloads nothing, so 'x\.tar\.gz' is not at hand"):
        mm.data.fetch_data("x.tar.gz")
