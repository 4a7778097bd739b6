"""The code on pages that are read piece by piece does what they say."""

import re
from pathlib import Path

import torch

import metameric as mm

DOCS = Path(__file__).parents[2] / "docs"


def code_with(page, name):
    (code,) = (c for c in re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.S) if name in c)
    return code


def test_colour_textures():
    named = {"torch": torch, "mm": mm}
    exec(code_with("choose.md", "class ColourTexture"), named)
    target = mm.data.image("coffee", size=128, as_gray=False).double()
    model = named["ColourTexture"](target)
    rotated = torch.einsum("bchw,ck->bkhw", target - model.mean, model.axes).flatten(2)[0]
    torch.testing.assert_close(torch.cov(rotated), torch.eye(3, dtype=torch.float64))
    metamer = mm.Metamer(target, model)
    metamer.setup(seed=0)
    result = metamer.synthesize(3, progress=False)
    assert result.trace["loss"][-1] < result.trace["loss"][0]


def test_a_penalty_of_ones_own():
    image, model = mm.data.image("camera", size=32), mm.models.Identity()
    named = {"mm": mm, "image": image, "model": model}
    exec(code_with("extend.md", "def roughness"), named)
    metamer = named["metamer"]
    metamer.synthesize(20, progress=False)
    assert metamer.metamer.min() >= 0 and metamer.metamer.max() <= 1
    assert named["roughness"](metamer.metamer) < named["roughness"](image)


def test_a_stimulus_for_a_display(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    metamer = mm.Metamer(mm.data.image("camera", size=128), mm.models.Identity())
    metamer.setup(seed=0)
    exec(code_with("stimuli.md", "display.encode"), {"mm": mm, "metamer": metamer})
    assert mm.load_images("metamer.png").shape == (1, 1, 512, 512)
