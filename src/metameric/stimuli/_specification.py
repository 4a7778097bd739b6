"""What a stimulus set is: the images, models, methods and seeds of its trials, and what is kept of each."""

import itertools
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from metameric.stimuli._display import Display
from metameric.stimuli._methods import EigendistortionMethod, Grid, MADMethod, MetamerMethod, nearest
from metameric.stimuli._models import check_built_in
from metameric.stimuli._words import LAST_SEED, parse_seeds

Method = Annotated[MetamerMethod | EigendistortionMethod | MADMethod, Field(discriminator="method")]
FileKind = Literal["png8", "png16", "safetensors"]
Seed = Annotated[int, Field(ge=0, le=LAST_SEED)]


class Entry(BaseModel):
    """Base of the parts of a specification: unknown keys are errors, and nothing changes once it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ImageEntry(Entry):
    """An image: a bundled one by name, a file, or a folder, which stands for every image in it."""

    name: str
    label: str | None = None


class ModelEntry(Entry):
    """A model: built in, by name, or your own as ``module:attribute`` or ``file.py:attribute``."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    grid: Grid = Field(default_factory=dict, description="options, with several values of each")
    layers: list[str] = Field(default_factory=list, description="one model per layer: option `layer`")
    label: str | None = None

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if ":" not in name:
            check_built_in(name)
        return name

    def variants(self) -> Iterator["ModelEntry"]:
        """Yield one model for every combination of the grid's values and the layers."""
        grid = {**self.grid, **({"layer": self.layers} if self.layers else {})}
        for options in combinations(grid):
            label = self.label or re.split(r"[.:]", self.name)[-1]
            tail = [f"{key}={_plain(value)}" for key, value in options.items()]
            yield ModelEntry(name=self.name, options={**self.options, **options}, label="-".join([label, *tail]))


def combinations(grid: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Yield every combination of the values of a grid."""
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _plain(value: Any) -> str:
    return re.sub(r"[^\w.+-]+", "x", str(value)).strip("x")


class TrialEntry(Entry):
    """A single trial, written out."""

    image: ImageEntry
    model: ModelEntry
    method: Method
    seed: Seed = 0
    size: int | None = Field(default=None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {k: short(v, SHORT[k]) if k in SHORT else v for k, v in given.items()}


SHORT = {"image": "name", "model": "name", "method": "method"}


def short(value: Any, key: str) -> Any:
    """Return a mapping for a bare name."""
    return {key: value} if isinstance(value, str) else value


class Specification(Entry):
    """Everything that determines a stimulus set.

    Parameters
    ----------
    images, models, methods, seeds
        The grid: every combination is a trial. Bare names, or mappings with options.
    trials
        Trials written out one by one, with or without a grid.
    size
        Side in pixels to which the central square of every image is resized; a list is one more factor.
    files
        What is written of every stimulus.
    display
        The display that the files are made for, see `Display`.
    require
        Figure of a trial -> largest value that counts, in place of the method's own verdict, for instance
        ``{"relative_error_png16": 0.01}``. It must be one of at least one of the methods, and files, of the set.
    retries
        How often a trial that fails is tried again.
    batch_size
        How many trials are synthesised together at most; by default as many as pay for images of their size.

    Examples
    --------
    >>> import metameric as mm
    >>> spec = mm.stimuli.Specification(
    ...     images=["camera", "coffee"], models=["Gaussian"], methods=["metamer"], seeds=[0, 1], size=32
    ... )
    >>> spec.seeds
    [0, 1]
    """

    images: list[ImageEntry] = Field(default_factory=list)
    models: list[ModelEntry] = Field(default_factory=list)
    methods: list[Method] = Field(default_factory=list)
    seeds: list[Seed] = Field(default_factory=lambda: [0], min_length=1)
    size: list[Annotated[int, Field(ge=1)]] = Field(default_factory=list)
    trials: list[TrialEntry] = Field(default_factory=list)
    color: bool = False
    dtype: Literal["float32", "float64"] = "float32"
    device: str = "cpu"
    files: list[FileKind] = Field(default=["png8", "png16", "safetensors"], min_length=1)
    display: Display | None = None
    require: dict[str, float] = Field(default_factory=dict)
    retries: int = Field(default=1, ge=0)
    batch_size: int | None = Field(default=None, ge=1)
    _text: str | None = PrivateAttr(None)

    @property
    def text(self) -> str:
        """The specification as YAML, as it was read from its file if there was one."""
        if self._text is not None:
            return self._text
        return yaml.safe_dump(self.model_dump(mode="json", exclude_unset=True), sort_keys=False, allow_unicode=True)

    @model_validator(mode="before")
    @classmethod
    def _something(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            raise ValueError("expected keys such as images, models, methods and seeds")
        missing = [key for key in ("images", "models", "methods") if not given.get(key)]
        if missing and (len(missing) < 3 or not given.get("trials")):
            raise ValueError(
                f"{' and '.join(missing)} missing; a grid needs images, models and methods, or give trials"
            )
        return given

    @field_validator("images", "models", "methods", mode="before")
    @classmethod
    def _names(cls, given: Any, info: Any) -> Any:
        key = "method" if info.field_name == "methods" else "name"
        given = [given] if isinstance(given, str | dict) else given
        return [short(value, key) for value in given] if isinstance(given, list | tuple) else given

    @field_validator("seeds", "size", mode="before")
    @classmethod
    def _numbers(cls, given: Any, info: Any) -> Any:
        if given is None and info.field_name == "size":
            return []
        if isinstance(given, str) and info.field_name == "seeds":
            return parse_seeds(given, "seeds")
        return [given] if isinstance(given, int) else given

    @field_validator("seeds", "size")
    @classmethod
    def _distinct(cls, given: list[int]) -> list[int]:
        if len(set(given)) < len(given):
            raise ValueError("expected distinct numbers; leave the repeated ones out")
        return given

    @field_validator("require")
    @classmethod
    def _figures(cls, given: dict[str, float], info: Any) -> dict[str, float]:
        if not {"methods", "trials", "files", "display"} <= set(info.data):
            return given  # something else is wrong
        methods = [*info.data["methods"], *(entry.method for entry in info.data["trials"])]
        kinds = [kind for kind in info.data["files"] if kind.startswith("png")]
        shown = (info.data["display"] or Display()).facts(torch.zeros(1, 1, 1, 1))[0]
        known = [name for method in methods for name in method.figures(kinds)] + list(shown)
        for name in given:
            if name not in known:
                raise ValueError(f"these methods and files have no figure {name!r}. {nearest(name, known)}")
        return given


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a specification, from which editors check and complete what is typed.

    Examples
    --------
    >>> import metameric as mm
    >>> "images" in mm.stimuli.json_schema()["properties"]
    True
    """
    schema = Specification.model_json_schema()
    for key, word in (("images", "ImageEntry"), ("models", "ModelEntry")):
        entry = {"anyOf": [{"type": "string"}, {"$ref": f"#/$defs/{word}"}]}
        schema["properties"][key]["items"] = entry
    methods = schema["properties"]["methods"]
    names = ["metamer", "eigendistortions", "mad"]
    methods["items"] = {"anyOf": [{"type": "string", "enum": names}, methods["items"]]}
    trial = schema["$defs"]["TrialEntry"]["properties"]
    for key in SHORT:
        trial[key] = {"anyOf": [{"type": "string"}, trial[key]]}
    schema["$defs"]["Display"]["properties"]["canvas"]["anyOf"].append({"type": "integer"})
    minmax = schema["$defs"]["MADMethod"]["properties"]["minmax"]
    minmax.update({"anyOf": [minmax.pop("items"), {"type": "array", "minItems": minmax.pop("minItems")}]})
    minmax.pop("type")
    for key, kinds in (("seeds", ("integer", "string")), ("size", ("integer", "null"))):
        whole = schema["properties"][key]
        schema["properties"][key] = {"anyOf": [*({"type": kind} for kind in kinds), whole]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
