"""Order of the statistics: which are kept, which scale each belongs to, tensor to dictionary and back."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.linear import constants

Scale = int | Literal["pixel_statistics", "residual_highpass", "residual_lowpass"]
Representation = OrderedDict[str, Tensor]


class Layout:
    """The layout for one setting of the model.

    Attributes
    ----------
    shapes
        Shape of each family of statistics, redundant ones included; scales are the last dimension.
    kept
        Which members of a family are not redundant: autocorrelations are symmetric and one in the centre, correlations
        between orientations symmetric and one on the diagonal.
    labels
        Scale of every kept statistic, in the order of the tensor.
    """

    def __init__(self, n_scales: int, n_orientations: int, width: int) -> None:
        n, k = n_scales, n_orientations
        self.shapes = OrderedDict(
            pixel_statistics=(6,),
            auto_correlation_magnitude=(width, width, k, n),
            skew_reconstructed=(n + 1,),
            kurtosis_reconstructed=(n + 1,),
            auto_correlation_reconstructed=(width, width, n + 1),
            std_reconstructed=(n + 1,),
            cross_orientation_correlation_magnitude=(k, k, n),
            magnitude_std=(k, n),
            cross_scale_correlation_magnitude=(k, k, n - 1),
            cross_scale_correlation_real=(k, 2 * k, n - 1),
            var_highpass_residual=(1,),
        )
        self.kept = {name: _kept(name, shape) for name, shape in self.shapes.items()}
        self.labels: list[Scale] = []
        for name, shape in self.shapes.items():
            along = np.broadcast_to(np.arange(shape[-1]), shape)[self.kept[name]]
            self.labels += [_label(name, int(index), n) for index in along]
        self.scales: list[Scale] = ["pixel_statistics", "residual_lowpass", *reversed(range(n)), "residual_highpass"]
        self._indices: dict[Any, Tensor] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def members(self, name: str, device: torch.device) -> Tensor:
        """Flat indices of a family's kept members."""
        return self._cached((name, device), lambda: np.flatnonzero(self.kept[name]), device)

    def of_scales(self, scales: Iterable[Scale], device: torch.device) -> Tensor:
        """Indices of the statistics of some scales in the tensor."""
        wanted = frozenset(scales)
        return self._cached(
            (wanted, device), lambda: np.flatnonzero([label in wanted for label in self.labels]), device
        )

    def _cached(self, key: Any, build: Any, device: torch.device) -> Tensor:
        if key not in self._indices:
            with constants():
                self._indices[key] = torch.as_tensor(build(), device=device)
        return self._indices[key]

    def to_tensor(self, representation: Representation) -> Tensor:
        """Flatten, dropping what is redundant."""
        missing = [name for name in self.shapes if name not in representation]
        if missing:
            raise InputError(f"The representation lacks {missing}; expected the keys {list(self.shapes)}.")
        parts = []
        for name, shape in self.shapes.items():
            values = representation[name]
            flat = values.reshape(*values.shape[: values.ndim - len(shape)], -1)
            parts.append(flat.index_select(-1, self.members(name, values.device)))
        return torch.cat(parts, dim=-1)

    def to_dict(self, tensor: Tensor) -> Representation:
        """Undo `to_tensor`; redundant statistics are NaN."""
        if tensor.shape[-1] != len(self):
            raise InputError(
                f"Expected a tensor of {len(self)} statistics, found {tensor.shape[-1]}: only the output of the model "
                "for all scales, unchanged, can become a dictionary."
            )
        lead = tensor.shape[:-1]
        representation: Representation = OrderedDict()
        parts = tensor.split([int(kept.sum()) for kept in self.kept.values()], dim=-1)
        for (name, shape), part in zip(self.shapes.items(), parts, strict=True):
            whole = tensor.new_full((*lead, int(np.prod(shape))), torch.nan)
            index = self.members(name, tensor.device).expand(part.shape)
            representation[name] = whole.scatter(-1, index, part).reshape(*lead, *shape)
        return representation


def _kept(name: str, shape: Sequence[int]) -> np.ndarray:
    kept = np.ones(shape, dtype=bool)
    if name.startswith("auto_correlation") or name == "cross_orientation_correlation_magnitude":
        rows, columns = np.indices(shape[:2])
        half = rows > columns
        if name.startswith("auto_correlation"):
            half |= (rows == columns) & (rows < shape[0] // 2)
        kept &= half.reshape(*shape[:2], *(1,) * (len(shape) - 2))
    return kept


def _label(name: str, index: int, n_scales: int) -> Scale:
    if name == "pixel_statistics":
        return "pixel_statistics"
    if name == "var_highpass_residual":
        return "residual_highpass"
    return index if index < n_scales else "residual_lowpass"
