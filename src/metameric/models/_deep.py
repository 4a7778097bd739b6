"""Features of deep networks as a representation."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metameric._core.errors import InputError, InputTypeError, StateError
from metameric.models._layers import LayerExtractor, named_nodes

Features = Float[Tensor, "batch features"]


class DeepNetFeatures(nn.Module):
    """Outputs of chosen layers of any PyTorch network, flattened and joined into one vector per image.

    Parameters
    ----------
    model
        The network. It is copied; the copy is put into evaluation mode and frozen, the original stays as it is.
    return_nodes
        Names of layers as in ``dict(model.named_modules())``: one, several, or a dictionary to rename them.
        ``"name_1"`` is the second call of a layer that is called more than once. The network runs no further than the
        deepest layer, and the order of features is that of the network.
    transform
        Applied to images first, usually the normalisation that the network was trained with. Should not resize.

    Raises
    ------
    NearestNameError
        If a layer does not exist; the message lists the nearest names.
    TypeError
        If `model` is not a module or `return_nodes` no names.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 8, 3))
    >>> model = mm.models.DeepNetFeatures(net, ["0", "1"])
    >>> representation = model(torch.rand(2, 3, 8, 8))
    >>> representation.shape
    torch.Size([2, 288])
    >>> {name: tuple(layer.shape) for name, layer in model.convert_to_dict(representation).items()}
    {'0': (2, 4, 6, 6), '1': (2, 4, 6, 6)}
    """

    def __init__(
        self,
        model: nn.Module,
        return_nodes: str | Sequence[str] | Mapping[str, str],
        transform: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(model, nn.Module):
            raise InputTypeError(f"model is a {type(model).__name__}; expected a torch.nn.Module.")
        self.extractor = LayerExtractor(model, named_nodes(return_nodes))
        self.transform = transform
        self._shapes: dict[str, tuple[int, ...]] = {}
        self.eval()

    @property
    def layers(self) -> list[str]:
        """Names of the layers in `convert_to_dict`."""
        return list(self.extractor.wanted.values())

    def forward(self, x: Float[Tensor, "batch ..."]) -> Features:
        """Return the features of a batch of images, (batch, features).

        Raises
        ------
        ModelError
            If a layer is never called, or returns something else than a tensor.
        """
        return self.convert_to_tensor(self.extractor(x if self.transform is None else self.transform(x)))

    def convert_to_dict(self, representation_tensor: Features) -> dict[str, Tensor]:
        """Return the layers' outputs by name, in their own shapes.

        Raises
        ------
        StateError
            If the model was never called, so that shapes are unknown.
        ValueError
            If the number of features is another one.
        """
        if not self._shapes:
            raise StateError("the shapes of the layers are not known yet; call the model on an image first.")
        sizes = [math.prod(shape) for shape in self._shapes.values()]
        if representation_tensor.ndim != 2 or representation_tensor.shape[1] != sum(sizes):
            raise InputError(
                f"representation has shape {tuple(representation_tensor.shape)}; expected (batch, {sum(sizes)}), "
                "as for the image size of the last call."
            )
        parts = representation_tensor.split(sizes, dim=1)
        return {name: part.reshape(-1, *shape) for (name, shape), part in zip(self._shapes.items(), parts, strict=True)}

    def convert_to_tensor(self, representation_dict: Mapping[str, Tensor]) -> Features:
        """Return layers' outputs, each (batch, ...), as (batch, features)."""
        self._shapes = {name: tuple(layer.shape[1:]) for name, layer in representation_dict.items()}
        return torch.cat([layer.flatten(1) for layer in representation_dict.values()], dim=1)

    def plot_representation(
        self,
        data: Tensor | Mapping[str, Tensor],
        ax: Any = None,
        figsize: tuple[float, float] | None = None,
        ylim: Any = False,
        batch_idx: int = 0,
        title: str | None = None,
    ) -> tuple[Any, list[Any]]:
        """Plot each layer twice: averaged over channels, and each channel averaged over the rest.

        Parameters
        ----------
        data
            A representation, as tensor or dictionary.
        ax, figsize, ylim, title
            As in `metameric.plot.plot_representation`.
        batch_idx
            Batch entry to show.
        """
        from metameric.plot import plot_representation

        views = self._views(data, batch_idx)
        axes = plot_representation(data=views, ax=ax, figsize=figsize, ylim=ylim, title=title or "")
        return axes[0].figure, axes

    def update_plot(
        self,
        axes: Any,
        data: Tensor | Mapping[str, Tensor],
        batch_idx: int = 0,
        rescale_ylim: bool = False,
    ) -> list[Any]:
        """Put new data into the axes that `plot_representation` returned; return the artists that changed."""
        from metameric.plot import update_plot

        return update_plot(axes, self._views(data, batch_idx), rescale_ylim=rescale_ylim)

    def _views(self, data: Tensor | Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        layers = self.convert_to_dict(data) if isinstance(data, Tensor) else data
        views = {}
        for name, layer in layers.items():
            one = layer[batch_idx]
            if one.ndim > 1:
                views[f"{name}: mean of channels"] = one.mean(0)[None, None]
            views[f"{name}: channels"] = one.flatten(1).mean(1)[None, None] if one.ndim > 1 else one[None, None]
        return views
