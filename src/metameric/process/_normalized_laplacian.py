"""The normalised Laplacian pyramid: local luminance subtraction and local gain control at six scales."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.linear import constants, linear_map
from metameric._core.replay import Replays, replayed
from metameric._core.types import Images
from metameric.process._laplacian import LaplacianPyramid
from metameric.process._quotient import quotient
from metameric.process._stencil import gather_neighbours

# Laparra et al. (2016), fitted to photographs: a constant, and the weights of neighbours (row, column) of each
# coefficient, from the finest to the coarsest scale.
CONSTANTS = (0.0248, 0.0185, 0.0179, 0.0191, 0.0220, 0.2782)
Weights = dict[tuple[int, int], float]
WEIGHTS: tuple[Weights, ...] = (
    {(-1, 0): 0.1011, (0, -1): 0.1493, (0, 1): 0.1460, (0, 2): 0.0072, (1, 0): 0.1015},
    {(-1, 0): 0.0757, (0, -1): 0.1986, (0, 1): 0.1846, (1, 0): 0.0837},
    {(-1, 0): 0.0477, (0, -1): 0.2138, (0, 1): 0.2243, (1, 0): 0.0467},
    {(0, -1): 0.2503, (0, 1): 0.2616},
    {(0, -1): 0.2598, (0, 1): 0.2552},
    {(0, -1): 0.2215, (0, 1): 0.0717},
)
# Size up to which two products with dense matrices cost less than the few steps of a sparse sum.
LARGEST_DENSE = 64
_pyramid = LaplacianPyramid(n_scales=len(CONSTANTS), scale_filter=True)
_replays = Replays()


def normalized_laplacian_pyramid(img: Images) -> list[Float[Tensor, "..."]]:
    """Divide each coefficient of a Laplacian pyramid by a weighted sum of its neighbours' amplitudes.

    .. math:: y_s = \\frac{z_s}{\\sigma_s + P_s * |z_s|}

    Parameters
    ----------
    img
        Shape (..., height, width), grey values in [0, 1], at least 33 x 33 pixels.

    Returns
    -------
    Six bands, from fine to coarse, each (..., rows, columns).

    Raises
    ------
    ValueError
        If the image is smaller than 33 x 33 pixels.

    Notes
    -----
    Laparra, V., Ballé, J., Berardino, A. & Simoncelli, E. P. (2016). Perceptual image quality assessment using a
    normalized Laplacian pyramid. Electronic Imaging 2016(16), with their constants. Beyond the edges amplitudes are 0.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> [band.shape[-1] for band in mm.process.normalized_laplacian_pyramid(torch.rand(1, 1, 64, 64))]
    [64, 32, 16, 8, 4, 2]
    """
    bands: list[Tensor] = replayed(_replays, "", _normalised, [img])
    return bands


def _normalised(img: Images) -> list[Tensor]:
    return [
        quotient(band, _neighbours(band.abs(), weights) + constant)
        for band, constant, weights in zip(_pyramid(img), CONSTANTS, WEIGHTS, strict=True)
    ]


class Analysis(NamedTuple):
    """A pyramid with what its gradient needs, band after band."""

    quotients: list[Tensor]
    divisors: list[Tensor]
    adjoint: Callable[..., Tensor]

    @classmethod
    def of(cls, img: Images) -> "Analysis":
        """Transform images outside any graph."""
        analyse, adjoint = _pyramid.maps(img)
        bands = list(analyse(img))
        # The coarsest is a new tensor, too: an image is halved at least once.
        scales = zip(bands, CONSTANTS, WEIGHTS, strict=True)
        divisors = [_sum_neighbours(band.abs(), weights, constant) for band, constant, weights in scales]
        return cls([b.div_(d) for b, d in zip(bands, divisors, strict=True)], divisors, adjoint)

    def part(self, first: int, last: int) -> "Analysis":
        """Return that of some of the images."""
        return Analysis([q[first:last] for q in self.quotients], [d[first:last] for d in self.divisors], self.adjoint)

    def pull_back(self, gradients: Sequence[Tensor]) -> Images:
        """Turn gradients of the quotients, which are overwritten, into that of the images, outside any graph."""
        slopes = []
        for gradient, divisor, quotients, weights in zip(
            gradients, self.divisors, self.quotients, WEIGHTS, strict=True
        ):
            direct = gradient.div_(divisor)
            around = _sum_neighbours(quotients * direct, _turned(weights))
            # Divisors are positive: quotients have the coefficients' signs.
            slopes.append(direct.addcmul_(quotients.sign(), around, value=-1))
        return self.adjoint(*slopes)


def _turned(weights: Weights) -> Weights:
    """Weights of the adjoint sum."""
    return {(-i, -j): w for (i, j), w in weights.items()}


def _neighbours(amplitude: Tensor, weights: Weights) -> Tensor:
    """Weighted sum over the neighbours."""
    turned = _turned(weights)
    return linear_map(amplitude, lambda x: _sum_neighbours(x, weights), lambda y: _sum_neighbours(y, turned))


def _sum_neighbours(amplitude: Tensor, weights: Weights, constant: float = 0.0) -> Tensor:
    """Add the weighted sum over the neighbours, all in the same row or the same column, to a constant."""
    if max(amplitude.shape[-2:]) > LARGEST_DENSE:
        return gather_neighbours(amplitude, weights, constant)
    down = tuple((i, w) for (i, j), w in weights.items() if j == 0)
    along = tuple((j, w) for (i, j), w in weights.items() if i == 0)
    like = amplitude.dtype, amplitude.device
    total = amplitude @ _band_matrix(amplitude.shape[-1], along, *like).mT
    if down:
        total.add_(_band_matrix(amplitude.shape[-2], down, *like) @ amplitude)
    return total.add_(constant) if constant else total


@lru_cache(maxsize=128)
def _band_matrix(
    n: int, weights: tuple[tuple[int, float], ...], dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "n n"]:
    with constants():
        matrix = torch.zeros(n, n, dtype=torch.float64)
        for offset, weight in weights:
            if abs(offset) < n:
                matrix.diagonal(offset).fill_(weight)
        return matrix.to(dtype=dtype, device=device)
