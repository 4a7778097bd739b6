"""The generic synthesis and its descendants: what every one of them promises, slot by slot."""

import matplotlib.pyplot as plt
import pytest
import torch

import metameric as mm
from metameric._objective._match import Match
from metameric._solve._stop import Below, Never

QUIET = {"progress": False}


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


def randn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


WEIGHTS = randn(8, 8)


def linear(x):
    return (WEIGHTS.to(x) * x).sum((1, 2, 3))


def bowl(x):
    return (x - 0.3).square().sum((1, 2, 3)) + (x * x.roll(1, -1)).sum((1, 2, 3)) ** 2


def energy(x):
    return x.flatten(1)[:, :2].square().sum(1)


class Squares(torch.nn.Module):
    def forward(self, x):
        return x * x + 0.1 * x.pow(3) + 0.2 * x.roll(1, -1)


def _net(seed):
    return torch.nn.Sequential(torch.nn.Flatten(), mm.problems.LinearModel.random(3, 64, seed=seed))


IMAGE, OTHER = 0.5 + 0.1 * randn(1, 1, 8, 8, seed=1), 0.5 + 0.1 * randn(1, 1, 8, 8, seed=2)
SHAPE = (2, 1, 8, 8)
ADAM = {"optimizer": torch.optim.Adam, "optimizer_kwargs": {"lr": 0.02}}

# name: (make the object, set it up)
CASES = {
    "plain": (lambda: mm.Synthesis(bowl, SHAPE), {}),
    "sphere": (lambda: mm.Synthesis(bowl, SHAPE, constraint=mm.ContrastSphere(0.5, 0.1)), {}),
    "fourier-on-a-sphere": (
        lambda: mm.Synthesis(
            bowl, SHAPE, parametrization=mm.FourierPixels(8, 8), constraint=mm.ContrastSphere(0.5, 0.1)
        ),
        {},
    ),
    "sigmoid-adam-blurred": (
        lambda: mm.Synthesis(bowl, SHAPE, parametrization=mm.SigmoidPixels(), precondition=mm.GaussianBlur(1.0)),
        ADAM,
    ),
    "generator": (
        lambda: mm.Synthesis(bowl, SHAPE, parametrization=mm.Generator(lambda z: z.reshape(-1, 1, 8, 8).tanh(), (64,))),
        {},
    ),
    "transforms-lbfgs": (
        lambda: mm.Synthesis(bowl, SHAPE, transforms=[mm.RandomJitter(2), mm.RandomRotation(20)]),
        {},
    ),
    "transforms-adam": (lambda: mm.Synthesis(bowl, SHAPE, transforms=[mm.RandomCrop(6)]), ADAM),
    "exciting": (lambda: mm.MostExcitingInput(linear, SHAPE, allowed_range=(0, 1)), {}),
    "diverse": (lambda: mm.DiverseExcitingInputs(energy, SHAPE, 3, std=0.1), {}),
    "metamers": (lambda: mm.DiverseMetamers(IMAGE, mm.remove_grad(mm.models.Gaussian(5)), 2, 1e-2), {}),
    "principal": (
        lambda: mm.PrincipalDistortions(IMAGE, [Squares(), mm.remove_grad(mm.models.Gaussian(5))], ridge=0.01),
        {},
    ),
    "geodesic": (lambda: mm.Geodesic(IMAGE, OTHER, Squares(), 4, conditional=True), {}),
    "controversial": (lambda: mm.ControversialStimuli([_net(0), _net(1)], [(0, 1), (2, 1)], (1, 8, 8)), {}),
}


def run(synthesis, n, **more):
    options = {"stop": Never(), "store_progress": 3, **QUIET, **more}
    return synthesis.synthesize(max_iter=n, **options)


@pytest.fixture(params=CASES)
def case(request):
    make, options = CASES[request.param]

    def new(set_up=True):
        synthesis = make()
        if set_up:
            synthesis.setup(seed=3, **options)
        return synthesis

    return new


def assert_same(a, b):
    assert a.run.iteration == b.run.iteration
    assert torch.equal(a.run.x, b.run.x)
    assert torch.equal(a.run.codes, b.run.codes)
    for name in a.run.trace.names:
        assert torch.equal(a.run.trace[name], b.run.trace[name]), name
    assert torch.equal(a._saved, b._saved)


def test_a_run_in_pieces_through_files_is_a_run_in_one(case, tmp_path):
    whole, first, second = case(), case(), case(set_up=False)
    before = torch.get_rng_state()
    run(whole, 9)
    run(first, 4)
    first.save(tmp_path / "part")
    second.load(tmp_path / "part")
    assert repr(second) == repr(first)
    assert torch.equal(second.stimulus, first.stimulus)
    run(second, 5)
    assert_same(second, whole)
    assert torch.equal(torch.get_rng_state(), before)


def test_summary_figures_and_status_figure(case):
    synthesis = case()
    result = run(synthesis, 4)
    assert torch.equal(result.stimulus, synthesis.stimulus)
    text = synthesis.summary()
    assert type(synthesis).__name__ in text and "iterations" in text
    assert all(v.shape == (result.stimulus.shape[0],) for v in result.figures.values())
    assert "after 4 iterations" in repr(synthesis)
    figure = mm.plot.synthesis_status(synthesis)
    assert len(figure.axes) >= 2
    assert mm.plot.synthesis_status(synthesis, iteration=3) is not figure
    saved = getattr(synthesis, f"saved_{synthesis.stimulus_name}")
    assert saved.shape[1:] == synthesis.stimulus.shape


def test_precision_can_be_changed_on_the_way(case):
    synthesis = case()
    run(synthesis, 3)
    synthesis.to(torch.float64)
    assert synthesis.run.iteration == 3
    run(synthesis, 3)
    assert synthesis.stimulus.dtype == torch.float64
    assert synthesis.run.x.dtype == torch.float64


def test_a_file_of_another_objective_is_refused(tmp_path):
    one = mm.Synthesis(bowl, SHAPE)
    run(one, 2)
    one.save(tmp_path / "bowl")
    with pytest.raises(ValueError, match="objective"):
        mm.Synthesis(linear, SHAPE).load(tmp_path / "bowl")
    with pytest.raises(ValueError, match="constraint"):
        mm.Synthesis(bowl, SHAPE, constraint=mm.NormSphere(1.0)).load(tmp_path / "bowl")


def test_a_batch_is_its_problems_alone():
    for transforms in ((), [mm.RandomJitter(2)]):
        together = mm.Synthesis(bowl, (3, 1, 8, 8), transforms=transforms)
        together.setup(seed=[4, 8, 1])
        together.synthesize(12, stop=Never(), **QUIET)
        for i, seed in enumerate([4, 8, 1]):
            alone = mm.Synthesis(bowl, (1, 1, 8, 8), transforms=transforms)
            alone.setup(seed=seed)
            alone.synthesize(12, stop=Never(), **QUIET)
            assert torch.allclose(alone.stimulus[0], together.stimulus[i], atol=1e-5)


def test_data_belong_to_problems():
    targets = randn(3, 1, 8, 8, seed=5)
    synthesis = mm.Synthesis(
        lambda x, target: (x - target).square().sum((1, 2, 3)), (3, 1, 8, 8), data={"target": targets}
    )
    assert synthesis.synthesize(**QUIET).converged
    assert torch.allclose(synthesis.stimulus, targets, atol=1e-3)


def test_a_metamer_is_a_special_case_to_the_last_bit():
    model, image = mm.remove_grad(mm.models.Gaussian(5)), mm.data.image("camera", size=16)
    metamer = mm.Metamer(image, model)
    metamer.setup(seed=2)
    metamer.synthesize(15, stop=Never(), **QUIET)
    match = Match(model, model(image), mm.loss.mse, mm.regularize.penalize_range, 0.1)
    same = mm.Synthesis(match, image.shape, constraint=mm.Box(0.0, 1.0))
    same.setup(seed=2)
    same.synthesize(15, stop=Never(), **QUIET)
    assert torch.equal(same.stimulus, metamer.metamer)
    assert torch.equal(same.result.trace["error"], metamer.result.trace["error"])


def test_parametrizations_undo_their_encoding():
    x = 0.2 + 0.6 * torch.rand(2, 3, 7, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for parametrization in (mm.SigmoidPixels(), mm.FourierPixels(7, 10), mm.FourierPixels(7, 10, 0, False)):
        assert torch.allclose(parametrization(parametrization.encode(x)), x)


def test_decay_makes_large_features_move_first():
    z = mm.FourierPixels(16, 16).encode(torch.zeros(1, 1, 16, 16))
    x = mm.FourierPixels(16, 16)(z + randn(*z.shape))
    power = torch.fft.rfft2(x).abs()[0, 0]
    assert power[:3, :3].mean() > 3 * power[6:9, 6:].mean()


def test_transforms_depend_on_their_seeds_alone():
    x = randn(2, 1, 12, 12)
    for transform in (mm.RandomJitter(3), mm.RandomCrop(7), mm.RandomRotation(30)):
        rngs = [[torch.Generator().manual_seed(s) for s in (1, 2)] for _ in range(2)]
        first, second = (transform(x, r) for r in rngs)
        assert torch.equal(first, second)
        other = transform(x, [torch.Generator().manual_seed(s) for s in (3, 4)])
        assert not torch.equal(first, other)
    turned = mm.RandomRotation(0)(x, [torch.Generator(), torch.Generator()])
    assert torch.allclose(turned, x, atol=1e-5)


def test_constraints_move_onto_themselves_and_tangents_stay():
    mask = torch.rand(8, 8, generator=torch.Generator().manual_seed(0)) > 0.4
    x, d = randn(2, 1, 8, 8, dtype=torch.float64), randn(2, 1, 8, 8, seed=1, dtype=torch.float64)
    for constraint in (
        mm.ContrastSphere(0.5, 0.2),
        mm.ContrastSphere(None, 0.2),
        mm.ContrastSphere(0.1, 0.2, mask),
        mm.NormSphere(2.0),
        mm.NormSphere(2.0, x[:1]),
        mm.FixedSpectrum(randn(1, 1, 8, 8, seed=4, dtype=torch.float64)),
        mm.FixedPixels(mask, 0.3),
        mm.Intersection(mm.ContrastSphere(0.5, 0.2), mm.FixedPixels(torch.zeros(8, 8, dtype=torch.bool), 0.0)),
    ):
        on = constraint.project(x + 0.1)
        assert torch.allclose(constraint.project(on), on, atol=1e-10)
        along = constraint.tangent(on, d)
        assert torch.allclose(constraint.tangent(on, along), along, atol=1e-10)
        step = 1e-4
        assert (constraint.project(on + step * along) - on - step * along).abs().max() < 20 * step**2
        assert torch.allclose((along * (d - along)).sum(), torch.zeros((), dtype=torch.float64), atol=1e-9)


class Smoothest(mm.Synthesis):
    """The smoothest stimulus that a model takes for the image: a method of a user's own, in a few lines."""

    def __init__(self, image, model, weight=1e-2):
        self.target = model(image)

        def objective(x, target):
            error = (model(x) - target).flatten(1).square().mean(1)
            rough = (x - x.roll(1, -1)).flatten(1).square().mean(1)
            return error + weight * rough, {"error": error, "roughness": rough}

        super().__init__(
            objective, image.shape, data={"target": self.target}, constraint=mm.Intersection(mm.Box(0.0, 1.0))
        )


def test_a_users_own_method_has_everything(tmp_path, capsys):
    image = torch.cat([mm.data.image("camera", size=16), mm.data.image("grass", size=16)])
    model = mm.remove_grad(mm.models.Gaussian(5))
    own = Smoothest(image, model)
    own.setup(seed=0)
    result = own.synthesize(20, store_progress=5)
    assert "Smoothest" in capsys.readouterr().err  # the progress bar
    assert set(result.figures) >= {"objective", "error", "roughness"}
    assert "roughness" in own.summary()
    own.save(tmp_path / "own")
    again = Smoothest(image, model)
    again.load(tmp_path / "own")
    again.synthesize(200, store_progress=5, **QUIET)
    whole = Smoothest(image, model)
    whole.setup(seed=0)
    whole.synthesize(20, store_progress=5, **QUIET)
    whole.synthesize(200, store_progress=5, **QUIET)
    assert_same(again, whole)
    assert again.result.converged
    assert len(mm.plot.synthesis_status(again, batch_idx=1).axes) == 2
    alone = Smoothest(image[1:], model)
    alone.setup(seed=1)
    alone.synthesize(20, **QUIET)
    assert torch.allclose(alone.result.trace["total"][5, 0], own.result.trace["total"][5, 1], rtol=1e-4)


def test_all_pairs_of_principal_distortions_are_shown_the_first_before_the_last():
    def new(k):
        models = [Squares(), mm.remove_grad(mm.models.Gaussian(5))]
        principal = mm.PrincipalDistortions(IMAGE, models, ridge=0.01)
        principal.synthesize(k, stop=Below("variance", torch.inf), **QUIET)
        return principal

    one, two, many = new(1), new(2), new(5)
    panels = {n: [p for p in s.panels() if p.name == "synthesis_imshow"] for n, s in enumerate((one, two, many))}
    assert [p.title for p in panels[0]] == ["distortion a", "distortion b"]
    assert [p.title for p in panels[1]] == [f"distortion {name}" for name in ("0a", "0b", "1a", "1b")]
    shown = torch.stack([p.image for p in panels[1]])
    torch.testing.assert_close(shown, two.distortions.flatten(0, 1))
    assert [p.title[-2:] for p in panels[2]] == ["0a", "0b", "1a", "1b", "2a", "2b"]
    curves = {name: curve for p in two.panels() if p.name == "log_ratio" for name, curve in p.curves.items()}
    torch.testing.assert_close(torch.stack([curves["pair 0"], curves["pair 1"]]), two.log_ratios)
