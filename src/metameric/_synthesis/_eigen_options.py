"""What eigendistortions are asked for."""

import math
from dataclasses import dataclass, replace

from metameric._core.counts import count, whole
from metameric._core.errors import InputError

METHODS = ("auto", "exact", "power", "randomized_svd")


@dataclass(frozen=True)
class Options:
    """What `Eigendistortion.synthesize` was asked for."""

    method: str
    k: int
    max_iter: int
    p: int
    q: int
    stop_criterion: float | None
    seed: int
    ends: str = "both"

    def check(self, size: int) -> None:
        """Refuse what cannot be meant of stimuli of so many elements."""
        if self.method not in METHODS:
            raise InputError(f"method is {self.method!r}; expected one of {', '.join(map(repr, METHODS))}.")
        if whole(self.k) is None:
            raise InputError(f"k is {self.k!r}; expected a whole number.")
        count("max_iter", self.max_iter, 0)
        if whole(self.seed) is None:
            raise InputError(f"seed is {self.seed!r}; expected a whole number.")
        if self.ends not in ("both", "largest"):
            raise InputError(f"ends is {self.ends!r}; expected 'both' or 'largest'.")
        if self.stop_criterion is not None and not 0 <= self.stop_criterion < math.inf:
            raise InputError(f"stop_criterion is {self.stop_criterion!r}; expected a number, 0 or more.")
        most = size if self.upper_only else size // 2
        if self.method != "exact" and not 1 <= self.k <= most:
            raise InputError(f"k is {self.k}; expected 1 to {most} for a stimulus of {size} elements.")
        spare = (whole(self.p), whole(self.q))
        if self.method == "randomized_svd" and any(n is None or n < 0 for n in spare):
            raise InputError(f"p is {self.p!r} and q is {self.q!r}; expected 0 or more, whole numbers.")

    @property
    def upper_only(self) -> bool:
        """Whether the lower end is left out."""
        return self.method == "randomized_svd" or self.ends == "largest"

    def same_search(self, other: "Options | None") -> bool:
        """Whether a search with these options continues that one."""
        return other is not None and replace(self, max_iter=0) == replace(other, max_iter=0)
