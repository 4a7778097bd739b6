"""The normalised Laplacian pyramid: local luminance subtraction and local gain control at six scales."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.linear import constants, linear_map
from metameric._core.replay import Replays, replayed
from metameric._core.types import Images
from metameric.process._laplacian import LaplacianPyramid, Steps, maps
from metameric.process._quotient import quotient
from metameric.process._stencil import gather_neighbours

Offsets = tuple[tuple[int, float], ...]
Planes = Float[Tensor, "_ height width"]


class Neighbours(NamedTuple):
    """Weights of each coefficient's neighbours: in its column, so many rows further down, and in its row."""

    down: Offsets
    along: Offsets

    def turned(self) -> "Neighbours":
        """Weights of the adjoint sum."""
        return Neighbours(*(tuple((-offset, w) for offset, w in axis) for axis in self))

    def offsets(self) -> dict[tuple[int, int], float]:
        """Weights at (row, column)."""
        return {(i, 0): w for i, w in self.down} | {(0, j): w for j, w in self.along}


# Laparra et al. (2016), fitted to photographs: a constant, and the weights of neighbours, from the finest to the
# coarsest scale.
CONSTANTS = (0.0248, 0.0185, 0.0179, 0.0191, 0.0220, 0.2782)
WEIGHTS = (
    Neighbours(((-1, 0.1011), (1, 0.1015)), ((-1, 0.1493), (1, 0.1460), (2, 0.0072))),
    Neighbours(((-1, 0.0757), (1, 0.0837)), ((-1, 0.1986), (1, 0.1846))),
    Neighbours(((-1, 0.0477), (1, 0.0467)), ((-1, 0.2138), (1, 0.2243))),
    Neighbours((), ((-1, 0.2503), (1, 0.2616))),
    Neighbours((), ((-1, 0.2598), (1, 0.2552))),
    Neighbours((), ((-1, 0.2215), (1, 0.0717))),
)
TURNED = tuple(weights.turned() for weights in WEIGHTS)
# Size up to which two products with dense matrices cost less than the few steps of a sparse sum.
LARGEST_DENSE = 64
TOGETHER = 2**19
"""Bytes of all batches up to which they are transformed together: fewer, larger steps, that still fit the cache."""
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

    def pull_back(self, gradients: Sequence[Tensor]) -> Images:
        """Turn gradients of the quotients, which are overwritten, into that of the images, outside any graph."""
        slopes = []
        for gradient, divisor, quotients, weights in zip(gradients, self.divisors, self.quotients, TURNED, strict=True):
            direct = gradient.div_(divisor)
            around = _sum_neighbours(quotients * direct, weights)
            # Divisors are positive: quotients have the coefficients' signs.
            slopes.append(direct.addcmul_(quotients.sign(), around, value=-1))
        return self.adjoint(*slopes)


def analyses(*batches: Planes) -> tuple[Analysis, ...]:
    """Transform batches of images, each (image, height, width) of one size, outside any graph."""
    return _analyses(batches, _pyramid.steps(batches[0]))


def _analyses(batches: Sequence[Planes], steps: Steps) -> tuple[Analysis, ...]:
    """Transform from some scale on: each batch, and all of them in one once they are small."""
    scale = len(WEIGHTS) - 1 - len(steps)
    analyse, adjoint = maps(steps)
    if not steps or sum(batch.nbytes for batch in batches) <= TOGETHER:
        bands = analyse(torch.cat(list(batches)))
        scales = zip(bands, CONSTANTS[scale:], WEIGHTS[scale:], strict=True)
        divisors = [_sum_neighbours(band.abs(), weights, constant) for band, constant, weights in scales]
        # The coarsest is a new tensor, too.
        quotients = [band.div_(divisor) for band, divisor in zip(bands, divisors, strict=True)]
        ends = accumulate((len(batch) for batch in batches), initial=0)
        parts = [slice(*pair) for pair in pairwise(ends)]
        return tuple(Analysis([q[part] for q in quotients], [d[part] for d in divisors], adjoint) for part in parts)
    halve, double = steps[0]
    lows = [halve.apply(batch) for batch in batches]
    fine = [batch - double.apply(low) for batch, low in zip(batches, lows, strict=True)]
    own = [_sum_neighbours(band.abs(), WEIGHTS[scale], CONSTANTS[scale]) for band in fine]
    return tuple(
        Analysis([band.div_(divisor), *coarse.quotients], [divisor, *coarse.divisors], adjoint)
        for band, divisor, coarse in zip(fine, own, _analyses(lows, steps[1:]), strict=True)
    )


def _neighbours(amplitude: Tensor, weights: Neighbours) -> Tensor:
    """Weighted sum over the neighbours."""
    turned = weights.turned()
    return linear_map(amplitude, lambda x: _sum_neighbours(x, weights), lambda y: _sum_neighbours(y, turned))


def _sum_neighbours(amplitude: Tensor, weights: Neighbours, constant: float = 0.0) -> Tensor:
    """Add the weighted sum over the neighbours to a constant."""
    height, width = amplitude.shape[-2:]
    if max(height, width) > LARGEST_DENSE:
        return gather_neighbours(amplitude, weights.offsets(), constant)
    like = amplitude.dtype, amplitude.device
    total = amplitude @ _band_matrix(width, weights.along, *like).mT
    if weights.down:
        total.add_(_band_matrix(height, weights.down, *like) @ amplitude)
    return total.add_(constant) if constant else total


@lru_cache(maxsize=128)
def _band_matrix(n: int, weights: Offsets, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "n n"]:
    with constants():
        matrix = torch.zeros(n, n, dtype=torch.float64)
        for offset, weight in weights:
            if abs(offset) < n:
                matrix.diagonal(offset).fill_(weight)
        return matrix.to(dtype=dtype, device=device)
