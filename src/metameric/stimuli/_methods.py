"""The methods that a stimulus set knows, with the options of each."""

import difflib
import itertools
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from metameric._synthesis._start import STARTS
from metameric.stimuli._metrics import check_metric
from metameric.stimuli._words import local_name, solver_options

Grid = dict[str, Annotated[list[Any], Field(min_length=1)]]


def nearest(name: str, known: Sequence[str]) -> str:
    """Return which name may have been meant, or which there are."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]}?" if near else f"There are {', '.join(dict.fromkeys(known))}."


class _Method(BaseModel):
    """Base: a label, and a grid of options of which every combination is a method of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    uses_seed: ClassVar[bool] = True
    measured: ClassVar[tuple[str, ...]]
    """What is measured of every stimulus, and of each of its pictures."""
    told: ClassVar[tuple[str, ...]]
    """What the synthesis says of itself."""

    label: str | None = None
    grid: Grid = Field(default_factory=dict, description="options, with several values of each")
    max_iter: int = Field(default=1000, ge=0)

    @field_validator("grid")
    @classmethod
    def _options(cls, given: dict[str, list[Any]]) -> dict[str, list[Any]]:
        known = [name for name in cls.model_fields if name not in ("method", "label", "grid")]
        for name in given:
            if name not in known:
                raise ValueError(f"there is no option {name!r}. {nearest(name, known)}")
        return given

    @model_validator(mode="after")
    def _values(self) -> "_Method":
        try:
            for _ in self.variants() if self.grid else ():
                pass
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ValueError(f"grid.{where} has the value {first['input']!r}: {first['msg']}") from error
        return self

    def variants(self) -> Iterator["_Method"]:
        """Yield one method for every combination of the grid's values."""
        given = self.model_dump(exclude={"grid", "label"}, exclude_unset=True)
        for values in itertools.product(*self.grid.values()):
            chosen = dict(zip(self.grid, values, strict=True))
            tail = [f"{key}={local_name(value)}" for key, value in chosen.items()]
            label = "-".join([self.label or str(given["method"]), *tail])
            yield type(self)(**{**given, **chosen, "label": label})

    def settings(self) -> dict[str, Any]:
        """Return all that changes the result."""
        return self.model_dump(mode="json", exclude={"label", "grid"})

    def figures(self, kinds: Sequence[str]) -> list[str]:
        """Return the names of all figures that stimuli have which are written as these kinds of pictures."""
        return [*self.measured, *(f"{name}_{kind}" for name in self.measured for kind in kinds), *self.told]


class MetamerMethod(_Method):
    """Metamers, see `metameric.Metamer` and `metameric.MetamerCTF`."""

    measured: ClassVar[tuple[str, ...]] = ("relative_error",)
    told: ClassVar[tuple[str, ...]] = ("unrelated_error", "pixel_distance", "penalty", "evaluations")

    method: Literal["metamer"]
    tolerance: float | None = Field(default=None, ge=0)
    initial: str = "auto"
    solver: str = "lbfgs"
    penalty_lambda: float = Field(default=0.1, ge=0)
    coarse_to_fine: Literal["together", "separate"] | None = None

    @field_validator("initial")
    @classmethod
    def _start(cls, given: str) -> str:
        if given not in ("auto", *STARTS):
            raise ValueError(f"expected auto or one of {', '.join(STARTS)}")
        return given

    @field_validator("solver")
    @classmethod
    def _solver(cls, given: str) -> str:
        solver_options(given, "solver")
        return given


class EigendistortionMethod(_Method):
    """Eigendistortions, see `metameric.Eigendistortion`: the image plus `scale` times each, `k` at each end."""

    uses_seed: ClassVar[bool] = False
    measured: ClassVar[tuple[str, ...]] = ("response_change",)
    told: ClassVar[tuple[str, ...]] = ("eigenvalue", "residual", "threshold", "rank")

    method: Literal["eigendistortions"]
    k: int = Field(default=1, ge=1)
    search: Literal["auto", "exact", "power"] = "auto"
    scale: float = Field(default=5.0, gt=0, description="length of the distortion that is added to the image")


class MADMethod(_Method):
    """MAD competition, see `metameric.MADCompetition`; "model" is the distance of the trial's model."""

    measured: ClassVar[tuple[str, ...]] = ("optimized_metric", "reference_metric")
    told: ClassVar[tuple[str, ...]] = (
        *("stray_percent", "optimized_initial", "reference_initial"),
        *("penalty", "evaluations"),
    )

    method: Literal["mad"]
    optimized: str = "model"
    reference: str = "mse"
    minmax: list[Literal["min", "max"]] = Field(default=["min", "max"], min_length=1)
    noise: float = Field(default=0.1, gt=0)
    solver: str = "lbfgs"

    @field_validator("solver")
    @classmethod
    def _solver(cls, given: str) -> str:
        solver_options(given, "solver")
        return given

    @field_validator("optimized", "reference")
    @classmethod
    def _metric(cls, given: str) -> str:
        if given != "model":
            check_metric(given)
        return given

    @field_validator("minmax", mode="before")
    @classmethod
    def _one(cls, given: Any) -> Any:
        return [given] if isinstance(given, str) else given

    def settings(self) -> dict[str, Any]:
        """Return all that changes the result: metrics without their folders."""
        given = super().settings()
        return {**given, **{role: local_name(given[role]) for role in ("optimized", "reference")}}

    def variants(self) -> Iterator["_Method"]:
        """Yield one method for every combination of the grid's values and every direction."""
        for variant in super().variants():
            for direction in cast(MADMethod, variant).minmax:
                yield variant.model_copy(update={"minmax": [direction], "label": f"{variant.label}-{direction}"})
