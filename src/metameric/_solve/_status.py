"""How a run ended, per problem."""

from enum import Enum


class Status(Enum):
    """How a synthesis ended. Each member carries a short code (used in tensors and files) and its sentence.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.Status.CONVERGED.succeeded, str(mm.Status.STEP_LIMIT)
    (True, 'step limit')
    >>> mm.Status.INTERRUPTED.sentence
    'interrupted: everything up to the interruption is kept; ...'
    """

    RUNNING = (0, "has not been run to an end")
    CONVERGED = (1, "converged: the stopping rule is satisfied")
    STEP_LIMIT = (2, "step limit: max_iter was reached first; call synthesize again to go on")
    STALLED = (
        3,
        "stalled: no further progress was found before the stopping rule was satisfied; try another solver, loss or "
        "starting point, or accept the error that was reached",
    )
    NON_FINITE = (
        4,
        "non-finite: the model, loss or penalty gave NaN or infinity; the last good stimulus is kept; check the model "
        "there, try float64 or a smaller step",
    )
    INTERRUPTED = (5, "interrupted: everything up to the interruption is kept; call synthesize again to go on")
    FLAT = (
        6,
        "flat: the response does not change with the stimulus, as that of a unit that a ReLU silences; try other "
        "seeds, more starts, or the layer before the ReLU",
    )

    def __init__(self, code: int, sentence: str) -> None:
        self.code = code
        self.sentence = sentence

    @classmethod
    def from_code(cls, code: int) -> "Status":
        """Return the member with this code."""
        return next(member for member in cls if member.code == code)

    @property
    def succeeded(self) -> bool:
        """Whether the stopping rule was satisfied."""
        return self is Status.CONVERGED

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")
