"""load_images: types of file, colours, order."""

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from PIL import Image

from metameric.data._load import LUMINANCE, load_images


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("a.png", np.array([[0, 51], [102, 255]], np.uint8)),
        ("a.png", np.array([[0, 13107], [26214, 65535]], np.uint16)),
        ("a.tiff", np.array([[0, 13107], [26214, 65535]], np.uint16)),
        ("a.tiff", np.array([[0, 0.2], [0.4, 1]], np.float32)),
        ("a.tiff", np.array([[0, 0.2], [0.4, 1]], np.float64)),
    ],
)
def test_grey_depths(tmp_path, name, array):
    imageio.imwrite(tmp_path / name, array)
    images = load_images(tmp_path / name)
    torch.testing.assert_close(images, torch.tensor([[[[0, 0.2], [0.4, 1]]]]))


def test_colour_and_its_grey(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    imageio.imwrite(tmp_path / "a.png", rgb)
    colour = load_images(str(tmp_path / "a.png"), as_gray=False)
    torch.testing.assert_close(colour[0].permute(1, 2, 0), torch.from_numpy(rgb / 255).float())
    grey = load_images(tmp_path / "a.png")
    torch.testing.assert_close(grey[0, 0], torch.from_numpy(rgb / 255 @ LUMINANCE).float())


def test_transparent_pixels_are_white(tmp_path):
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (255, 0, 0, 255)
    imageio.imwrite(tmp_path / "a.png", rgba)
    images = load_images(tmp_path / "a.png", as_gray=False)
    assert images[0, :, 0, 0].tolist() == [1, 0, 0]
    assert images[0, :, 1, 1].tolist() == [1, 1, 1]


def test_palette(tmp_path):
    rgb = np.zeros((4, 4, 3), np.uint8)
    rgb[:2] = (0, 255, 0)
    Image.fromarray(rgb).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "a.png")
    images = load_images(tmp_path / "a.png", as_gray=False)
    torch.testing.assert_close(images[0].permute(1, 2, 0), torch.from_numpy(rgb / 255).float())


def test_black_and_white(tmp_path):
    Image.fromarray(np.eye(4, dtype=bool)).save(tmp_path / "a.png")
    assert torch.equal(load_images(tmp_path / "a.png")[0, 0], torch.eye(4))


def test_folder_order_and_mixed_colours(tmp_path):
    for i, name in enumerate(["b0.png", "a2.png", "c1.png"]):
        shape = (3, 3, 3) if i == 1 else (3, 3)
        imageio.imwrite(tmp_path / name, np.full(shape, 50 * i, np.uint8))
    (tmp_path / "inside").mkdir()
    (tmp_path / ".hidden").write_text("ignored")

    def levels(images: torch.Tensor) -> list[int]:
        return [round(v) for v in (images[:, 0, 0, 0] * 255).tolist()]

    assert levels(load_images(tmp_path)) == [50, 0, 100]
    assert levels(load_images(tmp_path, sorted_key=lambda p: p.name[1])) == [0, 100, 50]
    assert levels(load_images([tmp_path / "c1.png", tmp_path / "b0.png"])) == [100, 0]
    assert load_images(tmp_path, as_gray=False).shape == (3, 3, 3, 3)
