"""Metrics, forward and backward, against plenoptic."""

import plenoptic
import torch

import metameric as mm
from _harness import Table, compare, main, placed


def step(function, x, y):
    def run():
        x.grad = None
        function(x, y).sum().backward()

    return run


def rows(quick: bool) -> Table:
    table = Table("Metrics, forward and backward", columns=("metric", "size", "dtype"))
    rng = torch.Generator().manual_seed(0)
    for size in (256,) if quick else (256, 1024):
        for dtype in (torch.float32, torch.float64):
            x, y = (placed(torch.rand(1, 1, size, size, generator=rng, dtype=dtype)) for _ in range(2))
            x.requires_grad_()
            for name in ("mse", "ssim", "ms_ssim", "nlpd"):
                ours, peer = (step(getattr(m.metric, name), x, y) for m in (mm, plenoptic))
                repeats = 3 if quick else 5 if size > 256 else 11
                table.add((name, size, str(dtype).removeprefix("torch.")), compare(ours, peer, repeats, warm_up=1))
    return table


if __name__ == "__main__":
    main(rows)
