"""Plans: how many trials, which keys, which groups."""

import json
from pathlib import Path

import pytest
import torch

from metameric.io import save_png
from metameric.stimuli import Specification, Trial, estimate, plan
from metameric.stimuli._queue import Queue, batches


def spec(**changes):
    given = {
        "images": ["camera", "coffee"],
        "models": ["Identity"],
        "methods": ["metamer"],
        "seeds": [0, 1],
        "size": 16,
    }
    return Specification(**{**given, **changes})


def keys(**changes):
    return {trial.key for trial in plan(spec(**changes)).trials}


def test_every_combination_once():
    found = plan(spec(models=["Identity", {"name": "Gaussian", "grid": {"kernel_size": [3, 5]}}], size=[16, 24]))
    assert len(found.trials) == 2 * 3 * 2 * 2 == len({t.key for t in found.trials})
    assert len(found.groups()) == 3 * 2
    assert all(len(trials) == 4 for trials in found.groups().values())


def test_eigendistortions_once_per_image_and_a_note_says_so():
    found = plan(spec(methods=["eigendistortions"]))
    assert len(found.trials) == 2
    assert "one and the same for every seed" in str(found)


def test_more_seeds_keep_the_keys_of_those_before():
    assert keys() < keys(seeds=[0, 1, 2])


@pytest.mark.parametrize(
    "changes",
    [
        {"methods": [{"method": "metamer", "max_iter": 5}]},
        {"models": [{"name": "Gaussian", "options": {"kernel_size": 3}}]},
        {"size": 17},
        {"dtype": "float64"},
        {"color": True},
        {"files": ["png8"]},
        {"display": {"gamma": 1.8}},
        {"seeds": [5, 6]},
    ],
)
def test_whatever_changes_the_outcome_changes_the_keys(changes):
    assert not keys() & keys(**changes)


@pytest.mark.parametrize(
    "changes", [{"retries": 3}, {"batch_size": 1}, {"require": {"relative_error": 1}}, {"images": ["coffee", "camera"]}]
)
def test_what_does_not_change_the_outcome_keeps_the_keys(changes):
    assert keys() == keys(**changes)


def test_content_counts_not_the_name_of_a_file(tmp_path: Path):
    image = torch.rand(16, 16, generator=torch.Generator().manual_seed(0))
    for name in ("a", "b"):
        save_png(tmp_path / f"{name}.png", image)
    a, b = ({"images": [str(tmp_path / f"{name}.png")], "size": None} for name in ("a", "b"))
    assert keys(**a) == keys(**b)
    save_png(tmp_path / "b.png", 1 - image)
    assert not keys(**a) & keys(**b)


def test_a_changed_model_is_another_one(tmp_path, models):
    before = keys(models=[f"{models}:blur"])
    assert keys(models=[f"{models}:blur"]) == before
    Path(models).write_text(Path(models).read_text().replace("avg_pool2d(x, 4)", "avg_pool2d(x, 2)"))
    assert not keys(models=[f"{models}:blur"]) & before


def test_folders_of_images(tmp_path):
    for name in ("b", "a"):
        save_png(tmp_path / f"{name}.png", torch.zeros(16, 16))
    (tmp_path / "notes.txt").write_text("no image")
    found = plan(spec(images=[{"name": str(tmp_path), "label": "mine"}], size=None, seeds=[0]))
    assert [t.image.label for t in found.trials] == ["mine-a"]
    assert "1 trials are the same as others (equal images, models or methods)" in str(found)
    save_png(tmp_path / "b.png", torch.ones(16, 16))
    found = plan(spec(images=[str(tmp_path)], size=None, seeds=[0]))
    assert [t.image.label for t in found.trials] == ["a", "b"]


def test_trials_written_out():
    row = {"image": "moon", "model": "Identity", "method": "metamer", "seed": 3}
    (trial,) = plan(Specification(trials=[row], size=16)).trials
    assert trial.factors == dict(
        image="moon", model="Identity", method="metamer", seed=3, channels=1, height=16, width=16
    )
    assert Trial.from_dict(json.loads(json.dumps(trial.to_dict()))) == trial


def test_planning_leaves_random_state_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    plan(spec())
    assert torch.equal(torch.get_rng_state(), before)


def test_estimate_says_what_fails(models):
    found = estimate(plan(spec(models=[f"{models}:tells_threads"], images=["camera"])))
    assert "camera, tells_threads, metamer, seed 0 fails, and is timed as far as it came: ModelError" in str(found)


def test_a_grid_of_directions():
    method = {"method": "mad", "grid": {"minmax": ["min", ["min", "max"]]}}
    found = plan(spec(methods=[method | {"label": "m"}], images=["camera"], seeds=[0])).trials
    assert [t.method.minmax for t in found] == [["min"], ["max"]]
    method["grid"]["minmax"] = ["min"]
    assert [t.method.minmax for t in plan(spec(methods=[method], images=["camera"], seeds=[0])).trials] == [["min"]]


def test_estimate_counts_every_group():
    found = estimate(plan(spec(methods=[{"method": "metamer", "max_iter": 2}, "eigendistortions"])))
    assert [row["trials"] for row in found.groups] == [4, 2]
    assert found.seconds > 0
    assert found.bytes == 4 * (2048 + 16 * 16 * 7) + 2 * (2048 + 2 * 16 * 16 * 7)
    assert "at most" in str(found)


def test_batches_are_those_of_the_plan_whatever_is_there_already():
    planned = plan(spec(seeds=list(range(12))))
    whole = batches(planned)
    assert [len(batch) for batch in whole] == [6, 6, 6, 6]  # at least four, and even ones
    left = Queue(planned, planned.trials[4:])
    taken = [left.take().keys for _ in range(len(left.waiting))]
    assert taken == [tuple(t.key for t in whole[0][4:]), *(tuple(t.key for t in batch) for batch in whole[1:])]


@pytest.mark.parametrize(("size", "most"), [(64, 32), (128, 8), (256, 2), (512, 1)])
def test_larger_images_are_synthesised_fewer_at_a_time(size, most):
    planned = plan(spec(seeds=list(range(64)), size=size))
    assert max(map(len, batches(planned))) == most
    assert {t.key for batch in batches(planned) for t in batch} == {t.key for t in planned.trials}
    given = plan(spec(seeds=list(range(64)), size=size, batch_size=5))
    assert max(map(len, batches(given))) == 5
