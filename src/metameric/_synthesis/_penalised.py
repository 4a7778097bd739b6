"""What syntheses from an image with a penalty on the stimulus have in common: its range as a bound or as a price."""

import warnings
from collections.abc import Callable
from typing import Any

from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.types import Number
from metameric._solve._constraint import FREE, Box, Constraint
from metameric._solve._torch_optim import TorchOptim
from metameric._synthesis._iterative import IterativeSynthesis
from metameric.regularize._range import bounds_of, no_penalty, within
from metameric.validate._functions import validate_penalty
from metameric.validate._stimulus import validate_input


class Penalised(IterativeSynthesis):
    """Base of the syntheses that begin from an image and penalise the stimulus, or hold it to the penalty's range."""

    def __init__(self, image: Tensor, penalty_function: Callable[..., Tensor], penalty_lambda: Number) -> None:
        super().__init__()
        validate_input(image)
        if not penalty_lambda >= 0:
            raise InputError(f"penalty_lambda is {penalty_lambda}; expected 0 or more.")
        validate_penalty(penalty_function, image.shape, image.dtype, image.device)
        # One made in inference mode could not be held to anything under synthesis.
        self._image = image.clone() if image.is_inference() else image.detach()
        self._penalty_function = penalty_function
        self._penalty_lambda = penalty_lambda

    def _warn_of_conflict(self) -> None:
        """Say so where the penalty has a price on the very image that is to be matched."""
        bounds = bounds_of(self._penalty_function)
        if bounds is None or self._penalty_lambda == 0 or within(self._image, bounds):
            return
        warnings.warn(
            f"the target runs from {float(self._image.min()):.4g} to {float(self._image.max()):.4g} but the penalty "
            f"asks for [{bounds[0]:g}, {bounds[1]:g}], so that it works against the match; give the range as "
            "penalty_function=functools.partial(penalize_range, allowed_range=(low, high)), or penalty_lambda=0.",
            stacklevel=3,
        )

    def _choose_constraint(self, constraint: Constraint | None) -> Constraint:
        if constraint is not None:
            return constraint
        bounds = bounds_of(self._penalty_function)
        # Against a stiff penalty L-BFGS all but stalls; within the bounds that it stands for it does not.
        if bounds is None or self._penalty_lambda == 0 or isinstance(self._solver, TorchOptim):
            return FREE
        return Box(*bounds) if within(self._image, bounds) else FREE

    def _charged(self) -> Callable[..., Tensor]:
        """Return the penalty as the objective computes it: not at all where the constraint holds the same range."""
        box, bounds = self._constraint, bounds_of(self._penalty_function)
        held = isinstance(box, Box) and bounds == (box.low, box.high)
        return no_penalty if held else self._penalty_function

    def _series(self) -> dict[str, Any]:
        return {**super()._series(), "penalties": self.penalties}

    @property
    def image(self) -> Tensor:
        """The image that the synthesis is about, (batch, ...)."""
        return self._image

    @property
    def penalty_function(self) -> Callable[..., Tensor]:
        """The penalty."""
        return self._penalty_function

    @property
    def penalty_lambda(self) -> Number:
        """Weight of the penalty."""
        return self._penalty_lambda

    @property
    def penalties(self) -> Tensor:
        """Unweighted penalty at every iteration, (iterations + 1,), summed over the batch."""
        return self._column("penalty").sum(1)
