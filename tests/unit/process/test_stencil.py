"""Sums over neighbours, against the definition."""

import pytest
import torch

from metameric.process._stencil import gather_neighbours


@pytest.mark.parametrize("size", [(5, 6), (1, 4), (2, 1), (1, 1)])
def test_neighbours_beyond_the_edges_are_zeros_however_small_the_image(size, rng):
    image = torch.rand(2, *size, generator=rng, dtype=torch.float64)
    weights = {(0, 0): 2.0, (0, 1): 3.0, (-1, 0): 5.0, (2, -1): 7.0, (0, -3): 11.0, (-2, 2): 13.0}
    found = gather_neighbours(image, weights, constant=0.5)
    for i in range(size[0]):
        for j in range(size[1]):
            expected = torch.full((2,), 0.5, dtype=torch.float64)
            for (down, right), weight in weights.items():
                if 0 <= i + down < size[0] and 0 <= j + right < size[1]:
                    expected += weight * image[:, i + down, j + right]
            torch.testing.assert_close(found[:, i, j], expected)
