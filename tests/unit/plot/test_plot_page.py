"""The page about a synthesis, in a real browser."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import metameric as mm
from metameric._core.errors import InputError
from metameric.plot._chart import chart

SPACE, LEFT, RIGHT, TAB = " ", "\ue012", "\ue014", "\ue004"
STATE = """
const v = document.querySelector('article:not([hidden]) .viewer');
const seen = [...v.querySelectorAll('figure')].filter(f => getComputedStyle(f).display !== 'none'
  && getComputedStyle(f).visibility !== 'hidden').map(f => f.className);
return JSON.stringify({mode: v.dataset.mode, seen, text: v.querySelector('.shown').textContent,
  zoom: v.querySelector('.factor').textContent, width: v.querySelector('img').getBoundingClientRect().width,
  wipe: v.querySelector('.slider').value, clip: getComputedStyle(v.querySelector('.stimulus')).clipPath,
  entry: v.closest('article').id, background: getComputedStyle(document.body).backgroundColor,
  color: getComputedStyle(document.body).color, page: document.documentElement.scrollWidth});
"""


@pytest.fixture(scope="module")
def metamer():
    images = torch.rand(2, 1, 16, 24, generator=torch.Generator().manual_seed(0))
    found = mm.Metamer(images, mm.models.Identity())
    found.setup(seed=0, optimizer=torch.optim.Adam)
    found.synthesize(5, progress=False, stop_criterion=0.0)
    return found


@pytest.fixture(scope="module")
def page(metamer, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    mm.plot.report(metamer, path, title="A <title> & more")
    return path


@pytest.fixture
def opened(browser, page):
    def state():
        return json.loads(browser.run(STATE))

    browser.devtools("Emulation.setDeviceMetricsOverride", width=1100, height=900, deviceScaleFactor=1, mobile=False)
    browser.open("about:blank")
    browser.requests()
    browser.log("browser")
    browser.open(page.as_uri())
    browser.state = state
    yield browser
    assert browser.log("browser") == []
    asked = [url for url in browser.requests() if not url.startswith(("data:", "about:"))]
    assert set(asked) <= {page.as_uri()}


def test_page_is_whole_and_escaped(metamer, page):
    text = page.read_text()
    assert "<h1>A &lt;title&gt; &amp; more</h1>" in text
    assert not re.search(r"(src|href)=\"(?!data:)", text) and "http://" not in text and "https://" not in text
    for name, values in metamer.result.figures.items():
        assert name.replace("_", " ") in text and f"{float(values[1]):.4g}" in text
    for name in ("metameric", "torch", "solver"):
        assert f'<th scope="row">{name}</th>' in text
    assert text == mm.plot.report(metamer, title="A <title> & more")


def test_page_needs_images():
    class OnlyCurves:
        def panels(self, iteration, batch_idx, channel_idx):
            return [mm.plot.CurvesPanel("loss", {"a": torch.tensor([1.0, 0.1])})]

    with pytest.raises(InputError, match="needs a stimulus; there are loss"):
        mm.plot.report(OnlyCurves())


def test_page_of_stimuli_without_a_target_compares_nothing():
    stimuli = torch.rand(1, 1, 8, 8)
    found = SimpleNamespace(stimulus_name="stimulus", stimulus=stimuli, losses=torch.tensor([2.0, 1.0]))
    page = mm.plot.report(found)
    assert page.count("<img ") == 1 and "Side by side" not in page and "Flicker" not in page
    assert "Flicker" in mm.plot.report(SimpleNamespace(**vars(found), image=stimuli))


def test_chart_points_lie_where_their_values_are():
    panel = mm.plot.CurvesPanel("loss", {"a": torch.tensor([1.0, 0.1, 0.01])})
    found = chart(panel)
    points = np.array([p.split(",") for p in found["lines"][0]["points"].split()], float)
    ticks = {text: float(y) for y, text in found["y_ticks"]}
    assert np.allclose(points[:, 1], [ticks["10⁰"], ticks["10⁻¹"], ticks["10⁻²"]], atol=0.11)
    assert points[0, 0] < points[1, 0] < points[2, 0] and points[0, 1] < points[2, 1]
    linear = chart(mm.plot.CurvesPanel("loss", {"a": torch.tensor([-1.0, 0.0, 1.0])}))
    heights = [float(p.split(",")[1]) for p in linear["lines"][0]["points"].split()]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.2)


@pytest.mark.browser
def test_space_toggles_between_target_and_stimulus(opened):
    assert opened.state()["seen"] == ["target", "stimulus"]
    opened.press(SPACE)
    first = opened.state()
    assert first["mode"] == "flicker" and first["seen"] == ["stimulus"] and first["text"] == "Metamer"
    opened.press(SPACE)
    assert opened.state()["seen"] == ["target"] and opened.state()["text"] == "Target"
    opened.click("article:not([hidden]) .toggle")
    assert opened.state()["seen"] == ["stimulus"]
    opened.press(SPACE)
    assert opened.state()["seen"] == ["target"], "space on the focused button must toggle once"


@pytest.mark.browser
def test_comparisons_by_mouse_and_keyboard(opened):
    opened.click("input[value=difference]")
    assert opened.state()["seen"] == ["difference"]
    for key, mode in zip("1234", ["side", "flicker", "wipe", "difference"], strict=True):
        opened.press(key)
        assert opened.state()["mode"] == mode
    opened.press("1", TAB)
    opened.click("input[value=side]")
    opened.press(RIGHT)
    assert opened.state()["mode"] == "flicker", "arrow keys move between the choices"


@pytest.mark.browser
def test_wipe(opened):
    opened.press("3")
    assert opened.state()["clip"] == "inset(0px 0px 0px 50%)"
    opened.press(RIGHT, RIGHT, LEFT)
    assert opened.state()["clip"] == "inset(0px 0px 0px 55%)"
    opened.drag(".slider", -30)
    moved = opened.state()
    assert int(moved["wipe"]) < 45 and moved["clip"] == f"inset(0px 0px 0px {moved['wipe']}%)"


@pytest.mark.browser
def test_zoom_is_whole(opened):
    before = opened.state()
    assert before["width"] == 24 * int(before["zoom"][:-1])
    opened.press("-")
    assert opened.state()["width"] == before["width"] - 24
    opened.click("article:not([hidden]) .in")
    assert opened.state()["width"] == before["width"]


@pytest.mark.browser
def test_other_batch_entries(opened):
    opened.run("const s = document.getElementById('entry'); s.value = '1'; s.dispatchEvent(new Event('change'))")
    assert opened.state()["entry"] == "entry-1"
    opened.press(SPACE)
    assert opened.state()["mode"] == "flicker"


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_themes_have_contrast(opened, theme):
    opened.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    state = opened.state()
    background, ink = (np.array(re.findall(r"\d+", state[k])[:3], float).mean() for k in ("background", "color"))
    assert (background > 200 and ink < 60) if theme == "light" else (background < 60 and ink > 200)


@pytest.mark.browser
def test_phone_width(opened, page):
    opened.devtools("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=2, mobile=True)
    opened.open(page.as_uri())
    state = opened.state()
    assert state["page"] <= 400
    assert state["width"] <= 376 and state["width"] % 24 == 0
