"""Shape types shared by every layer (checked by beartype in the tests only)."""

from collections.abc import Callable

from jaxtyping import Float, Num, Shaped
from torch import Tensor

Image = Float[Tensor, "batch channel height width"]
Images = Float[Tensor, "*lead height width"]
"""Any number of leading dimensions, then rows and columns."""
Batch = Num[Tensor, "batch *shape"]
"""A batch of independent problems, each of any shape."""
PerProblem = Shaped[Tensor, " batch"]
"""One value per problem."""

Model = Callable[..., Tensor]
LossFunction = Callable[..., Tensor]
Penalty = Callable[..., Tensor]
Metric = Callable[[Tensor, Tensor], Tensor]

Number = int | float
"""beartype, unlike type checkers, does not take an int for a float."""
