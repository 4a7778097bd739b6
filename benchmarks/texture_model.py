"""Texture model against plenoptic: forward, forward + backward."""

import plenoptic as po
import torch

import metameric as mm
from _harness import Table, compare, main, on_accelerator, placed


def rows(quick: bool) -> Table:
    table = Table("Texture model, 4 scales, 4 orientations, 7 x 7 lags", columns=("size", "batch", "dtype", "what"))
    # An accelerator is not busy with one image: statistics of a large batch are what it is for.
    larger = [(256, 8), (256, 64), (512, 1)] if on_accelerator() else [(256, 4), (512, 1)]
    for size, batch in [(256, 1)] if quick else [(256, 1), *larger]:
        for dtype in (torch.float32, torch.float64):
            add(table, size, batch, dtype, repeats=15 if not quick and size * batch == 256 else 5)
    return table


def add(table: Table, size: int, batch: int, dtype: torch.dtype, repeats: int) -> None:
    generator = torch.Generator().manual_seed(0)
    image, other = (placed(torch.rand(batch, 1, size, size, dtype=dtype, generator=generator)) for _ in range(2))
    ours = placed(mm.models.PortillaSimoncelli((size, size)))
    peer = placed(po.models.PortillaSimoncelli((size, size)).to(dtype))
    target = ours(other)
    label = (str(size), str(batch), str(dtype)[6:])

    def both(model: torch.nn.Module) -> None:
        leaf = image.clone().requires_grad_()
        (model(leaf) - target).square().sum().backward()

    with torch.no_grad():
        table.add((*label, "forward"), compare(lambda: ours(image), lambda: peer(image), repeats, 1))
    table.add((*label, "forward + backward"), compare(lambda: both(ours), lambda: both(peer), repeats, 1))


if __name__ == "__main__":
    main(rows)
