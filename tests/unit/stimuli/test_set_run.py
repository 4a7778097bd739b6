"""Running a set: what is written, resuming, failures, executors."""

import csv
import json
import re
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pyarrow.parquet as parquet
import pytest
import torch
from safetensors.torch import load_file

from metameric import Metamer
from metameric._core.errors import FileError, StateError
from metameric.data import image
from metameric.io import save_png
from metameric.stimuli import Display, Specification, _progress, _run, read_specification, retry, run, status, verify
from metameric.stimuli._executors import available_cores
from metameric.stimuli._store import Store

TIMINGS = ("seconds", "attempts")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def stimuli(folder: Path) -> dict[str, torch.Tensor]:
    return {f.name: load_file(f)["stimulus"] for f in (folder / "stimuli").glob("*.safetensors")}


def assert_same(first: Path, second: Path) -> None:
    """Same images (up to the rounding of another batch or thread count), manifest equal but for timings."""
    a, b = stimuli(first), stimuli(second)
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-4, atol=1e-4)
    factors = ("trial", "stimulus", "verdict", "status", "image", "model", "method", "seed", "png8_path")
    assert [[r[f] for f in factors] for r in rows(first)] == [[r[f] for f in factors] for r in rows(second)]


def test_everything_is_written(tmp_path, small):
    found = run(small, tmp_path / "set", progress=False)
    assert found.complete and found.planned == 2 * 2 + 2 * 2 + 2
    folder = tmp_path / "set"
    manifest = rows(folder)
    assert len(manifest) == 2 * 2 + 2 * 2 + 2 * 2  # two eigendistortions per trial
    for row in manifest:
        written = load_file(folder / row["safetensors_path"])["stimulus"]
        assert written.shape == (1, 16, 16) and written.dtype == torch.float32
        for bits in (8, 16):
            shown = iio.imread(folder / row[f"png{bits}_path"]) / (2**bits - 1)
            assert np.abs(shown - written[0].clamp(0, 1).numpy()).max() <= 0.51 / (2**bits - 1)
        assert (folder / row["target_png8_path"]).is_file() and (folder / row["target_png16_path"]).is_file()
    assert {"specification.yaml", "plan.json", "environment.json", "models.json"} <= {f.name for f in folder.iterdir()}
    assert json.loads((folder / "environment.json").read_text())["torch"] == torch.__version__


def test_the_manifest_is_there_as_parquet_with_numbers_as_numbers(tmp_path, small):
    run(small, tmp_path, progress=False)
    table = parquet.read_table(tmp_path / "manifest.parquet").to_pylist()
    assert list(table[0]) == list(rows(tmp_path)[0])
    for ours, text in zip(table, rows(tmp_path), strict=True):
        assert {k: "" if v is None else str(v) for k, v in ours.items()} == text
        assert isinstance(ours["seconds"], float) and isinstance(ours["seed"], int)


def test_a_trial_is_the_synthesis_that_its_factors_name(tmp_path):
    spec = Specification(
        images=["camera"], models=[{"name": "Gaussian", "options": {"kernel_size": 5}}], methods=["metamer"], size=16,
        seeds=[3, 8], dtype="float64",
    )  # fmt: skip
    run(spec, tmp_path, progress=False)
    from metameric.models import Gaussian

    synthesis = Metamer(image("camera", size=16).double(), Gaussian(5).double().eval())
    synthesis.setup(seed=8)
    result = synthesis.synthesize(progress=False)
    (row,) = (r for r in rows(tmp_path) if r["seed"] == "8")
    ours = load_file(tmp_path / row["safetensors_path"])["stimulus"]
    torch.testing.assert_close(ours, synthesis.metamer[0], rtol=1e-6, atol=1e-6)
    assert float(row["relative_error"]) == pytest.approx(float(result.figures["relative_error"]), rel=1e-4)


def test_rounding_to_a_file_is_measured_in_the_model(tmp_path):
    spec = Specification(images=["camera"], models=["Identity"], methods=["metamer"], size=16)
    run(spec, tmp_path, progress=False)
    (row,) = rows(tmp_path)
    target = image("camera", size=16)
    for kind, path in (("png8", row["png8_path"]), ("png16", row["png16_path"])):
        shown = torch.from_numpy(iio.imread(tmp_path / path) / (255 if kind == "png8" else 65535)).float()
        error = float((shown - target[0, 0]).norm() / target.norm())
        assert float(row[f"relative_error_{kind}"]) == pytest.approx(error, rel=1e-3)
    assert float(row["relative_error_png8"]) > float(row["relative_error_png16"])


def test_the_image_is_written_for_the_same_display_as_its_stimuli(tmp_path):
    display = {"values": "linear", "gamma": 2.0, "canvas": [24, 20], "surround": 0.25}
    method = {"method": "eigendistortions", "scale": 1e-9}
    run(Specification(images=["camera"], models=["Identity"], methods=[method], size=16, display=display), tmp_path,
        progress=False)  # fmt: skip
    for kind in ("png8", "png16"):
        target, stimulus = (iio.imread(tmp_path / rows(tmp_path)[0][f"{of}{kind}_path"]) for of in ("target_", ""))
        assert target.shape == (24, 20)
        np.testing.assert_array_equal(target, stimulus)


def test_running_again_repeats_nothing_and_more_seeds_add_only_theirs(tmp_path, small, monkeypatch):
    run(small, tmp_path / "set", progress=False)
    before = {f: f.stat().st_mtime_ns for f in (tmp_path / "set" / "stimuli").iterdir()}
    more = small.model_copy(update={"seeds": [0, 1, 2]})
    found = run(more, tmp_path / "set", progress=False)
    assert found.complete and found.planned == 2 * 3 + 2 * 3 + 2
    after = {f: f.stat().st_mtime_ns for f in (tmp_path / "set" / "stimuli").iterdir()}
    assert before.items() <= after.items() and len(after) == len(before) + 2 * 2 * 3
    fewer = run(small.model_copy(update={"seeds": [0]}), tmp_path / "set", progress=False)
    assert fewer.complete and fewer.outdated == 2 * 2 * 2


def test_a_model_that_fails_on_one_image_fails_there_only(tmp_path, models):
    bright = tmp_path / "bright.png"
    save_png(bright, torch.ones(16, 16))
    spec = Specification(
        images=["camera", str(bright), "coffee"], models=[f"{models}:fails_on_bright"], methods=["metamer"], size=16,
        seeds=[0, 1], retries=2,
    )  # fmt: skip
    found = run(spec, tmp_path / "set", progress=False)
    assert (found.planned, found.failed, found.waiting) == (6, 2, 0)
    failed = [row for row in rows(tmp_path / "set") if row["verdict"] == "failed"]
    assert {row["image"] for row in failed} == {"bright"}
    assert all("too bright" in row["error"] and row["attempts"] == "3" for row in failed)
    assert "bright, fails_on_bright, metamer, seed 0" in str(found)
    assert run(spec, tmp_path / "set", progress=False).failed == 2  # not tried again unasked


def test_a_failure_for_once_is_tried_again(tmp_path, models):
    own = {"name": f"{models}:Once", "options": {"flag": str(tmp_path / "flag")}}
    spec = Specification(images=["camera"], models=[own], methods=["metamer"], size=16, retries=1)
    found = run(spec, tmp_path / "set", progress=False)
    assert found.complete
    assert rows(tmp_path / "set")[0]["attempts"] == "2"


def test_retry_runs_what_failed(tmp_path, models):
    flag = tmp_path / "flag"
    own = {"name": f"{models}:Once", "options": {"flag": str(flag)}}
    spec = Specification(images=["camera"], models=[own], methods=["metamer"], size=16, retries=0)
    assert run(spec, tmp_path / "set", progress=False).failed == 1
    text = (tmp_path / "set" / "specification.yaml").read_text()
    assert retry(tmp_path / "set", progress=False).complete
    assert (tmp_path / "set" / "specification.yaml").read_text() == text
    assert status(tmp_path / "set").failed == 0


def test_a_set_made_in_one_folder_is_checked_and_retried_from_another(tmp_path, models, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    save_png(tmp_path / "p.png", torch.rand(16, 16, generator=torch.Generator().manual_seed(0)))
    monkeypatch.chdir(tmp_path)
    spec = Specification(images=["p.png"], models=["own_models.py:blur"], methods=["metamer"])
    assert run(spec, "set", progress=False).complete
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = verify(tmp_path / "set")
    assert found.clean and found.measured == 1
    next((tmp_path / "set" / "trials").iterdir()).unlink()
    assert retry(tmp_path / "set", progress=False).complete
    again = read_specification(tmp_path / "set" / "specification.yaml")
    assert run(again, tmp_path / "set", progress=False).planned == 1


def test_colours_are_measured_again_from_every_kind_of_file(tmp_path, models):
    spec = Specification(images=["coffee"], models=[f"{models}:blur"], methods=["metamer"], size=16, color=True)
    assert run(spec, tmp_path / "set", progress=False).complete
    assert verify(tmp_path / "set").clean
    (record,) = (tmp_path / "set" / "trials").glob("*.json")
    content = json.loads(record.read_text())
    content["stimuli"][0]["figures"]["relative_error_png16"] = 0.5
    record.write_text(json.dumps(content))
    assert "png16" not in str(verify(tmp_path / "set", sample=0))
    assert any("16bit.png: relative_error is" in problem for problem in verify(tmp_path / "set").problems)


def test_what_cannot_be_planned_leaves_no_folder(tmp_path):
    spec = Specification(images=["camera"], models=["own:nothing"], methods=["metamer"], size=16)
    with pytest.raises(ValueError, match="cannot import own"):
        run(spec, tmp_path / "set", progress=False)
    assert not (tmp_path / "set").exists()


def test_a_folder_named_like_its_image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = Specification(images=["coins"], models=["Identity"], methods=["metamer"], size=16)
    assert run(spec, "coins", progress=False).complete
    assert run(spec, "coins", progress=False).complete


def test_what_is_required_decides_the_verdict(tmp_path):
    given = dict(images=["camera"], models=["Identity"], methods=["metamer"], size=16)
    assert run(Specification(**given), tmp_path, progress=False).converged == 1
    strict = Specification(**given, require={"relative_error_png8": 1e-6})
    found = run(strict, tmp_path, progress=False)
    assert (found.converged, found.not_converged) == (0, 1)


def test_the_figures_that_can_be_required_are_those_that_there_are(tmp_path, small):
    display = {"pixels_per_degree": 30, "peak_luminance": 100}
    run(small.model_copy(update={"display": Display(**display)}), tmp_path, progress=False)
    shown = {"clipped_fraction", "height_degrees", "width_degrees", "mean_luminance"}
    found = {}
    for record in map(Store(tmp_path).record, Store(tmp_path).finished()):
        figures = {name for stimulus in record["stimuli"] for name in stimulus["figures"]}
        found.setdefault(record["factors"]["method"].removesuffix("-max"), set()).update(figures)
    assert found == {m.method: {*m.figures(["png8", "png16"]), *shown} for m in small.methods}
    limits = dict.fromkeys(set().union(*found.values()), 1.0)
    assert Specification(**small.model_dump() | {"display": display, "require": limits}).require == limits


def test_names_too_long_for_a_file_are_cut(tmp_path):
    for name in ("a" * 200, "é" * 100):
        save_png(tmp_path / f"{name}.png", torch.rand(16, 16, generator=torch.Generator().manual_seed(len(name))))
    (tmp_path / "m.py").write_text("def net(what): return lambda x: len(what) * x\n")
    models = [{"name": f"{tmp_path}/m.py:net", "label": "m" * 300, "grid": {"what": ["w" * 100, "w" * 101]}}]
    spec = Specification(images=[str(tmp_path)], models=models, methods=["eigendistortions"], seeds=[2**63 - 1])
    assert run(spec, tmp_path / "set", progress=False).complete
    assert verify(tmp_path / "set").clean
    assert parquet.read_table(tmp_path / "set" / "manifest.parquet")["seed"].to_pylist() == [2**63 - 1] * 8


@pytest.mark.parametrize(("progress", "lines"), [(None, 3), (False, 0)])
def test_a_log_has_a_line_for_every_group(tmp_path, small, capsys, progress, lines):
    run(small, tmp_path, progress=progress)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == lines
    if said:
        assert re.fullmatch(
            r"[\d-]+ [\d:]+ 10/10 trials after \d+ s; blur, eigendistortions, 1 x 16 x 16: finished", said[-1]
        )


def test_a_log_hears_of_a_group_that_takes_long(tmp_path, small, capsys, monkeypatch):
    monkeypatch.setattr(_progress, "EVERY", 0)
    run(small, tmp_path, progress=None)
    assert "1/10 trials after" in capsys.readouterr().err.splitlines()[0]


def test_an_unconverged_trial_is_never_called_converged(tmp_path):
    spec = Specification(
        images=["camera"], models=["Gaussian"], methods=[{"method": "metamer", "max_iter": 1}], size=16
    )
    assert run(spec, tmp_path, progress=False).not_converged == 1
    assert rows(tmp_path)[0]["verdict"] == "not converged"


def test_local_processes_make_the_same_set(tmp_path, small):
    run(small, tmp_path / "here", progress=False, threads=1)
    found = run(small.model_copy(update={"batch_size": 2}), tmp_path / "there", progress=False, workers=2)
    assert found.complete
    assert_same(tmp_path / "here", tmp_path / "there")
    assert verify(tmp_path / "there").clean


def test_a_worker_that_dies_takes_only_its_trial(tmp_path, models):
    bright = tmp_path / "bright.png"
    save_png(bright, torch.ones(16, 16))
    spec = Specification(
        images=["camera", str(bright)], models=[f"{models}:Deadly"], methods=["metamer"], size=16, seeds=[0, 1]
    )
    found = run(spec, tmp_path / "set", progress=False, workers=1)
    assert (found.failed, found.waiting, found.planned) == (2, 0, 4)
    assert all("worker process ended" in f["error"] and "bright" in f["what"] for f in found.failures)


def test_two_runners_on_one_folder(tmp_path, small):
    with Store(tmp_path / "set").locked(), pytest.raises(StateError, match=r"another runner \(process \d+"):
        run(small, tmp_path / "set", progress=False)
    assert run(small, tmp_path / "set", progress=False).complete


def test_full_disk(tmp_path, small, monkeypatch):
    import errno
    import os

    written, replace = [], os.replace

    def full(source, target):
        written.append(target)
        if len(written) > 12:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FileError, match=r"No space left on device\. Finished trials are kept"):
        run(small, tmp_path / "set", progress=False)
    monkeypatch.undo()
    assert not list((tmp_path / "set").rglob("*.part"))
    finished = Store(tmp_path / "set").finished()
    assert 0 < len(finished) < 10
    assert run(small, tmp_path / "set", progress=False).complete
    assert verify(tmp_path / "set").clean


def test_ctrl_c_ends_cleanly_and_the_rest_is_done_later(tmp_path, models, monkeypatch):
    spec = Specification(
        images=["camera", "coffee", "moon"], models=[f"{models}:blur"], methods=["metamer"], size=16, batch_size=1
    )
    perform, calls = _run.InProcess.work, []

    def interrupted(self, queue):
        for done in perform(self, queue):
            yield done
            calls.append(done)
            raise KeyboardInterrupt

    monkeypatch.setattr(_run.InProcess, "work", interrupted)
    found = run(spec, tmp_path / "set", progress=False)
    assert found.interrupted and found.waiting == 2 and found.converged == 1
    assert [r["verdict"] for r in rows(tmp_path / "set")].count("planned") == 2
    monkeypatch.undo()
    assert run(spec, tmp_path / "set", progress=False).complete


def test_threads_are_given_back(tmp_path, small):
    before = torch.get_num_threads()
    run(small, tmp_path / "set", progress=False, threads=1)
    assert torch.get_num_threads() == before


@pytest.mark.slow
@pytest.mark.parametrize(("options", "threads"), [({"workers": 2}, None), ({"workers": 1, "threads": 3}, 3)])
def test_workers_share_the_cores_or_use_what_they_are_told(tmp_path, models, options, threads):
    expected = threads or max(1, available_cores() // 2)
    own = [f"{models}:tells_threads"]
    spec = Specification(images=["camera"], models=own, methods=["metamer"], size=16, retries=0)
    (failure,) = run(spec, tmp_path / "set", progress=False, **options).failures
    assert f"It raised RuntimeError: {expected} threads" in failure["error"]
