"""All the stimuli of a competition at once: each metric driven up and down while each other one is held."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any, NamedTuple

import torch
from torch import Tensor

from metameric._core.batched import name_of
from metameric._core.errors import InputError, StateError
from metameric._core.fixed import Fixed
from metameric._core.types import Number
from metameric._objective._contest import Contest
from metameric._solve._loop import Run
from metameric._solve._trace import Trace
from metameric._synthesis._competition import Competition
from metameric._synthesis._mad import MADCompetition
from metameric.regularize._range import penalize_range


class Case(NamedTuple):
    """One kind of stimulus: which metric is driven, which one is held, and ``"min"`` or ``"max"``."""

    optimized: str
    reference: str
    minmax: str


class MADSet(Competition):
    """All stimuli of a MAD competition, as one batch: four per image for two metrics (Wang & Simoncelli 2008).

    With more metrics, every ordered pair gives a smallest and a largest one. All start from the same noise.

    Parameters
    ----------
    image
        Reference images, (batch, ...).
    metrics
        At least two distances, by name; a sequence goes by their own names. A model is one through
        `metameric.metric.model_metric_factory`.
    penalty_function, penalty_lambda
        Callable of a stimulus giving one number, and its weight.

    Examples
    --------
    >>> import metameric as mm
    >>> image = mm.data.image("camera", size=32)
    >>> dissimilarity = mm.metric.as_distance(mm.metric.ssim)
    >>> mad = mm.MADSet(image, {"ssim": dissimilarity, "mse": mm.metric.mse})
    >>> mad.setup(0.05, seed=0)
    >>> result = mad.synthesize(20, progress=False)
    >>> mad["ssim", "mse", "max"].shape
    torch.Size([1, 1, 32, 32])
    """

    _bar = ("stray",)  # A mean over metrics that are driven up and down says nothing.

    def __init__(
        self,
        image: Tensor,
        metrics: Mapping[str, Callable[..., Tensor]] | Sequence[Callable[..., Tensor]],
        penalty_function: Callable[..., Tensor] = penalize_range,
        penalty_lambda: Number = 0.1,
    ) -> None:
        named = list(metrics.items()) if isinstance(metrics, Mapping) else [(name_of(m), m) for m in metrics]
        self._names = [name for name, _ in named]
        if len(named) < 2 or len(set(self._names)) < len(named):
            raise InputError(
                f"metrics are {self._names}; expected at least two, with distinct names (give a dictionary of name: "
                "metric)."
            )
        super().__init__(image, [metric for _, metric in named], None, penalty_function, penalty_lambda)

    @property
    def cases(self) -> list[Case]:
        """The kinds of stimuli, in the order of the batch: all images of the first case, of the second, ..."""
        return [Case(a, b, minmax) for a, b in permutations(self._names, 2) for minmax in ("min", "max")]

    def _labels(self) -> list[str]:
        images = range(self._image.shape[0])
        which = [""] if len(images) == 1 else [f", image {i}" for i in images]
        return [f"{case.optimized} {case.minmax}, {case.reference} held{at}" for case in self.cases for at in which]

    def _contest(self, image: Tensor, level: Tensor) -> Contest:
        cases = self.cases
        each_image = image.shape[0] // len(cases)

        def column(values: list[int]) -> Tensor:
            return torch.tensor(values, device=image.device).repeat_interleave(each_image)

        optimized = column([self._names.index(case.optimized) for case in cases])
        reference = column([self._names.index(case.reference) for case in cases])
        sign = column([1 if case.minmax == "min" else -1 for case in cases]).to(image.dtype)
        return Contest(self._metrics, Fixed(image), optimized, reference, sign, level)

    def _per_problem(self, per_image: Tensor) -> Tensor:
        return per_image.repeat(len(self.cases), *(1,) * (per_image.ndim - 1))

    def _begin_at(self, start: Tensor, reference_value: Number | Tensor | None) -> None:
        if reference_value is not None:
            raise InputError(
                "reference_value is for a single MADCompetition: here each metric is held in turn, from one start for "
                "all. Give initial_noise or initial_image."
            )
        super()._begin_at(start, None)

    def _settings(self) -> dict[str, Any]:
        return {
            "image": self._image,
            "names": self._names,
            "metrics": list(self._metrics),
            "penalty_function": self._penalty_function,
            "penalty_lambda": self._penalty_lambda,
        }

    # Reading --------------------------------------------------------------------------------------------------------

    @property
    def metrics(self) -> dict[str, Callable[..., Tensor]]:
        """The metrics by name."""
        return dict(zip(self._names, self._metrics, strict=True))

    @property
    def stimulus(self) -> Tensor:
        """All stimuli, (cases * images, ...), in the order of `cases`; empty before `setup`."""
        return self._stimulus

    @property
    def initial_image(self) -> Tensor:
        """Where all cases started, (images, ...), within the range; empty before `setup`."""
        return super().initial_image[: self._image.shape[0]]

    def __getitem__(self, case: tuple[str, str, str]) -> Tensor:
        """Return the stimuli of a case, (images, ...): ``mad["ssim", "mse", "max"]``, the second metric held."""
        return self._stimulus[self._rows_of(case)]

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def _rows_of(self, case: tuple[str, str, str]) -> Tensor:
        if case not in self.cases:
            raise InputError(
                f"there is no case {case}; expected (optimized, reference, 'min' or 'max') of {self._names}."
            )
        n = self._image.shape[0]
        first = self.cases.index(Case(*case)) * n
        return torch.arange(first, first + n, device=self._image.device)

    def competition(self, optimized: str, reference: str, minmax: str) -> MADCompetition:
        """Return one case as a `MADCompetition`, with all its attributes, for plots and files.

        Parameters
        ----------
        optimized, reference, minmax
            The case.

        Raises
        ------
        ValueError
            If there is no such case, or nothing was synthesised yet.
        """
        rows = self._rows_of((optimized, reference, minmax))
        if self._run is None:
            raise StateError("this MADSet has no stimuli yet; call synthesize() first.")
        chosen = self.metrics[optimized], self.metrics[reference], minmax
        mad = MADCompetition(self._image, *chosen, None, self._penalty_function, self._penalty_lambda)
        shared = ("_seeds", "_solver", "_constraint")
        of_rows = ("_start", "_power", "_optimized_start", "_reference_start")
        vars(mad).update({name: getattr(self, name) for name in shared})
        vars(mad).update({name: getattr(self, name)[rows] for name in of_rows})
        mad._run = _part(self._run, rows)
        mad._run.memory = mad._solver.start(mad._run.point)
        return mad

    def table(self) -> list[dict[str, Any]]:
        """Return one row per stimulus: case, image, both metrics before and after, stray in percent, status."""
        result = self.result
        n = self._image.shape[0]
        wanted = ("optimized_initial", "optimized_final", "reference_initial", "reference_final", "stray_percent")
        columns = {name: result.figures[name].tolist() for name in wanted}
        return [
            {
                **case._asdict(),
                "image": i,
                **{name: values[k * n + i] for name, values in columns.items()},
                "status": str(result.status[k * n + i]),
            }
            for k, case in enumerate(self.cases)
            for i in range(n)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain Python objects, for JSON."""
        return {**self.result.to_dict(), "metrics": self._names, "stimuli": self.table()}


def _part(run: Run, rows: Tensor) -> Run:
    """Return the record of some of the problems."""
    columns = {name: [value[rows] for value in values] for name, values in run.trace.columns.items()}
    return Run(
        run.point.take(rows),
        Trace(columns, list(run.trace.seconds)),
        run.codes[rows],
        run.iteration,
        torch.arange(rows.numel(), device=rows.device),
        {},
        {name: value[rows] for name, value in run.control.items()},
        run.counts[rows],
    )
