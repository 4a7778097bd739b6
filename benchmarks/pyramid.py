"""Steerable pyramid against plenoptic and pyrtools: forward, forward + backward, reconstruction."""

import plenoptic as po
import pyrtools as pt
import torch

import metameric as mm
from _harness import Table, compare, main, placed


def rows(quick: bool) -> Table:
    table = Table("Steerable pyramid, order 3", columns=("size", "batch", "dtype", "bands", "what", "peer"))
    # Size, batch, repeats: a thousandfold range of run times within a few minutes.
    cases = [(256, 1, 5), (1024, 1, 1)] if quick else [(256, 1, 25), (256, 8, 5), (1024, 1, 5), (1024, 8, 1)]
    for size, batch, repeats in cases:
        for dtype in (torch.float32, torch.float64):
            for is_complex in (False, True):
                add(table, size, batch, dtype, is_complex, repeats)
    return table


def add(table: Table, size: int, batch: int, dtype: torch.dtype, is_complex: bool, repeats: int) -> None:
    image = placed(torch.rand(batch, 1, size, size, dtype=dtype, generator=torch.Generator().manual_seed(0)))
    ours = placed(mm.process.SteerablePyramidFreq((size, size), is_complex=is_complex))
    peer = placed(po.process.SteerablePyramidFreq((size, size), is_complex=is_complex).to(dtype))
    coefficients = ours(image)
    gradients = tuple(torch.ones_like(value) for value in coefficients.values())
    label = (str(size), str(batch), str(dtype)[6:], "complex" if is_complex else "real")

    def both(pyramid: torch.nn.Module) -> None:
        leaf = image.clone().requires_grad_()
        torch.autograd.backward(tuple(pyramid(leaf).values()), gradients)

    with torch.no_grad():
        table.add((*label, "forward", "plenoptic"), compare(lambda: ours(image), lambda: peer(image), repeats, 1))
        if batch == 1:
            table.add(
                (*label, "reconstruction", "plenoptic"),
                compare(lambda: ours.recon_pyr(coefficients), lambda: peer.recon_pyr(coefficients), repeats, 1),
            )
        if batch == 1 and size == 256 and dtype == torch.float64:
            array = image[0, 0].cpu().numpy()
            table.add(
                (*label, "forward", "pyrtools"),
                compare(
                    lambda: ours(image),
                    lambda: pt.pyramids.SteerablePyramidFreq(array, is_complex=is_complex),
                    repeats,
                    1,
                ),
            )
    table.add((*label, "forward + backward", "plenoptic"), compare(lambda: both(ours), lambda: both(peer), repeats, 1))


if __name__ == "__main__":
    main(rows)
