"""Whole numbers as users give them."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from metameric._core.counts import count, pair, whole
from metameric._core.errors import InputError


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), torch.tensor(3)])
def test_whole_numbers(value):
    assert whole(value) == 3
    assert type(count("n", value, 3)) is int


@pytest.mark.parametrize("value", [3.0, np.float64(3), "3", None, (3,), torch.tensor(3.0)])
def test_no_whole_numbers(value):
    assert whole(value) is None
    with pytest.raises(InputError, match=r"n is .*; expected a whole number of steps, at least 1\."):
        count("n", value, 1, "steps")


def test_too_few():
    with pytest.raises(InputError, match=r"n is 1; expected a whole number, at least 2\."):
        count("n", 1, 2)


def test_one_value_stands_for_two():
    assert pair(3) == (3, 3)
    assert pair((3, 4)) == (3, 4)
    assert pair(np.array([3, 4])) == (3, 4)


# In a process of its own, for tests refuse numbers of NumPy where functions say `int`.
NUMBERS_OF_NUMPY = """
import numpy as np, torch, metameric as mm
three, eight = np.int64(3), np.int32(8)
mm.set_seed(three)
image = mm.data.power_law_noise((eight, eight), seed=three)
model = mm.remove_grad(mm.models.Gaussian(three, std=np.float32(1))).eval()
metamer = mm.Metamer(image, model)
metamer.setup(seed=three)
metamer.synthesize(three, store_progress=np.int64(1), stop_iters_to_check=three, progress=False)
metamer.save("metamer")
mm.Metamer(image, model).load("metamer")
eigen = mm.Eigendistortion(image, model)
eigen.synthesize(k=np.int64(2), max_iter=three, progress=False)
eigen.save("eigen")
mad = mm.MADCompetition(image, mm.metric.mse, lambda x, y: (x - y).abs().mean((1, 2, 3)), "max")
mad.setup(np.float32(0.05), seed=three)
mad.synthesize(three, progress=False)
mad.save("mad")
mm.Geodesic(image, image.flip(-1), model, n_steps=three).synthesize(three, progress=False)
mm.models.PortillaSimoncelli((64, 64), n_scales=np.int64(2), n_orientations=three, spatial_corr_width=three)
mm.process.SteerablePyramidFreq(np.array([32, 32]), height=np.int64(2), order=three)
mm.process.center_crop(image, three)
print(metamer.losses.numel())
"""


def test_numbers_of_numpy(tmp_path):
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", NUMBERS_OF_NUMPY], cwd=tmp_path, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == "4"
