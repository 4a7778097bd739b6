"""Filtering of one axis as a product with a banded matrix that is cut into blocks.

Each block of a few rows meets a short stretch of the samples; all blocks are multiplied in one call. Padding is part of
the matrix, so that the adjoint is the product with the transposed matrix.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.linear import constants
from metameric._core.tensors import Indices

# Few rows waste little on the corners of the band, many keep the processor busy. Of 8, 16 and 32 this is the fastest or
# within 5 % of it for kernels of 5 to 101 samples on 64 to 1024, on one CPU core.
BLOCK = 16


class Profile(NamedTuple):
    """Weights of neighbouring samples, and how many of them come before the middle."""

    taps: tuple[float, ...]
    before: int

    @property
    def reach(self) -> int:
        """Farthest neighbour, to either side."""
        return max(self.before, len(self.taps) - 1 - self.before)

    @classmethod
    def trimmed(cls, taps: Sequence[float], eps: float) -> "Profile":
        """Cut off at both ends what makes less, in all, than a small part of a rounding error."""
        middle, size = (len(taps) - 1) // 2, np.abs(taps)
        negligible = eps / 64 * size.sum()
        first = min(int(np.searchsorted(size.cumsum(), negligible)), middle)
        last = max(len(taps) - int(np.searchsorted(size[::-1].cumsum(), negligible)), middle + 1)
        return cls(tuple(taps[first:last]), middle - first)


class Strip(NamedTuple):
    """The blocks of a banded matrix; the first one meets the samples from `start` on, each other `step` further.

    The last block may have more rows than the matrix, which has `n_out`.
    """

    blocks: Float[Tensor, "block rows columns"]
    start: int
    step: int
    n_out: int

    @property
    def margin(self) -> int:
        """How many numbers before the first and after the last row the blocks may meet; one may lie all beyond it."""
        return self.blocks.shape[-1] + self.step

    def windows(self, x: Tensor, offset: int, width: int, m: int) -> Tensor:
        """Return what of an (m, width) array each block meets, (block, columns, m).

        `x` is a line of numbers with those of the array from `offset` on. Blocks at the edges reach into neighbouring
        rows, where their weights are zero: before the first and after the last row must be numbers, too.
        """
        n_blocks, _, columns = self.blocks.shape
        return x.as_strided((n_blocks, columns, m), (self.step, 1, width), offset + self.start)

    def add_product(self, x: Tensor, offset: int, width: int, out: Tensor, weight: float, fresh: bool) -> None:
        """Add ``weight * matrix @ x.mT`` to `out`, (rows, m), or put it there; see `windows`."""
        n_blocks, rows, _ = self.blocks.shape
        windows = self.windows(x, offset, width, out.shape[-1])
        out.view(n_blocks, rows, -1).baddbmm_(self.blocks, windows, beta=0 if fresh else 1, alpha=weight)


def strip(n: int, profile: Profile, pad_mode: str | None, transposed: bool, dtype: torch.dtype) -> Strip:
    """Cut the matrix that filters an axis of `n` samples, or its transpose, into blocks of rows.

    Without padding (None) there are results only where the kernel lies wholly inside.
    """
    rows, columns, taps = _entries(n, profile, pad_mode)
    n_in, n_out = n, n if pad_mode else n - len(profile.taps) + 1
    if transposed:
        rows, columns, n_in, n_out = columns, rows, n_out, n_in
    n_rows = whole_blocks(n_out) if block_width(n_in, profile) == n_in else BLOCK
    return cut(rows, columns, taps, n_out, n_rows, n_rows, dtype)


def cut(
    rows: Indices, columns: Indices, values: np.ndarray, n_out: int, n_rows: int, step: int, dtype: torch.dtype
) -> Strip:
    """Cut a matrix, given by its entries, into blocks of `n_rows`, each of them `step` columns further on."""
    block = rows // n_rows
    place = columns - block * step
    start = int(place.min())
    blocks = np.zeros((whole_blocks(n_out) // n_rows, n_rows, int(place.max()) - start + 1))
    np.add.at(blocks, (block, rows % n_rows, place - start), values)
    with constants():
        return Strip(torch.from_numpy(blocks).to(dtype), start, step, n_out)


def banded_products(down: Strip, along: Strip, *xs: Float[Tensor, "*lead height width"]) -> list[Tensor]:
    """Filter the rows of images of one size with one banded matrix, their columns with another; outside any graph."""
    (height, width), columns = xs[0].shape[-2:], whole_blocks(along.n_out)
    given, half, margin = height * width, columns * height, max(along.margin, down.margin)
    room = xs[0].new_empty(given + half + 3 * margin)
    for start in (0, margin + given, 2 * margin + given + half):
        room.narrow(0, start, margin).zero_()
    source = room.as_strided((height, width), (width, 1), margin)
    turned = room.narrow(0, 2 * margin + given, half).view(*along.blocks.shape[:2], height)
    met = along.windows(room, margin, width, height)
    met_again = down.windows(room, 2 * margin + given, height, along.n_out)
    results = []
    for x in xs:
        planes = x.reshape(-1, height, width)
        out = x.new_empty(len(planes), whole_blocks(down.n_out), along.n_out)
        blocks = out.view(len(planes), *down.blocks.shape[:2], along.n_out)
        for plane, result in zip(planes.unbind(), blocks.unbind(), strict=True):
            source.copy_(plane)
            turned.baddbmm_(along.blocks, met, beta=0)
            result.baddbmm_(down.blocks, met_again, beta=0)
        results.append(out[:, : down.n_out].reshape(*x.shape[:-2], down.n_out, along.n_out))
    return results


def is_filtered_by_strips(x: Tensor) -> bool:
    """Tell whether products with banded matrices may pay: on other devices, and for other numbers, they do not."""
    return x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)


def line(like: Tensor, n: int, margin: int) -> Tensor:
    """Room for `n` numbers between two margins of zeros."""
    room = like.new_empty(n + 2 * margin)
    room[:margin].zero_()
    room[-margin:].zero_()
    return room


def block_width(n: int, profile: Profile) -> int:
    """Return how many of `n` samples each block meets: a band nearly as wide as the matrix is not worth cutting."""
    width = BLOCK + 2 * profile.reach
    return n if n <= 1.5 * width else width


def whole_blocks(n: int) -> int:
    """Round up to a whole number of blocks."""
    return -(-n // BLOCK) * BLOCK


def reflected(position: Indices, n: int) -> Indices:
    """Return which of `n` samples is found at positions beyond the ends, where they are reflected."""
    return np.abs((position + n - 1) % (2 * n - 2) - (n - 1)) if n > 1 else 0 * position


def _entries(n: int, profile: Profile, pad_mode: str | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and values of the matrix that filters an axis of `n` samples; those of equal place add up."""
    pads = (profile.before, len(profile.taps) - 1 - profile.before) if pad_mode else (0, 0)
    position = np.arange(-pads[0], n + pads[1])
    if pad_mode == "reflect":
        samples = reflected(position, n)
    elif pad_mode == "replicate":
        samples = position.clip(0, n - 1)
    else:
        samples = np.where((position >= 0) & (position < n), position, -1)
    columns = np.lib.stride_tricks.sliding_window_view(samples, len(profile.taps))
    rows, taps = (np.broadcast_to(a, columns.shape) for a in (np.arange(len(columns))[:, None], np.array(profile.taps)))
    inside = columns >= 0
    return rows[inside], columns[inside], taps[inside]
