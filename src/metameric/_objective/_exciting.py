"""Responses worth driving: a unit, a channel, a layer, or one against others."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metameric._core.batched import each, name_of
from metameric._core.counts import whole
from metameric._core.errors import InputError
from metameric._core.types import Number
from metameric._objective._function import Function
from metameric.models._deep import DeepNetFeatures


class UnitResponse(nn.Module):
    """One number per stimulus from a model with many responses, (batch, unit, ...).

    Parameters
    ----------
    model
        Callable from (batch, ...) to (batch, unit, ...). A `models.DeepNetFeatures` of one layer gives the responses of
        that layer in their own shape, not flattened.
    index
        ``3`` is channel 3, averaged over positions; ``(3, 10, 12)`` a single unit of it; None is the whole layer.
    against
        None: the response itself. ``"others"``: minus the mean of all other channels, as wanted for a one-hot
        population response. ``"softmax"``: the logarithm of the channel's share, ``log softmax(r / temperature)``,
        which stops asking for more of the channel once it dominates (Burg et al. 2024).
    temperature
        Of the softmax, in units of the response.

    Raises
    ------
    ValueError
        If there is no such unit, `model` gives features of several layers, or `against` is unknown or needs a channel.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> response = mm.UnitResponse(torch.nn.Identity(), 1, against="others")
    >>> response(torch.tensor([[1.0, 5.0, 3.0]]))
    tensor([3.])
    """

    def __init__(
        self,
        model: Callable[[Tensor], Tensor],
        index: int | Sequence[int] | None = None,
        against: str | None = None,
        temperature: Number = 1.0,
    ) -> None:
        super().__init__()
        if against not in (None, "others", "softmax"):
            raise InputError(f"against is {against!r}; expected None, 'others' or 'softmax'.")
        channel = None if index is None else whole(index)
        if against is not None and channel is None:
            raise InputError(f"against={against!r} compares channels; expected index to be one number, not {index!r}.")
        if not temperature > 0:
            raise InputError(f"temperature is {temperature}; expected more than 0.")
        if index is not None and isinstance(model, DeepNetFeatures) and len(model.layers) > 1:
            raise InputError(
                f"model gives features of the layers {', '.join(model.layers)}; expected one, whose unit or channel "
                f"index={index!r} is: make a DeepNetFeatures of that layer alone."
            )
        self.model, self.against, self.temperature = model, against, temperature
        self.index = channel if index is None or channel is not None else tuple(cast(Sequence[int], index))
        self.__name__ = f"{name_of(model)} {'layer' if index is None else index}"

    def forward(self, x: Tensor) -> Float[Tensor, " batch"]:
        """Return one value per stimulus."""
        response = self.model(x)
        if isinstance(self.model, DeepNetFeatures) and len(self.model.layers) == 1:
            (response,) = self.model.convert_to_dict(response).values()
        if self.index is None:
            return response.flatten(1).mean(1)
        chosen = (self.index,) if isinstance(self.index, int) else self.index
        sizes = response.shape[1:]
        if len(chosen) > len(sizes) or any(not -n <= i < n for i, n in zip(chosen, sizes, strict=False)):
            raise InputError(f"index is {self.index}; expected one within the model's response, {tuple(sizes)}.")
        if self.against is None or isinstance(self.index, tuple):
            picked: tuple[Any, ...] = (slice(None), *chosen)
            return response[picked].reshape(len(x), -1).mean(1)
        channels = response.flatten(2).mean(2) if response.ndim > 2 else response
        return self._contrast(channels, self.index % channels.shape[1])

    def _contrast(self, channels: Tensor, index: int) -> Tensor:
        if self.against == "softmax":
            return torch.log_softmax(channels / self.temperature, 1)[:, index]
        wanted = channels[:, index]
        return wanted - (channels.sum(1) - wanted) / max(1, channels.shape[1] - 1)


class Penalised:
    """``function(x) - penalty_lambda * penalty(x)`` with both as named parts: the objective of exciting inputs."""

    def __init__(
        self, function: Callable[..., Tensor], sign: float, penalty: Callable[..., Tensor] | None, weight: Number
    ) -> None:
        self.function, self.sign, self.penalty, self.weight = function, sign, penalty, weight
        self.__name__ = name_of(function)

    def __call__(self, x: Tensor, **data: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        response = Function(self.function, data)(x).total
        if self.penalty is None:
            return self.sign * response, {"response": response}
        penalty = each(self.penalty)(x)
        return self.sign * response - self.weight * penalty, {"response": response, "penalty": penalty}
