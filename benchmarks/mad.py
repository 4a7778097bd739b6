"""MAD competition of SSIM and MSE against plenoptic with the weights of its documentation.

The reference metric is held at the value that plenoptic's image ends with, so that the optimised metric can be compared
for equal reference; `stray` is how far plenoptic's reference metric went from where it should have stayed. Two ratios:
of the times to the end, and of plenoptic's time to the time after which ours is as extreme as plenoptic's end.
"""

import time
import warnings
from collections.abc import Callable

import plenoptic as po
import torch
from torch import Tensor

import metameric as mm
from _harness import Comparison, Table, main

SIZE = 256
PHOTOGRAPHS = ("curie", "einstein", "camera")
NOISE = (0.02, 0.04, 0.08)
# Weight, iterations and stopping criterion for each stimulus.
DOCUMENTED = {
    ("ssim", "min"): (1e4, 200, 1e-4),
    ("ssim", "max"): (1e6, 500, 1e-4),
    ("mse", "min"): (1.0, 400, 1e-6),
    ("mse", "max"): (10.0, 200, 1e-6),
}


def photograph(name: str) -> Tensor:
    return getattr(po.data, name)() if hasattr(po.data, name) else mm.data.image(name, size=SIZE)


def ours_weighted(x: Tensor, y: Tensor) -> Tensor:
    return mm.metric.ssim(x, y, weighted=True, pad="reflect")


def peers_ssim(x: Tensor, y: Tensor) -> Tensor:
    return 1 - po.metric.ssim(x, y, weighted=True, pad="reflect")


def clocked(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compete(image: Tensor, driven: str, minmax: str, noise: float, short: bool) -> tuple[Comparison, tuple[str, ...]]:
    weight, iterations, criterion = DOCUMENTED[driven, minmax]
    metrics = {"ssim": mm.metric.as_distance(ours_weighted), "mse": mm.metric.mse}
    peers = {"ssim": peers_ssim, "mse": po.metric.mse}
    held = "mse" if driven == "ssim" else "ssim"
    po.set_seed(0)
    peer = po.MADCompetition(image, peers[driven], peers[held], minmax, metric_tradeoff_lambda=weight)
    peer.setup(noise)
    iterations = 10 if short else iterations
    seconds_peer = clocked(lambda: peer.synthesize(max_iter=iterations, stop_criterion=criterion))
    wanted, reached = float(peer.reference_metric_loss[0]), float(peer.reference_metric_loss[-1])
    ours = mm.MADCompetition(image, metrics[driven], metrics[held], minmax)
    ours.setup(initial_image=peer.initial_image.detach(), reference_value=reached)
    seconds = clocked(lambda: ours.synthesize(10 if short else 100, progress=False))
    figures = ours.result.figures
    a, b = float(figures["optimized_final"]), float(peer.optimized_metric_loss[-1])
    sign = 1 if minmax == "min" else -1
    beyond = (sign * ours.optimized_metric_loss <= sign * b).nonzero()[:, 0].tolist()
    sooner = f"{seconds_peer / ours.result.trace.seconds[beyond[0]]:.0f}" if beyond else "never"
    comparison = Comparison(seconds, seconds_peer, 0.0, 0.0, 1)
    strays = f"{100 * (reached / wanted - 1):+.1f} %", f"{float(figures['stray_percent']):.3f} %"
    return comparison, (*strays, f"{b:.4g}", f"{a:.4g}", "yes" if sign * a <= sign * b else "NO", sooner)


def rows(quick: bool) -> Table:
    columns = (
        "photograph",
        "noise",
        "driven",
        "peer's stray",
        "our stray",
        "peer reaches",
        "ours",
        "as extreme",
        "sooner",
    )
    table = Table("MAD competition, 256 x 256, seconds to the end", columns=columns)
    for name in PHOTOGRAPHS[: 1 if quick else None]:
        for noise in (0.04,) if quick else NOISE:
            for driven, minmax in DOCUMENTED:
                comparison, notes = compete(photograph(name), driven, minmax, noise, quick)
                table.add((name, f"{noise:g}", f"{driven} {minmax}", *notes), comparison)
    return table


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    main(rows)
