"""Helpers on models as modules."""

from typing import TypeVar

from torch import nn

M = TypeVar("M", bound=nn.Module)


def remove_grad(model: M) -> M:
    """Freeze a model in place: no parameter or buffer asks for gradients any more.

    Parameters
    ----------
    model
        Any module. It is changed in place and also returned.

    Examples
    --------
    >>> import metameric as mm
    >>> model = mm.remove_grad(mm.models.Gaussian(7)).eval()
    """
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.requires_grad_(False)
    return model
