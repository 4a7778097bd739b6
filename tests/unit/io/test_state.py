"""What a file brings back, and what the user must bring: solvers, optimizers, constraints of their own."""

import copy
import functools

import pytest
import torch
from torch import nn

import metameric as mm
from metameric._core.errors import InputError, StateError
from metameric._solve._constraint import Box
from metameric._solve._lbfgs import LBFGS
from metameric._solve._observe import Snapshots
from metameric._solve._stop import Never
from metameric._synthesis._moved import moved
from metameric.io._run import snapshots_from_tree, snapshots_to_tree

RUN = {"progress": False, "stop": Never()}


def make(dtype=torch.float32, model=None, **options):
    image = torch.rand(2, 6, generator=torch.Generator().manual_seed(0)).to(dtype)
    return mm.Metamer(image, model or mm.problems.LinearModel.random(3, 6, dtype=dtype), **options)


class Halved(torch.optim.Adam):
    """An optimizer that is not of torch.optim."""


class OwnBox(Box):
    """A constraint that is not metameric's."""


def halving(i):
    return 0.5**i


def whole_and_loaded(path, **setup):
    """A run of ten, and a run of four loaded into a new object."""
    whole, part, loaded = make(), make(), make()
    for synthesis, n in ((whole, 10), (part, 4)):
        synthesis.setup(seed=1, **setup)
        synthesis.synthesize(n, **RUN)
    part.save(path)
    loaded.load(path)
    return whole, loaded


OWN = {
    "optimizer": {"optimizer": Halved, "optimizer_kwargs": {"lr": 0.03}},
    "factory": {"optimizer": functools.partial(torch.optim.SGD, momentum=0.9), "optimizer_kwargs": {"lr": 0.03}},
    "scheduler": {
        "optimizer": torch.optim.Adam,
        "optimizer_kwargs": {"lr": 0.03},
        "scheduler": torch.optim.lr_scheduler.LambdaLR,
        "scheduler_kwargs": {"lr_lambda": halving},
    },
    "constraint": {"constraint": OwnBox(0.2, 0.9)},
}


@pytest.mark.parametrize("own", OWN)
def test_own_classes_are_asked_for_and_then_the_run_goes_on_exactly(tmp_path, own):
    setup = OWN[own]
    whole, loaded = whole_and_loaded(tmp_path / "a", **setup)
    for call in (lambda: loaded.synthesize(6, **RUN), lambda: loaded.to(torch.float64)):
        with pytest.raises(StateError, match="call setup\\(\\) with the optimizer, scheduler, solver or constraint"):
            call()
    # All that does not depend on them can be read, and saved again.
    assert loaded.result.iterations == 4
    loaded.save(tmp_path / "b")
    loaded = make()
    loaded.load(tmp_path / "b")
    loaded.setup(**setup)
    loaded.synthesize(6, **RUN)
    assert torch.equal(loaded.metamer, whole.metamer)
    assert torch.equal(loaded.losses, whole.losses)


class OwnAdam(torch.optim.Adam):
    """Adam under another name."""


@pytest.mark.parametrize(
    "new",
    [
        lambda: mm.Geodesic(torch.zeros(1, 4), torch.ones(1, 4), torch.sin, n_steps=3),
        lambda: mm.PrincipalDistortions(torch.ones(1, 4) / 2, [torch.sin, torch.exp]),
    ],
    ids=["geodesic", "principal"],
)
def test_own_optimizers_of_syntheses_with_a_seed_of_their_own(tmp_path, new):
    saved, loaded = new(), new()
    saved.setup(optimizer=OwnAdam)
    saved.synthesize(max_iter=3, stop=Never(), progress=False)
    saved.save(tmp_path / "a")
    loaded.load(tmp_path / "a")
    loaded.setup(optimizer=OwnAdam)
    for synthesis in (saved, loaded):
        synthesis.synthesize(max_iter=2, stop=Never(), progress=False)
    assert torch.equal(saved.result.stimulus, loaded.result.stimulus)


def test_principal_distortions_can_be_copied():
    principal = mm.PrincipalDistortions(torch.ones(1, 4) / 2, [torch.sin, torch.exp])
    principal.setup()
    other = copy.deepcopy(principal)
    for synthesis in (principal, other):
        synthesis.synthesize(max_iter=2, progress=False)
    assert torch.equal(principal.distortions, other.distortions)


def test_integers_move_but_stay_integers():
    assert moved({"n": torch.tensor([1])}, "meta")["n"].device.type == "meta"
    assert moved([torch.tensor([1])], torch.float64)[0].dtype == torch.int64


def test_setup_after_load_in_the_manner_of_plenoptic(tmp_path):
    """There, the optimizer must always be named again; here it may be."""
    setup = {"optimizer": torch.optim.LBFGS, "optimizer_kwargs": {"max_iter": 2}}
    whole, loaded = whole_and_loaded(tmp_path / "a", **setup)
    loaded.setup(optimizer=torch.optim.LBFGS)
    loaded.synthesize(6, **RUN)
    assert torch.equal(loaded.metamer, whole.metamer)


@pytest.mark.parametrize(
    ("setup", "message"),
    [
        ({"optimizer": torch.optim.SGD}, "given the solver SGD, None, but the loaded run was made with Adam, None"),
        ({"solver": LBFGS()}, "made with Adam"),
        ({"seed": 3}, "given seed, but this Metamer was loaded from"),
        ({"initial_image": torch.zeros(2, 6)}, "given initial_image"),
        ({"constraint": Box()}, "given the constraint Box, but the loaded run was made with Free"),
    ],
)
def test_setup_after_load_must_fit(tmp_path, setup, message):
    whole, loaded = whole_and_loaded(tmp_path / "a", optimizer=torch.optim.Adam)
    with pytest.raises(InputError, match=message):
        loaded.setup(**setup)
    loaded.synthesize(6, **RUN)
    assert torch.equal(loaded.metamer, whole.metamer)


def test_incomplete_setup_after_load(tmp_path):
    _, loaded = whole_and_loaded(tmp_path / "a", **OWN["scheduler"])
    with pytest.raises(InputError, match="made with Adam, LambdaLR"):
        loaded.setup(optimizer=torch.optim.Adam)
    with pytest.raises(InputError, match="halving"):
        loaded.setup(optimizer=torch.optim.Adam, scheduler=torch.optim.lr_scheduler.LambdaLR)
    with pytest.raises(InputError, match="halving"):
        loaded.setup()


def test_no_setup_once_it_has_gone_on(tmp_path):
    _, loaded = whole_and_loaded(tmp_path / "a")
    loaded.setup()
    loaded.synthesize(1, **RUN)
    with pytest.raises(InputError, match=r"setup\(\) was called before"):
        loaded.setup()


def test_object_that_was_never_set_up(tmp_path):
    make().save(tmp_path / "a")
    loaded = make()
    loaded.load(tmp_path / "a")
    loaded.setup(seed=5)
    fresh = make()
    fresh.setup(seed=5)
    for synthesis in (loaded, fresh):
        synthesis.synthesize(3, **RUN)
    assert torch.equal(loaded.metamer, fresh.metamer)


def test_several_seeds_for_one_target(tmp_path):
    def one():
        return mm.Metamer(torch.full((1, 6), 0.5), mm.problems.LinearModel.random(3, 6))

    first, second = one(), one()
    first.setup(seed=[4, 8, 1])
    first.synthesize(2, **RUN)
    first.save(tmp_path / "a")
    second.load(tmp_path / "a")
    assert second.image.shape == (3, 6)
    assert second.target_representation.shape == (3, 3)
    assert second.result.config["seeds"] == [4, 8, 1]
    for synthesis in (first, second):
        synthesis.synthesize(3, **RUN)
    assert torch.equal(first.metamer, second.metamer)


def test_names_of_places_do_not_matter_but_behaviour_does(tmp_path):
    class Net(nn.Module):
        def __init__(self, gain):
            super().__init__()
            self.gain = gain

        def forward(self, x):
            return self.gain * x[:, :3]

    here = Net

    class Net(nn.Module):
        def forward(self, x):
            return 2 * x[:, :3]

    make(model=here(2)).save(tmp_path / "a")
    make(model=Net()).load(tmp_path / "a")
    with pytest.raises(ValueError, match="model: its output"):
        make(model=here(2.01)).load(tmp_path / "a")


def test_model_that_differs_only_beyond_the_image_is_noticed(tmp_path):
    """On the target alone these two are the same."""

    class Net(nn.Module):
        def __init__(self, knee):
            super().__init__()
            self.knee = knee

        def forward(self, x):
            return torch.where(x > self.knee, 3 * x - 2 * self.knee, x)

    def flat(knee):
        return mm.Metamer(torch.full((1, 40), 0.2), Net(knee))

    flat(0.5).save(tmp_path / "a")
    with pytest.raises(ValueError, match="model: its output"):
        flat(0.6).load(tmp_path / "a")


def test_penalty_is_known_beyond_the_range(tmp_path):
    make(penalty_function=mm.regularize.penalize_range).save(tmp_path / "a")

    def penalize_range(x):
        return 2 * mm.regularize.penalize_range(x)

    with pytest.raises(ValueError, match="penalty_function: its output"):
        make(penalty_function=penalize_range).load(tmp_path / "a")


def test_weights_of_the_model_are_not_in_the_file(tmp_path):
    model = mm.remove_grad(nn.Linear(6, 50_000))
    make(model=model).save(tmp_path / "a")
    # The representation of the target and of the test stimulus are; 300 000 weights are not.
    assert (tmp_path / "a").stat().st_size < 4 * (300_000 + 2 * 50_000)


def test_a_run_that_was_saved_before_its_first_stimulus_was_stored_is_read():
    empty = snapshots_from_tree(snapshots_to_tree(Snapshots(3)))
    assert (empty.every, empty.images, empty.iterations) == (3, [], [])
