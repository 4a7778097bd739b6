"""From tensors of images or videos to the single pictures that are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from metameric._core.counts import whole
from metameric._core.errors import InputError, InputTypeError
from metameric._core.panels import ValueRange
from metameric._core.tensors import to_numpy
from metameric.plot._ranges import Range, is_signed, resolve

_COMPLEX = ("rectangular", "polar", "logpolar")


@dataclass(frozen=True)
class Picture:
    """One picture over time: `frames` is (time, height, width) or (time, height, width, color)."""

    frames: np.ndarray
    part: str = ""
    """What part of a complex image this is."""
    source: int = 0
    """Which of the images given by the user it comes from."""

    @property
    def is_rgb(self) -> bool:
        return self.frames.ndim == 4

    @property
    def is_phase(self) -> bool:
        return self.part == "phase"

    @property
    def shape(self) -> tuple[int, int]:
        return self.frames.shape[1:3]


def pictures(
    images: Tensor | Sequence[Tensor],
    n_dims: int,
    batch_idx: int | None,
    channel_idx: int | None,
    as_rgb: bool,
    plot_complex: str,
) -> list[Picture]:
    """Take apart tensors of 4 dimensions (images) or 5 (videos) along batch, channel and complex parts."""
    if plot_complex not in _COMPLEX:
        raise InputError(f"plot_complex is {plot_complex!r}; expected one of {', '.join(_COMPLEX)}.")
    tensors = [images] if isinstance(images, (Tensor, np.ndarray)) else list(images)
    found: list[Picture] = []
    source = 0
    for tensor in tensors:
        selected = _select(torch.as_tensor(tensor), n_dims, batch_idx, channel_idx, as_rgb)
        for single in selected:
            found.extend(_parts(to_numpy(single), source, as_rgb, plot_complex))
            source += 1
    if not found:
        raise InputError("There is no image to show: the list or the batch is empty.")
    return found


def _select(tensor: Tensor, n_dims: int, batch_idx: int | None, channel_idx: int | None, as_rgb: bool) -> list[Tensor]:
    """Single channels, (time, height, width), or colour images, (time, height, width, color)."""
    wanted = "(batch, channel, height, width)" if n_dims == 4 else "(batch, channel, time, height, width)"
    if tensor.ndim != n_dims:
        raise InputError(f"Found a tensor of shape {tuple(tensor.shape)}; expected {n_dims} dimensions, {wanted}.")
    if 0 in tensor.shape[2:]:
        raise InputError(f"Found a tensor of shape {tuple(tensor.shape)}: its images have no pixels.")
    if as_rgb and tensor.is_complex():
        raise InputError("Complex images have no colours; leave out as_rgb, or show their parts.")
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:  # which NumPy does not know
        tensor = tensor.float()
    for name, index, dim in (("batch_idx", batch_idx, 0), ("channel_idx", channel_idx, 1)):
        if index is not None:
            tensor = tensor.narrow(dim, check_index(name, index, tensor.shape[dim]), 1)
    n_batch, n_channels = tensor.shape[:2]
    if as_rgb and n_channels not in (3, 4):
        raise InputError(f"as_rgb=True needs 3 or 4 channels; found {n_channels} (after channel_idx={channel_idx}).")
    if not as_rgb and n_batch > 1 and n_channels > 1:
        raise InputError(
            f"Found {n_batch} batch entries of {n_channels} channels: too many to tell apart. "
            "Choose with batch_idx or channel_idx, or show them in colour with as_rgb=True."
        )
    if n_dims == 4:
        tensor = tensor.unsqueeze(2)
    return list(tensor.permute(0, 2, 3, 4, 1)) if as_rgb else list(tensor.flatten(0, 1))


def check_index(name: str, index: object, size: int) -> int:
    """Return an index as a non-negative int; anything else is an error."""
    number = None if isinstance(index, bool) else whole(index)
    if number is None:
        raise InputTypeError(f"{name} must be an int or None; found {index!r}.")
    if not -size <= number < size:
        raise IndexError(f"{name}={number} is out of bounds; there are {size} (0 to {size - 1}).")
    return number % size


def _parts(single: np.ndarray, source: int, as_rgb: bool, plot_complex: str) -> list[Picture]:
    if as_rgb:
        return [Picture(single, source=source)]
    if not np.iscomplexobj(single):
        return [Picture(single.astype(np.uint8) if single.dtype == bool else single, source=source)]
    if plot_complex == "rectangular":
        parts = {"real": single.real, "imaginary": single.imag}
    elif plot_complex == "polar":
        parts = {"amplitude": np.abs(single), "phase": np.angle(single)}
    else:
        parts = {"log(1 + amplitude)": np.log1p(np.abs(single)), "phase": np.angle(single)}
    return [Picture(np.ascontiguousarray(values), part, source) for part, values in parts.items()]


def ranges(found: Sequence[Picture], vrange: ValueRange) -> list[Range]:
    """Ranges of values: fixed for colour and for phase (a full turn), by the rule for the rest."""
    plain = [p for p in found if not p.is_rgb and not (p.is_phase and isinstance(vrange, str))]
    by_rule = iter(resolve([p.frames for p in plain], vrange) if plain else [])
    kept = {id(p): r for p, r in zip(plain, by_rule, strict=True)}
    return [kept.get(id(p)) or _fixed_range(p) for p in found]


def _fixed_range(picture: Picture) -> Range:
    if picture.is_phase:
        return -np.pi, np.pi
    return (0.0, 1.0) if picture.frames.dtype.kind == "f" else (0.0, 255.0)


def color_map(picture: Picture, vrange: ValueRange) -> object:
    """Name or object of the colour map: gray, signed, or cyclic for phase."""
    from metameric.plot._colors import gray_map, signed_map

    if picture.is_phase:
        return "twilight"
    return signed_map() if is_signed(vrange) else gray_map()


def titles(found: Sequence[Picture], title: str | Sequence[str] | None) -> list[str | None]:
    """First line of the title of each picture."""
    n_sources = found[-1].source + 1
    if title is None or isinstance(title, str):
        given: list[str | None] = [title] * n_sources
    else:
        given = list(title)
        if len(given) == len(found):
            return given
        if len(given) != n_sources:
            raise InputError(f"{len(given)} titles for {n_sources} images; give one title, or one for each image.")
    return [None if given[p.source] is None else f"{given[p.source]} {p.part}".strip() for p in found]
