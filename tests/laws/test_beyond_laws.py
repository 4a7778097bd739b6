"""Closed forms of the methods beyond matching, in both precisions."""

import math

import pytest
import torch

import metameric as mm
from metameric._objective._controversial import smooth_min
from metameric._objective._path import Bisection, path_energy
from metameric._objective._principal import Separation
from metameric._solve._constraint import distance_to

QUIET = {"progress": False}


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


# Most and least exciting inputs ---------------------------------------------------------------------------------------


class TestExciting:
    @pytest.mark.parametrize("least", [False, True])
    def test_linear_unit_at_given_mean_and_contrast(self, dtype, least):
        w = randn(16, 16, dtype=dtype)
        c, m = 0.3, 0.1
        mei = mm.MostExcitingInput(
            lambda x: (w * x).sum((1, 2, 3)), (2, 1, 16, 16), mean=m, std=c, least=least, dtype=dtype
        )
        result = mei.synthesize(**QUIET)
        off = w - w.mean()
        best = c * math.sqrt(w.numel()) * off / off.norm() * (-1 if least else 1)
        assert result.converged
        assert mei.stimulus.dtype == dtype
        assert (mei.stimulus - (m + best)).abs().max() < 1e-3 * best.abs().max()
        response = c * math.sqrt(w.numel()) * off.norm() * (-1 if least else 1) + m * w.sum()
        assert torch.allclose(result.figures["response"], response.expand(2), rtol=1e-6)
        assert (result.figures["off_ContrastSphere"] < 1e-6).all()

    def test_quadrature_energy_is_the_norm_squared_at_any_phase(self, dtype):
        a, b = torch.linalg.qr(randn(64, 2, dtype=dtype))[0].T

        def energy(x):
            return (x.flatten(1) @ a) ** 2 + (x.flatten(1) @ b) ** 2

        mei = mm.MostExcitingInput(energy, (4, 1, 8, 8), constraint=mm.NormSphere(1.5), dtype=dtype)
        mei.setup(randn(4, 1, 8, 8, seed=3, dtype=dtype))
        assert mei.synthesize(**QUIET).converged
        assert torch.allclose(energy(mei.stimulus), torch.full((4,), 1.5**2, dtype=dtype), rtol=1e-5)
        assert torch.pdist(mei.stimulus.flatten(1)).min() > 0.1

    def test_range_alone_puts_every_pixel_at_a_bound(self, dtype):
        w = randn(8, 8, dtype=dtype)
        mei = mm.MostExcitingInput(
            lambda x: (w * x).sum((1, 2, 3)), (1, 1, 8, 8), mean=None, std=None, allowed_range=(-1, 2), dtype=dtype
        )
        assert mei.synthesize(**QUIET).converged
        assert torch.equal(mei.stimulus[0, 0], torch.where(w > 0, 2.0, -1.0).to(dtype))

    def test_contrast_within_a_range(self, dtype):
        # The optimum is an affine function of the weights, clipped: found here by bisection of its slope.
        w = randn(30, 16, 16, dtype=torch.float64)
        w = w - w.flip(1).flip(2)  # odd, so that the clipped function has its mean at the middle
        low, high = torch.zeros(30, 1, 1).double(), torch.full((30, 1, 1), 100.0).double()
        for _ in range(100):
            slope = (low + high) / 2
            wide = (slope * w).clamp(-0.5, 0.5).std((1, 2), correction=0, keepdim=True) > 0.3
            low, high = torch.where(wide, low, slope), torch.where(wide, slope, high)
        best = 0.5 + (low * w).clamp(-0.5, 0.5)
        mei = mm.MostExcitingInput(
            lambda x, w: (w * x[:, 0]).sum((1, 2)),
            (30, 1, 16, 16),
            mean=0.5,
            std=0.3,
            allowed_range=(0, 1),
            data={"w": w.to(dtype)},
            dtype=dtype,
        )
        result = mei.synthesize(**QUIET)
        assert result.converged
        assert mei.stimulus.min() >= 0 and mei.stimulus.max() <= 1
        assert (result.figures["off_ContrastSphere"] < 1e-6).all()
        assert torch.allclose((w * mei.stimulus[:, 0].double()).sum((1, 2)), (w * best).sum((1, 2)), rtol=1e-5)

    def test_contrast_inside_a_mask(self, dtype):
        w = randn(8, 8, dtype=dtype)
        mask = torch.zeros(8, 8, dtype=torch.bool)
        mask[2:6, 1:5] = True
        mei = mm.MostExcitingInput(
            lambda x: (w * x).sum((1, 2, 3)), (1, 1, 8, 8), mean=0.5, std=0.1, mask=mask, dtype=dtype
        )
        assert mei.synthesize(**QUIET).converged
        x = mei.stimulus[0, 0]
        assert torch.equal(x[~mask], torch.full_like(x[~mask], 0.5))
        off = w[mask] - w[mask].mean()
        assert torch.allclose(x[mask], 0.5 + 0.1 * 4 * off / off.norm(), atol=1e-4)

    def test_fixed_spectrum_leaves_the_phase_of_the_unit(self, dtype):
        w, image = randn(1, 1, 9, 9, dtype=dtype), randn(1, 1, 9, 9, seed=1, dtype=dtype)
        mei = mm.MostExcitingInput(
            lambda x: (w * x).sum((1, 2, 3)), (1, 1, 9, 9), constraint=mm.FixedSpectrum(image), dtype=dtype
        )
        mei.setup(w + randn(1, 1, 9, 9, seed=2, dtype=dtype))
        mei.synthesize(**QUIET)
        spectrum = torch.fft.fft2(w)
        best = (torch.fft.fft2(image).abs() * spectrum.abs()).sum() / 81
        assert torch.allclose(mei.responses[-1], best, rtol=1e-3)
        assert distance_to(mm.FixedSpectrum(image), mei.stimulus) < 1e-5


# Geodesics ------------------------------------------------------------------------------------------------------------


class Magnitudes(torch.nn.Module):
    """Local amplitudes of a complex pyramid and its low-pass residual: blind to small shifts."""

    def __init__(self, size, height=2):
        super().__init__()
        self.pyramid = mm.process.SteerablePyramidFreq((size, size), height=height, order=3, is_complex=True)
        self.scales = ["residual_lowpass", *reversed(range(height))]

    def forward(self, x, scales=None):
        bands = self.pyramid(x)
        chosen = [bands[s] for s in (self.scales if scales is None else scales)]
        parts = [(b.real**2 + b.imag**2 + 1e-6).sqrt() if b.is_complex() else b for b in chosen]
        return torch.cat([p.flatten(1) for p in parts], 1)


def translation_of(image, shift, steps):
    """A photograph that moves to the right, `shift` pixels altogether."""
    n = image.shape[-1]
    phase = -2j * math.pi * torch.fft.rfftfreq(n, dtype=image.dtype) * shift / steps
    moves = [torch.fft.irfft2(torch.fft.rfft2(image) * (phase * t).exp(), s=(n, n))[0] for t in range(steps + 1)]
    return torch.stack(moves)


class TestGeodesic:
    def test_linear_model_gives_the_pixel_fade(self, dtype):
        model = mm.problems.LinearModel.random(6, 20, dtype=dtype)
        geodesic = mm.Geodesic(randn(2, 20, dtype=dtype), randn(2, 20, seed=1, dtype=dtype), model, 8)
        result = geodesic.synthesize(**QUIET)
        assert result.converged
        assert torch.allclose(geodesic.geodesic, geodesic.pixelfade, atol=1e-5)
        assert torch.allclose(geodesic.optimality_gap, torch.ones(2, dtype=dtype), rtol=1e-6)

    def test_bent_start_is_straightened(self, dtype):
        model = mm.problems.LinearModel.random(20, 20, condition=3, dtype=dtype)
        geodesic = mm.Geodesic(randn(1, 20, dtype=dtype), randn(1, 20, seed=1, dtype=dtype), model, 8)
        geodesic.setup(initial_noise=0.5, seed=1)
        assert not torch.allclose(geodesic.geodesic, geodesic.pixelfade, atol=0.1)
        assert geodesic.synthesize(**QUIET).converged
        assert torch.allclose(geodesic.geodesic, geodesic.pixelfade, atol=1e-3)

    def test_polar_model_gives_straight_radius_and_angle(self, dtype):
        a, b = torch.tensor([[1.0, 0.0]], dtype=dtype), torch.tensor([[-0.3, 2.0]], dtype=dtype)
        model = mm.problems.PolarModel()
        geodesic = mm.Geodesic(a, b, model, 10)
        result = geodesic.synthesize(**QUIET)
        polar, ends = model(geodesic.geodesic), model(torch.cat([a, b]))
        t = torch.linspace(0, 1, 11, dtype=dtype)[:, None]
        assert torch.allclose(polar, ends[:1] + t * (ends[1:] - ends[:1]), atol=1e-4)
        assert abs(float(geodesic.optimality_gap) - 1) < 1e-5
        assert result.figures["jerkiness"] < 1e-6
        assert mm.curvature(geodesic.geodesic, model).max() < 0.1
        assert mm.curvature(geodesic.geodesic).min() > 1

    def test_shortest_of_equally_good_paths_is_the_arc_not_the_chord(self, dtype):
        angle, n = 1.2, 10
        a = torch.tensor([[1.0, 0.0]], dtype=dtype)
        b = torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=dtype)
        geodesic = mm.Geodesic(a, b, mm.problems.EnergyModel(), n, conditional=True)
        result = geodesic.synthesize(**QUIET)
        energy = n * (2 * math.sin(angle / (2 * n))) ** 2
        assert math.isclose(energy, 0.143827, rel_tol=1e-5)
        assert math.isclose(float(result.figures["pixel_energy"]), energy, rel_tol=1e-3)
        assert torch.allclose(geodesic.geodesic.norm(dim=1), torch.ones(n + 1, dtype=dtype), rtol=1e-3)
        assert torch.allclose(
            mm.curvature(geodesic.geodesic), torch.full((n - 1,), math.degrees(angle / n), dtype=dtype), rtol=1e-2
        )
        assert math.isclose(float(geodesic.pixelfade.diff(dim=0).square().sum()), 0.127528, rel_tol=1e-4)
        assert float(geodesic.optimality_gap) == math.inf  # the ends are metamers: nothing is as good as standing still

    @pytest.mark.parametrize(("blur", "nearer"), [(1.5, 0.75), (None, 0.6)])
    def test_phase_invariant_model_gives_the_translation(self, dtype, blur, nearer):
        n, shift, steps = 32, 2, 6
        image = mm.data.image("camera", size=n).to(dtype)
        translation = translation_of(image if blur is None else mm.GaussianBlur(blur)(image), shift, steps)
        model = Magnitudes(n).to(dtype)
        geodesic = mm.Geodesic(translation[:1], translation[-1:], model, steps, conditional=True)
        geodesic.synthesize(60, **QUIET)

        def distance(path):
            return (path - translation)[1:-1].flatten(1).norm(dim=1)

        assert (distance(geodesic.geodesic) < nearer * distance(geodesic.pixelfade)).all()
        assert 1 <= float(geodesic.optimality_gap) < 1.02
        assert mm.curvature(geodesic.geodesic, model).mean() < mm.curvature(geodesic.pixelfade, model).mean()

    def test_coarse_to_fine_in_scale_ends_at_the_same_path(self):
        # The first stage, a linear low-pass, ends at the pixel fade up to rounding; the next must leave it.
        n, steps = 32, 4
        image = mm.GaussianBlur(1.5)(mm.data.image("camera", size=n).double())
        ends = translation_of(image, 4, steps)[[0, -1]]
        model, found = Magnitudes(n, height=3).double(), []
        for order in ("time", "time and scale"):
            geodesic = mm.Geodesic(ends[:1], ends[1:], model, steps, conditional=True, coarse_to_fine=order)
            assert geodesic.synthesize(**QUIET).converged
            found.append(geodesic)
        fade = (
            model(found[0].pixelfade).diff(dim=0).square().sum() * steps / model(ends).diff(dim=0).square().sum()
        ) - 1
        assert torch.allclose(found[0].optimality_gap, found[1].optimality_gap, rtol=1e-3)
        assert all(float(g.optimality_gap) - 1 < 0.25 * float(fade) for g in found)

    def test_a_shift_by_a_wavelength_is_not_the_straightest_way(self):
        # The finest band is back at the phase it began with: what the model calls straight is not to move.
        n, steps = 32, 8
        translation = translation_of(mm.data.image("camera", size=n).double(), 4, steps)
        model = Magnitudes(n).double()
        geodesic = mm.Geodesic(translation[:1], translation[-1:], model, steps, conditional=True)
        geodesic.synthesize(60, **QUIET)
        response = model(translation)
        moving = response.diff(dim=0).square().sum() * steps / (response[-1] - response[0]).square().sum()
        assert float(geodesic.optimality_gap) - 1 < 0.25 * (float(moving) - 1)

    def test_bisection_makes_the_pixel_energy_a_sum_of_squares(self):
        for n_steps in (2, 5, 8, 11):
            basis = Bisection.of(n_steps, torch.zeros(1, dtype=torch.float64))
            ends, z = randn(3, 2, 4), randn(3, n_steps - 1, 4, seed=1)
            path = basis.frames(ends, z)
            straight = (ends[:, 1] - ends[:, 0]).square().sum(1) / n_steps
            assert torch.allclose(path_energy(path), straight * (1 + z.square().sum((1, 2))))
            assert torch.allclose(basis.coordinates(path), z)


# Principal distortions ------------------------------------------------------------------------------------------------


def positive(n, seed, dtype=torch.float64, condition=30.0):
    """A linear model with a Fisher information of full rank."""
    return mm.problems.LinearModel.random(n, n, seed=seed, condition=condition, dtype=dtype)


def closed_form(one, two):
    values = torch.linalg.eigvals(torch.linalg.solve(two.fisher().double(), one.fisher().double())).real
    return 0.25 * (values.max() / values.min()).log() ** 2


class TestPrincipal:
    def test_ellipses_have_a_closed_form(self, dtype):
        for angle in (0.0, 0.7, math.pi / 2):
            models = [
                mm.problems.EllipseModel(angle, (4.0, 1.0), dtype),
                mm.problems.EllipseModel(0, (9.0, 2.0), dtype),
            ]
            principal = mm.PrincipalDistortions(torch.zeros(1, 2, dtype=dtype), models)
            assert principal.synthesize(**QUIET).converged
            assert torch.allclose(principal.variance.double(), closed_form(*models), rtol=1e-4)
            assert principal.distortions.dtype == dtype

    def test_two_models_from_random_starts_reach_the_closed_form(self, dtype):
        models = [positive(8, 1, dtype), positive(8, 2, dtype)]
        principal = mm.PrincipalDistortions(torch.zeros(1, 8, dtype=dtype), models)
        principal.setup(randn(8, 2, 8, seed=5, dtype=dtype))
        result = principal.synthesize(**QUIET)
        assert result.converged
        best = closed_form(*models)
        assert torch.allclose(result.figures["variance"].double(), best.expand(8), rtol=1e-3)

    def test_against_the_identity_they_are_eigendistortions(self, dtype):
        model, identity = positive(8, 3, dtype), mm.problems.LinearModel(torch.eye(8, dtype=dtype))
        principal = mm.PrincipalDistortions(torch.zeros(1, 8, dtype=dtype), [model, identity])
        principal.synthesize(**QUIET)
        vectors = torch.linalg.eigh(model.fisher())[1][:, [-1, 0]]
        overlap = (principal.distortions[0] * vectors.mT).sum(1).abs()
        assert torch.allclose(overlap, torch.ones(2, dtype=dtype), atol=1e-4)

    def test_scales_order_and_roles_do_not_matter(self, dtype):
        models = [positive(6, seed, dtype) for seed in range(3)]
        scaled = [mm.problems.LinearModel(c * m.matrix) for c, m in zip((0.1, 1.0, 30.0), models, strict=True)]
        image = torch.zeros(1, 6, dtype=dtype)
        found = []
        for some in (models, scaled, models[::-1]):
            principal = mm.PrincipalDistortions(image, some)
            principal.synthesize(**QUIET)
            found.append(principal.variance)
        assert torch.allclose(torch.cat(found), found[0].expand(3), rtol=1e-3)
        a = principal.distortions
        start = mm.PrincipalDistortions(image, models)
        start.setup(torch.cat([a, a.flip(1)]))
        both = start.synthesize(max_iter=0, **QUIET).figures["variance"]
        assert torch.allclose(both[0], both[1], rtol=1e-5)

    def test_one_model_has_nothing_to_disagree_about(self, dtype):
        principal = mm.PrincipalDistortions(torch.zeros(1, 4, dtype=dtype), [positive(4, 0, dtype)])
        principal.synthesize(**QUIET)
        assert float(principal.variance) == 0

    def test_four_models_need_restarts_and_get_them(self):
        models = [positive(8, seed) for seed in range(4)]
        principal = mm.PrincipalDistortions(torch.zeros(1, 8, dtype=torch.float64), models)
        result = principal.synthesize(**QUIET)
        assert result.converged
        many = mm.PrincipalDistortions(torch.zeros(1, 8, dtype=torch.float64), models)
        many.setup(randn(60, 2, 8, seed=9))
        values = many.synthesize(**QUIET).figures["variance"]
        assert values.max() / values.min() > 1.1  # there are local optima
        assert float(principal.variance) > 0.999 * float(values.max())

    def test_further_pairs_are_orthogonal_and_the_best_of_what_is_left(self, dtype):
        models = [positive(8, 1, dtype), positive(8, 2, dtype)]
        principal = mm.PrincipalDistortions(torch.zeros(1, 8, dtype=dtype), models)
        principal.synthesize(3, **QUIET)
        assert principal.distortions.shape == (3, 2, 8)
        assert (principal.variance.diff() < 0).all()
        first, second = principal.distortions[0], principal.distortions[1]
        assert (first @ second.mT).abs().max() < 1e-5
        rest = torch.linalg.svd(first.double(), full_matrices=True)[2][2:]
        left = [mm.problems.LinearModel(m.matrix.double() @ rest.mT) for m in models]
        assert torch.allclose(principal.variance[1].double(), closed_form(*left), rtol=1e-3)

    def test_images_reach_the_closed_form_of_circular_filters(self, dtype):
        image = mm.data.image("camera", size=40).to(dtype)  # too large for a dense solution
        models = [
            mm.remove_grad(mm.models.Gaussian((9, 9), std=1.5, pad_mode="circular")).to(dtype),
            mm.remove_grad(mm.models.CenterSurround((9, 9), pad_mode="circular")).to(dtype),
        ]
        impulse = torch.zeros(1, 1, 40, 40, dtype=dtype)
        impulse[..., 0, 0] = 1
        one, two = (
            torch.fft.fft2((m(impulse) - m(0 * impulse)).double()).abs().square().sum((0, 1)) + 0.01 for m in models
        )
        ratios = (one / two).flatten().sort().values
        principal = mm.PrincipalDistortions(image, models, ridge=0.01)
        result = principal.synthesize(2, **QUIET)
        assert result.converged
        best = 0.25 * (ratios[[-1, -2]] / ratios[:2]).log() ** 2
        assert principal.variance.dtype == dtype
        assert torch.allclose(principal.variance.double(), best, rtol=1e-3)
        three = mm.PrincipalDistortions(image, [*models, torch.nn.Identity()], ridge=0.01)
        three.setup(n_restarts=1)
        three.synthesize(**QUIET)
        assert float(three.variance) > 2 / 3 * float(best[0])  # even with the third half-way between the two

    def test_ridge_bounds_what_a_blind_model_leaves_open(self, dtype):
        blind, other = mm.problems.LinearModel.random(3, 8, dtype=dtype), positive(8, 2, dtype)
        with pytest.raises(ValueError, match="ridge"):
            mm.PrincipalDistortions(torch.zeros(1, 8, dtype=dtype), [blind, other])
        principal = mm.PrincipalDistortions(torch.zeros(1, 8, dtype=dtype), [blind, other], ridge=0.01)
        principal.synthesize(**QUIET)
        eye = 0.01 * torch.eye(8, dtype=torch.float64)
        pencil = torch.linalg.solve(other.fisher().double() + eye, blind.fisher().double() + eye)
        values = torch.linalg.eigvals(pencil).real
        assert torch.allclose(principal.variance.double(), 0.25 * (values.max() / values.min()).log() ** 2, rtol=1e-3)

    def test_the_gradient_is_that_of_the_variance(self):
        models = [positive(5, seed) for seed in range(3)]
        fishers = tuple(mm.FisherInformation(m, torch.zeros(1, 5, dtype=torch.float64)) for m in models)
        objective, pairs = Separation(fishers, (0.0, 0.1, 0.0)), randn(2, 2, 5)

        def value(x):
            matrices = torch.stack([m.fisher() for m in models])
            matrices = matrices + torch.tensor([0.0, 0.1, 0.0])[:, None, None] * torch.eye(5)
            quadratic = torch.einsum("bki,nij,bkj->nbk", x, matrices, x) / x.square().sum(2)
            s = quadratic.log()[..., 0] - quadratic.log()[..., 1]
            return -s.var(0, correction=0)

        x = objective.place(pairs).requires_grad_()
        (ours,) = torch.autograd.grad(objective(x).total.sum(), x)
        (theirs,) = torch.autograd.grad(value(x).sum(), x)
        assert torch.allclose(objective(x).total, value(x))
        assert torch.allclose(ours, theirs)


# Controversial stimuli ------------------------------------------------------------------------------------------------


def classifier(seed, dtype, n_classes=3, n=64):
    model = mm.problems.LinearModel.random(n_classes, n, seed=seed, condition=2.0, dtype=dtype)
    return torch.nn.Sequential(torch.nn.Flatten(), model)


class TestControversial:
    def test_smooth_minimum_is_below_the_minimum_by_at_most_its_bound(self, dtype):
        values = 3 * randn(20, 4, dtype=dtype)
        hard = values.amin(1)
        for alpha in (0.5, 1.0, 10.0, 1000.0):
            smooth = smooth_min(values, alpha)
            assert (smooth <= hard + 1e-5).all()
            assert (hard <= smooth + math.log(4) / alpha + 1e-5).all()
        assert torch.allclose(smooth, hard, atol=2e-3)

    def test_independent_classifiers_disagree_with_certainty(self, dtype):
        models = [classifier(seed, dtype) for seed in range(3)]
        for readout in ("sigmoid", "softmax"):
            stimuli = mm.ControversialStimuli(
                models, [(0, 1, 2), (2, 0, 1)], (1, 8, 8), readout, allowed_range=(-20, 20), dtype=dtype
            )
            assert stimuli.synthesize(**QUIET).converged
            assert (stimuli.score > 0.99).all()
            found = torch.stack([m(stimuli.stimulus).argmax(1) for m in models], 1)
            assert torch.equal(found, stimuli.targets)

    def test_a_softmax_model_cannot_disagree_with_itself(self, dtype):
        model = classifier(0, dtype)
        stimuli = mm.ControversialStimuli([model, model], [(0, 1)], (1, 8, 8), "softmax", dtype=dtype)
        stimuli.synthesize(**QUIET)
        assert float(stimuli.score) <= 0.5

    def test_shared_targets_are_agreement(self, dtype):
        models = [classifier(seed, dtype) for seed in range(2)]
        stimuli = mm.ControversialStimuli(models, [(1, 1)], (1, 8, 8), allowed_range=(-20, 20), dtype=dtype)
        stimuli.synthesize(**QUIET)
        assert float(stimuli.score) > 0.99

    def test_distances_of_linear_models_have_a_closed_form(self, dtype):
        one, two = positive(8, 1, dtype), positive(8, 2, dtype)
        image = randn(1, 8, seed=4, dtype=dtype)
        ratio = mm.DistanceRatio([one, two], seen_by=0)
        stimuli = mm.Synthesis(
            lambda x: -ratio(x, image.expand_as(x)), (1, 8), constraint=mm.NormSphere(0.5, image), dtype=dtype
        )
        stimuli.setup(image + randn(1, 8, seed=6, dtype=dtype))
        assert stimuli.synthesize(**QUIET).converged
        pencil = torch.linalg.solve(two.fisher().double(), one.fisher().double())
        best = torch.linalg.eigvals(pencil).real.max().log() / 2
        assert torch.allclose(ratio(stimuli.stimulus, image).double(), best, rtol=1e-3)
        assert torch.allclose((stimuli.stimulus - image).norm(), torch.tensor(0.5, dtype=dtype), rtol=1e-5)


# Diverse sets ---------------------------------------------------------------------------------------------------------


class TestDiverse:
    @pytest.mark.parametrize("measure", ["mean", "min"])
    def test_complex_cell_gives_a_regular_polygon(self, dtype, measure):
        a, b = torch.linalg.qr(randn(6, 2, dtype=dtype))[0].T

        def energy(x):
            return ((x @ a) ** 2 + (x @ b) ** 2).sqrt()

        k, radius = 4, 1.5
        diverse = mm.DiverseExcitingInputs(
            energy, (3, 6), k, 0.9999, constraint=mm.NormSphere(radius), measure=measure, dtype=dtype
        )
        diverse.setup(seed=1)
        result = diverse.synthesize(**QUIET)
        assert (result.figures["weakest_of_best"] > 0.9998).all()
        mean = radius * 2 / math.tan(math.pi / (2 * k)) / (k - 1)
        assert math.isclose(mean, 1.6095 * radius, rel_tol=1e-4)
        assert torch.allclose(result.figures["mean_distance"], torch.tensor(mean, dtype=dtype), rtol=1e-3)
        least = 2 * radius * math.sin(math.pi / k)
        assert torch.allclose(result.figures["least_distance"], torch.tensor(least, dtype=dtype), rtol=1e-3)

    def test_simple_cell_at_fixed_contrast_leaves_no_choice(self, dtype):
        w = randn(8, 8, dtype=dtype)
        diverse = mm.DiverseExcitingInputs(
            lambda x: (w * x).sum((1, 2, 3)), (1, 1, 8, 8), 3, 1.0, mean=0.0, std=1.0, dtype=dtype
        )
        result = diverse.synthesize(**QUIET)
        assert result.figures["weakest_of_best"] > 0.999
        assert result.figures["mean_distance"] < 0.1 * 8  # of stimuli whose norm is 8

    def test_linear_metamers_in_a_ball_form_a_simplex(self, dtype):
        matrix = torch.linalg.qr(randn(6, 6, dtype=dtype))[0][:3]
        model = mm.problems.LinearModel(matrix)
        image = 0.3 * matrix.sum(0, keepdim=True)  # no part in the null space, of three dimensions
        radius, k = 0.7, 4
        ball = mm.NormSphere(float((image.square().sum() + radius**2).sqrt()))
        metamers = mm.DiverseMetamers(image.repeat(3, 1), model, k, 1e-3, spreading=2000, constraint=ball)
        metamers.setup(image + randn(3, k, 6, seed=1, dtype=dtype))
        result = metamers.synthesize(3000, **QUIET)
        assert result.converged
        assert (metamers.errors <= 1e-3).all()
        side = radius * math.sqrt(2 * k / (k - 1))
        off = ~torch.eye(k, dtype=torch.bool)
        assert torch.allclose(metamers.distances[:, off], torch.tensor(side, dtype=dtype), rtol=1e-3)
        assert result.figures["mean_distance"].mean() > 1.1 * result.figures["independent_distance"].mean()
