"""What the pages for new users tell them to type, typed in an empty folder, in order, as it stands there."""

import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import imageio.v3 as imageio
import matplotlib.pyplot as plt
import numpy as np
import pytest

from metameric.cli._app import run

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page, language, section=None):
    text = (DOCS / page).read_text()
    if section is not None:
        text = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)[1]
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def type_in(text):
    """Run the commands of a block; the program says 0 for good."""
    for line in text.strip().splitlines():
        program, *words = shlex.split(line, comments=True)
        assert program == "metameric"
        assert run(words) == 0, line


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """An empty folder with a photograph in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    y, x = np.mgrid[:150, :200]
    photo = np.stack([127 + 100 * np.sin(x / 9 + c) * np.cos(y / (7 + c)) for c in range(3)], -1)
    imageio.imwrite(tmp_path / "photo.jpg", photo.clip(0, 255).astype(np.uint8))
    yield tmp_path
    plt.close("all")
    sys.modules.pop("my_model", None)


def test_start_page(desk, capsys):
    """Five lines, looking, keeping, one's own image, one's own model, a texture."""
    named = {}
    for code in blocks("start.md", "python"):
        if "class LocalContrast" in code:
            (desk / "my_model.py").write_text(code)
            code = "from my_model import LocalContrast"
        exec(code, named)
    said = capsys.readouterr().out
    assert said.count("converged: the stopping rule is satisfied") == 4
    assert said.count("step limit") == 1
    assert (desk / "metamer.safetensors").is_file()
    for picture in ("status.png", "loss.png", "metamer.png", "texture.png"):
        assert imageio.imread(desk / picture).std() > 0
    assert "<html" in (desk / "report.html").read_text()
    type_in(blocks("start.md", "text", "Your own model")[0])
    assert {"metamer.png", "result.safetensors", "report.html"} <= {f.name for f in (desk / "results").iterdir()}


def test_twenty_stimuli(desk, capsys):
    (file,) = blocks("start.md", "yaml", "Twenty stimuli")
    assert (file,) == tuple(blocks("stimuli.md", "yaml", "From one file"))
    (desk / "photos.yaml").write_text(file)
    type_in(blocks("start.md", "text", "Twenty stimuli")[0])
    for section in ("From one file", "For an experiment"):
        for commands in blocks("stimuli.md", "text", section):
            type_in(commands)
    assert "20 trials, 20 converged" in capsys.readouterr().out
    assert len(list((desk / "photos" / "stimuli").glob("*_8bit.png"))) == 20
    assert (desk / "photos" / "report" / "index.html").is_file()
    assert (desk / "photos" / "trials.csv").read_text().count("\n") > 20


def run_script(desk, code):
    (desk / "photos.yaml").write_text(
        "{images: [camera], models: [Gaussian], methods: [metamer], seeds: 0-1, size: 16}"
    )
    (desk / "script.py").write_text(code)
    return subprocess.run([sys.executable, "script.py"], cwd=desk, capture_output=True, text=True)


def test_the_script_of_a_set(desk):
    (code,) = blocks("stimuli.md", "python", "From one file")
    ended = run_script(desk, code)
    assert ended.returncode == 0, ended.stderr
    assert "2 trials, 2 converged" in ended.stdout


def test_a_script_that_its_workers_would_run_again_is_told_so(desk):
    (code,) = blocks("stimuli.md", "python", "From one file")
    head, body = re.split(r"^if __name__.*\n", code, flags=re.MULTILINE)
    ended = run_script(desk, head + textwrap.dedent(body))
    assert 'Put what the script does below `if __name__ == "__main__":`' in ended.stderr
    assert "2 failed" in ended.stdout
