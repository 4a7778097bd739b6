"""What happened during a run: one row per point visited, one column per named part."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Trace:
    """Values at the points x_0 ... x_n of a run, each (batch,), and of the steps between them.

    ``trace["loss"]`` is (n + 1, batch). `seconds` is the time since the first evaluation, at each point; `evaluations`
    the number of evaluations of the objective so far, per problem.
    """

    columns: dict[str, list[Tensor]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of points recorded."""
        return len(self.seconds)

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> Tensor:
        """Return a column, (points, batch)."""
        return torch.stack(self.columns[name])

    @property
    def names(self) -> list[str]:
        """Return the names of the columns."""
        return list(self.columns)

    def last(self, name: str, back: int = 0) -> Tensor:
        """Return a column's value, (batch,), `back` points before the last."""
        return self.columns[name][-1 - back]

    def unchanged(self, window: int) -> Tensor:
        """Return where the objective has been the same over the last `window` steps, (batch,)."""
        if len(self) <= window:
            return torch.zeros_like(self.last("total"), dtype=torch.bool)
        if "changes" not in self:
            return torch.ones_like(self.last("total"), dtype=torch.bool)
        return self.last("changes") == self.last("changes", window)

    def copy(self) -> "Trace":
        """Return a record that does not go on with the run."""
        return Trace({name: list(values) for name, values in self.columns.items()}, list(self.seconds))

    def append(self, values: Mapping[str, Tensor], seconds: float) -> None:
        """Add a point; columns that others fill in later are NaN there until they do."""
        for name in self.columns.keys() - values.keys():
            self.columns[name].append(self.columns[name][-1] * torch.nan)
        for name, value in values.items():
            self.columns.setdefault(name, []).append(value)
        self.seconds.append(seconds)

    def fill(self, name: str, value: Tensor) -> None:
        """Give a column that was not recorded so far one value at every point."""
        self.columns.setdefault(name, [value] * len(self))

    def replace_last(self, values: Mapping[str, Tensor]) -> None:
        """Write the last point anew, when its objective has changed under it."""
        for name, value in values.items():
            self.columns[name][-1] = value
