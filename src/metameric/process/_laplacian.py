"""The Laplacian pyramid."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metameric._core.errors import InputError
from metameric._core.linear import constants, linear_map_to_several
from metameric._core.replay import replayable
from metameric._core.types import Images
from metameric.process._blur import Resampling, doubling, halving, named_taps, upsample_blur

Band = Float[Tensor, "..."]
Steps = Sequence[tuple[Resampling, Resampling]]
"""How images are halved and how the halves are enlarged, scale after scale."""


class LaplacianPyramid(nn.Module):
    """Differences between an image and its blurred, halved and enlarged copy, scale after scale.

    .. math:: y_s = g_s - E R g_s, \\qquad g_{s+1} = R g_s, \\qquad y_{S} = g_{S}

    with R (blur and halve) and E (enlarge and blur) of `blur_downsample` and `upsample_blur` with ``"binom5"``.

    Parameters
    ----------
    n_scales
        Number of bands, the last of which is the low-pass residual.
    scale_filter
        The blur sums to one if ``True``. Else to two, which doubles the values from each scale to the next.

    Notes
    -----
    Burt, P. & Adelson, E. (1983). The Laplacian pyramid as a compact image code. IEEE Trans. Communications 31.
    The image must keep at least 3 x 3 pixels at every scale that is halved.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> pyramid = mm.process.LaplacianPyramid(n_scales=3)
    >>> image = torch.rand(1, 1, 32, 32)
    >>> [band.shape[-1] for band in pyramid(image)]
    [32, 16, 8]
    >>> torch.allclose(pyramid.recon_pyr(pyramid(image)), image, atol=1e-6)
    True
    """

    def __init__(self, n_scales: int = 5, scale_filter: bool = False) -> None:
        super().__init__()
        if n_scales != int(n_scales) or n_scales < 1:
            raise InputError(f"n_scales is {n_scales}; expected a positive integer.")
        self.n_scales = int(n_scales)
        self.scale_filter = scale_filter

    @replayable
    def forward(self, x: Images) -> list[Band]:
        """Return the bands of (..., height, width) images, from fine to coarse.

        Raises
        ------
        ValueError
            If the image is too small for the number of scales.
        """
        steps = self.steps(x)
        return list(linear_map_to_several(x, *maps(steps))) if steps else [x.clone()]

    def steps(self, x: Images) -> Steps:
        """Return, scale after scale, how images like the given ones are halved and how the halves are enlarged."""
        check_halvings(x, self.n_scales - 1)
        return _steps(x.shape[-2:], x.dtype, x.device, self.n_scales - 1, self.scale_filter)

    def recon_pyr(self, y: Sequence[Band]) -> Images:
        """Return the image that has the given bands, as returned by a call.

        Raises
        ------
        ValueError
            If the number of bands is not `n_scales`.
        """
        if len(y) != self.n_scales:
            raise InputError(f"y has {len(y)} bands; expected n_scales = {self.n_scales}, from fine to coarse.")
        x = y[-1] if self.n_scales > 1 else y[-1].clone()
        for band in reversed(y[:-1]):
            x = band + self._enlarge(x, band)
        return x

    def _enlarge(self, low: Tensor, like: Tensor) -> Tensor:
        odd = like.shape[-2] % 2, like.shape[-1] % 2
        return upsample_blur(low, odd, scale_filter=self.scale_filter)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"n_scales={self.n_scales}, scale_filter={self.scale_filter}"


def maps(steps: Steps) -> tuple[Callable[[Tensor], tuple[Tensor, ...]], Callable[..., Tensor]]:
    """Return the map of images to the bands that steps of halving give, and its adjoint; neither keeps a graph."""

    def analyse(image: Tensor) -> tuple[Tensor, ...]:
        bands = []
        for halve, double in steps:
            low = halve.apply(image)
            bands.append(image - double.apply(low))
            image = low
        return (*bands, image)

    def adjoint(*gradients: Tensor) -> Tensor:
        *fine, total = gradients
        for gradient, (halve, double) in zip(reversed(fine), reversed(steps), strict=True):
            total = gradient + halve.adjoint(total - double.adjoint(gradient))
        return total

    return analyse, adjoint


@lru_cache(maxsize=64)
def _steps(size: torch.Size, dtype: torch.dtype, device: torch.device, n_halvings: int, scale_filter: bool) -> Steps:
    with constants():
        x, steps = torch.empty((), dtype=dtype, device=device).expand(size), []
        narrow = named_taps(x, 1, "binom5", 1.0 if scale_filter else math.sqrt(2))
        wide = named_taps(x, 1, "binom5", 2.0 if scale_filter else math.sqrt(2))
        for _ in range(n_halvings):
            height, width = x.shape
            low = x[::2, ::2]
            steps.append((halving(x, narrow), doubling(low, (height % 2, width % 2), wide)))
            x = low
        return steps


def check_halvings(x: Tensor, n_halvings: int) -> None:
    """Refuse images with fewer than three rows or columns left before the last of several halvings."""
    smallest = min(x.shape[-2:])
    # ceil(n / 2^k) >= 3 with k halvings done before the last one
    least = 2 * 2 ** (n_halvings - 1) + 1 if n_halvings else 1
    if smallest < least:
        raise InputError(
            f"image of {x.shape[-2]} x {x.shape[-1]} pixels is too small for {n_halvings + 1} scales; expected at "
            f"least {least} x {least}. Use fewer scales or a larger image."
        )
