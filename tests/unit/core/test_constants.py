"""What is kept for later calls serves all, whoever came first: inference mode, export, tensors without values."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import metameric as mm
from parts import tensors


def _texture(size):
    return mm.models.PortillaSimoncelli((size, size), 2, 2, 3)


def _second_derivative(model, image):
    leaf = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(leaf).sum(), leaf, create_graph=True)
    return torch.autograd.grad(gradient.sum(), leaf)[0]


def test_statistics_first_asked_for_in_inference_mode_can_be_differentiated_twice(rng):
    # A size that no other test uses: constants of sizes are kept for all models.
    model, image = _texture(56), torch.rand(1, 1, 56, 56, generator=rng, dtype=torch.float64)
    with torch.inference_mode():
        model(image)
        model.remove_scales(model(image), [0])
    assert _second_derivative(model, image).isfinite().all()
    leaf = image.requires_grad_()
    assert torch.autograd.grad(model.remove_scales(model(leaf), [0]).sum(), leaf)[0].isfinite().all()


MODELS = {
    "LaplacianPyramid": lambda: mm.process.LaplacianPyramid(3),
    "SteerablePyramidFreq": lambda: mm.process.SteerablePyramidFreq((72, 72), 2),
    "PortillaSimoncelli": lambda: _texture(72),
    "Gaussian": lambda: mm.remove_grad(mm.models.Gaussian(9)),
    "Gaussian, periodic": lambda: mm.remove_grad(mm.models.Gaussian(9, pad_mode="circular")),
    "OnOff": lambda: mm.remove_grad(mm.models.OnOff(7, apply_mask=True)),
    "blur_downsample": lambda: mm.process.blur_downsample,
    "normalized_laplacian_pyramid": lambda: mm.process.normalized_laplacian_pyramid,
}


@pytest.mark.parametrize("name", MODELS)
def test_tensors_without_values_leave_nothing_behind(name, rng):
    model, image, mode = MODELS[name](), torch.rand(1, 1, 72, 72, generator=rng), FakeTensorMode()
    with mode:
        shapes = [result.shape for result in tensors(model(mode.from_tensor(image)))]
    results = tensors(model(image))
    assert [result.shape for result in results] == shapes
    assert all(type(result) is torch.Tensor for result in results)
    # Nor do constants that have values stand in the way of those without.
    with mode:
        again = tensors(model(mode.from_tensor(image)))
    assert [result.shape for result in again] == shapes
    assert mode.allow_non_fake_inputs is False


@pytest.mark.parametrize("name", ["LaplacianPyramid", "Gaussian"])
def test_an_exported_model_is_the_model_which_works_on(name, rng):
    model, image = MODELS[name](), torch.rand(1, 1, 76, 76, generator=rng)
    exported = torch.export.export(model, (image,)).module()
    for mine, theirs in zip(tensors(model(image)), tensors(exported(image)), strict=True):
        assert type(mine) is torch.Tensor
        torch.testing.assert_close(mine, theirs)
