"""What happens beside the steps of a loop: objectives that change, problems that begin again, the bar."""

import threading

import pytest
import torch

from metameric._objective._terms import Terms
from metameric._solve._lbfgs import LBFGS
from metameric._solve._loop import minimise
from metameric._solve._observe import Observer, ProgressBar
from metameric._solve._redraw import Redraw
from metameric._solve._sphere import ContrastSphere
from metameric._solve._stop import Below, Never
from metameric._solve._trace import Trace
from valleys import rosenbrock, start


def options(n):
    return {"solver": LBFGS(), "stop": Never(), "max_iter": n}


def test_runs_in_other_threads_leave_signals_alone():
    runs = []
    thread = threading.Thread(target=lambda: runs.append(minimise(rosenbrock(), start(), **options(3))))
    thread.start()
    thread.join()
    assert runs[0].iteration == 3


def test_a_run_needs_a_beginning():
    with pytest.raises(TypeError, match="needs a starting point x0 or a run"):
        minimise(rosenbrock(), **options(3))


def test_the_bar_shows_how_far_the_run_has_come(monkeypatch):
    shown = []

    class Bar:
        def __init__(self, **options):
            shown.append(options)

        def set_postfix(self, values, refresh):
            shown.append(values)

        def update(self, n):
            shown.append(n)

        def close(self):
            shown.append("closed")

    monkeypatch.setattr("metameric._solve._observe.tqdm", Bar)
    now = [100.0]
    monkeypatch.setattr("metameric._solve._observe.time.monotonic", lambda: now[0])
    bar, run = ProgressBar("method", ("total", "nothing")), minimise(rosenbrock(), start(), **options(2))
    bar.start(run, 12)
    assert shown.pop(0)["total"] == 10
    for seconds, iteration in ((0.0, 3), (0.05, 4), (0.15, 6)):
        now[0], run.iteration = 100.0 + seconds, iteration
        bar.step(run)
    run.iteration = 7
    bar.finish(run)
    values = {"total": f"{float(run.trace.last('total').mean()):.3e}"}
    assert shown == [values, 1, values, 3, values, 1, "closed"]


def test_a_new_draw_is_due_every_so_many_iterations():
    redraw, trace = Redraw(3), Trace()
    control, draws = redraw.start(2, torch.device("cpu")), []
    stalled = torch.zeros(2, dtype=torch.bool)
    for _ in range(7):
        trace.append({"total": torch.zeros(2)}, 0.0)
        control, _ = redraw.advance(control, trace, stalled)
        draws.append(int(control["draw"][0]))
    assert draws == [1, 1, 1, 2, 2, 2, 3]
    control, due = redraw.advance(control, trace, torch.tensor([False, True]))
    assert due.tolist() == [True, True] and control["draw"].tolist() == [4, 4]


class Shifting:
    """A bowl whose centre the control moves; counts how often each problem is evaluated."""

    def __init__(self, counts, centre=None, which=None):
        self.counts, self.centre, self.which = counts, centre, which

    def __call__(self, x):
        self.counts[self.which] += 1
        return Terms(((x - self.centre[:, None]) ** 2).sum(1), {})

    def at(self, control):
        return Shifting(self.counts, control["centre"], torch.arange(len(self.counts)))

    def rows(self, index):
        return Shifting(self.counts, self.centre[index], self.which[index])


class Once:
    """Move the centre of one problem after the second step."""

    def start(self, n_problems, device):
        return {"centre": torch.zeros(n_problems, dtype=torch.float64)}

    def advance(self, control, trace, stalled):
        moved = torch.tensor([False, len(trace) == 3])
        return {"centre": control["centre"] + moved}, moved

    def finished(self, control):
        return torch.ones(2, dtype=torch.bool)


def test_evaluations_of_a_changed_objective_are_counted_too():
    counts = torch.zeros(2, dtype=torch.long)
    run = minimise(Shifting(counts), start(2), schedule=Once(), **options(6))
    assert torch.equal(run.counts, counts)
    assert int(run.trace.last("changes")[1]) == 1


class Unlucky(Shifting):
    """Fails once, when a centre has moved."""

    lucky = False

    def __call__(self, x):
        if bool((self.centre > 0).any()) and not Unlucky.lucky:
            Unlucky.lucky = True
            raise ZeroDivisionError
        return super().__call__(x)

    def at(self, control):
        return Unlucky(self.counts, control["centre"], torch.arange(len(self.counts)))

    def rows(self, index):
        return Unlucky(self.counts, self.centre[index], self.which[index])


class Often(Once):
    """Move the centre of one problem until it is moved."""

    def advance(self, control, trace, stalled):
        moved = torch.tensor([False, len(trace) >= 3]) & (control["centre"] == 0)
        return {"centre": control["centre"] + moved}, moved

    def finished(self, control):
        return torch.tensor([True, bool(control["centre"][1] > 0)])


class Seen(Observer):
    def start(self, run, limit):
        self.run = run


@pytest.mark.parametrize("again", [False, True])
def test_an_error_while_the_objective_changes_leaves_a_run_that_can_go_on(again):
    def renew(run, ended):
        return ended[:0] if int(run.trace.last("changes")[0]) else ended[:1], torch.ones(1, 8, dtype=torch.float64)

    class Moved(Often):
        # Whoever begins again does so with another objective.
        def start(self, n_problems, device):
            self.starts += 1
            return {"centre": torch.full((n_problems,), float(self.starts > 1), dtype=torch.float64)}

        def advance(self, control, trace, stalled):
            return control, torch.zeros(2, dtype=torch.bool)

    Moved.starts, Unlucky.lucky = 0, False
    seen, counts = Seen(), torch.zeros(2, dtype=torch.long)
    problem = {"schedule": Moved(), "renew": renew} if again else {"schedule": Often()}
    problem |= {"solver": LBFGS(), "stop": Below("total", 1e-4)}
    with pytest.raises(ZeroDivisionError):
        minimise(Unlucky(counts), start(2), observers=[seen], max_iter=9, **problem)
    run = seen.run
    assert run.control["centre"].tolist() == [0, 0]
    assert torch.equal(run.point.total, Shifting(counts).at(run.control)(run.x).total)
    run = minimise(Unlucky(counts), run=run, max_iter=30, **problem)
    assert run.control["centre"].tolist() == ([1, 0] if again else [0, 1])
    assert torch.equal(run.point.total, Shifting(counts).at(run.control)(run.x).total)
    assert float(run.point.total.max()) < 1e-4


def test_a_slope_of_nothing_is_nothing():
    class Flat:
        def __call__(self, x):
            return Terms((0 * x).sum(1), {})

        def rows(self, index):
            return self

    run = minimise(Flat(), start(2), constraint=ContrastSphere(0.0, 1.0), **options(1))
    assert torch.equal(run.trace["slope"], torch.zeros_like(run.trace["slope"]))


def test_problems_begin_again_at_once_and_forget_what_they_learnt():
    asked = []

    def renew(run, ended):
        asked.append((run.iteration, ended.tolist()))
        again = ended[run.trace.last("changes")[ended] == 0]
        return again, torch.full((len(again), 8), 0.5, dtype=torch.float64) + again[:, None]

    run = minimise(rosenbrock(), start(), solver=LBFGS(), stop=Below("total", 1e-3), max_iter=200, renew=renew)
    # Every end is shown once, and a problem that has begun again moves as one that begins there.
    assert all(len(set(which)) == len(which) for _, which in asked)
    ends = [i for _, which in asked for i in which]
    changes = run.trace.last("changes")
    assert [ends.count(i) for i in range(3)] == (changes + 1).tolist()
    for i in range(3):
        alone = minimise(
            rosenbrock().rows(torch.tensor([i])),
            torch.full((1, 8), 0.5 + i, dtype=torch.float64),
            solver=LBFGS(),
            stop=Below("total", 1e-3),
            max_iter=200,
        )
        mine = run.trace["total"][:, i][run.trace["changes"][:, i] == 1]
        assert torch.allclose(mine[: len(alone.trace)], alone.trace["total"][:, 0], rtol=1e-6)


class OwnPace:
    """Every problem's centre moves on after its third step since it began."""

    def start(self, n_problems, device):
        return {"centre": torch.zeros(n_problems, dtype=torch.float64), "steps": torch.zeros(n_problems)}

    def advance(self, control, trace, stalled):
        steps = control["steps"] + 1
        moved = steps == 3
        return {"centre": control["centre"] + moved, "steps": steps}, torch.ones_like(moved)

    def finished(self, control):
        return control["steps"] >= 3


def test_a_problem_that_begins_again_begins_with_the_first_stage():
    begun = []

    def renew(run, ended):
        again = ended[(ended == 0) & (len(begun) == 0)]
        begun.extend(again.tolist())
        return again, torch.full((len(again), 8), 2.0, dtype=torch.float64)

    counts = torch.zeros(2, dtype=torch.long)
    run = minimise(
        Shifting(counts),
        start(2),
        schedule=OwnPace(),
        solver=LBFGS(),
        stop=Below("total", 1e9),
        max_iter=9,
        renew=renew,
    )
    centres = run.trace["centre"]
    assert begun == [0] and run.iteration == 6
    assert centres[:, 0].tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert centres[:, 1].tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert torch.equal(run.counts, counts)
