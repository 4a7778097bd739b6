"""Random state. Only `set_seed` touches the global one."""

import random
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import index
from typing import cast

import numpy as np
import torch
from torch import Tensor

from metameric._core.counts import whole
from metameric._core.errors import InputError

# Draws the seed of every synthesis that was not given one, so that nothing else moves the global state.
_seed_source = random.Random(secrets.randbits(64))


def set_seed(seed: int | None = None) -> None:
    """Seed Python's, NumPy's and PyTorch's global random state, and metameric's own source of seeds.

    Parameters
    ----------
    seed
        Any non-negative integer below 2**32; ``None`` does nothing.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.set_seed(0)
    """
    if seed is None:
        return
    number = whole(seed)
    if number is None or not 0 <= number < 2**32:
        raise InputError(f"seed is {seed}; expected an integer from 0 to 2**32 - 1.")
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002 - this function exists to seed the global state
    torch.manual_seed(number)
    _seed_source.seed(number)


def fresh_seed() -> int:
    """Draw a seed from metameric's own source (reproducible after `set_seed`)."""
    return _seed_source.randrange(2**31)


@contextmanager
def same_random_state() -> Iterator[None]:
    """Begin from one random state, wherever numbers are drawn from, and leave all of it as it was.

    A model without trained parameters is then the same in every process that makes it.
    """
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() and torch.cuda.is_initialized() else []
    before = random.getstate(), np.random.get_state(), _seed_source.getstate()  # noqa: NPY002
    with torch.random.fork_rng(devices=devices):
        try:
            set_seed(0)
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002
            _seed_source.setstate(before[2])


STARTS_APART = 7919
"""Between the seeds of several starts of one problem; the first start has the problem's own."""


def problem_seeds(seed: int | Sequence[int] | None, n_problems: int) -> list[int]:
    """One seed per problem: ``seed, seed + 1, ...``, or the given sequence, or freshly drawn ones."""
    if seed is None:
        seed = fresh_seed()
    first = whole(seed)
    if first is not None:
        return [first + i for i in range(n_problems)]
    seeds = [int(s) for s in cast(Sequence[int], seed)]
    if len(seeds) != n_problems:
        raise InputError(
            f"{len(seeds)} seeds for a batch of {n_problems}; give one seed per batch entry, or a single one."
        )
    return seeds


def generator(seed: int) -> torch.Generator:
    """Return a CPU generator: numbers are drawn there and moved, so that every device sees the same ones."""
    return torch.Generator().manual_seed(index(seed))


def uniform(seeds: Sequence[int], like: Tensor) -> Tensor:
    """Draw uniform noise in [0, 1), each batch entry from its own seed, of the shape, dtype and device of `like`."""
    return _draw(torch.rand, seeds, like)


def normal(seeds: Sequence[int], like: Tensor) -> Tensor:
    """Draw standard normal noise, each batch entry from its own seed, of the shape, dtype and device of `like`."""
    return _draw(torch.randn, seeds, like)


def _draw(draw: object, seeds: Sequence[int], like: Tensor) -> Tensor:
    # Drawn in float64 and rounded, so that float32 and float64 runs begin from the same image.
    rows = [draw(like.shape[1:], generator=generator(s), dtype=torch.float64) for s in seeds]  # type: ignore[operator]
    return torch.stack(rows).to(device=like.device, dtype=like.dtype)
