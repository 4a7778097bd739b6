"""The page of a set: what it says, and that it works in a real browser from the file system."""

import importlib.util
import json
import re
import shutil
import time
from pathlib import Path

import pytest
import torch

from metameric.stimuli import Specification, plan, report, run, trial_table
from metameric.stimuli._store import Store
from metameric.stimuli._work import Outcome, Stimulus


def data_of(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1))


def test_everything_is_on_the_page(tmp_path, small):
    run(small, tmp_path / "set", progress=False)
    path = report(tmp_path / "set")
    page = path.read_text()
    data = data_of(page)
    assert len(data["rows"]) == 12
    at = {name: i for i, name in enumerate(data["columns"])}
    for row, main in zip(data["rows"], data["main"], strict=True):
        for name in ("target_png8_path", *data["files"]):
            assert (path.parent / ".." / row[at[name]]).is_file()
        assert data["columns"][main] in ("relative_error", "stray_percent", "residual")
        assert isinstance(row[main], float)
    assert "10 trials: " in page and "src=" not in re.sub(r"\.src = ", "", page.split("<dialog")[0])


def test_failures_and_text_from_outside_are_shown_as_text(tmp_path):
    label = "</script><b>mine"
    spec = Specification(images=[{"name": "camera", "label": label}], models=["Identity"], methods=["metamer"], size=8)
    store, planned = Store(tmp_path), plan(spec)
    store.begin(planned)
    store.write_failure(planned.trials[0], Outcome(planned.trials[0].key, error="<i>broken</i>"))
    page = report(tmp_path).read_text()
    assert "&lt;i&gt;broken" in page and "<i>broken" not in page
    image = torch.zeros(1, 8, 8)
    stimulus = Stimulus("metamer", image, {"relative_error": 0.5})
    store.write(planned.trials[0], Outcome(planned.trials[0].key, [stimulus], "converged"), spec, image[None])
    page = report(tmp_path).read_text()
    assert "</script><b>" not in page
    assert data_of(page)["rows"][0][data_of(page)["columns"].index("image")] == label


def test_sizes_are_told_apart(tmp_path):
    spec = Specification(images=["camera"], models=["Identity"], methods=["metamer"], size=[16, 8])
    run(spec, tmp_path, progress=False)
    page = report(tmp_path).read_text()
    data = data_of(page)
    assert "size" in data["factors"]
    assert [row[data["columns"].index("size")] for row in data["rows"]] == ["16 x 16", "8 x 8"]
    assert "<summary>By size</summary>" in page
    assert {(t["height"], t["width"]) for t in trial_table(tmp_path, "abx")} == {(16, 16), (8, 8)}


def many(folder: Path, n: int) -> Path:
    """Write a set of n metamers without synthesising any."""
    spec = Specification(images=["camera", "coffee"], models=["Identity"], methods=["metamer"], size=8, files=["png8"],
                         seeds=list(range(n // 2)))  # fmt: skip
    store, planned = Store(folder), plan(spec)
    store.begin(planned)
    for i, trial in enumerate(planned.trials):
        image = trial.image.load()
        stimulus = Stimulus("metamer", image[0], {"relative_error": (i + 1) / n})
        store.write(trial, Outcome(trial.key, [stimulus], "converged" if i % 3 else "stalled"), spec, image)
    return report(folder)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if not (shutil.which("chromedriver") and shutil.which("chromium")):
        pytest.skip("NO BROWSER: chromium and chromedriver are not installed, the page is NOT tested")
    file = Path(__file__).parents[1] / "plot" / "conftest.py"
    spec = importlib.util.spec_from_file_location("browser_of_plot_tests", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


def eventually(browser, script: str) -> object:
    """Images load and layouts follow a new width in their own time."""
    deadline = time.monotonic() + 10
    while not (found := browser.run(script)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.mark.slow
@pytest.mark.browser
def test_a_browser_filters_sorts_and_compares(browser, tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda file: None)
    browser.devtools("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=False)
    browser.open(many(tmp_path, 600).resolve().as_uri())
    fits = "return innerWidth === 400 && document.documentElement.scrollWidth <= innerWidth"
    assert eventually(browser, fits)
    browser.devtools("Emulation.clearDeviceMetricsOverride")
    assert browser.run("return document.getElementById('count').textContent") == "600 of 600 stimuli"
    assert browser.run("return document.querySelectorAll('.card').length") < 600
    change = """const s = document.forms.filters.elements[%r]; s.value = %r;
                s.dispatchEvent(new Event('change', {bubbles: true}));
                return document.getElementById('count').textContent"""
    assert browser.run(change % ("verdict", "converged")) == "400 of 600 stimuli"
    assert browser.run(change % ("image", "coffee")) == "200 of 600 stimuli"
    browser.run(change % ("order", "down"))
    assert browser.run("return document.querySelector('.card .figure').textContent") == "relative error 1"
    loaded = "const i = document.querySelector('.card img'); return i.complete && i.naturalWidth"
    assert eventually(browser, loaded) == 8
    for _ in range(20):
        browser.run("window.scrollTo(0, document.body.scrollHeight); window.dispatchEvent(new Event('scroll'))")
    assert browser.run("return document.querySelectorAll('.card').length") == 200
    browser.run("window.scrollTo(0, 0)")
    browser.click(".card")
    assert "seed 299" in browser.run("return document.getElementById('name').textContent")
    browser.press(" ")
    assert browser.run("return document.getElementById('pair').className") == "flicker"
    browser.press("\ue014")
    assert "seed 299" not in browser.run("return document.getElementById('name').textContent")
    assert not [entry for entry in browser.log("browser") if entry["level"] == "SEVERE"]
    assert not [url for url in browser.requests() if url.startswith(("http", "ws"))]
