"""`metameric mad` and `metameric compare`, run as a user runs them."""

import json

import imageio.v3 as iio
import numpy as np
import pytest
import torch

import metameric as mm
from metameric.cli._app import run
from metameric.io._png import save_png

QUICK = ["camera", "--size", "32", "--noise", "0.05", "--seed", "0", "--max-iter", "3"]


def test_mad_writes_images_figure_and_numbers(tmp_path, capsys) -> None:
    code = run(["mad", *QUICK, "--metrics", "ssim", "mse", "--out", str(tmp_path)])
    assert code == 3  # three iterations are not enough
    names = {"initial", "min-1_ssim-holding-mse", "max-1_ssim-holding-mse", "min-mse-holding-1_ssim"}
    names |= {"max-mse-holding-1_ssim"}
    for name in names:
        assert iio.imread(tmp_path / f"{name}.png").shape == (32, 32)
        assert iio.imread(tmp_path / f"{name}-16bit.png").dtype == np.uint16
    assert iio.imread(tmp_path / "mad.png").ndim == 3
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["metrics"] == ["1-ssim", "mse"]
    assert len(result["stimuli"]) == 4
    assert all(row["stray_percent"] < 0.1 for row in result["stimuli"])
    assert result["options"]["noise"] == 0.05
    printed = capsys.readouterr().out
    assert printed.count("step limit") == 4
    image = mm.data.image("camera", size=32)
    again = mm.MADSet(image, {"1-ssim": mm.metric.as_distance(mm.metric.ssim), "mse": mm.metric.mse})
    again.load(tmp_path / "result.safetensors")
    assert again.result.iterations == 3


def test_mad_of_three_metrics_one_of_them_a_model(tmp_path) -> None:
    assert run(["mad", *QUICK, "--metrics", "Gaussian", "mse", "ssim", "--out", str(tmp_path)]) == 3
    assert len(json.loads((tmp_path / "result.json").read_text())["stimuli"]) == 12
    assert len(list(tmp_path.glob("mad-*-holding-*.png"))) == 3


def test_compare_files_and_folders(tmp_path, capsys) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    images = torch.rand(2, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    for folder, shift in ((first, 0.0), (second, 0.1)):
        folder.mkdir()
        for i, image in enumerate(images):
            save_png(folder / f"{i}.png", (image + shift).clamp(0, 1), bits=16)
    save_png(first / "alone.png", images[0], bits=8)
    assert run(["compare", str(first / "0.png"), str(second / "0.png"), "--metrics", "mse", "ssim", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    x, y = images[:1], (images[:1] + 0.1).clamp(0, 1)
    assert one["0.png"]["mse"] == pytest.approx(float(mm.metric.mse(x, y)), rel=1e-3)
    assert one["0.png"]["ssim"] == pytest.approx(float(mm.metric.ssim(x, y)), rel=1e-3)
    assert run(["compare", str(first), str(second), "--metrics", "nlpd", "Gaussian", "--json"]) == 0
    captured = capsys.readouterr()
    assert set(json.loads(captured.out)) == {"0.png", "1.png"}
    assert "alone.png" in captured.err
    assert run(["compare", str(first), str(second), "--metrics", "mse"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["image", "mse"]
    assert float(lines[1].split()[1]) == pytest.approx(one["0.png"]["mse"], rel=1e-4)


def test_own_metric(tmp_path, capsys) -> None:
    (tmp_path / "own.py").write_text("def largest(x, y):\n    return (x - y).abs().amax((1, 2, 3))\n\nnumber = 3\n")
    assert run(["compare", "camera", "camera", "--metrics", f"{tmp_path}/own.py:largest"]) == 0
    assert float(capsys.readouterr().out.split()[-1]) == 0
    assert run(["compare", "camera", "camera", "--metrics", f"{tmp_path}/own.py:number"]) == 2
    assert "expected a function of two images" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mad", *QUICK, "--metrics", "mse"], "expected at least two"),
        (["mad", *QUICK, "--metrics", "mse", "mse"], "expected distinct ones"),
        (["mad", *QUICK, "--metrics", "mse", "ssmi"], "there is no metric 'ssmi'. Did you mean ssim"),
        (["mad", *QUICK, "--metrics", "mse", "ssim", "--noise", "-1"], "expected a standard deviation"),
        (["compare", "camera", "coins", "--metrics", "mse"], "expected equal ones"),
        (["compare", "camera", ".", "--metrics", "mse"], "expected two images or two folders"),
    ],
)
def test_bad_input(arguments: list[str], message: str, tmp_path, capsys) -> None:
    out = ["--out", str(tmp_path / "out")] if arguments[0] == "mad" else []
    assert run([*arguments, *out]) == 2
    assert message in capsys.readouterr().err


def test_folders_without_common_files(tmp_path, capsys) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert run(["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--metrics", "mse"]) == 2
    assert "no image files of the same name" in capsys.readouterr().err
