"""Checkpoints: the synthesis in a file, now and then while it runs."""

import os
import time
from typing import TYPE_CHECKING, Any

from metameric._core.errors import InputError
from metameric._solve._observe import Periodically

if TYPE_CHECKING:
    from metameric._solve._loop import Run


class Checkpoint(Periodically):
    """Save a synthesis every so many seconds while it runs, and when it ends, however that comes about.

    Parameters
    ----------
    path
        File to write, as with `save`; always a whole one, also when the machine stops during writing.
    seconds
        Time between saves.

    Examples
    --------
    >>> import tempfile, torch, metameric as mm
    >>> image, model = torch.rand(1, 4), mm.problems.LinearModel.random(2, 4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = mm.io.Checkpoint(f"{folder}/run.safetensors", seconds=30)
    ...     result = mm.Metamer(image, model).synthesize(5, progress=False, observers=[checkpoint])
    ...     metamer = mm.Metamer(image, model)
    ...     metamer.load(f"{folder}/run.safetensors")
    >>> torch.equal(metamer.metamer, result.stimulus)
    True
    """

    def __init__(self, path: str | os.PathLike[str], seconds: float = 60) -> None:
        if not seconds >= 0:
            raise InputError(f"seconds is {seconds}; expected 0 (after every iteration) or more.")
        super().__init__(lambda run: self._owner.save(self.path), seconds)
        self.path = path
        self._owner: Any = None

    def attach(self, owner: Any) -> None:
        """Take note of the synthesis to save."""
        self._owner = owner

    def start(self, run: "Run", limit: int) -> None:
        """Save the start, so that a path that cannot be written to is noticed before any work is done."""
        self.function(run)
        self._last = time.monotonic()
