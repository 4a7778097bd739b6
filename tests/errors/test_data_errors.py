"""Every message of load_images."""

import imageio.v3 as imageio
import numpy as np
import pytest

from metameric._core.errors import FileError, InputError, MissingFileError
from metameric.data._load import load_images


def write(path, array):
    imageio.imwrite(path, array)
    return path


@pytest.fixture
def grey(tmp_path):
    return write(tmp_path / "grey.png", np.full((4, 6), 128, np.uint8))


def test_missing_file(tmp_path):
    with pytest.raises(MissingFileError, match=r"none\.png does not exist; expected an image file or a folder"):
        load_images(tmp_path / "none.png")
    with pytest.raises(FileNotFoundError):
        load_images([tmp_path / "none.png"])


def test_not_an_image(tmp_path, grey):
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    with pytest.raises(FileError, match=r"notes\.txt cannot be read as an image \(.+\); expected PNG"):
        load_images([grey, text])


def test_damaged_image(tmp_path, grey):
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(grey.read_bytes()[:40])
    with pytest.raises(FileError, match=r"damaged\.png cannot be read"):
        load_images(damaged)


def test_different_sizes(tmp_path, grey):
    other = write(tmp_path / "other.png", np.zeros((5, 6), np.uint8))
    with pytest.raises(InputError, match=r"other\.png has 5 x 6 pixels but .*grey\.png has 4 x 6;.*Crop or resize"):
        load_images([grey, other])


def test_empty_folder(tmp_path):
    with pytest.raises(FileError, match="holds no image files; expected at least one"):
        load_images(tmp_path)


def test_folder_skips_with_a_warning(tmp_path, grey):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.warns(UserWarning, match=r"notes\.txt is skipped: not a readable image"):
        assert load_images(tmp_path).shape == (1, 1, 4, 6)


def test_empty_list():
    with pytest.raises(InputError, match="paths is empty; expected an image file"):
        load_images([])


def test_folder_in_a_list(tmp_path, grey):
    with pytest.raises(FileError, match="is a folder inside a list; give the folder alone"):
        load_images([grey, tmp_path])


def test_sort_key_without_a_folder(grey):
    with pytest.raises(InputError, match="sorted_key sorts the files of a folder"):
        load_images(grey, sorted_key=str)


@pytest.mark.parametrize("values", [-0.5, 2.0, np.nan])
def test_floats_out_of_range(tmp_path, values):
    path = write(tmp_path / "wild.tiff", np.full((4, 6), values, np.float32))
    with pytest.raises(FileError, match=r"wild\.tiff holds float32 values from .*; expected floats in \[0, 1\]"):
        load_images(path)


def test_signed_integers(tmp_path):
    path = write(tmp_path / "signed.tiff", np.full((4, 6), 3, np.int16))
    with pytest.raises(FileError, match="holds int16 values; expected unsigned integers"):
        load_images(path)


def test_several_frames(tmp_path):
    path = write(tmp_path / "film.tiff", np.zeros((7, 4, 6), np.uint8))
    with pytest.raises(FileError, match=r"film\.tiff holds 7 frames; expected one image.*frames of a film one by one"):
        load_images(path)
