"""From a specification to the trials that it asks for, in groups that are synthesised together."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metameric._core.errors import InputError
from metameric._version import __version__
from metameric.stimuli._anchor import anchored
from metameric.stimuli._behaviour import Registry, behaviour
from metameric.stimuli._images import ImageSource, find_images
from metameric.stimuli._methods import EigendistortionMethod, MADMethod, MetamerMethod
from metameric.stimuli._metrics import chosen_metrics
from metameric.stimuli._models import make_model
from metameric.stimuli._specification import ModelEntry, Specification
from metameric.stimuli._words import DTYPES, checked_device, local_name

AnyMethod = MetamerMethod | EigendistortionMethod | MADMethod


@dataclass(frozen=True)
class Trial:
    """One synthesis of a set. Its key is the hash of everything that determines its outcome.

    Examples
    --------
    >>> import metameric as mm
    >>> spec = mm.stimuli.Specification(
    ...     images=["camera"], models=["Gaussian"], methods=["metamer"], seeds=[0, 1], size=16
    ... )
    >>> trial = mm.stimuli.plan(spec).trials[1]
    >>> trial.factors["image"], trial.factors["seed"], trial.shape
    ('camera', 1, (1, 16, 16))
    """

    key: str
    image: ImageSource
    model: ModelEntry
    method: AnyMethod
    seed: int
    shape: tuple[int, int, int]
    image_hash: str
    model_hash: str

    @property
    def group(self) -> tuple[str, str, tuple[int, ...]]:
        """Trials of one group can be synthesised as one batch."""
        return self.model.model_dump_json(), self.method.model_dump_json(), self.shape

    @property
    def factors(self) -> dict[str, Any]:
        """What tells this trial from the others of its set."""
        return {
            "image": self.image.label,
            "model": self.model.label,
            "method": self.method.label,
            "seed": self.seed,
            "channels": self.shape[0],
            "height": self.shape[1],
            "width": self.shape[2],
        }

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain Python objects, for JSON."""
        method = self.method.model_dump(mode="json")
        hashes = {"image_hash": self.image_hash, "model_hash": self.model_hash}
        parts = {"image": asdict(self.image), "model": self.model.model_dump(mode="json"), "method": method}
        return {"key": self.key, **parts, "seed": self.seed, "shape": list(self.shape), **hashes}

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> "Trial":
        """Return the trial that `to_dict` described."""
        kinds = {"metamer": MetamerMethod, "eigendistortions": EigendistortionMethod, "mad": MADMethod}
        return cls(
            key=given["key"],
            image=ImageSource(**given["image"]),
            model=ModelEntry(**given["model"]),
            method=kinds[given["method"]["method"]](**given["method"]),
            seed=given["seed"],
            shape=tuple(given["shape"]),
            image_hash=given["image_hash"],
            model_hash=given["model_hash"],
        )


@dataclass(frozen=True)
class Plan:
    """The trials of a set, sorted by group.

    Attributes
    ----------
    specification
        What asked for them.
    trials
        Each once, in the order in which they are run.
    registry
        Behaviours of their models.
    notes
        What a reader of the plan should know.

    Examples
    --------
    >>> import metameric as mm
    >>> spec = mm.stimuli.Specification(
    ...     images=["camera"], models=["Gaussian"], methods=["metamer"], seeds=[0, 1], size=16
    ... )
    >>> print(mm.stimuli.plan(spec))
    2 trials in 1 groups
      model     method   shape        trials
      Gaussian  metamer  1 x 16 x 16  2
    """

    specification: Specification
    trials: list[Trial]
    registry: Registry
    notes: list[str]

    def groups(self) -> dict[tuple[str, str, tuple[int, ...]], list[Trial]]:
        """Return the trials that share model, method and shape."""
        found: dict[tuple[str, str, tuple[int, ...]], list[Trial]] = {}
        for trial in self.trials:
            found.setdefault(trial.group, []).append(trial)
        return found

    def __str__(self) -> str:
        lines = [f"{len(self.trials)} trials in {len(self.groups())} groups"]
        lines += [f"  {line}" for line in table([_row(trials) for trials in self.groups().values()])]
        return "\n".join([*lines, *self.notes])


def _row(trials: list[Trial]) -> dict[str, Any]:
    first = trials[0]
    shape = " x ".join(map(str, first.shape))
    return {"model": first.model.label, "method": first.method.label, "shape": shape, "trials": len(trials)}


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return rows as lines of aligned text."""
    cells = [list(rows[0]), *([str(v) for v in row.values()] for row in rows)] if rows else []
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip() for line in cells]


def plan(specification: Specification, folder: str | Path | None = None) -> Plan:
    """Work out what a specification asks for, without synthesising anything.

    Parameters
    ----------
    specification
        See `Specification`.
    folder
        Folder of the set, if it was begun: its models are recognised by what they answered then.

    Raises
    ------
    ValueError
        If an image or a model cannot be used, or two images or models of the set have the same label.

    Examples
    --------
    >>> import metameric as mm
    >>> spec = mm.stimuli.Specification(
    ...     images=["camera"], models=["Gaussian"], methods=["metamer", "mad"], seeds=[0, 1], size=32
    ... )
    >>> len(mm.stimuli.plan(spec).trials)
    6
    """
    specification = anchored(specification, Path.cwd())
    registry = Registry() if folder is None else Registry.read(Path(folder, "models.json"))
    checked_device(specification.device, "device")
    planner = _Planner(specification, registry)
    asked = list(planner.trials())
    trials = {trial.key: trial for trial in reversed(asked)}
    _check_labels(list(trials.values()))
    order = {group: i for i, group in enumerate(dict.fromkeys(trial.group for trial in asked))}
    ordered = sorted(reversed(trials.values()), key=lambda trial: order[trial.group])
    notes = planner.notes(len(specification.seeds))
    if len(ordered) < len(asked):
        notes.append(
            f"{len(asked) - len(ordered)} trials are the same as others (equal images, models or methods) and left out"
        )
    return Plan(specification, ordered, registry, notes)


class _Planner:
    """Makes trials, looking at every image and every model once."""

    def __init__(self, specification: Specification, registry: Registry) -> None:
        self.specification, self.registry = specification, registry
        self.images: dict[ImageSource, tuple[str, tuple[int, int, int]]] = {}
        self.models: dict[tuple[str, str, tuple[int, ...]], str] = {}
        self.seedless = False

    def trials(self) -> Iterator[Trial]:
        spec = self.specification
        sources = [found for entry in spec.images for found in find_images(entry)]
        models = [variant for entry in spec.models for variant in entry.variants()]
        methods = [variant for method in spec.methods for variant in method.variants()]
        for model in models:
            for method in methods:
                seeds = spec.seeds if method.uses_seed else spec.seeds[:1]
                self.seedless |= not method.uses_seed and len(spec.seeds) > 1
                for size in self.sizes():
                    for label, name in sources:
                        source = ImageSource(label, name, size, spec.color, spec.dtype)
                        yield from (self.trial(source, model, method, seed) for seed in seeds)
        for entry in spec.trials:
            size = entry.size if entry.size is not None else self.sizes()[0]
            for label, name in find_images(entry.image):
                source = ImageSource(label, name, size, spec.color, spec.dtype)
                for model in entry.model.variants():
                    yield from (self.trial(source, model, method, entry.seed) for method in entry.method.variants())

    def sizes(self) -> list[int | None]:
        return list(self.specification.size) or [None]

    def trial(self, image: ImageSource, model: ModelEntry, method: Any, seed: int) -> Trial:
        if image not in self.images:
            pixels = image.load()
            _, channels, height, width = pixels.shape
            if self.specification.display is not None:
                self.specification.display._corner((height, width))  # refuses a canvas that is too small
            self.images[image] = image.content(), (channels, height, width)
        image_hash, shape = self.images[image]
        model_hash = self._model_hash(image, model, method, shape)
        spec = self.specification
        determined = {
            "metameric": __version__,
            "image": image_hash,
            "model": [local_name(model.name), model.options, model_hash],
            "method": method.settings(),
            "seed": seed,
            "files": sorted(spec.files),
            "display": None if spec.display is None else spec.display.model_dump(mode="json"),
        }
        key = hashlib.sha256(json.dumps(determined, sort_keys=True).encode()).hexdigest()[:32]
        return Trial(key, image, model, method, seed, shape, image_hash, model_hash)

    def _model_hash(self, image: ImageSource, model: ModelEntry, method: Any, shape: tuple[int, int, int]) -> str:
        metrics = [m for m in (method.optimized, method.reference) if m != "model"] if method.method == "mad" else []
        known = (model.model_dump_json(), json.dumps(metrics), shape)
        if known not in self.models:
            stimulus = image.load().to(dtype=DTYPES[self.specification.dtype], device=self.specification.device)
            made = make_model(model.name, model.options, stimulus)
            found = behaviour(made, stimulus, f"model {model.label}")
            for name, metric in chosen_metrics(metrics, stimulus, distances=True).items():
                found += behaviour(metric, stimulus, f"metric {name}", images=2)
            what = {
                "model": local_name(model.name),
                "options": model.options,
                "metrics": [local_name(metric) for metric in metrics],
                "shape": list(shape),
            }
            self.models[known] = self.registry.hash_of(what, found)
        return self.models[known]

    def notes(self, n_seeds: int) -> list[str]:
        if not self.seedless:
            return []
        return [
            "eigendistortions are one and the same for every seed: each is planned once, with the first of the "
            f"{n_seeds} seeds"
        ]


def _check_labels(trials: list[Trial]) -> None:
    """Labels name files and rows: two things of one label could not be told apart."""
    seen = Counter(tuple(trial.factors.values()) for trial in trials)
    double = next((factors for factors, count in seen.items() if count > 1), None)
    if double is not None:
        raise InputError(
            f"two different trials are called {', '.join(map(str, double))} (image, model, method, seed, channels, "
            "height, width); give images, models or methods that share a name labels of their own."
        )
