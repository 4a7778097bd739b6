"""Panels: what a figure shows, as data and without any plotting library.

An object that offers ``panels(iteration=None, batch_idx=0, channel_idx=None)`` (a synthesis) or
``representation_panels(representation, batch_idx=0)`` (a model) says what there is to see;
`metameric.plot` draws it in status figures, animations and reports. The names of panels are those by which
``included_plots`` chooses; panels of the same name share a place in the figure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

Real = int | float
ValueRange = str | tuple[Real, Real]


@dataclass(frozen=True)
class ImagePanel:
    """One picture, shown pixel for pixel.

    `image` is (channel, height, width) with one channel (mapped through a colour map) or with three or four
    (colour, values in [0, 1]). `vrange` is a pair or a rule of `metameric.plot.imshow`.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.plot.ImagePanel("synthesis_imshow", torch.rand(1, 8, 8), "Metamer", vrange=(0, 1)).name
    'synthesis_imshow'
    """

    name: str
    image: Tensor
    title: str = ""
    vrange: ValueRange = "indep1"


@dataclass(frozen=True)
class CurvesPanel:
    """Named series over the iterations of a synthesis, each (iterations,), drawn into one set of axes.

    `log` asks for a logarithmic axis (used where all values allow it); `iteration` is the one to mark.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.plot.CurvesPanel("synthesis_loss", {"loss": torch.tensor([3.0, 2.0, 1.0])}).ylabel
    'Loss'
    """

    name: str
    curves: Mapping[str, Tensor]
    title: str = ""
    xlabel: str = "Synthesis iteration"
    ylabel: str = "Loss"
    log: bool = True
    iteration: int | None = None


@dataclass(frozen=True)
class RepresentationPanel:
    """Parts of a representation by name: (n,) becomes a stem plot, (height, width) a map.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> panel = mm.plot.RepresentationPanel("energy", {"scales": torch.rand(4), "coarse": torch.rand(8, 8)})
    >>> list(panel.parts)
    ['scales', 'coarse']
    """

    name: str
    parts: Mapping[str, Tensor]
    title: str = ""
    ylim: tuple[Real, Real] | bool | None = None


@dataclass(frozen=True)
class HistogramPanel:
    """Named sets of values of any shape, whose distributions are compared.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> list(mm.plot.HistogramPanel("synthesis_histogram", {"target": torch.rand(8, 8)}).values)
    ['target']
    """

    name: str
    values: Mapping[str, Tensor]
    title: str = ""
    xlabel: str = "Values"


Panel = ImagePanel | CurvesPanel | RepresentationPanel | HistogramPanel


@runtime_checkable
class OffersPanels(Protocol):
    """A synthesis that says what there is to see of it.

    To be animated it also needs an attribute `panel_iterations`, the iterations that can be shown.
    """

    def panels(
        self, iteration: int | None = None, batch_idx: int = 0, channel_idx: int | None = None
    ) -> Sequence[Panel]:
        """List the panels at one iteration (the last one for ``None``)."""
        ...


@runtime_checkable
class OffersRepresentationPanels(Protocol):
    """A model that says how its representation (or a difference of two) is to be seen."""

    def representation_panels(self, representation: Any, batch_idx: int = 0) -> Sequence[Panel]:
        """List the panels of one batch entry of a representation."""
        ...
