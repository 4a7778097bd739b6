"""Distance of normalised Laplacian pyramids."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.functions import Function, are_plain, stepwise_gradient
from metameric._core.replay import Replays, replayed
from metameric._core.types import Number
from metameric.metric._per_image import per_image
from metameric.process._image_pairs import matched_images, warn_outside_unit_range
from metameric.process._normalized_laplacian import analyses, normalized_laplacian_pyramid
from metameric.process._power import positive_power

_replays = Replays()
Images = Float[Tensor, "_ _ height width"]


@per_image
def nlpd(img1: Images, img2: Images, epsilon: Number = 1e-10) -> Float[Tensor, "batch channel"]:
    """Normalised Laplacian pyramid distance: root mean square over each of six bands, then the mean of the bands.

    Parameters
    ----------
    img1, img2
        Shape (batch, channel, height, width), values in [0, 1], at least 33 x 33 pixels; batch and channel equal, or
        one in one of them.
    epsilon
        Added to the mean square of each band; the root's slope is infinite at zero. Equal images are at a distance of
        sqrt(epsilon).

    Returns
    -------
    (batch, channel), one value for each pair of planes.

    Raises
    ------
    ValueError
        If shapes, dtypes or devices do not match, an image is too small, or `epsilon` is negative.
    TypeError
        If an image is not of floats.

    Warns
    -----
    UserWarning
        If values are outside [0, 1].

    Notes
    -----
    Laparra, Ballé, Berardino & Simoncelli (2016), Electronic Imaging 2016(16). Averaging after the root gives coarse
    bands, which have fewer coefficients, the same weight as fine ones.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> grey = torch.full((1, 1, 64, 64), 0.2)
    >>> mm.metric.nlpd(grey, grey)
    tensor([[1.0000e-05]])
    """
    if not epsilon >= 0:
        raise InputError(f"epsilon is {epsilon}; expected zero or more.")
    # Before broadcasting, so that one reference for a batch is transformed once.
    matched_images(img1, img2, "nlpd")
    warn_outside_unit_range("nlpd", img1, img2)
    return positive_power(_squares(img1, img2) + epsilon, 0.5).mean(0)


def _squares(img1: Tensor, img2: Tensor) -> Float[Tensor, "band batch channel"]:
    """Mean square of the difference of two batches in each band."""
    if not are_plain(img1, img2):
        return _differentiable(img1, img2)
    squares: Tensor = replayed(_replays, "", lambda a, b: _Squares.apply(a, b)[0], [img1, img2])
    return squares


def _differentiable(img1: Tensor, img2: Tensor) -> Float[Tensor, "band batch channel"]:
    """Compute `_squares` in steps, each of which can be differentiated any number of times."""
    bands = zip(normalized_laplacian_pyramid(img1), normalized_laplacian_pyramid(img2), strict=True)
    return torch.stack([(a - b).square().mean((-2, -1)) for a, b in bands])


class _Squares(Function):
    """`_squares` with a gradient in few operations; gradients of the gradient are left to `_differentiable`."""

    @staticmethod
    def forward(img1: Tensor, img2: Tensor) -> tuple[Any, ...]:
        pyramids = analyses(img1.flatten(0, 1), img2.flatten(0, 1))
        first, second = (
            [q.view(*image.shape[:2], *q.shape[-2:]) for q in pyramid.quotients]
            for image, pyramid in zip((img1, img2), pyramids, strict=True)
        )
        differences = [a - b for a, b in zip(first, second, strict=True)]
        norms = torch.stack([torch.linalg.vector_norm(d, dim=(-2, -1)) for d in differences])
        for squares, d in zip(norms.square_(), differences, strict=True):
            squares.div_(_count(d))
        return norms, (differences, pyramids)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Any, ...]) -> None:
        ctx.save_for_backward(*inputs)
        differences, pyramids = output[1]
        ctx.differences = differences
        ctx.pyramids = [p if image.requires_grad else None for p, image in zip(pyramids, inputs, strict=True)]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: None) -> tuple[Tensor | None, ...]:
        images = ctx.saved_tensors
        if torch.is_grad_enabled() or not are_plain(gradient):
            return stepwise_gradient(_differentiable, images, ctx.needs_input_grad, gradient)
        out: list[Tensor | None] = [None, None]
        for k, (image, pyramid) in enumerate(zip(images, ctx.pyramids, strict=True)):
            if ctx.needs_input_grad[k]:
                slopes = []
                for d, g in zip(ctx.differences, gradient, strict=True):
                    slope = d * (g * ((-2 if k else 2) / _count(d)))[..., None, None]
                    slopes.append(slope.sum_to_size(*image.shape[:2], *d.shape[-2:]).reshape(-1, *d.shape[-2:]))
                out[k] = pyramid.pull_back(slopes).reshape(image.shape)
        return tuple(out)


def _count(band: Tensor) -> int:
    return band.shape[-2] * band.shape[-1]
