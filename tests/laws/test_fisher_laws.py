"""What must hold of every model's Fisher information, and of the eigendistortions found in it."""

import math

import pytest
import torch

import metameric as mm
from metameric._objective._fisher import FisherInformation
from metameric._solve._eigen_classic import dense_eigenpairs
from metameric._synthesis import _eigen_methods

D = torch.float64
OPTIONS = {"pretrained": True}
MODELS = {
    "identity": lambda size: mm.models.Identity(),
    "linear": lambda size: mm.models.Linear(),
    "gaussian": lambda size: mm.models.Gaussian(7, 1.5, "circular"),
    "center surround": lambda size: mm.models.CenterSurround(9),
    "linear nonlinear": lambda size: mm.models.LinearNonlinear((31, 31), pad_mode="circular", **OPTIONS),
    "luminance": lambda size: mm.models.LuminanceGainControl((31, 31), pad_mode="circular", **OPTIONS),
    "contrast": lambda size: mm.models.LuminanceContrastGainControl((31, 31), pad_mode="circular", **OPTIONS),
    "on off": lambda size: mm.models.OnOff((31, 31), pad_mode="circular", **OPTIONS),
    "texture": lambda size: mm.models.PortillaSimoncelli((size, size), n_scales=1, spatial_corr_width=3),
}


# So many eigenvalues near zero that the subspace method comes to span all of the space.
SLOW = ("gaussian", "center surround")


def prepared(name, size):
    model = MODELS[name](size).to(D).eval()
    mm.remove_grad(model)
    return model, mm.data.image("camera", size=size).to(D)


@pytest.mark.parametrize("size", [16, 24])
@pytest.mark.parametrize("name", MODELS)
class TestEveryModel:
    def test_the_operator_is_symmetric_and_positive(self, name, size):
        model, image = prepared(name, size)
        fisher = FisherInformation(model, image)
        v, w = torch.randn(2, *image.shape, dtype=D, generator=torch.Generator().manual_seed(0))
        fv, fw = fisher.matvec(torch.stack([v, w]))
        scale = float(fv.norm() * w.norm())
        assert abs(float((fv * w).sum() - (v * fw).sum())) < 1e-9 * scale
        assert float((v * fv).sum()) >= 0
        dense = fisher.to_dense()[0]
        torch.testing.assert_close(dense @ v.flatten(), fv.flatten(), rtol=1e-6, atol=1e-9 * float(dense.abs().max()))

    def test_both_ends_equal_the_dense_decomposition(self, name, size, monkeypatch):
        model, image = prepared(name, size)
        values, _ = dense_eigenpairs(FisherInformation(model, image).to_dense()[0])
        largest = float(values[0])
        quick = mm.Eigendistortion(image, model)
        quick.synthesize(k=2, progress=False)
        torch.testing.assert_close(quick.eigenvalues, values[[0, 1, -2, -1]], rtol=1e-9, atol=1e-10 * largest)
        if size > 16 and name in SLOW:
            return
        monkeypatch.setattr(_eigen_methods, "LARGEST_EXACT", 0)
        krylov = mm.Eigendistortion(image, model)
        assert krylov.synthesize(k=2, progress=False).converged
        torch.testing.assert_close(krylov.eigenvalues[:2], values[:2], rtol=1e-8, atol=0)
        torch.testing.assert_close(krylov.eigenvalues[2:], values[-2:], rtol=0, atol=2e-10 * largest)


@pytest.mark.parametrize(("size", "largest_exact"), [(16, 1024), (24, 1024), (16, 0)])
def test_a_circular_gaussian_has_the_squared_transfer_function_for_eigenvalues(size, largest_exact, monkeypatch):
    monkeypatch.setattr(_eigen_methods, "LARGEST_EXACT", largest_exact)
    model = mm.models.Gaussian(7, 1.5, "circular").to(D)
    mm.remove_grad(model)
    image = mm.data.image("camera", size=size).to(D)
    kernel = torch.zeros(size, size, dtype=D)
    kernel[:7, :7] = model.filt[0, 0]
    expected = torch.fft.fft2(kernel).abs().square().flatten().sort(descending=True).values
    eigendistortion = mm.Eigendistortion(image, model)
    assert eigendistortion.synthesize(progress=False).converged
    torch.testing.assert_close(eigendistortion.eigenvalues[:1], expected[:1], rtol=1e-8, atol=0)
    torch.testing.assert_close(eigendistortion.eigenvalues[1:], expected[-1:], rtol=0, atol=1e-10)


def test_a_linear_model_has_its_squared_singular_values():
    matrix = torch.randn(90, 64, dtype=D, generator=torch.Generator().manual_seed(0))
    image = torch.rand(1, 1, 8, 8, dtype=D, generator=torch.Generator().manual_seed(1))
    eigendistortion = mm.Eigendistortion(image, lambda x: x.flatten(1) @ matrix.T)
    eigendistortion.synthesize("exact", progress=False)
    torch.testing.assert_close(eigendistortion.eigenvalues, torch.linalg.svdvals(matrix) ** 2, rtol=1e-10, atol=1e-12)


def test_gain_control_by_luminance_is_blind_to_the_image_plus_a_constant():
    # The response (L x) / (1 + s G x), L without mean, keeps its value when x + 1/s is scaled.
    model = mm.models.LuminanceGainControl(15, pretrained=False, pad_mode="circular").to(D).eval()
    mm.remove_grad(model)
    image = mm.data.image("camera", size=48).to(D)
    fisher = FisherInformation(model, image)
    scalar = next(p for n, p in model.named_parameters() if "scalar" in n)
    v = image + 1 / float(scalar)
    eigendistortion = mm.Eigendistortion(image, model)
    result = eigendistortion.synthesize(progress=False)
    assert float(fisher.information(v) / (v * v).sum()) < 1e-12 * float(result.largest)
    assert float(result.eigenvalues[0, -1]) < 1e-10 * float(result.largest)


def test_a_batch_is_its_stimuli_one_by_one(monkeypatch):
    monkeypatch.setattr(_eigen_methods, "LARGEST_EXACT", 0)
    model = prepared("on off", 20)[0]
    images = torch.stack([mm.data.image("camera", size=20)[0], mm.data.image("coins", size=20)[0]]).to(D)
    both = mm.Eigendistortion(images, model).synthesize(k=2, progress=False)
    for i in range(2):
        one = mm.Eigendistortion(images[i : i + 1], model).synthesize(k=2, progress=False)
        assert torch.equal(both.stimulus[i], one.stimulus[0]) and torch.equal(both.eigenvalues[i], one.eigenvalues[0])


def test_thresholds_are_where_discriminability_is_one():
    model, image = prepared("contrast", 16)
    eigendistortion = mm.Eigendistortion(image, model)
    eigendistortion.synthesize(progress=False)
    step = 1e-3
    change = model(image + step * eigendistortion.scaled()[:1]) - model(image)
    assert math.isclose(float(change.norm()) / step, 1.0, rel_tol=1e-2)
