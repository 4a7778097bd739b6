"""Steerable pyramid against plenoptic and pyrtools: forward, forward + backward, reconstruction."""

import plenoptic as po
import pyrtools as pt
import torch

import metameric as mm
from _harness import Table, compare, main


def rows(quick: bool) -> Table:
    table = Table("Steerable pyramid, order 3", columns=("size", "batch", "dtype", "bands", "what", "peer"))
    cases = [(256, 1), (256, 8)] if quick else [(256, 1), (256, 8), (1024, 1), (1024, 8)]
    for size, batch in cases:
        for dtype in (torch.float32, torch.float64):
            for is_complex in (False, True):
                add(table, size, batch, dtype, is_complex, repeats=5 if quick or size * batch > 2048 else 15)
    return table


def add(table: Table, size: int, batch: int, dtype: torch.dtype, is_complex: bool, repeats: int) -> None:
    image = torch.rand(batch, 1, size, size, dtype=dtype, generator=torch.Generator().manual_seed(0))
    ours = mm.process.SteerablePyramidFreq((size, size), is_complex=is_complex)
    peer = po.process.SteerablePyramidFreq((size, size), is_complex=is_complex).to(dtype)
    coefficients = ours(image)
    gradients = tuple(torch.ones_like(value) for value in coefficients.values())
    label = (str(size), str(batch), str(dtype)[6:], "complex" if is_complex else "real")

    def both(pyramid: torch.nn.Module) -> None:
        leaf = image.clone().requires_grad_()
        torch.autograd.backward(tuple(pyramid(leaf).values()), gradients)

    with torch.no_grad():
        table.add((*label, "forward", "plenoptic"), compare(lambda: ours(image), lambda: peer(image), repeats))
        table.add(
            (*label, "reconstruction", "plenoptic"),
            compare(lambda: ours.recon_pyr(coefficients), lambda: peer.recon_pyr(coefficients), repeats),
        )
        if batch == 1 and dtype == torch.float64:
            array = image[0, 0].numpy()
            table.add(
                (*label, "forward", "pyrtools"),
                compare(
                    lambda: ours(image),
                    lambda: pt.pyramids.SteerablePyramidFreq(array, is_complex=is_complex),
                    repeats,
                ),
            )
    table.add((*label, "forward + backward", "plenoptic"), compare(lambda: both(ours), lambda: both(peer), repeats))


if __name__ == "__main__":
    main(rows)
