"""What the default call does: every built-in model, two photographs and three textures, as a user would call it.

`--sheet FILE` draws the targets beside their metamers.
"""

import sys
import warnings
from pathlib import Path

import torch

import metameric as mm
from _harness import Table, main
from metameric.stimuli._models import BUILT_IN, make_model

PICTURES = ("camera", "coffee")
TEXTURES = ("brick", "grass", "gravel")
DRAWN: list[tuple[str, torch.Tensor, torch.Tensor]] = []
SHEET: Path | None = None


def table(quick: bool) -> Table:
    warnings.filterwarnings("ignore")
    size = 128 if quick else 256
    result = Table(f"The default call, {size} x {size}, float32", columns=("model", "image"))
    for name in BUILT_IN:
        for picture in (*PICTURES, *TEXTURES) if name == "PortillaSimoncelli" else PICTURES:
            image = mm.data.image(picture, size=size)
            metamer = mm.Metamer(image, make_model(name, [], image))
            metamer.setup(seed=0)
            outcome = metamer.synthesize(progress=False)
            figures = {key: float(value[0]) for key, value in outcome.figures.items()}
            row = {"status": str(outcome.status[0]), "relative error": f"{figures['relative_error']:.2g}"}
            row |= {"unrelated": f"{figures['unrelated_error']:.2g}", "iterations": outcome.iterations}
            row |= {"pixel distance": f"{figures['pixel_distance']:.2g}", "time": outcome.trace.seconds[-1]}
            result.add((name, picture), row)
            DRAWN.append((f"{name}, {picture}", image, metamer.metamer))
    if SHEET:
        draw(SHEET)
    return result


def draw(path: Path) -> None:
    import matplotlib.pyplot as plt

    columns = 3
    rows = -(-len(DRAWN) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(5.4 * columns, 3 * rows), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (label, image, metamer) in zip(axes.flat, DRAWN, strict=False):
        pair = torch.cat([image, torch.ones_like(image[..., :4]), metamer], -1)
        axis.imshow(pair[0, 0].clamp(0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(label, fontsize=9)
    figure.savefig(path, dpi=100, bbox_inches="tight")


if __name__ == "__main__":
    if "--sheet" in sys.argv:
        place = sys.argv.index("--sheet")
        SHEET = Path(sys.argv[place + 1])
        del sys.argv[place : place + 2]
    main(table, threads=2)
