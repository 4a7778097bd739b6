"""Saving and loading, for every synthesis class. The files themselves are the business of `metameric.io`."""

import os
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from metameric._core.errors import StateError


@dataclass(frozen=True)
class Loaded:
    """Where an object's content came from, at which iteration, and what of its solver the file could only name."""

    path: str
    iteration: int = 0
    missing: tuple[str, ...] = ()


class Archived:
    """Base of whatever can be saved. Subclasses list the attributes that hold their state."""

    _stored: ClassVar[tuple[str, ...]] = ()
    """Attributes that files hold: tensors, numbers, text, and lists or dictionaries of them."""

    _loaded: Loaded | None = None

    def _settings(self) -> dict[str, Any]:
        """Return what the user chose on construction: files are compared with it."""
        raise NotImplementedError

    def _is_new(self) -> bool:
        """Return whether nothing has been done with the object since its construction."""
        raise NotImplementedError

    def _behaviour(self) -> dict[str, Tensor]:
        """Return the behaviour of callables among the settings for which `io._fingerprint` knows no role."""
        return {}

    def save(self, file_path: str | os.PathLike[str]) -> None:
        """Write everything to a file, from which `load` continues exactly; replaces a file at once or not at all.

        The file (safetensors with a JSON header) holds tensors, numbers and names. Models, losses and penalties are
        not in it, only their behaviour on test stimuli, by which `load` recognises them.

        Parameters
        ----------
        file_path
            File to write; any ending.

        Raises
        ------
        ValueError
            If the file cannot be written.
        """
        from metameric.io._state import save_synthesis

        save_synthesis(self, file_path)

    def load(
        self,
        file_path: str | os.PathLike[str],
        map_location: str | torch.device | None = None,
        raise_on_checks: bool = True,
        tensor_equality_atol: float = 1e-8,
        tensor_equality_rtol: float = 1e-5,
        **pickle_load_args: Any,
    ) -> None:
        """Take over what `save` wrote, into an object made anew from the same stimulus, model and options.

        Also reads what plenoptic 1.2 to 2.1 saved. On the machine that saved it, `synthesize` then continues bit for
        bit. Loading never runs code from a file, and on any error the object stays as it was.

        Parameters
        ----------
        file_path
            File to read.
        map_location
            Device to load to; must be the object's own, which is the default.
        raise_on_checks
            Raise where file and object differ in stimulus, options, or behaviour of a callable. If False, warn: tensors
            and options are then taken from the file, callables are yours.
        tensor_equality_atol, tensor_equality_rtol
            Tolerances of these comparisons, as in `torch.allclose`; loosen them across machines.
        **pickle_load_args
            Passed to `torch.load` for plenoptic's files, always with ``weights_only=True``.

        Raises
        ------
        ValueError
            If the file is missing, damaged, of another kind or class, newer than this metameric, or differs from the
            object; or if the object is not new.

        Warns
        -----
        LoadWarning
            For every difference, with ``raise_on_checks=False``.
        """
        from metameric.io._state import load_synthesis

        if not self._is_new():
            raise StateError(
                f"this {type(self).__name__} has been set up or run before; make a new one from the same stimulus, "
                "model and options, and load into that."
            )
        load_synthesis(
            self,
            file_path,
            map_location=map_location,
            raise_on_checks=raise_on_checks,
            atol=tensor_equality_atol,
            rtol=tensor_equality_rtol,
            pickle_load_args=pickle_load_args,
        )
