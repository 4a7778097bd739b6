"""Time to proven eigendistortions, against plenoptic's default of 1000 steps of power iteration at each end.

Of plenoptic's steps only a few are timed, and a thousand of them are EXTRAPOLATED: they cost alike. Counted are those
of one end: at the lower end it takes all of them (its change per step stays far above its criterion), at the upper end
it may stop earlier, so that "at most" stands there. On OnOff its thousand steps end at a smallest eigenvalue of about
2e-3, a thousand times the true one.
"""

import contextlib
import io
import statistics
import time
import warnings

import plenoptic as po
import torch

import metameric as mm
from _harness import Table, clock, duration, main

FRONT_ENDS = ("OnOff", "LuminanceContrastGainControl", "LuminanceGainControl", "LinearNonlinear")
STEPS = 1000


def front_end(name):
    options = {"pretrained": True, "cache_filt": True}
    return [getattr(library.models, name)((31, 31), **options) for library in (mm, po)], mm.data.image("camera", 256)


def texture():
    return [library.models.PortillaSimoncelli((256, 256)) for library in (mm, po)], mm.data.image("camera", 256)


def resnet():
    from torchvision.models import resnet50

    torch.manual_seed(0)
    model = mm.models.DeepNetFeatures(resnet50(weights=None), "layer2")
    return [model, model], mm.data.image("astronaut", 224, as_gray=False)


def peer_step(image, model, k):
    """Seconds of one step at one end: the difference between two steps at both ends and one."""

    def run(n):
        # A negative criterion is never reached, so that both ends take all their steps.
        with contextlib.redirect_stderr(io.StringIO()):
            return clock(
                lambda: po.Eigendistortion(image, model).synthesize("power", k=k, max_iter=n, stop_criterion=-1.0)
            )

    short = run(1)
    return (run(2) - short) / 2


def row(pair, image, k, ends, quick):
    ours, theirs = (mm.remove_grad(model.eval()) for model in pair)
    times, peers, result = [], [], None
    for _ in range(2 if k == 1 and ends == "both" and not quick else 1):
        begin = time.perf_counter()
        result = mm.Eigendistortion(image, ours).synthesize(k=k, ends=ends, progress=False)
        times.append(time.perf_counter() - begin)
        peers.append(peer_step(image, theirs, k))
    mine, step = statistics.median(times), statistics.median(peers)
    bound = "" if ends == "both" else "at most "
    worst = float(result.residuals.max())
    return {
        "metameric": duration(mine),
        "proven": str(result.converged),
        "worst residual / largest": f"{worst:.1e}",
        "smallest eigenvalue": f"{float(result.eigenvalues[0, -1]):.1e}" if ends == "both" else "",
        "plenoptic, a step": duration(step),
        f"{STEPS} steps, extrapolated": bound + duration(STEPS * step),
        "ratio": f"{bound}{STEPS * step / mine:.0f}",
    }


def both_ends(quick: bool) -> Table:
    warnings.filterwarnings("ignore")
    table = Table("Eigendistortions at both ends, 256 x 256, float32", columns=("model", "k"))
    for name in FRONT_ENDS[: 1 if quick else None]:
        for k in (1,) if quick else (1, 4):
            table.add((name, k), row(*front_end(name), k, "both", quick))
    return table


def upper_end(quick: bool) -> Table:
    table = Table("Eigendistortions at the upper end, float32", columns=("model", "k"))
    table.add(("PortillaSimoncelli 256 x 256", 1), row(*texture(), 1, "largest", quick))
    if not quick:
        table.add(("ResNet-50 layer2, 224 x 224 RGB, random weights", 1), row(*resnet(), 1, "largest", quick))
    return table


if __name__ == "__main__":
    main(both_ends, upper_end)
