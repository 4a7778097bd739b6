"""Blocks of memory are used again, and never by two at once."""

import torch

from metameric._core import blocks
from metameric._core.blocks import Blocks


def test_a_block_given_back_is_taken_again():
    pool, like = Blocks(), torch.zeros(1)
    first, second = pool.take(100, like), pool.take(100, like)
    assert first.data_ptr() != second.data_ptr()
    assert first.numel() == 100
    pool.give(first)
    assert pool.take(50, like) is first
    pool.give(first)
    assert pool.take(101, like).numel() == 101


def test_dtypes_do_not_mix():
    pool = Blocks()
    pool.give(pool.take(8, torch.zeros(1)))
    assert pool.take(8, torch.zeros(1, dtype=torch.float64)).dtype == torch.float64


def test_large_blocks_are_not_kept(monkeypatch):
    monkeypatch.setattr(blocks, "KEPT_BYTES", 64)
    pool, like = Blocks(), torch.zeros(1)
    large = pool.take(17, like)
    pool.give(large)
    assert pool.take(17, like) is not large


def test_blocks_made_under_inference_mode_serve_outside_it():
    pool, like = Blocks(), torch.zeros(1)
    with torch.inference_mode():
        pool.give(pool.take(4, like))
    assert not pool.take(4, like).is_inference()
