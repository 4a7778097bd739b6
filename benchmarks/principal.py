"""Principal distortions of two models: metameric against the published projected ascent, at 128 x 128.

The ascent is written here from its description: along the gradient of the variance, clamped to +-1 and to a norm of
0.1, distortions renormalised to 0.1 and clamped to a thousandth of the way to the pixel range, learning rates from 0.1
to 0.001 on a logarithmic scale, 5000 steps (`--quick`: 500). Both models filter circularly, so that the optimum is
known in closed form: their Fisher information is diagonal in the Fourier domain.
"""

import math
import time

import torch
from torch import Tensor

import metameric as mm
from _harness import Table, main

SIZE, NORM, CLAMP = 128, 0.1, 1e-3


def spectrum(model: torch.nn.Module) -> Tensor:
    """Eigenvalues of the Fisher information."""
    impulse = torch.zeros(1, 1, SIZE, SIZE)
    impulse[..., 0, 0] = 1
    return torch.fft.fft2((model(impulse) - model(0 * impulse)).double()).abs().square().sum((0, 1))


def ascent(image: Tensor, models: list, ridge: float, steps: int) -> float:
    fishers = [mm.FisherInformation(model, image) for model in models]
    pair = torch.randn(2, *image.shape[1:], generator=torch.Generator().manual_seed(0))
    low, high = -CLAMP * image, CLAMP * (1 - image)

    def normalised(v: Tensor) -> Tensor:
        return v / torch.linalg.vector_norm(v.flatten(1), dim=1).reshape(-1, 1, 1, 1)

    def information(v: Tensor) -> tuple[Tensor, Tensor]:
        products = torch.stack([f.matvec(v[:, None])[:, 0] + ridge * v for f in fishers])
        return products, (products * v).flatten(2).sum(2)

    pair = NORM * normalised(pair)
    for rate in torch.logspace(-1, -3, steps):
        products, quadratic = information(pair)
        s = quadratic.log()[:, 0] - quadratic.log()[:, 1]
        weights = (s - s.mean())[:, None, None, None, None]
        relative = products / quadratic[..., None, None, None]
        step = (weights * (relative - relative.mean(0))).sum(0) * torch.tensor([1.0, -1.0])[:, None, None, None]
        step = rate * step.clamp(-1, 1)
        length = torch.linalg.vector_norm(step.flatten(1), dim=1).reshape(-1, 1, 1, 1)
        step = torch.where(length > NORM, step * NORM / length, step)
        pair = NORM * normalised(pair + step)
        pair = torch.maximum(torch.minimum(pair, high), low)
    s = information(pair)[1].log().diff(dim=1)
    return float(s.var(correction=0))


def rows(quick: bool) -> Table:
    table = Table("Principal distortions of Gaussian and CenterSurround", columns=("ridge",), peer="ascent")
    image = mm.data.image("camera", size=SIZE)
    models = [
        mm.remove_grad(mm.models.Gaussian((31, 31), std=1.5, pad_mode="circular")),
        mm.remove_grad(mm.models.CenterSurround((31, 31), pad_mode="circular")),
    ]
    one, two = (spectrum(model) for model in models)
    mm.PrincipalDistortions(image, models, ridge=1.0).synthesize(max_iter=1, progress=False)  # first calls are slow
    ascent(image, models, 1.0, 2)
    for ridge in (1e-2,) if quick else (1e-1, 1e-2):
        ratio = (one + ridge) / (two + ridge)
        best = math.log(float(ratio.max() / ratio.min())) ** 2 / 4
        start = time.perf_counter()
        principal = mm.PrincipalDistortions(image, models, ridge=ridge)
        principal.synthesize(max_iter=1000, progress=False)
        middle = time.perf_counter()
        reached = ascent(image, models, ridge, 500 if quick else 5000)
        end = time.perf_counter()
        figures = {
            "metameric: part of the optimum": f"{float(principal.variance) / best:.5f}",
            "evaluations after the search": int(principal.run.counts[0]),
            "time": middle - start,
            "ascent: part of the optimum": f"{reached / best:.5f}",
            "its time": end - middle,
            "ratio": f"{(end - middle) / (middle - start):.1f}",
        }
        table.add((ridge,), figures)
    return table


if __name__ == "__main__":
    main(rows)
