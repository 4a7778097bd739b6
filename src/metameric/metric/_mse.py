"""Mean squared error."""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import mse_loss

from metameric.metric._per_image import per_image
from metameric.process._image_pairs import matched_images


@per_image
def mse(img1: Float[Tensor, "..."], img2: Float[Tensor, "..."]) -> Float[Tensor, "*lead"]:
    """Mean squared error over height and width.

    Parameters
    ----------
    img1, img2
        Shape (..., height, width), equal, or with one in a leading dimension of either.

    Returns
    -------
    One value for each pair of planes: (batch, channel) for images (batch, channel, height, width).

    Raises
    ------
    ValueError
        If shapes, dtypes or devices do not match.
    TypeError
        If an image is not of floats.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.metric.mse(torch.zeros(2, 1, 4, 4), torch.full((2, 1, 4, 4), 0.5))
    tensor([[0.2500],
            [0.2500]])
    """
    img1, img2 = matched_images(img1, img2, "mse", n_dims=None)
    return mse_loss(img1, img2, reduction="none").mean((-2, -1))
