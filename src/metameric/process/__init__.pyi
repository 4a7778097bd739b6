from ._filters import circular_gaussian2d as circular_gaussian2d
