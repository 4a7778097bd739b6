"""Exciting inputs of a ResNet-18 channel: L-BFGS on the constraint against Adam, at equal model evaluations.

Adam with lucent's published settings (learning rate 0.05, sigmoid to [0, 1]; on pixels, standard deviation 0.01, and on
Fourier coefficients weighted by 1 / f with decorrelated colours), here without random transforms for both sides, since
they change what is maximised. At given mean and contrast, Adam follows the published recipe of projecting after every
step (learning rate 0.05 as well). The weights are seeded and random. Activation, not time, is compared. metameric adds
noise to its best stimulus and climbs again (kicks) until its iterations are used up.
"""

import copy

import torch
from torch import Tensor

import metameric as mm
from _harness import Table, main

SIZE, LEARNING_RATE = 64, 0.05
# lucent's colour correlation, from ImageNet, and the scale that it divides by.
COLORS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
COLORS = COLORS / torch.linalg.vector_norm(COLORS, dim=0).max()


def channel_of_a_resnet(layer: str, channel: int) -> torch.nn.Module:
    from torchvision.models import resnet18
    from torchvision.models.feature_extraction import create_feature_extractor

    torch.manual_seed(0)
    net = resnet18(weights=None).eval()
    extractor = create_feature_extractor(mm.remove_grad(net), {layer: "out"})
    extractor.eval()
    return mm.UnitResponse(lambda x: extractor((x - 0.45) / 0.225)["out"], channel)


def adam(response, decode, z: Tensor, evaluations: int, project=None) -> float:
    z = z.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=LEARNING_RATE)
    best = -float("inf")
    for _ in range(evaluations):
        optimizer.zero_grad()
        value = response(decode(z)).sum()
        best = max(best, float(value.detach()))
        (-value).backward()
        optimizer.step()
        if project is not None:
            with torch.no_grad():
                z.copy_(project(z))
    return max(best, float(response(decode(z)).detach()))


def fourier(z: Tensor) -> Tensor:
    frequency = torch.hypot(torch.fft.fftfreq(SIZE)[:, None], torch.fft.rfftfreq(SIZE)).clamp(min=1 / SIZE)
    spectrum = torch.view_as_complex(z) / frequency * SIZE
    x = torch.fft.irfft2(spectrum, s=(SIZE, SIZE), norm="ortho") / 4
    return torch.sigmoid(torch.einsum("ij,bjhw->bihw", COLORS, x))


def colored_pixels(z: Tensor) -> Tensor:
    return torch.sigmoid(torch.einsum("ij,bjhw->bihw", COLORS, z))


def exciting(mei: mm.MostExcitingInput, seed: int, iterations: int) -> tuple[float, int]:
    """Activation and evaluations of a fresh run."""
    mei = copy.copy(mei)
    mei.setup(seed=seed)
    options = {"stop_criterion": 0.0, "stop_iters_to_check": 1000, "kicks": iterations // 30}
    figures = mei.synthesize(iterations, progress=False, **options).figures
    return float(figures["response"]), int(figures["evaluations"])


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def rows(quick: bool) -> Table:
    table = Table("Activation of a ResNet-18 channel", columns=("layer", "channel", "seed", "stimuli", "evaluations"))
    cases = [("layer2", 5), ("layer2", 60), ("layer3", 17), ("layer3", 100), ("layer4", 100), ("layer4", 7)]
    contrast, weights = mm.ContrastSphere(0.5, 0.2), mm.FourierPixels(SIZE, SIZE)
    for layer, channel in cases[:1] if quick else cases:
        response = channel_of_a_resnet(layer, channel)
        shape = (1, 3, SIZE, SIZE)
        ranged = mm.MostExcitingInput(response, shape, mean=None, std=None, allowed_range=(0, 1))
        sphere = mm.MostExcitingInput(response, shape, mean=0.5, std=0.2)
        for seed in range(1 if quick else 2):
            for mei, label in ((ranged, "in [0, 1]"), (sphere, "mean 0.5, std 0.2")):
                ours, n = exciting(mei, seed, 150 if quick else 420)
                if mei is ranged:
                    pixels = adam(response, colored_pixels, 0.01 * noise(*shape, seed=seed), n)
                    spectrum = adam(response, fourier, 0.01 * noise(1, 3, SIZE, SIZE // 2 + 1, 2, seed=seed), n)
                else:
                    start = contrast.project(torch.rand(shape, generator=torch.Generator().manual_seed(seed)))
                    pixels = adam(response, lambda z: z, start, n, contrast.project)
                    spectrum = adam(response, lambda z: contrast.project(weights(z)), weights.encode(start), n)
                figures = {"metameric": ours, "Adam, pixels": pixels, "Adam, Fourier": spectrum}
                table.add((layer, channel, seed, label, n), {k: f"{v:.3f}" for k, v in figures.items()})
    return table


if __name__ == "__main__":
    main(rows)
