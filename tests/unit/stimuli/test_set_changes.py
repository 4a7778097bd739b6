"""What changes under a set while it is planned and run: images, models, and what is noticed of it."""

import pytest
import torch

from metameric.data import load_images
from metameric.io import save_png
from metameric.stimuli import Specification, _run, run, verify

BRIEF = [{"method": "metamer", "max_iter": 30}]


def test_a_model_file_edited_in_this_process_is_made_anew(tmp_path):
    file = tmp_path / "edited.py"
    for power in (1, 10):
        file.write_text(f"def net(x):\n    return x.clamp(0, 1) ** {power}\n")
        spec = Specification(images=["camera"], models=[f"{file}:net"], methods=BRIEF, size=16)
        run(spec, tmp_path / "set", progress=False)
        assert verify(tmp_path / "set").clean


@pytest.fixture
def two(tmp_path) -> Specification:
    """A set of two images, one a job."""
    for name, value in (("a", 0.2), ("b", 0.4)):
        save_png(tmp_path / f"{name}.png", torch.linspace(0, value, 256).reshape(16, 16))
    images = [str(tmp_path / f"{name}.png") for name in "ab"]
    return Specification(images=images, models=["Identity"], methods=BRIEF, batch_size=1, retries=0)


def after_the_first(monkeypatch, change) -> None:
    """Let the image files be changed as soon as the first job is done."""
    work = _run.InProcess.work

    def changing(self, queue):
        for done in work(self, queue):
            yield done
            change()

    monkeypatch.setattr(_run.InProcess, "work", changing)


def test_an_image_that_changes_during_a_run_is_not_taken_for_the_old_one(tmp_path, two, monkeypatch):
    old = (tmp_path / "b.png").read_bytes()
    after_the_first(monkeypatch, lambda: save_png(tmp_path / "b.png", torch.ones(16, 16)))
    found = run(two, tmp_path / "set", progress=False)
    assert (found.converged, found.failed) == (1, 1)
    assert "was changed after the set was planned" in found.failures[0]["error"]
    monkeypatch.undo()
    assert run(two, tmp_path / "set", progress=False).converged == 2  # of the new image
    (tmp_path / "b.png").write_bytes(old)
    found = _run.retry(tmp_path / "set", progress=False)
    assert found.converged == 2 and verify(tmp_path / "set").clean


def test_an_image_that_goes_during_a_run_fails_its_own_trials_only(tmp_path, two, monkeypatch):
    after_the_first(monkeypatch, lambda: (tmp_path / "b.png").unlink(missing_ok=True))
    found = run(two, tmp_path / "set", progress=False)
    assert (found.converged, found.failed) == (1, 1)
    assert found.failures[0]["what"].startswith("b,") and "b.png" in found.failures[0]["error"]
    assert (tmp_path / "set" / "manifest.csv").is_file()


def test_the_image_that_is_written_is_the_one_that_the_trial_began_from(tmp_path, two, monkeypatch):
    before = load_images([tmp_path / "a.png"])
    perform = _run.InProcess.work

    def late(self, queue):
        for done in perform(self, queue):
            save_png(tmp_path / "a.png", torch.ones(16, 16))
            yield done

    monkeypatch.setattr(_run.InProcess, "work", late)
    run(two, tmp_path / "set", progress=False)
    (target,) = (tmp_path / "set" / "images").glob("a_*_8bit.png")
    assert torch.equal(load_images([target]), before)
