"""The face: options, attributes, masks and weights, comparison, interruption, and what the result says."""

import pytest
import torch

import metameric as mm
from metameric._core.errors import InputError, InputTypeError, ModelError, StateError
from metameric._solve._status import Status
from metameric._synthesis import _eigen_methods
from metameric._synthesis._eigen_model import in_precision

D = torch.float64
MATRIX = torch.randn(40, 36, dtype=D, generator=torch.Generator().manual_seed(3))


def linear(x):
    return x.flatten(1) @ MATRIX.to(x).T


def image(batch=1, dtype=D):
    return torch.rand(batch, 1, 6, 6, dtype=dtype, generator=torch.Generator().manual_seed(1))


def blurred(size=40, dtype=D):
    model = mm.models.OnOff(31, pretrained=True).to(dtype).eval()
    return mm.Eigendistortion(mm.data.image("camera", size=size).to(dtype), mm.remove_grad(model))


def test_nothing_is_there_before_synthesis():
    eigendistortion = mm.Eigendistortion(image(), linear)
    assert eigendistortion.eigendistortions is None
    assert eigendistortion.eigenvalues is None and eigendistortion.eigenindex is None
    assert eigendistortion.jacobian is None
    assert repr(eigendistortion).startswith("Eigendistortion((1, 1, 6, 6)")
    with pytest.raises(StateError, match="call synthesize"):
        _ = eigendistortion.result


@pytest.mark.parametrize("method", ["exact", "auto", "power", "randomized_svd"])
def test_every_method_returns_its_ranks_in_order(method):
    eigendistortion = mm.Eigendistortion(image(), linear)
    result = eigendistortion.synthesize(method, k=2, max_iter=3000, p=20, q=20, stop_criterion=1e-13, progress=False)
    ranks = {"exact": list(range(36)), "randomized_svd": [0, 1]}.get(method, [0, 1, 34, 35])
    assert eigendistortion.eigenindex.tolist() == ranks
    assert eigendistortion.eigendistortions.shape == (len(ranks), 1, 6, 6)
    expected = (torch.linalg.svdvals(MATRIX) ** 2)[ranks]
    torch.testing.assert_close(eigendistortion.eigenvalues, expected, rtol=1e-4, atol=1e-3)
    lengths = eigendistortion.eigendistortions.flatten(1).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths))
    assert (eigendistortion.jacobian is not None) == (method == "exact")
    assert set(result.to_dict()) >= {"eigenvalues", "residuals", "converged"}
    assert "eigenvalue" in str(result) and str(result) in repr(eigendistortion)


@pytest.mark.parametrize("method", ["auto", "krylov", "power"])
def test_the_upper_end_alone(method, monkeypatch):
    if method == "krylov":
        monkeypatch.setattr(_eigen_methods, "LARGEST_EXACT", 0)
        method = "auto"
    both, upper = (mm.Eigendistortion(image(), linear) for _ in range(2))
    both.synthesize(method, k=2, progress=False)
    upper.synthesize(method, k=20, ends="largest", progress=False)
    assert upper.eigenindex.tolist() == list(range(20))
    torch.testing.assert_close(upper.eigenvalues[:2], both.eigenvalues[:2], rtol=1e-4, atol=0)


def test_a_copy_in_another_precision_stays_in_evaluation():
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Dropout(0.5))
    traced = torch.fx.symbolic_trace(mm.remove_grad(model.eval())).eval()
    x = image(dtype=torch.float32)
    double = in_precision(traced, x, D)
    torch.testing.assert_close(double(x.double()).float(), traced(x))
    assert not any(module.training for module in double.modules())
    assert in_precision(lambda x: x.float(), x, D) is None


@pytest.mark.parametrize("masked", [False, True])
def test_fewer_responses_than_elements_leave_a_null_space_that_is_found_exactly(masked, monkeypatch):
    monkeypatch.setattr(_eigen_methods, "LARGEST_EXACT", 0)
    model = mm.remove_grad(mm.models.PortillaSimoncelli((32, 32), n_scales=2, spatial_corr_width=3).to(D).eval())
    picture = mm.data.image("camera", size=32).to(D)
    mask = None
    if masked:
        mask = torch.ones(32, 32).bool()
        mask[:, :8] = False
    eigendistortion = mm.Eigendistortion(picture, model, mask=mask, weight=torch.full((1, 1), 2.0))
    result = eigendistortion.synthesize(k=3, progress=False)
    assert result.converged and float(result.residuals[0, 3:].max()) < 1e-12
    assert "3 cannot be told from 0" in result.summary()
    lower = eigendistortion.eigendistortions[3:]
    torch.testing.assert_close((lower.flatten(1) * 2).norm(dim=1), torch.ones(3, dtype=D))
    step = 1e-4
    change = (model(picture + step * lower) - model(picture)).norm(dim=-1).max()
    assert float(change) < 1e-2 * float(
        (model(picture + step * eigendistortion.eigendistortions[:1]) - model(picture)).norm()
    )


def test_a_search_by_rows_goes_on_where_it_was(monkeypatch, tmp_path):
    monkeypatch.setattr(_eigen_methods, "LARGEST_EXACT", 0)

    def few(x):
        return torch.tanh(linear(x)[:, :12])

    whole, parts = mm.Eigendistortion(image(), few), mm.Eigendistortion(image(), few)
    assert whole.synthesize(k=2, progress=False).converged
    for _ in range(2):
        result = parts.synthesize(k=2, max_iter=5, progress=False)
        assert Status.STEP_LIMIT in result.status[0]
        parts.save(tmp_path / "a")
        parts = mm.Eigendistortion(image(), few)
        parts.load(tmp_path / "a")
    assert parts.synthesize(k=2, progress=False).converged
    assert torch.equal(parts.eigendistortions, whole.eigendistortions)


def test_values_that_cannot_be_told_from_zero_are_counted():
    eigendistortion = mm.Eigendistortion(image(), lambda x: x.flatten(1)[:, :5])
    assert "2 cannot be told from 0" in eigendistortion.synthesize(k=2, progress=False).summary()
    full = mm.Eigendistortion(image(), linear).synthesize(k=2, progress=False)
    assert "told from 0" not in full.summary()


def test_the_jacobian_is_kept():
    eigendistortion = mm.Eigendistortion(image(), linear)
    torch.testing.assert_close(eigendistortion.compute_jacobian(), MATRIX)
    assert eigendistortion.compute_jacobian() is eigendistortion.jacobian
    assert mm.Eigendistortion(image(2), linear).compute_jacobian().shape == (2, 40, 36)


def test_a_batch_has_a_dimension_more():
    eigendistortion = mm.Eigendistortion(image(3), linear)
    eigendistortion.synthesize(k=2, progress=False)
    assert eigendistortion.eigendistortions.shape == (3, 4, 1, 6, 6)
    assert eigendistortion.eigenvalues.shape == eigendistortion.thresholds.shape == (3, 4)
    assert eigendistortion.scaled().shape == (3, 4, 1, 6, 6)
    assert "[2]" in eigendistortion.result.summary()


@pytest.mark.parametrize("response", ["complex", "list", "colour"])
def test_complex_list_and_colour(response):
    x = torch.rand(1, 3, 4, 4, dtype=D, generator=torch.Generator().manual_seed(1))
    models = {"complex": torch.fft.fft2, "list": lambda x: [2 * x, x.flatten(1)[:, :5]], "colour": lambda x: x**2}
    eigendistortion = mm.Eigendistortion(x, models[response])
    eigendistortion.synthesize(progress=False)
    top = {"complex": 16.0, "list": 5.0, "colour": float(4 * x.max() ** 2)}[response]
    assert float(eigendistortion.eigenvalues[0]) == pytest.approx(top)


@pytest.mark.parametrize("small", [True, False])
def test_masks_and_weights(small, monkeypatch):
    if not small:
        monkeypatch.setattr(_eigen_methods, "LARGEST_EXACT", 0)
    mask = torch.zeros(6, 6).bool()
    mask[1:5, 2:] = True
    weight = torch.linspace(0.5, 2, 36, dtype=D).reshape(6, 6)
    eigendistortion = mm.Eigendistortion(image(), linear, mask=mask, weight=weight)
    result = eigendistortion.synthesize(k=2, progress=False)
    assert result.converged
    v = eigendistortion.eigendistortions.flatten(1)
    inside = mask.flatten()
    assert bool((v[:, ~inside] == 0).all())
    torch.testing.assert_close((v * weight.flatten()).norm(dim=1), torch.ones(4, dtype=D))
    metric = weight.flatten()[inside].diag() ** 2
    fisher = (MATRIX.T @ MATRIX)[inside][:, inside]
    expected = torch.linalg.eigvals(torch.linalg.solve(metric, fisher)).real.sort(descending=True).values
    torch.testing.assert_close(eigendistortion.eigenvalues, expected[[0, 1, -2, -1]], rtol=1e-6, atol=1e-6)
    assert eigendistortion.eigenindex.tolist() == [0, 1, 14, 15]


def test_noise_sets_the_thresholds():
    quiet, loud = (mm.Eigendistortion(image(), linear, noise=variance) for variance in (1.0, 4.0))
    for eigendistortion in (quiet, loud):
        eigendistortion.synthesize(progress=False)
    torch.testing.assert_close(loud.thresholds, 2 * quiet.thresholds)
    torch.testing.assert_close(quiet.thresholds, quiet.eigenvalues.rsqrt())
    torch.testing.assert_close(quiet.scaled(2.0), 2 * quiet.scaled())


def test_two_models_are_compared_on_one_models_distortions():
    eigendistortion = mm.Eigendistortion(image(2), linear)
    eigendistortion.synthesize(progress=False)
    table = eigendistortion.compare({"double": lambda x: 2 * linear(x), "identity": mm.models.Identity()})
    assert table.models == ["linear", "double", "identity"] and table.values.shape == (3, 2, 2)
    torch.testing.assert_close(table.values[1], table.values[0] / 2)
    torch.testing.assert_close(table.values[2], torch.ones(2, 2, dtype=D))
    assert "identity" in str(table) and table.to_dict()["models"] == table.models
    assert eigendistortion.compare([mm.models.Identity()]).models == ["linear", "Identity"]


def test_a_null_space_has_a_finite_threshold():
    eigendistortion = mm.Eigendistortion(image(), lambda x: x.flatten(1)[:, :5])
    eigendistortion.synthesize(progress=False)
    assert bool(torch.isfinite(eigendistortion.scaled()).all())


def test_a_search_cut_short_goes_on_where_it_was():
    whole, parts = blurred(), blurred()
    whole.synthesize(k=2, max_iter=15, stop_criterion=1e-9, progress=False)
    for steps in (5, 3, 7):
        result = parts.synthesize(k=2, max_iter=steps, stop_criterion=1e-9, progress=False)
    assert set(result.status[0]) == {Status.STEP_LIMIT} and "call synthesize again" in result.summary()
    assert torch.equal(whole.eigendistortions, parts.eigendistortions)
    assert parts.synthesize(k=2, max_iter=500, stop_criterion=1e-9, progress=False).converged
    done = parts.eigendistortions
    assert torch.equal(parts.synthesize(k=2, stop_criterion=1e-9, progress=False).stimulus[0], done)


def test_an_interrupt_keeps_what_is_there(monkeypatch):
    eigendistortion = blurred()

    def request(search, watch):
        search.steps = getattr(search, "steps", 0) + 1
        if search.steps == 4:
            raise KeyboardInterrupt
        return judge(search, watch)

    from metameric._solve._eigen import _Search

    judge = _Search.judge
    monkeypatch.setattr(_Search, "judge", request)
    result = eigendistortion.synthesize(stop_criterion=1e-12, progress=False)
    assert result.status == [[Status.INTERRUPTED] * 2] and result.stimulus.shape == (1, 2, 1, 40, 40)


def test_float32_is_certified_with_the_help_of_float64(monkeypatch):
    eigendistortion = blurred(dtype=torch.float32)
    result = eigendistortion.synthesize(k=2, stop_criterion=2e-8, progress=False)
    assert result.stimulus.dtype == torch.float32 and result.converged
    assert eigendistortion.model(eigendistortion.image).dtype == torch.float32


def test_moving_and_casting():
    eigendistortion = mm.Eigendistortion(image(dtype=torch.float32), mm.models.Gaussian(3), mask=torch.ones(6, 6))
    eigendistortion.synthesize("exact", progress=False)
    before = eigendistortion.eigenindex
    assert eigendistortion.to(D) is eigendistortion
    for tensor in (eigendistortion.eigendistortions, eigendistortion.jacobian, eigendistortion.image):
        assert tensor.dtype == D
    assert torch.equal(eigendistortion.eigenindex, before)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="method is 'svd'"):
        mm.Eigendistortion(image(), linear).synthesize("svd")
    for method, most in (("auto", 18), ("power", 18), ("randomized_svd", 36)):
        with pytest.raises(InputError, match=f"k is 40; expected 1 to {most}"):
            mm.Eigendistortion(image(), linear).synthesize(method, k=40, progress=False)
    with pytest.raises(InputError, match="max_iter is -1; expected a whole number, at least 0"):
        mm.Eigendistortion(image(), linear).synthesize(max_iter=-1)
    with pytest.raises(InputError, match="ends is 'lower'"):
        mm.Eigendistortion(image(), linear).synthesize(ends="lower")
    for criterion in (-1.0, float("nan")):
        with pytest.raises(InputError, match="expected a number, 0 or more"):
            mm.Eigendistortion(image(), linear).synthesize(stop_criterion=criterion)
    with pytest.raises(InputError, match="expected 0 or more"):
        mm.Eigendistortion(image(), linear).synthesize("randomized_svd", p=-1, progress=False)
    with pytest.raises((InputError, ModelError), match="NaN"):
        mm.Eigendistortion(image(), lambda x: [x * torch.nan])
    with pytest.raises(InputTypeError):
        mm.Eigendistortion(torch.ones(1, 1, 6, 6, dtype=torch.int64), linear)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (torch.nn.Dropout(0.5), "training mode"),
        (torch.rand_like, "two different responses"),
        (lambda x: x.detach(), "no gradient"),
        (lambda x: x * torch.inf, "NaN or infinity"),
    ],
    ids=["training", "random", "detached", "infinite"],
)
def test_several_tensors_are_judged_as_one_is(model, message):
    class Several(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            return [self.model(x), 0 * self.model(x)]

    with pytest.raises(ModelError, match=message):
        mm.Eigendistortion(image(), Several())


def test_random_state_is_left_alone():
    before = torch.get_rng_state()
    blurred(36).synthesize(progress=False, max_iter=2)
    assert torch.equal(before, torch.get_rng_state())


def test_what_was_not_found_is_not_called_unseen():
    model = mm.remove_grad(mm.models.OnOff((31, 31), pretrained=True)).eval()
    eigendistortion = mm.Eigendistortion(mm.data.image("camera", size=32), model)
    eigendistortion.synthesize("power", k=2, max_iter=20, progress=False)
    assert "step limit" in eigendistortion.summary()
    assert "cannot be told from 0" not in eigendistortion.summary()
