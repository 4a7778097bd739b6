"""Clean plotting for every test, fixed data, and a real browser (WebDriver by plain HTTP: no package is needed)."""

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Browser:
    """One window. `press` and `click` send real input events."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL)
        self.base = f"http://127.0.0.1:{port}"
        self._wait_until_up()
        options = {
            "binary": shutil.which("chromium"),
            "args": [*FLAGS, f"--user-data-dir={folder}"],
            "perfLoggingPrefs": {"enableNetwork": True},
        }
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        found = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"/session/{found['sessionId']}"

    def _wait_until_up(self) -> None:
        for _ in range(200):
            with contextlib.suppress(OSError):
                self._send("GET", "/status")
                return
            time.sleep(0.05)
        raise RuntimeError("chromedriver did not start")

    def _send(self, method: str, path: str, body: dict | None = None) -> object:
        data = None if body is None and method != "POST" else json.dumps(body or {}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.base + path, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)["value"]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._send("DELETE", self.session)
        self.driver.terminate()
        self.driver.wait(10)

    def open(self, url: str) -> None:
        self._send("POST", f"{self.session}/url", {"url": url})

    def run(self, script: str) -> object:
        return self._send("POST", f"{self.session}/execute/sync", {"script": script, "args": []})

    def devtools(self, command: str, **params: object) -> object:
        return self._send("POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": params})

    def _element(self, selector: str) -> str:
        found = self._send("POST", f"{self.session}/element", {"using": "css selector", "value": selector})
        return next(iter(found.values()))

    def click(self, selector: str) -> None:
        self._send("POST", f"{self.session}/element/{self._element(selector)}/click")

    def press(self, *keys: str) -> None:
        actions = [a for k in keys for a in ({"type": "keyDown", "value": k}, {"type": "keyUp", "value": k})]
        self._send("POST", f"{self.session}/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def drag(self, selector: str, to_x: int) -> None:
        element = {"element-6066-11e4-a52e-4f735466cecf": self._element(selector)}
        moves = [
            {"type": "pointerMove", "origin": element, "x": 0, "y": 0},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerMove", "origin": element, "x": to_x, "y": 0, "duration": 50},
            {"type": "pointerUp", "button": 0},
        ]
        self._send(
            "POST", f"{self.session}/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": moves}]}
        )

    def log(self, kind: str) -> list[dict]:
        return self._send("POST", f"{self.session}/se/log", {"type": kind})

    def requests(self) -> list[str]:
        """Addresses that were asked for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [params["request"]["url"] for params in sent]

    def screenshot(self) -> bytes:
        return base64.b64decode(self._send("GET", f"{self.session}/screenshot"))


@pytest.fixture(autouse=True)
def clean_plotting():
    """No figure survives a test, and none of our functions changes settings or backend."""
    before, backend = dict(mpl.rcParams), plt.get_backend()
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before
    assert plt.get_backend() == backend


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if not (shutil.which("chromedriver") and shutil.which("chromium")):
        pytest.skip("NO BROWSER: chromium and chromedriver are not installed, the page is NOT tested")
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture(scope="session")
def pixels_of():
    """Render a figure, and cut out the pixels of some axes."""

    def render(figure, axes=None):
        figure.canvas.draw()
        everything = np.asarray(figure.canvas.buffer_rgba())[..., :3]
        if axes is None:
            return everything
        box = axes.get_position().transformed(figure.transFigure)
        top, left = everything.shape[0] - round(box.y1), round(box.x0)
        return everything[top : top + round(box.height), left : left + round(box.width)]

    return render


@pytest.fixture
def ramp():
    """An image in which rows, columns and their order can be told apart: 6 x 10, values 0 to 59."""
    return torch.arange(60.0).reshape(1, 1, 6, 10)
