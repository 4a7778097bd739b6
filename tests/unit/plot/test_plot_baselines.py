"""Stored pictures of every function, at a quarter of their size; each case has a wrong twin that must not pass.

To make the pictures anew after a wanted change, look at them and run this file with METAMERIC_NEW_BASELINES=1.
"""

import os
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

import metameric as mm

FOLDER = Path(__file__).parent / "baseline"
TOLERANCE = 3.0
VECTOR = torch.linspace(-1, 2, 40)[None, None]
MAKE = bool(os.environ.get("METAMERIC_NEW_BASELINES"))


def picture(flip=False):
    """A bright disk at the upper left of a ramp to the right: no symmetry survives a swapped or flipped axis."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 32), torch.linspace(0, 1, 48), indexing="ij")
    found = (0.5 * x + ((y - 0.25) ** 2 + (x - 0.2) ** 2 < 0.03).float())[None, None]
    return found.flip(-1) if flip else found


def bands(sign=1):
    found = {"residual_highpass": picture() - 0.5, "residual_lowpass": picture()[..., ::4, ::4]}
    for s in range(2):
        for o in range(2):
            found[s, o] = sign * (o + 1) * (picture()[..., :: 1 << s, :: 1 << s] - 0.5)
    return found


def synthesis(slope=1.0):
    stored = torch.stack([picture() + 0.1 * i for i in (3, 2, 1)])
    losses = 10.0 ** (-slope * torch.arange(3.0))
    return SimpleNamespace(
        image=picture(), metamer=stored[-1], saved_metamer=stored, store_progress=1, losses=losses,
        penalties=torch.zeros(3), penalty_lambda=0.1, model=lambda x: x.mean(-2, keepdim=False)[:, 0:1, ::8],
        target_representation=picture().mean(-2)[:, 0:1, ::8],
    )  # fmt: skip


def mads(high=3.0):
    found = [
        SimpleNamespace(
            image=picture(), initial_image=picture() * 0.5, mad_image=picture() * (i + 1) / 4,
            optimized_metric=mm.metric.mse, optimized_metric_loss=torch.linspace(1, (0.2, high)[i % 2], 9),
            reference_metric_loss=torch.full((9,), 0.5),
        )
        for i in range(4)
    ]  # fmt: skip
    return found[0], found[2], found[1], found[3]


def eigen(sign=1.0):
    distortions = sign * torch.cat([picture() - 0.5, picture(True) - 0.5])
    return SimpleNamespace(image=picture(), eigendistortions=distortions, eigenvalues=torch.tensor([4.0, 1.0]))


def families(scale=1.0):
    return {"skew": scale * torch.linspace(-1, 1, 6)[None, None], "correlation": torch.linspace(0, 1, 30)[None, None]}


def on_axes(draw):
    _, ax = plt.subplots(figsize=(4.8, 3.6))
    draw(ax)
    return ax.figure


def animated(object_):
    animation = mm.plot.synthesis_animate(object_)
    *_, last = animation.frames()
    return last


CASES = {
    "imshow": (
        lambda: mm.plot.imshow([picture(), picture(True)], zoom=4, vrange="auto1", title=["a", "b"]),
        lambda: mm.plot.imshow([picture(True), picture()], zoom=4, vrange="auto1", title=["a", "b"]),
    ),
    "imshow_signed": (
        lambda: mm.plot.imshow(picture() - 0.5, zoom=4, vrange="indep0"),
        lambda: mm.plot.imshow(picture() - 0.5, zoom=4, vrange=(-2, 2)),
    ),
    "animshow": (
        lambda: [f.copy() for f in mm.plot.animshow(torch.stack([picture(), picture(True)], 2), zoom=4).frames()][1],
        lambda: next(mm.plot.animshow(torch.stack([picture(), picture(True)], 2), zoom=4).frames()),
    ),
    "pyrshow": (
        lambda: mm.plot.pyrshow(bands(), vrange="auto0", zoom=3),
        lambda: mm.plot.pyrshow(bands(-1), vrange="auto0", zoom=3),
    ),
    "stem_plot": (
        lambda: on_axes(lambda ax: mm.plot.stem_plot(torch.linspace(-1, 2, 40), ax)),
        lambda: on_axes(lambda ax: mm.plot.stem_plot(torch.linspace(2, -1, 40), ax)),
    ),
    "histogram": (
        lambda: on_axes(lambda ax: mm.plot.histogram([picture(), picture() * 2], ["a", "b"], ax=ax)),
        lambda: on_axes(lambda ax: mm.plot.histogram([picture() * 2, picture()], ["a", "b"], ax=ax)),
    ),
    "plot_representation": (
        lambda: mm.plot.plot_representation(data={"v": VECTOR, "m": picture()})[0].figure,
        lambda: mm.plot.plot_representation(data={"m": picture(), "v": VECTOR})[0].figure,
    ),
    "synthesis_status": (
        lambda: mm.plot.synthesis_status(synthesis()),
        lambda: mm.plot.synthesis_status(synthesis(), iteration=0),
    ),
    "synthesis_animate": (lambda: animated(synthesis()), lambda: animated(synthesis(slope=-1.0))),
    "synthesis_histogram": (
        lambda: on_axes(lambda ax: mm.plot.synthesis_histogram(synthesis(), ax=ax)),
        lambda: on_axes(lambda ax: mm.plot.synthesis_histogram(synthesis(), iteration=0, ax=ax)),
    ),
    "synthesis_loss": (
        lambda: on_axes(lambda ax: mm.plot.synthesis_loss(synthesis(), ax=ax, linewidth=4)),
        lambda: on_axes(lambda ax: mm.plot.synthesis_loss(synthesis(-1.0), ax=ax, linewidth=4)),
    ),
    "synthesis_imshow": (
        lambda: on_axes(lambda ax: mm.plot.synthesis_imshow(eigen(), ax=ax)),
        lambda: on_axes(lambda ax: mm.plot.synthesis_imshow(eigen(), batch_idx=1, ax=ax)),
    ),
    "metamer_representation_error": (
        lambda: on_axes(lambda ax: mm.plot.metamer_representation_error(synthesis(), 0, None, (-0.4, 0.4), ax)),
        lambda: on_axes(lambda ax: mm.plot.metamer_representation_error(synthesis(), 0, 0, (-0.4, 0.4), ax)),
    ),
    "eigendistortion_imshow_all": (
        lambda: mm.plot.eigendistortion_imshow_all(eigen(), zoom=3),
        lambda: mm.plot.eigendistortion_imshow_all(eigen(-1.0), zoom=3),
    ),
    "mad_imshow_all": (
        lambda: mm.plot.mad_imshow_all(*mads(), zoom=3),
        lambda: mm.plot.mad_imshow_all(*mads()[::-1], zoom=3),
    ),
    "mad_loss_all": (
        lambda: mm.plot.mad_loss_all(*mads(), min_kwargs={"linewidth": 5}, max_kwargs={"linewidth": 5}),
        lambda: mm.plot.mad_loss_all(*mads(0.3), min_kwargs={"linewidth": 5}, max_kwargs={"linewidth": 5}),
    ),
    "contact_sheet": (
        lambda: mm.plot.contact_sheet(torch.cat([picture(), picture(True), 0.5 * picture()]), labels=list("abc")),
        lambda: mm.plot.contact_sheet(torch.cat([picture(True), picture(), 0.5 * picture()]), labels=list("abc")),
    ),
    "radial_spectrum": (
        lambda: on_axes(lambda ax: mm.plot.radial_spectrum(picture(), ax=ax, linewidth=5)),
        lambda: on_axes(lambda ax: mm.plot.radial_spectrum(picture()[..., ::2], ax=ax, linewidth=5)),
    ),
    "texture_statistics": (
        lambda: mm.plot.texture_statistics(families(), families(0.5)),
        lambda: mm.plot.texture_statistics(families(-1.0), families(0.5)),
    ),
}  # fmt: skip


def rendered(case):
    """A quarter of the size: letters, which differ between versions of matplotlib, fade to gray."""
    found = case()
    if not isinstance(found, np.ndarray):
        found.canvas.draw()
        found = np.asarray(found.canvas.buffer_rgba())[..., :3]
    image = Image.fromarray(np.ascontiguousarray(found))
    return image.reduce(4)


def distance(first, second):
    if first.size != second.size:
        return np.inf
    difference = np.asarray(first, float) - np.asarray(second, float)
    return float(np.sqrt((difference**2).mean()))


@pytest.mark.parametrize("name", CASES)
def test_as_stored(name):
    right, wrong = CASES[name]
    shown, path = rendered(right), FOLDER / f"{name}.png"
    if MAKE:
        FOLDER.mkdir(exist_ok=True)
        shown.save(path, optimize=True)
    stored = Image.open(path).convert("RGB")
    assert path.stat().st_size < 30_000
    assert distance(shown, stored) < TOLERANCE
    assert distance(rendered(wrong), stored) > TOLERANCE, "the tolerance would not catch a mistake"


def test_every_public_function_is_covered():
    functions = {n for n in mm.plot.__all__ if callable(getattr(mm.plot, n)) and n[0].islower()}
    covered_elsewhere = {"update_plot", "report", "mad_competition"}
    assert functions - covered_elsewhere == {name.removesuffix("_signed") for name in CASES}
