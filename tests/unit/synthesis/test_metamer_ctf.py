import itertools

import pytest
import torch

import metameric as mm
from metameric._solve._stop import Never

QUIET = {"progress": False}


class Scales(torch.nn.Module):
    """Blurred images at three sizes, and a saturating finest one."""

    scales = ("residual_lowpass", 1, 0)

    def forward(self, x, scales=None):
        images = {
            "residual_lowpass": mm.process.blur_downsample(x, 2),
            1: mm.process.blur_downsample(x, 1),
            0: torch.tanh(3 * x - 1),
        }
        return torch.cat([images[s].flatten(1) for s in (self.scales if scales is None else scales)], 1)


@pytest.fixture(scope="module")
def images():
    return torch.cat([mm.data.image("camera", size=32), mm.data.image("brick", size=32)])


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ("together", ["residual_lowpass", 1, "all"]),
        ("separate", ["residual_lowpass", 1, 0, "all"]),
    ],
)
def test_goes_through_the_stages(images, how, names):
    metamer = mm.MetamerCTF(images, Scales(), coarse_to_fine=how)
    metamer.setup(seed=0)
    assert metamer.scales == tuple(names)
    assert metamer.scales_finished == ()
    assert metamer.scales_timing == {names[0]: [0], **{name: [] for name in names[1:]}}
    result = metamer.synthesize(400, ctf_iters_to_check=5, **QUIET)
    assert result.converged
    assert metamer.scales == ("all",)
    assert metamer.scales_finished == tuple(names[:-1])
    timing = list(metamer.scales_timing.values())
    assert timing[0][0] == 0
    assert all(a[1] + 1 == b[0] for a, b in itertools.pairwise(timing))
    assert metamer.losses.shape == metamer.scales_loss.shape == (result.iterations + 1,)
    first, last = timing[0][0], timing[-1][0]
    assert metamer.scales_loss[last] == metamer.losses[last]
    assert metamer.scales_loss[first] != metamer.losses[first]
    assert torch.allclose(metamer.losses[-1], metamer.objective_function(), atol=1e-8)
    assert metamer.coarse_to_fine == how


def test_every_problem_keeps_its_own_pace(images):
    def run(batch, seeds):
        metamer = mm.MetamerCTF(batch, Scales())
        metamer.setup(seed=seeds)
        metamer.synthesize(60, ctf_iters_to_check=4, tolerance=0, stop=Never(), **QUIET)
        return metamer

    images = images.double()
    together = run(images, [0, 1])
    for i in range(2):
        alone = run(images[i : i + 1], [i])
        assert torch.equal(alone.run.trace["stage"][:, 0], together.run.trace["stage"][:, i])
        assert torch.allclose(alone.metamer[0], together.metamer[i], atol=1e-7)


def test_fixed_stage_lengths_and_plenoptics_optimizer(images):
    metamer = mm.MetamerCTF(images[:1], Scales())
    metamer.setup(optimizer=torch.optim.Adam, optimizer_kwargs={"lr": 0.01}, seed=0)
    optimizer = None
    for _ in range(2):
        metamer.synthesize(10, change_scale_criterion=None, ctf_iters_to_check=7, stop=Never(), **QUIET)
        assert optimizer is None or metamer.optimizer is optimizer
        optimizer = metamer.optimizer
    assert metamer.scales_timing == {
        "residual_lowpass": [0, 6],
        1: [7, 13],
        "all": [14],
    }


def test_texture_model(images):
    metamer = mm.MetamerCTF(mm.data.image("gravel", size=32), mm.models.PortillaSimoncelli((32, 32), n_scales=2))
    metamer.setup(seed=0)
    result = metamer.synthesize(80, ctf_iters_to_check=5, **QUIET)
    assert result.trace["overall"][-1, 0] < 0.5 * result.trace["overall"][0, 0]


class Failing(Scales):
    """Fails in one of its calls."""

    calls, fails_at = 0, 0

    def forward(self, x, scales=None):
        self.calls += 1
        if self.calls == self.fails_at:
            raise ZeroDivisionError
        return super().forward(x, scales)


def test_an_error_between_a_step_and_the_overall_objective_loses_nothing(images, tmp_path):
    whole = mm.MetamerCTF(images, Scales())
    whole.setup(seed=0)
    whole.synthesize(4, **QUIET)
    model = Failing()
    metamer = mm.MetamerCTF(images, model)
    metamer.setup(seed=0)
    metamer.synthesize(1, **QUIET)
    for fails_at in range(1, 30):
        model.calls, model.fails_at = 0, fails_at
        try:
            metamer.synthesize(3, observers=[mm.io.Checkpoint(tmp_path / "run")], **QUIET)
        except ZeroDivisionError:
            if metamer.losses[-1].isnan():
                break
        else:
            pytest.fail("no call was the one for the overall objective")
    found = mm.MetamerCTF(images, Failing())
    found.load(tmp_path / "run")
    left = 4 - found.run.iteration
    assert left > 0
    for run in (found, metamer):
        model.fails_at = 0
        run.synthesize(left, **QUIET)
        assert torch.equal(run.metamer, whole.metamer)
        assert torch.equal(run.losses, whole.losses)


def test_the_precision_of_the_model_is_that_of_the_images(images):
    class Mixed(Scales):
        def __init__(self):
            super().__init__()
            self.mix = torch.nn.Conv2d(1, 1, 3).requires_grad_(False)

        def forward(self, x, scales=None):
            return super().forward(self.mix(x), scales)

    metamer = mm.MetamerCTF(images.double(), Mixed().double())
    metamer.setup(seed=0)
    metamer.synthesize(2, **QUIET)
    assert metamer.metamer.dtype == torch.float64


def test_errors(images):
    with pytest.raises(ValueError, match="expected 'together' or 'separate'"):
        mm.MetamerCTF(images, Scales(), coarse_to_fine="all")
    with pytest.raises(AttributeError, match="no attribute `scales`"):
        mm.MetamerCTF(images, mm.models.Identity())
    with pytest.raises(ValueError, match="ctf_iters_to_check is 0"):
        mm.MetamerCTF(images, Scales()).synthesize(ctf_iters_to_check=0, **QUIET)
