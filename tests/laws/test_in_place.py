"""Results are the caller's: they may be changed in place, and share memory with nothing."""

import pytest
import torch

import metameric as mm
from metameric import process
from parts import draw, tensors


def _bank(name, **options):
    return lambda size: mm.remove_grad(getattr(mm.models, name)(**options))


def _reconstruct(size):
    pyramid = process.SteerablePyramidFreq(size, 2)
    return lambda x: pyramid.recon_pyr(pyramid(x))


MAPS = {
    "Linear": _bank("Linear"),
    "Gaussian, small": _bank("Gaussian", kernel_size=3),
    "Gaussian": _bank("Gaussian", kernel_size=9),
    "Gaussian, several": _bank("Gaussian", kernel_size=9, std=[1.0, 2.0], pad_mode="replicate"),
    "Gaussian, periodic": _bank("Gaussian", kernel_size=9, pad_mode="circular"),
    "CenterSurround, zeros": _bank("CenterSurround", kernel_size=9, pad_mode="constant"),
    "LinearNonlinear": _bank("LinearNonlinear", kernel_size=31, activation=lambda x: x),
    "blur_downsample": lambda size: process.blur_downsample,
    "upsample_blur": lambda size: lambda x: process.upsample_blur(x, (1, 1)),
    "LaplacianPyramid": lambda size: process.LaplacianPyramid(3),
    "LaplacianPyramid, one scale": lambda size: process.LaplacianPyramid(1),
    "recon_pyr, one scale": lambda size: lambda x: process.LaplacianPyramid(1).recon_pyr([x]),
    "SteerablePyramidFreq": lambda size: process.SteerablePyramidFreq(size, 2),
    "SteerablePyramidFreq, complex": lambda size: process.SteerablePyramidFreq(size, 2, is_complex=True),
    "SteerablePyramidFreq, zeros": lambda size: process.SteerablePyramidFreq(size, 2, boundary="zero"),
    "recon_pyr": _reconstruct,
}


@pytest.mark.parametrize("size", [(40, 45), (200, 208), (300, 280)])
@pytest.mark.parametrize("name", MAPS)
def test_results_and_gradients_may_be_changed_in_place(name, size):
    function, x = MAPS[name](size), draw(1, 1, *size, dtype=torch.float32).requires_grad_()
    expected = [result.detach().clone() for result in tensors(function(x))]
    results = tensors(function(x))
    for result in results:
        result[..., 0] = 0
        result.mul_(2)
    assert x.untyped_storage().data_ptr() not in {result.untyped_storage().data_ptr() for result in results}
    total = sum(result.abs().square().sum() for result in results)
    (gradient,) = torch.autograd.grad(total, x, create_graph=True)
    gradient[..., 0] = 0
    assert torch.autograd.grad(gradient.sum(), x)[0].isfinite().all()
    leaf = x.detach().requires_grad_()
    again = sum((2 * result)[..., 1:].abs().square().sum() for result in tensors(function(leaf)))
    torch.testing.assert_close(gradient[..., 1:], torch.autograd.grad(again, leaf)[0][..., 1:], rtol=1e-4, atol=1e-4)
    for result, value in zip(tensors(function(x)), expected, strict=True):
        assert torch.equal(result, value)
