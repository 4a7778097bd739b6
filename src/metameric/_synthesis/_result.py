"""What a synthesis leaves behind: a value that can be read, printed, saved and compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from metameric._solve._status import Status
from metameric._solve._trace import Trace


@dataclass(frozen=True, repr=False)
class SynthesisResult:
    """The outcome of a synthesis.

    Attributes
    ----------
    method
        Name of the synthesis class.
    stimulus
        What was synthesised, (batch, ...).
    status
        How each problem ended.
    figures
        Named numbers by which the method is judged, each (batch,).
    meaning
        What each figure says, in a few words.
    trace
        Values at every iteration.
    iterations
        Steps taken.
    config
        Everything that determines the run: options, seeds, versions.
    labels
        What each problem is, where a number does not say it.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(torch.full((1, 4), 0.5), mm.problems.LinearModel.random(2, 4))
    >>> metamer.setup(seed=0)
    >>> result = metamer.synthesize(progress=False)
    >>> result.converged, result.figures["relative_error"].shape
    (True, torch.Size([1]))
    >>> print(result.summary())
    Metamer: 1 x (4,), torch.float32
      converged: the stopping rule is satisfied
    ...
    """

    method: str
    stimulus: Tensor
    status: list[Status]
    figures: Mapping[str, Tensor]
    meaning: Mapping[str, str]
    trace: Trace
    iterations: int
    config: Mapping[str, Any] = field(default_factory=dict)
    labels: Sequence[str] = ()

    @property
    def converged(self) -> bool:
        """Whether every problem of the batch satisfied its stopping rule."""
        return all(s.succeeded for s in self.status)

    def summary(self) -> str:
        """Return a few lines that say how good the answer is, in the terms of the method."""
        seconds = self.trace.seconds[-1] if self.trace.seconds else 0.0
        lines = [f"{self.method}: {len(self.status)} x {tuple(self.stimulus.shape[1:])}, {self.stimulus.dtype}"]
        for i, status in enumerate(self.status):
            prefix = f"[{i}] " if len(self.status) > 1 else ""
            prefix += f"{self.labels[i]}: " if self.labels else ""
            lines.append(f"  {prefix}{status.sentence}")
            for name, values in self.figures.items():
                lines.append(f"    {name.replace('_', ' '):<28}{float(values[i]):>12.4g}  {self.meaning.get(name, '')}")
        lines.append(f"  {self.iterations} iterations, {seconds:.2f} s")
        return "\n".join(line.rstrip() for line in lines)

    def __repr__(self) -> str:
        return self.summary()

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain Python objects, for JSON."""
        return {
            "method": self.method,
            "shape": list(self.stimulus.shape),
            "dtype": str(self.stimulus.dtype).removeprefix("torch."),
            "status": [str(s) for s in self.status],
            "explanation": [s.sentence for s in self.status],
            "converged": self.converged,
            "figures": {name: values.tolist() for name, values in self.figures.items()},
            "iterations": self.iterations,
            "seconds": self.trace.seconds[-1] if self.trace.seconds else 0.0,
            **({"labels": list(self.labels)} if self.labels else {}),
            "config": dict(self.config),
        }


def uninterrupted(result: SynthesisResult) -> SynthesisResult:
    """Return the result of a synthesis within another one, and pass on that it was interrupted: half is not enough."""
    if Status.INTERRUPTED in result.status:
        raise KeyboardInterrupt
    return result
