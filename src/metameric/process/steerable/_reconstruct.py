"""Reconstruction of images from all or some coefficients."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from metameric._core.errors import InputError
from metameric.process.steerable._arguments import Coefficients, check_names
from metameric.process.steerable._bank import FilterBank
from metameric.process.steerable._design import Design


def reconstruct(bank: FilterBank, design: Design, coefficients: Coefficients, levels: Any, bands: Any) -> Tensor:
    """Add up the chosen levels and bands, each filtered with its own filter once more."""
    names = design.names()
    chosen = names if isinstance(levels, str) and levels == "all" else check_names(levels, names, "levels")
    missing = [name for name in chosen if name not in coefficients]
    if missing:
        raise InputError(
            f"Levels {missing} are not among the coefficients, {list(coefficients)}: compute them (call the pyramid "
            "with scales=None) or leave them out of levels."
        )
    orientations = list(range(design.order + 1))
    kept = orientations if isinstance(bands, str) and bands == "all" else check_names(bands, orientations, "bands")
    if not chosen:
        name, some = next(iter(coefficients.items()))
        lead = some.shape[: -3 if isinstance(name, int) else -2]
        return some.real.new_zeros(*lead, *design.shape)
    used = [name for name in names if name in chosen]
    outputs = []
    for name in used:
        value = coefficients[name]
        outputs.append(_masked(value, kept) if isinstance(name, int) else value.unsqueeze(-3))
    return bank.synthesise(outputs, used, [design.inverse_weight(name) for name in used])


def _masked(bands: Tensor, kept: Sequence[int]) -> Tensor:
    """Bands with all orientations but those kept set to zero."""
    if len(set(kept)) == bands.shape[-3]:
        return bands
    chosen = bands.real.new_zeros(bands.shape[-3], 1, 1)
    chosen[list(kept)] = 1
    return bands * chosen
