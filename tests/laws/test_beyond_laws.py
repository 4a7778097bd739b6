"""Closed forms of the methods beyond matching, in both precisions."""

import math

import pytest
import torch

import metameric as mm
from metameric._solve._constraint import distance_to
from metameric._solve._status import Status

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
        w = randn(16, 16, dtype=torch.float64)
        w = w - w.flip(0).flip(1)  # odd, so that the clipped function has its mean at the middle
        low, high = 0.0, 100.0
        for _ in range(100):
            slope = (low + high) / 2
            wide = (slope * w).clamp(-0.5, 0.5).std(correction=0) > 0.3
            low, high = (low, slope) if wide else (slope, high)
        best = 0.5 + (low * w).clamp(-0.5, 0.5)
        w = w.to(dtype)
        mei = mm.MostExcitingInput(
            lambda x: (w * x).sum((1, 2, 3)), (1, 1, 16, 16), mean=0.5, std=0.3, allowed_range=(0, 1), dtype=dtype
        )
        result = mei.synthesize(**QUIET)
        assert mei.stimulus.min() >= 0 and mei.stimulus.max() <= 1
        assert result.figures["off_ContrastSphere"] < 1e-4
        assert torch.allclose((w * mei.stimulus).sum(), (w * best.to(dtype)).sum(), rtol=1e-3)

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
