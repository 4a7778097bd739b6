"""`metameric eigendistortions`, run as a user runs it."""

import json

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import metameric as mm
from metameric.cli._app import run

GAUSSIAN = ["--model", "Gaussian", "--model-option", "kernel_size=5"]


def eigendistortions(*arguments: str, size: str = "16", image: str = "camera") -> int:
    return run(["eigendistortions", image, "--size", size, *arguments])


def test_writes_pictures_tensors_figure_and_numbers(tmp_path, capsys):
    out = tmp_path / "deep" / "er"
    assert eigendistortions(*GAUSSIAN, "-k", "2", "--scale", "3", "--dtype", "float64", "--out", str(out)) == 0
    assert "products with the Fisher information" in capsys.readouterr().out
    ranks = [0, 1, 254, 255]
    stems = [f"{name}-{rank}" for name in ("distortion", "image-plus-distortion") for rank in ranks]
    pictures = {f"{stem}{bits}.png" for stem in stems for bits in ("", "-16bit")}
    others = {"distortions.safetensors", "result.safetensors", "result.json", "eigendistortions.png"}
    assert {p.name for p in out.iterdir()} == pictures | others

    tensors = load_file(out / "distortions.safetensors")
    distortions = tensors["distortions"]
    assert distortions.shape == (4, 1, 16, 16) and distortions.dtype == torch.float64
    assert tensors["eigenindex"].tolist() == ranks
    image = mm.data.image("camera", size=16).double()
    for rank, distortion in zip(ranks, distortions, strict=True):
        alone = iio.imread(out / f"distortion-{rank}-16bit.png") / 65535
        np.testing.assert_allclose(alone, 0.5 + distortion[0] / (2 * distortion.abs().max()), atol=1e-5)
        added = iio.imread(out / f"image-plus-distortion-{rank}-16bit.png") / 65535
        np.testing.assert_allclose(added, (image[0, 0] + 3 * distortion[0]).clamp(0, 1), atol=1e-5)
    assert iio.imread(out / "eigendistortions.png").std() > 1

    result = json.loads((out / "result.json").read_text())
    assert result["converged"] and result["eigenindex"] == ranks
    np.testing.assert_allclose(result["eigenvalues"][0], tensors["eigenvalues"])
    assert result["options"]["scale"] == 3


def test_the_archive_continues_in_python(tmp_path):
    assert eigendistortions(*GAUSSIAN, "--out", str(tmp_path)) == 0
    model = mm.remove_grad(mm.models.Gaussian(5).eval())
    again = mm.Eigendistortion(mm.data.image("camera", size=16), model, noise=1.0)
    again.load(tmp_path / "result.safetensors")
    assert torch.equal(again.eigendistortions, load_file(tmp_path / "distortions.safetensors")["distortions"])


def test_one_end_and_all_of_the_spectrum(tmp_path):
    upper, every = tmp_path / "upper", tmp_path / "all"
    assert eigendistortions(*GAUSSIAN, "-k", "3", "--ends", "largest", "--out", str(upper)) == 0
    assert json.loads((upper / "result.json").read_text())["eigenindex"] == [0, 1, 2]
    assert eigendistortions(*GAUSSIAN, "--method", "exact", "--out", str(every)) == 0
    assert len(json.loads((every / "result.json").read_text())["eigenindex"]) == 256
    assert {p.name for p in every.glob("distortion-*.png") if "bit" not in p.name} == {
        "distortion-0.png",
        "distortion-255.png",
    }


def test_noise_and_colour(tmp_path):
    thresholds = []
    for noise in ("1", "4"):
        options = ["--model", "Identity", "--color", "--noise", noise, "--out", str(tmp_path / noise)]
        assert eigendistortions(*options, size="8", image="astronaut") == 0
        thresholds.append(json.loads((tmp_path / noise / "result.json").read_text())["thresholds"][0])
    np.testing.assert_allclose(thresholds, [[1, 1], [2, 2]], rtol=1e-5)
    assert iio.imread(tmp_path / "1" / "distortion-0.png").shape == (8, 8, 3)


def test_not_proven_ends_3(tmp_path, capsys):
    arguments = [*GAUSSIAN, "--max-iter", "1", "--out", str(tmp_path)]
    assert eigendistortions(*arguments, size="40") == 3
    assert "step limit" in capsys.readouterr().out
    assert json.loads((tmp_path / "result.json").read_text())["converged"] is False


INTERRUPTING = """
import os, signal, torch
calls = []

def blur(x):
    response = torch.nn.functional.avg_pool2d(x, 3, stride=1) ** 2
    def count(gradient):
        calls.append(1)
        if len(calls) == 20:
            os.kill(os.getpid(), signal.SIGINT)
    if response.requires_grad:
        response.register_hook(count)
    return response
"""


def test_interrupt_writes_what_there_is(tmp_path, capsys):
    (tmp_path / "own.py").write_text(INTERRUPTING)
    out = tmp_path / "out"
    assert eigendistortions("--model", f"{tmp_path / 'own.py'}:blur", "--out", str(out), size="48") == 130
    assert "interrupted" in capsys.readouterr().out
    assert "interrupted" in json.loads((out / "result.json").read_text())["status"][0]
    assert load_file(out / "distortions.safetensors")["distortions"].isfinite().all()
    assert (out / "eigendistortions.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothere", "--model", "OnOff"], "neither a file nor a bundled image"),
        (["camera", "--model", "OnOf"], "Did you mean OnOff"),
        (["camera", *GAUSSIAN, "-k", "0"], "k is 0; expected 1 to 128"),
        (["camera", *GAUSSIAN, "-k", "x"], "-k"),
        (["camera", *GAUSSIAN, "--method", "svd"], "method is 'svd'"),
        (["camera", *GAUSSIAN, "--ends", "lower"], "ends is 'lower'"),
        (["camera", *GAUSSIAN, "--noise", "gamma"], "--noise is 'gamma'"),
        (["camera", *GAUSSIAN, "--noise", "-1"], "noise variance"),
        (["camera", *GAUSSIAN, "--scale", "0"], "--scale is 0.0; expected a length above zero"),
        (["camera", *GAUSSIAN, "--tolerance", "-1"], "expected a number, 0 or more"),
        (["camera", *GAUSSIAN, "--max-iter", "-1"], "--max-iter"),
        (["camera", *GAUSSIAN, "--dtype", "float16"], "expected float32 or float64"),
        (["camera", *GAUSSIAN, "--device", "nonsense"], "--device is 'nonsense'"),
        (["camera"], "--model"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, capsys, arguments, message):
    assert run(["eigendistortions", *arguments, "--size", "16", "--out", str(tmp_path / "out")]) == 2
    shown = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in shown if line.startswith("metameric: ")]) == 1
    assert message in shown[-1]
