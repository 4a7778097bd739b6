"""Texture synthesis: error against time for three starts, against plenoptic's recommended L-BFGS.

Error is the Euclidean distance of the 710 statistics (pixel values in [0, 1]), the unit of both libraries. plenoptic
runs for `PEER_SECONDS` from uniform noise with what its documentation recommends; metameric is asked when it reaches
that error, and what it has after 15 s. `--figure FILE` draws the curves.
"""

import sys
import time
import warnings
from pathlib import Path

import plenoptic as po
import torch

import metameric as mm
from _harness import Table, duration, main
from metameric._solve._observe import Observer
from metameric._solve._stop import Never

PICTURES = ("brick", "grass", "gravel")
STARTS = ("random_phase", "random_phase_histogram", "noise")
PEER_SECONDS = 60.0
OUR_SECONDS = 16.0
# The authors' MATLAB algorithm after 50 iterations, about 15 s (with a 9 x 9 neighbourhood).
MATLAB = {"brick": 0.26, "grass": 0.05}
RECOMMENDED = {"max_iter": 10, "max_eval": 10, "history_size": 100, "line_search_fn": "strong_wolfe", "lr": 1}

Curve = list[tuple[float, float]]


class TimeIsUp(Observer):
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def step(self, run: object) -> None:
        if run.trace.seconds[-1] > self.seconds:
            raise KeyboardInterrupt


def ours(image: torch.Tensor, start: str, seconds: float) -> Curve:
    model = mm.models.PortillaSimoncelli(tuple(image.shape[-2:])).eval()
    metamer = mm.Metamer(image, model)
    metamer.setup(start, seed=0)
    result = metamer.synthesize(10**6, stop=Never(), observers=[TimeIsUp(seconds)], progress=False)
    scale = float(torch.linalg.vector_norm(metamer.target_representation))
    errors = (result.trace["error"][:, 0] * scale).tolist()
    return list(zip(result.trace.seconds, errors, strict=True))


def theirs(image: torch.Tensor, seconds: float) -> Curve:
    model = po.models.PortillaSimoncelli(tuple(image.shape[-2:])).eval()
    metamer = po.Metamer(image, model, loss_function=po.loss.l2_norm)
    po.set_seed(0)
    metamer.setup(optimizer=torch.optim.LBFGS, optimizer_kwargs=RECOMMENDED)
    curve, total = [], 0.0
    while total < seconds:
        before = time.perf_counter()
        metamer.synthesize(max_iter=1, stop_criterion=0, stop_iters_to_check=10**6)
        total += time.perf_counter() - before
        curve.append((total, float(torch.linalg.vector_norm(model(metamer.metamer) - metamer.target_representation))))
    return curve


def at(curve: Curve, seconds: float) -> float:
    return min(e for t, e in curve if t <= seconds)


def reached(curve: Curve, error: float) -> float:
    return next((t for t, e in curve if e <= error), float("inf"))


def table(quick: bool) -> Table:
    warnings.filterwarnings("ignore")
    peer_seconds, our_seconds = (6.0, 4.0) if quick else (PEER_SECONDS, OUR_SECONDS)
    result = Table("Textures, 256 x 256, float32", columns=("picture", "start"))
    for picture in PICTURES[: 1 if quick else None]:
        image = mm.data.image(picture, size=256)
        peer = theirs(image, peer_seconds)
        CURVES[picture] = {"plenoptic, noise": peer}
        goal = min(e for _, e in peer)
        for start in STARTS:
            curve = ours(image, start, our_seconds)
            CURVES[picture][f"metameric, {start}"] = curve
            spent = reached(curve, goal)
            row = {"start error": f"{curve[0][1]:.3g}", "error after 15 s": f"{at(curve, 15):.3g}"}
            row |= {"MATLAB 15 s": str(MATLAB.get(picture, "-")), f"plenoptic {peer_seconds:g} s": f"{goal:.3g}"}
            row["time to that"] = duration(spent) if spent < float("inf") else f"> {our_seconds:g} s"
            row["ratio"] = f"{peer[-1][0] / spent:.0f}" if spent < float("inf") else "-"
            result.add((picture, start), row)
    if FIGURE:
        draw(FIGURE)
    return result


def diversity(quick: bool) -> Table:
    """How far apart metamers of one texture from different seeds are, by start, after the same number of iterations."""
    iterations, seeds = (20, [0, 1]) if quick else (150, [0, 1, 2, 3])
    result = Table(f"Diversity after {iterations} iterations, {len(seeds)} seeds", columns=("picture", "start"))
    for picture in PICTURES[: 1 if quick else None]:
        image = mm.data.image(picture, size=128)
        for start in STARTS:
            metamer = mm.Metamer(image, mm.models.PortillaSimoncelli((128, 128)).eval())
            metamer.setup(start, seed=seeds)
            outcome = metamer.synthesize(iterations, stop=Never(), progress=False)
            # Two unrelated images with the target's variance are sqrt(2) standard deviations apart.
            unit = float(image.std() * (2 * image.numel()) ** 0.5)
            apart = torch.pdist(metamer.metamer.flatten(1)) / unit
            errors = outcome.figures["relative_error"]
            row = {"relative error": f"{errors.mean():.2g}", "mean distance": f"{apart.mean():.3f}"}
            result.add((picture, start), row | {"least distance": f"{apart.min():.3f}"})
    return result


def draw(path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(CURVES), figsize=(4.5 * len(CURVES), 4), sharey=True, squeeze=False)
    for axis, (picture, curves) in zip(axes[0], CURVES.items(), strict=True):
        for label, curve in curves.items():
            axis.loglog(*zip(*[(max(t, 0.05), e) for t, e in curve], strict=True), label=label)
        if picture in MATLAB:
            axis.plot(15, MATLAB[picture], "k*", label="MATLAB, 50 iterations")
        axis.set(title=picture, xlabel="seconds")
    axes[0, 0].set_ylabel("error of the statistics")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="upper center", ncols=5, frameon=False, bbox_to_anchor=(0.5, 0)
    )
    figure.savefig(path, dpi=120, bbox_inches="tight")


CURVES: dict[str, dict[str, Curve]] = {}
FIGURE: Path | None = None

if __name__ == "__main__":
    if "--figure" in sys.argv:
        place = sys.argv.index("--figure")
        FIGURE = Path(sys.argv[place + 1])
        del sys.argv[place : place + 2]
    main(table, diversity, threads=2)
