"""Several starts: of exciting inputs, the best goes on; of controversial stimuli, until one will do."""

import pytest
import torch

import metameric as mm
from metameric._core.errors import InputError
from metameric._core.random import STARTS_APART
from metameric._solve._status import Status
from metameric._solve._stop import Halving, Never, Stop
from metameric._solve._trace import Trace
from metameric._synthesis._exciting import TRIAL

QUIET = {"progress": False}


def bumps(x):
    """Many local maxima of different heights."""
    y = x.flatten(1)
    return (torch.cos(9 * y) + 0.3 * y).sum(1)


def test_the_best_of_several_starts_goes_on():
    def new(**setup):
        search = mm.MostExcitingInput(bumps, (1, 1, 3, 3), mean=None, std=None, allowed_range=(-3, 3))
        search.setup(**setup)
        return search

    alone = [new(seed=5 + i * STARTS_APART) for i in range(4)]
    for one in alone:
        one.synthesize(2 * TRIAL, stop=Never(), **QUIET)
    several = new(seed=5, n_starts=4)
    better = sorted(alone, key=lambda one: float(one.responses[TRIAL]))[2:]
    best = max(better, key=lambda one: float(one.responses[-1]))
    assert torch.allclose(several.stimulus, best.stimulus, atol=1e-6)
    assert len({round(float(one.responses[TRIAL]), 3) for one in alone}) == 4
    figures = several.synthesize(**QUIET).figures
    half = [int(one.run.trace["evaluations"][TRIAL]) for one in alone if one not in better]
    assert figures["trial_evaluations"] == sum(half) + sum(int(one.run.counts) for one in better)
    assert figures["response"] >= float(best.responses[-1]) - 1e-5


def test_halving_drops_the_worse_half_at_every_rung_whatever_comes_later():
    halving, trace = Halving(5, 2), Trace()
    nan = float("nan")
    # Two groups of five: after 2 iterations three are left, after 4 two, after 8 one.
    after = {2: [3, 1, 2, nan, 0, 9, 8, 7, 6, 5], 4: [-9, 1, 0, -9, 2, -9, -9, 3, 2, 1], 8: [0] * 2 + [-1] * 8}
    left = {0: range(10), 2: [1, 2, 4, 7, 8, 9], 4: [1, 2, 8, 9], 8: []}
    assert halving.most_iterations() == 8
    for iteration in range(9):
        trace.append({"total": torch.tensor(after.get(iteration, [0.0] * 10), dtype=torch.float64)}, 0.0)
        expected = left[max(k for k in left if k <= iteration)]
        assert (halving(trace) == 0).nonzero()[:, 0].tolist() == list(expected), iteration
    assert halving.left(trace).nonzero()[:, 1].tolist() == [2, 3]


@pytest.mark.parametrize(("n", "iterations"), [(1, 5), (2, 5), (3, 10), (4, 10), (5, 20), (16, 40)])
def test_halving_ends_when_one_is_left(n, iterations):
    assert Halving(n, 5).most_iterations() == iterations


def test_several_starts_for_every_stimulus_with_its_data_and_from_a_file(tmp_path):
    def seen(x, weight):
        return bumps(x) + (weight * x).sum((1, 2, 3))

    weight = torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(0))

    def new(index):
        options = {"mean": None, "std": None, "allowed_range": (-3, 3), "data": {"weight": weight[index]}}
        return mm.MostExcitingInput(seen, (len(index), 1, 3, 3), **options)

    both, alone, again = new([0, 1]), new([1]), new([0, 1])
    both.setup(seed=[3, 8], n_starts=3)
    alone.setup(seed=[8], n_starts=3)
    assert torch.allclose(both.stimulus[1:], alone.stimulus, atol=1e-6)
    both.synthesize(2, **QUIET)
    both.save(tmp_path / "file")
    again.load(tmp_path / "file")
    assert torch.equal(again.result.figures["trial_evaluations"], both.result.figures["trial_evaluations"])


def test_starts_are_refused_where_they_mean_nothing():
    search = mm.MostExcitingInput(bumps, (1, 1, 3, 3))
    with pytest.raises(InputError, match="n_starts is 0"):
        search.setup(n_starts=0)
    with pytest.raises(InputError, match="n_starts is 2 and an initial_image is given"):
        search.setup(torch.rand(1, 1, 3, 3), n_starts=2)


class Trap(torch.nn.Module):
    """Two classes, split by a wave of the mean with a high and many low crests: most starts end on a low one."""

    def __init__(self, sign):
        super().__init__()
        self.sign = sign

    def forward(self, x):
        at = x.flatten(1)[:, :1]
        high = 12 * torch.exp(-(((at - 0.9) / 0.05) ** 2))
        low = torch.cos(40 * at)
        return torch.cat([self.sign * (high + low), -self.sign * (high + low)], 1)


def stuck(n=1):
    """Stimuli for which each start has about one chance in seven."""
    return mm.ControversialStimuli([Trap(1.0), Trap(-1.0)], [(0, 1)] * n, (1, 1, 2))


def test_controversial_stimuli_start_again_until_the_score_will_do():
    first = stuck(6)
    first.setup(seed=0)
    first.synthesize(restarts=1, **QUIET)
    assert first.starts.tolist() == [1] * 6 and bool((first.score < 0.85).any())
    more = stuck(6)
    more.setup(seed=0)
    result = more.synthesize(restarts=12, **QUIET)
    assert bool((more.score >= first.score - 1e-4).all())
    assert more.score.sum() > first.score.sum() + 0.2
    assert torch.equal(result.figures["starts"], more.starts)
    assert 1 < int(more.starts.max()) <= 12
    assert torch.equal(more.starts[first.score >= 0.85], torch.ones_like(more.starts)[first.score >= 0.85])
    assert torch.equal(result.stimulus, more.stimulus)
    assert torch.equal(result.figures["score"], more.score)


def test_good_ones_are_kept_and_one_start_is_enough_where_it_is(tmp_path):
    models = [torch.nn.Sequential(torch.nn.Flatten(), mm.problems.LinearModel.random(3, 64, seed=i)) for i in range(2)]
    easy = mm.ControversialStimuli(models, [(0, 1), (2, 0)], (1, 8, 8), allowed_range=(-9, 9))
    easy.setup(seed=0)
    easy.synthesize(restarts=5, **QUIET)
    assert easy.starts.tolist() == [1, 1]
    hard, again = stuck(3), stuck(3)
    hard.setup(seed=1)
    hard.synthesize(restarts=2, **QUIET)
    hard.save(tmp_path / "file")
    again.load(tmp_path / "file")
    assert torch.equal(again.starts, hard.starts) and torch.equal(again.stimulus, hard.stimulus)
    assert torch.equal(again.synthesize(restarts=4, **QUIET).stimulus, hard.synthesize(restarts=4, **QUIET).stimulus)


@pytest.mark.parametrize("solver", [None, mm.TorchOptim(torch.optim.Adam, {"lr": 0.02})], ids=["lbfgs", "adam"])
def test_a_run_with_restarts_in_pieces_is_the_same_as_in_one(solver, tmp_path):
    def new():
        search = stuck(4)
        search.setup(seed=20, solver=solver)
        return search

    whole, parts = new(), new()
    whole.synthesize(160, restarts=6, **QUIET)
    for iterations in (1, 6, 13, 40):
        parts.synthesize(iterations, restarts=6, **QUIET)
    parts.save(tmp_path / "file")
    parts = stuck(4)
    parts.load(tmp_path / "file")
    parts.synthesize(100, restarts=6, **QUIET)
    assert int(whole.starts.max()) > 2
    assert torch.equal(parts.starts, whole.starts)
    assert torch.equal(parts.stimulus, whole.stimulus)
    assert torch.equal(parts.run.codes, whole.run.codes)
    for name in ("total", "score", "evaluations", "stage", "changes"):
        assert torch.equal(parts.run.trace[name], whole.run.trace[name])


class FirstEnds(Stop):
    """The first problem of a batch is always at its end, the others never are."""

    def __call__(self, trace):
        codes = torch.zeros_like(trace.last("total"), dtype=torch.long)
        codes[0] = Status.CONVERGED.code
        return codes


def test_an_entry_that_is_cut_short_does_not_hold_back_the_restarts_of_others():
    search = stuck(2)
    search.setup(seed=20, solver=mm.TorchOptim(torch.optim.SGD, {"lr": 1e-6}))
    result = search.synthesize(60, restarts=3, stop=FirstEnds(), **QUIET)
    assert bool((search.score < 0.85).all())
    assert search.starts.tolist() == [3, 1]
    assert result.status[1] is Status.STEP_LIMIT


def test_every_entry_starts_again_as_it_would_alone():
    together = stuck(4)
    together.setup(seed=20)
    together.synthesize(restarts=8, **QUIET)
    for i in range(4):
        alone = stuck()
        alone.setup(seed=20 + i)
        alone.synthesize(restarts=8, **QUIET)
        assert alone.starts.tolist() == together.starts[i : i + 1].tolist()
        assert torch.allclose(alone.stimulus, together.stimulus[i : i + 1], atol=1e-6)


def test_restarts_are_refused_below_one():
    with pytest.raises(InputError, match="restarts is 0"):
        stuck().synthesize(restarts=0)
