"""Exciting inputs that are kicked: noise is added to the best stimulus, and it climbs again."""

import pytest
import torch

import metameric as mm
from metameric._core.errors import InputError

QUIET = {"progress": False}


def ridges(x):
    """Very many local maxima, the higher the larger the elements are."""
    y = x.flatten(1)
    return (torch.cos(9 * y) + 0.3 * y).sum(1)


def new(n=1, seed=None, **options):
    chosen = {"mean": None, "std": None, "allowed_range": (-3, 3)} | options
    search = mm.MostExcitingInput(ridges, (n, 1, 3, 3), **chosen)
    search.setup(seed=seed)
    return search


def climbs(search):
    """The best objective that each climb of the first problem reached."""
    of, total = search.run.trace["changes"][:, 0], -search.run.trace["total"][:, 0]
    return [float(total[of == i].max()) for i in range(int(of[-1]) + 1)]


def test_kicks_lead_to_higher_maxima_and_the_last_climb_goes_to_the_end():
    plain, kicked = new(seed=3), new(seed=3)
    plain.synthesize(**QUIET)
    result = kicked.synthesize(600, kicks=8, **QUIET)
    reached = climbs(kicked)
    assert result.converged and len(reached) == 8 + 2
    assert result.figures["climbs"].tolist() == [10]
    assert reached[0] == pytest.approx(float(plain.responses[-1]), rel=2e-2)
    assert max(reached) > reached[0] + 1
    # The last climb starts from the best as it is, and ends no lower.
    assert reached[-1] >= max(reached) - 1e-5
    assert float(result.figures["response"]) == pytest.approx(reached[-1], abs=1e-5)
    assert torch.equal(kicked.stimulus, kicked.run.x)


def test_a_run_cut_short_keeps_the_best_of_its_climbs():
    search = new(seed=3)
    search.synthesize(40, kicks=500, **QUIET)
    while float(search.responses[-1]) > float(search.responses.max()) - 0.5:
        search.synthesize(1, kicks=500, **QUIET)
    response = ridges(search.stimulus)
    assert float(response) == pytest.approx(float(search.responses.max()), abs=1e-5)
    assert torch.equal(search.result.figures["response"], response)


@pytest.mark.parametrize("size", [0.1, 1.0, 3.0])
def test_the_size_of_a_kick_is_relative_to_the_contrast(size):
    start = 3 + 0.2 * torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    start[1] *= 5
    search = mm.MostExcitingInput(lambda x: -(x**2).sum((1, 2, 3)), start.shape, mean=None, std=None)
    search.setup(start, seed=0)
    # At its end at once, so that all that happens is the kick.
    search.synthesize(0, kicks=1, kick_size=size, stop=mm.Below("gradient_norm", 1e9), **QUIET)
    kick = (search.run.x - start).flatten(1)
    assert kick.std(1).tolist() == pytest.approx([0.2 * size, size], rel=0.05)
    assert bool((kick.mean(1).abs() < 0.1 * kick.std(1)).all()) and not torch.allclose(5 * kick[0], kick[1])


@pytest.mark.parametrize("least", [False, True])
def test_penalties_and_least_exciting_inputs_are_judged_by_what_is_sought(least):
    def penalty(x):
        return 3 * x.square().mean((1, 2, 3))

    search = new(seed=1, least=least, penalty_function=penalty, penalty_lambda=1.0)
    search.synthesize(30, kicks=500, **QUIET)
    sign = -1 if least else 1
    figures = search.result.figures
    assert float(sign * figures["response"] - figures["penalty"]) == pytest.approx(max(climbs(search)), abs=1e-4)
    assert torch.allclose(figures["penalty"], penalty(search.stimulus))


def test_a_kicked_run_in_pieces_is_the_same_as_in_one(tmp_path):
    whole, parts, last = (new(3, seed=20) for _ in range(3))
    whole.synthesize(120, kicks=4, **QUIET)
    for iterations in (1, 6, 13, 40):
        parts.synthesize(iterations, kicks=4, **QUIET)
    parts.save(tmp_path / "file")
    last = mm.MostExcitingInput(ridges, (3, 1, 3, 3), mean=None, std=None, allowed_range=(-3, 3))
    last.load(tmp_path / "file")
    last.synthesize(60, kicks=4, **QUIET)
    assert int(whole.run.trace.last("changes").min()) > 2
    assert torch.equal(last.stimulus, whole.stimulus)
    assert torch.equal(last.run.codes, whole.run.codes)
    for name in ("total", "response", "evaluations", "changes"):
        assert torch.equal(last.run.trace[name], whole.run.trace[name])


def test_every_entry_is_kicked_as_it_would_be_alone():
    together = new(3, seed=20)
    together.synthesize(300, kicks=4, **QUIET)
    for i in range(3):
        alone = new(seed=20 + i)
        alone.synthesize(300, kicks=4, **QUIET)
        assert torch.allclose(alone.stimulus, together.stimulus[i : i + 1], atol=1e-5)
    assert len({round(float(r), 3) for r in ridges(together.stimulus)}) > 1


def test_kicks_may_come_after_a_run_without_and_before_one():
    search, kicked = new(seed=3), new(seed=3)
    search.synthesize(**QUIET)
    assert "changes" not in search.run.trace
    first = search.stimulus
    search.synthesize(60, kicks=2, **QUIET)
    n = len(search.run.trace)
    assert search.run.trace["changes"].shape == (n, 1) and int(search.run.trace.last("changes")) > 1
    assert float(ridges(search.stimulus)) >= float(ridges(first))
    kicked.synthesize(20, kicks=2, **QUIET)
    kicked.synthesize(5, **QUIET)
    assert kicked.run.trace["changes"].shape == kicked.run.trace["total"].shape


def test_parameters_are_kicked_where_there_is_a_parametrization():
    search = new(seed=2, allowed_range=None, parametrization=mm.SigmoidPixels(-3, 3))
    search.synthesize(100, kicks=3, **QUIET)
    assert float(search.stimulus.abs().max()) < 3
    assert float(ridges(search.stimulus)) == pytest.approx(float(search.responses.max()), abs=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kicks": -1}, "kicks is -1"),
        ({"kicks": 2, "kick_size": 0}, "kick_size is 0"),
    ],
)
def test_kicks_are_refused_where_they_mean_nothing(options, message):
    with pytest.raises(InputError, match=message):
        new().synthesize(**options, **QUIET)


def test_kicks_are_refused_with_transforms():
    search = mm.MostExcitingInput(ridges, (1, 1, 3, 3), transforms=[mm.RandomJitter(1)])
    with pytest.raises(InputError, match="use kicks=0"):
        search.synthesize(kicks=1, **QUIET)
