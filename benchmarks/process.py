"""Image operations, forward and backward, against plenoptic (the steerable pyramid has a script of its own)."""

import plenoptic
import torch

import metameric as mm
from _harness import Table, compare, main, placed

OPERATIONS = {
    "blur_downsample": lambda process, x: process.blur_downsample(x, 3),
    "upsample_blur": lambda process, x: process.upsample_blur(x, (0, 0)),
    "local_gain_control": lambda process, x: process.local_gain_control(x)[1],
    "LaplacianPyramid": lambda process, x: sum(b.square().sum() for b in process.LaplacianPyramid()(x)),
    "normalized_laplacian_pyramid": lambda process, x: sum(b.sum() for b in process.normalized_laplacian_pyramid(x)),
    "ssim_map": lambda process, x: process.ssim_map(x, x.detach().flip(-1)),
    "autocorrelation": lambda process, x: process.autocorrelation(x),
    "expand": lambda process, x: process.expand(x, 2),
    "shrink": lambda process, x: process.shrink(x, 2),
    "kurtosis": lambda process, x: process.kurtosis(x),
}


def step(operation, process, x):
    def run():
        x.grad = None
        operation(process, x).sum().backward()

    return run


def rows(quick: bool) -> Table:
    table = Table("Image operations, forward and backward, float32", columns=("operation", "size"))
    for size in (256,) if quick else (256, 1024):
        x = placed(torch.rand(1, 1, size, size, generator=torch.Generator().manual_seed(0))).requires_grad_()
        for name, operation in OPERATIONS.items():
            ours, peer = (step(operation, m.process, x) for m in (mm, plenoptic))
            table.add((name, size), compare(ours, peer, repeats=3 if quick else 9, warm_up=1))
    return table


if __name__ == "__main__":
    main(rows)
