import contextlib
import os
import signal
import time

import pytest
import torch

from metameric._core.tensors import rows
from metameric._objective._terms import Terms
from metameric._solve._constraint import Box
from metameric._solve._lbfgs import LBFGS
from metameric._solve._loop import minimise
from metameric._solve._observe import Observer, Snapshots
from metameric._solve._status import Status
from metameric._solve._stop import Below, Never, Plateau, SmallChange, Stationary
from metameric._solve._torch_optim import TorchOptim
from metameric._solve._trace import Trace
from valleys import Rosenbrock, rosenbrock, start

DONE = Below("total", 1e-18)


@pytest.mark.parametrize("history", [3, 30])
def test_lbfgs_reaches_the_minimum(history):
    run = minimise(rosenbrock(), start(), solver=LBFGS(history), stop=DONE, max_iter=400)
    assert run.status == [Status.CONVERGED] * 3
    assert torch.allclose(run.x, torch.ones_like(run.x), atol=1e-8)


def test_lbfgs_needs_about_as_many_evaluations_as_torch():
    run = minimise(rosenbrock(1), start(1), solver=LBFGS(10), stop=DONE, max_iter=400)
    x = start(1).requires_grad_()
    theirs = torch.optim.LBFGS(
        [x], history_size=10, line_search_fn="strong_wolfe", max_iter=400, tolerance_grad=0, tolerance_change=0
    )
    calls = []

    def closure():
        theirs.zero_grad()
        loss = rosenbrock(1)(x).total.sum()
        loss.backward()
        calls.append(loss.item())
        return loss

    theirs.step(closure)
    needed = next(i for i, c in enumerate(calls) if c < 1e-18)
    assert int(run.counts[0]) < 1.5 * needed


def test_a_batch_is_its_problems_alone():
    x0 = start()
    together = minimise(rosenbrock(), x0, solver=LBFGS(), stop=DONE, max_iter=400)
    for i in range(3):
        alone = minimise(rosenbrock().rows(torch.tensor([i])), x0[i : i + 1], solver=LBFGS(), stop=DONE, max_iter=400)
        assert alone.status[0] is together.status[i]
        assert int(alone.counts[0]) == int(together.counts[i])
        assert torch.allclose(alone.x[0], together.x[i], atol=1e-10)


def test_a_finished_problem_costs_nothing():
    objective = rosenbrock()
    x0 = start()
    x0[1] = 1.0  # solved before it began
    run = minimise(objective, x0, solver=LBFGS(), stop=DONE, max_iter=400)
    assert run.counts[1] == 1
    assert torch.equal(run.x[1], x0[1])
    assert objective.calls[0] == 3
    assert max(objective.calls[1:]) == 2
    assert sum(objective.calls) == int(run.counts.sum())


@pytest.mark.parametrize(
    "solver",
    [
        LBFGS(),
        TorchOptim(torch.optim.Adam, {"lr": 0.05}),
        TorchOptim(torch.optim.Adam, {"lr": 0.05}, torch.optim.lr_scheduler.StepLR, {"step_size": 7}),
        TorchOptim(torch.optim.SGD, {"lr": 1e-5, "momentum": 0.9}, torch.optim.lr_scheduler.ReduceLROnPlateau),
        TorchOptim(torch.optim.LBFGS, {"line_search_fn": "strong_wolfe", "max_iter": 3}),
    ],
    ids=["lbfgs", "adam", "adam-steplr", "sgd-plateau", "torch-lbfgs"],
)
class TestEverySolver:
    def test_continued_is_uninterrupted(self, solver):
        whole = minimise(rosenbrock(), start(), solver=solver, stop=Never(), max_iter=30)
        parts = minimise(rosenbrock(), start(), solver=solver, stop=Never(), max_iter=11)
        parts = minimise(rosenbrock(), solver=solver, stop=Never(), max_iter=19, run=parts)
        assert torch.equal(whole.x, parts.x)
        assert torch.equal(whole.trace["total"], parts.trace["total"])
        assert whole.status == parts.status == [Status.STEP_LIMIT] * 3

    @pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
    @pytest.mark.parametrize("call", [4, 8, 12])
    def test_an_error_in_the_objective_is_as_if_it_had_not_been(self, solver, error, call):
        class Breaks(Rosenbrock):
            def __call__(self, x):
                if len(self.calls) == call:
                    self.calls.append(0)
                    raise error
                return super().__call__(x)

            def rows(self, index):
                part = Breaks(self.steepness[index])
                part.calls = self.calls
                return part

        class Keep(Observer):
            def start(self, run, limit):
                self.run = run

        whole = minimise(rosenbrock(2), start(2), solver=solver, stop=Never(), max_iter=15)
        keep, objective = Keep(), Breaks(rosenbrock(2).steepness)
        with contextlib.suppress(ZeroDivisionError):
            minimise(objective, start(2), solver=solver, stop=Never(), max_iter=15, observers=[keep])
        left = 15 - keep.run.iteration
        assert left > 0
        run = minimise(objective, solver=solver, stop=Never(), max_iter=left, run=keep.run)
        assert torch.equal(run.x, whole.x)
        assert torch.equal(run.trace["total"], whole.trace["total"])

    def test_goes_downhill_and_keeps_precision(self, solver, dtype):
        run = minimise(rosenbrock(dtype=dtype), start(dtype=dtype), solver=solver, stop=Never(), max_iter=60)
        total = run.trace["total"]
        assert (total[-1] < 0.5 * total[0]).all()
        assert run.x.dtype == dtype
        assert len(run.trace) == 61

    def test_batch_entries_do_not_see_each_other(self, solver):
        together = minimise(rosenbrock(), start(), solver=solver, stop=Never(), max_iter=20)
        one = torch.tensor([1])
        alone = minimise(rosenbrock().rows(one), start()[1:2], solver=solver, stop=Never(), max_iter=20)
        assert torch.allclose(together.x[1:2], alone.x, atol=1e-12)


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (torch.optim.Adam, {"lr": 0.05}),
        (torch.optim.SGD, {"lr": 1e-4, "momentum": 0.9}),
        (torch.optim.LBFGS, {"line_search_fn": "strong_wolfe", "max_iter": 3}),
        (torch.optim.LBFGS, {"lr": 1e-3, "max_iter": 4}),
    ],
)
def test_optimizers_of_torch_go_the_way_they_go_by_themselves(optimizer, options):
    run = minimise(rosenbrock(1), start(1), solver=TorchOptim(optimizer, options), stop=Never(), max_iter=12)
    x = start(1).requires_grad_()
    theirs = optimizer([x], **options)

    def closure():
        theirs.zero_grad()
        total = rosenbrock(1)(x).total.sum()
        total.backward()
        return total

    for _ in range(12):
        theirs.step(closure)
    torch.testing.assert_close(run.x, x.detach(), rtol=1e-10, atol=1e-12)


def test_an_optimizer_is_kept_for_its_problem_and_made_anew_for_others():
    solver = TorchOptim(torch.optim.SGD, {"lr": 0.1})
    point = minimise(rosenbrock(), start(), solver=solver, stop=Never(), max_iter=0).point
    memory = solver.start(point)
    new, kept = solver.select(memory, torch.tensor([-1, 2]), point.take(torch.tensor([1, 2])))["engines"]
    assert kept is memory["engines"][2]
    (first,) = solver.select(memory, torch.tensor([0]), point.take(torch.tensor([0])))["engines"]
    assert first is memory["engines"][0]
    _, last = solver.select(memory, torch.tensor([0, -1]), point.take(torch.tensor([0, 1])))["engines"]
    assert torch.equal(last.parameter.detach(), start()[1:2])
    assert all(new is not engine for engine in memory["engines"])
    assert torch.equal(new.parameter.detach(), start()[1:2])


class NaNAfter:
    """A parabola that answers NaN once it has been asked often enough."""

    def __init__(self, calls, bad=torch.nan):
        self.left, self.bad = calls, bad

    def __call__(self, x):
        self.left -= 1
        weights = torch.arange(1, x.shape[1] + 1, dtype=x.dtype) ** 3
        total = (weights * rows(x) ** 2).sum(1)
        return Terms(total * self.bad if self.left < 0 else total, {})

    def rows(self, index):
        return self


@pytest.mark.parametrize("solver", [LBFGS(), TorchOptim(torch.optim.Adam, {"lr": 0.1})], ids=["lbfgs", "adam"])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_non_finite_keeps_the_last_good_point(solver, bad):
    run = minimise(NaNAfter(6, bad), start(2, 30), solver=solver, stop=Never(), max_iter=50)
    assert run.status == [Status.NON_FINITE] * 2
    assert torch.isfinite(run.x).all()
    assert torch.isfinite(run.point.total).all()
    assert (run.point.total < run.trace["total"][0]).all()


def test_non_finite_at_the_start():
    run = minimise(NaNAfter(0), start(2), solver=LBFGS(), stop=Never(), max_iter=5)
    assert run.status == [Status.NON_FINITE] * 2
    assert run.iteration == 0


class Interrupter(Observer):
    def __init__(self, at):
        self.at = at

    def step(self, run):
        if run.iteration == self.at:
            os.kill(os.getpid(), signal.SIGINT)


def test_interrupt_ends_after_the_step_and_can_go_on():
    whole = minimise(rosenbrock(), start(), solver=LBFGS(), stop=Never(), max_iter=20)
    handler = signal.getsignal(signal.SIGINT)
    run = minimise(rosenbrock(), start(), solver=LBFGS(), stop=Never(), max_iter=20, observers=[Interrupter(7)])
    assert signal.getsignal(signal.SIGINT) is handler
    assert run.status == [Status.INTERRUPTED] * 3
    assert run.iteration == 7
    run = minimise(rosenbrock(), solver=LBFGS(), stop=Never(), max_iter=13, run=run)
    assert torch.equal(run.x, whole.x)


def test_an_interrupt_in_the_midst_of_a_step_waits_for_its_end():
    class Interrupting(Rosenbrock):
        def __call__(self, x):
            if len(self.calls) == 5:
                os.kill(os.getpid(), signal.SIGINT)
            return super().__call__(x)

    objective = Interrupting(torch.tensor([100.0], dtype=torch.float64))
    plain = minimise(rosenbrock(1), start(1), solver=LBFGS(), stop=Never(), max_iter=20)
    run = minimise(objective, start(1), solver=LBFGS(), stop=Never(), max_iter=20)
    assert run.status == [Status.INTERRUPTED]
    assert int(run.counts[0]) >= 6  # the evaluation that was interrupted is part of the step
    assert run.iteration == int((plain.trace["evaluations"][:, 0] < 6).sum())
    assert torch.equal(run.trace["total"], plain.trace["total"][: run.iteration + 1])


def test_keyboard_interrupt_from_within_keeps_the_last_point():
    class Stops(Observer):
        def step(self, run):
            if run.iteration == 4:
                raise KeyboardInterrupt

    run = minimise(rosenbrock(), start(), solver=LBFGS(), stop=Never(), max_iter=20, observers=[Stops()])
    assert run.status == [Status.INTERRUPTED] * 3
    assert run.iteration == 4


def test_an_error_in_the_objective_loses_nothing():
    class Breaks(Rosenbrock):
        def __call__(self, x):
            if len(self.calls) > 15:
                raise RuntimeError("out of memory")
            return super().__call__(x)

    kept = []

    class Keep(Observer):
        def start(self, run, limit):
            kept.append(run)

    objective = Breaks(torch.tensor([100.0], dtype=torch.float64))
    with pytest.raises(RuntimeError, match="out of memory"):
        minimise(objective, start(1), solver=LBFGS(), stop=Never(), max_iter=100, observers=[Keep()])
    run = kept[0]
    assert run.iteration > 5
    assert len(run.trace) == run.iteration + 1
    assert torch.isfinite(run.x).all()


def test_stalled_where_nothing_is_better():
    class Kink:
        def __call__(self, x):
            return Terms(1 + x.abs().sum(1), {})

        def rows(self, index):
            return self

    run = minimise(Kink(), torch.zeros(1, 3), solver=LBFGS(), stop=Never(), max_iter=10)
    assert run.status == [Status.STALLED]


def test_box_is_never_left_and_its_corner_is_found():
    class Tilted:
        def __call__(self, x):
            return Terms(((x - torch.tensor([2.0, -1.0, 0.3])) ** 2).sum(1), {})

        def rows(self, index):
            return self

    seen = Snapshots(1)
    options = {"solver": LBFGS(), "max_iter": 30, "constraint": Box(), "observers": [seen]}
    run = minimise(Tilted(), torch.full((1, 3), 5.0), stop=Below("gradient_norm", 0), **options)
    assert torch.allclose(run.x, torch.tensor([[1.0, 0.0, 0.3]]), atol=1e-6)
    assert all(image.min() >= 0 and image.max() <= 1 for image in seen.images)


def test_memory_is_bounded():
    point = minimise(rosenbrock(), start(), solver=LBFGS(), stop=Never(), max_iter=0).point
    memory = LBFGS(history=1000, max_bytes=3 * 8 * 8 * 2 * 7).start(point)
    assert memory["s"].shape == (3, 7, 8)


def trace_of(values):
    trace = Trace()
    for i, value in enumerate(values):
        trace.append({"total": torch.tensor([value, 1.0])}, float(i))
    return trace


def test_stop_rules():
    falling = trace_of([8.0, 4.0, 2.0, 1.9999])
    assert Below("total", 2.0)(falling).tolist() == [1, 1]
    assert SmallChange(1e-3, 1)(falling).tolist() == [1, 1]
    assert SmallChange(1e-3, 2)(falling).tolist() == [0, 1]
    assert SmallChange(1e-3, 4)(falling).tolist() == [0, 0]
    stalled = Status.STALLED.code
    assert Plateau(1e-3, 1)(falling).tolist() == [stalled, stalled]
    assert (Below("total", 1.5) | Plateau(1e-3, 1))(falling).tolist() == [stalled, 1]
    assert (Below("total", 1.5) & Plateau(1e-3, 1))(falling).tolist() == [0, 1]
    assert Never()(falling).tolist() == [0, 0]


def slopes(norms, **columns):
    trace = Trace()
    for i, value in enumerate(norms):
        others = {name: torch.tensor([column[i]]) for name, column in columns.items()}
        trace.append({"total": torch.ones(1), "gradient_norm": torch.tensor([value]), **others}, float(i))
    return trace


def test_stationary_is_relative_to_the_largest_gradient():
    assert Stationary(0.01)(slopes([1.0, 10.0, 0.09])).tolist() == [1]
    assert Stationary(0.01)(slopes([1.0, 10.0, 0.11])).tolist() == [0]
    # What was steep before the objective changed does not count.
    assert Stationary(0.01)(slopes([100.0, 1.0, 0.5], changes=[0, 1, 1])).tolist() == [0]
    assert Stationary(0.01)(slopes([100.0, 1.0, 0.009], changes=[0, 1, 1])).tolist() == [1]
    # On a curved set the part along it does, and the gradient itself now.
    assert Stationary(0.01)(slopes([10.0, 10.0], slope=[0.005, 0.005])).tolist() == [1]
    assert Stationary(0.01)(slopes([10.0, 10.0], slope=[0.005, 0.02])).tolist() == [0]


def test_times_begin_with_the_run_and_go_on_where_they_were():
    before = time.perf_counter()
    run = minimise(rosenbrock(), start(), solver=LBFGS(), stop=Never(), max_iter=3)
    seconds = list(run.trace.seconds)
    assert seconds[0] >= 0 and seconds == sorted(seconds) and seconds[-1] <= time.perf_counter() - before
    time.sleep(0.3)
    again = time.perf_counter()
    run = minimise(rosenbrock(), solver=LBFGS(), stop=Never(), max_iter=2, run=run)
    assert run.trace.seconds[:4] == seconds and run.trace.seconds[4:] == sorted(run.trace.seconds[4:])
    assert seconds[-1] <= run.trace.seconds[4] <= seconds[-1] + time.perf_counter() - again


def test_steps_are_as_long_as_the_stimuli_are_apart():
    seen, x0 = Snapshots(1), start()
    x0[1] = 1.0  # solved before it began: it does not move
    run = minimise(rosenbrock(), x0, solver=LBFGS(), stop=DONE, max_iter=12, observers=[seen])
    lengths = torch.stack(seen.images).diff(dim=0).norm(dim=2)
    torch.testing.assert_close(run.trace["step"], torch.cat([torch.zeros(1, 3).double(), lengths]))
    assert (lengths[:, 0] > 0).all() and (lengths[:, 1] == 0).all()


def test_snapshots_are_evenly_spaced():
    seen = Snapshots(4)
    minimise(rosenbrock(), start(), solver=LBFGS(), stop=Never(), max_iter=10, observers=[seen])
    assert seen.iterations == [0, 4, 8]
    assert torch.equal(seen.images[0], start())


def test_status_sentences():
    assert Status.from_code(2) is Status.STEP_LIMIT
    assert Status.CONVERGED.succeeded
    assert not any(s.succeeded for s in Status if s is not Status.CONVERGED)
    assert str(Status.NON_FINITE) == "non finite"
