"""Status figures and animations against plenoptic, both reading one and the same synthesis of plenoptic's."""

import io
import tempfile
import warnings
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import plenoptic
import torch

import metameric as mm
from _harness import Table, compare, main


class Blur(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.ones(1, 1, 5, 5) / 25)

    def forward(self, x):
        return torch.nn.functional.conv2d(x, self.kernel, padding=2)


def synthesis(n_iterations: int, size: int = 256):
    rng = torch.Generator().manual_seed(0)
    image = mm.data.camera(as_gray=True)[..., :size, :size].float()
    found = plenoptic.Metamer(image, Blur().eval())
    found.setup(initial_image=torch.rand(image.shape, generator=rng))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found.synthesize(n_iterations, store_progress=True)
    return found


def closing(function):
    def run():
        function()
        plt.close("all")

    return run


def figures(quick: bool) -> Table:
    table = Table("Figures, drawn", columns=("figure",))
    shown = synthesis(20)
    repeats = 5 if quick else 15
    pairs = {
        "imshow": lambda m: m.plot.imshow(shown.image),
        "synthesis_status": lambda m: m.plot.synthesis_status(shown),
    }
    for name, make in pairs.items():
        drawn = [closing(lambda make=make, m=m: make(m).canvas.draw()) for m in (mm, plenoptic)]
        table.add((f"{name}, on screen",), compare(*drawn, repeats=repeats))
        saved = [closing(lambda make=make, m=m: make(m).savefig(io.BytesIO())) for m in (mm, plenoptic)]
        table.add((f"{name}, as PNG",), compare(*saved, repeats=repeats))
    return table


def animations(quick: bool) -> Table:
    table = Table("Animations of 100 frames, saved", columns=("format",))
    shown = synthesis(99)
    repeats = 1 if quick else 5
    with tempfile.TemporaryDirectory() as folder:
        for suffix, options in (("mp4", {}), ("gif", {"writer": "pillow"})):
            saved = [
                closing(
                    lambda m=m, o=o, suffix=suffix: m.plot.synthesis_animate(shown).save(
                        str(Path(folder, f"a.{suffix}")), **o
                    )
                )
                for m, o in ((mm, {}), (plenoptic, options))
            ]
            table.add((suffix,), compare(*saved, repeats=repeats, warm_up=0))
    return table


if __name__ == "__main__":
    main(figures, animations)
