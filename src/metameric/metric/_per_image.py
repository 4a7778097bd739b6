"""Metrics that compare the images of two batches pair by pair."""

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

F = TypeVar("F", bound=Callable[..., Tensor])


def per_image(function: F) -> F:
    """Give a metric that returns (batch, channel) an attribute ``each`` that returns (batch,), the channels' mean.

    Syntheses ask for it (`metameric._core.batched.each`), so that the images of a batch stay independent problems.
    """

    def each(img1: Tensor, img2: Tensor, *args: object, **kwargs: object) -> Tensor:
        return function(img1, img2, *args, **kwargs).flatten(1).mean(1)

    function.each = each  # type: ignore[attr-defined]
    return function
