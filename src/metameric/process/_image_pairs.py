"""What every comparison of two images asks of them."""

import warnings

import torch
from torch import Tensor

from metameric._core.errors import InputError, InputTypeError
from metameric._core.fixed import is_fixed
from metameric._core.linear import is_constant

# Images under synthesis stray over the edges of [0, 1] a little; images of another scale go far beyond.
RANGE_TOLERANCE = 0.1


def matched_images(img1: Tensor, img2: Tensor, name: str, n_dims: int | None = 4) -> tuple[Tensor, Tensor]:
    """Check two batches of images against each other and broadcast batch and channel.

    `n_dims` is the number of dimensions that both must have, ``None`` for any number from two.
    """
    for label, image in (("img1", img1), ("img2", img2)):
        if not image.is_floating_point():
            raise InputTypeError(
                f"{name}: {label} has dtype {image.dtype}; expected floats. Convert it, for 8-bit images with "
                "`image.to(torch.float32) / 255`."
            )
        if image.ndim < 2 if n_dims is None else image.ndim != n_dims:
            expected = "(..., height, width)" if n_dims is None else "(batch, channel, height, width)"
            raise InputError(f"{name}: {label} has shape {tuple(image.shape)}; expected {expected}.")
    if img1.dtype != img2.dtype or img1.device != img2.device:
        raise InputError(
            f"{name}: img1 is {img1.dtype} on {img1.device}, img2 {img2.dtype} on {img2.device}; "
            "move one with `.to(...)` so that they agree."
        )
    if img1.shape[-2:] != img2.shape[-2:]:
        raise InputError(
            f"{name}: img1 has {img1.shape[-2]} x {img1.shape[-1]} pixels, img2 {img2.shape[-2]} x {img2.shape[-1]}; "
            "expected the same height and width. Crop or resize one."
        )
    if img1.ndim != img2.ndim or any(a != b and 1 not in (a, b) for a, b in zip(img1.shape, img2.shape, strict=True)):
        raise InputError(
            f"{name}: img1 has shape {tuple(img1.shape)}, img2 {tuple(img2.shape)}; expected batch and channel that "
            "are equal, or one in one of the images."
        )
    img1, img2 = torch.broadcast_tensors(img1, img2)
    return img1, img2


def warn_outside_unit_range(name: str, *images: Tensor) -> None:
    """Warn of images that are not in [0, 1].

    An image under synthesis is not looked at: that would halt an accelerator at every step.
    """
    for image in images:
        # What a competition compares with was looked at when it began.
        if not is_constant(image) or is_fixed(image) or image.numel() == 0:
            continue
        low, high = image.aminmax()
        if not (low >= -RANGE_TOLERANCE and high <= 1 + RANGE_TOLERANCE):
            found = (
                "an image has values that are no numbers (NaN); of these the metric is none. Repair it, for instance "
                "with torch.nan_to_num."
                if bool(low.isnan())
                else f"image values run from {low:.4g} to {high:.4g}, its constants are made for [0, 1]. Rescale the "
                "images, for example with metameric.process.rescale."
            )
            warnings.warn(f"{name}: {found}", UserWarning, stacklevel=3)
            return
