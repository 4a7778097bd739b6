"""A panel that a model draws itself, with the plotting methods that models of this field have."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from metameric.plot._axes import Limits


@dataclass(frozen=True)
class ByModelPanel:
    """A representation for the model's ``plot_representation`` and, in animations, ``update_plot``."""

    name: str
    model: Any
    representation: Tensor
    title: str = ""
    ylim: Limits = None
