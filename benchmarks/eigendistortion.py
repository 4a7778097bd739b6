"""Time to certified eigendistortions, against plenoptic's 1000 steps of power iteration at each end.

A step of plenoptic's is timed, not all thousand of them: steps cost alike, and it stops early only at the upper end,
for which the steps that it took are counted. Run: ``python benchmarks/eigendistortion.py [MODEL ...] [--k 1 4]``.
"""

import argparse
import statistics
import time
import warnings

import plenoptic as po
import torch

import metameric as mm

KERNEL = (31, 31)
NAMES = ("OnOff", "LuminanceContrastGainControl", "LuminanceGainControl", "LinearNonlinear")
STEPS = 1000


def models(name, dtype):
    options = {"pretrained": True, "cache_filt": True}
    pair = [getattr(library.models, name)(KERNEL, **options).to(dtype).eval() for library in (mm, po)]
    for model in pair:
        mm.remove_grad(model)
    return pair


def seconds(function):
    begin = time.perf_counter()
    value = function()
    return time.perf_counter() - begin, value


def peer_seconds(image, model, k, steps):
    """Seconds of one step at one end: the difference between a longer and a shorter run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")

        def run(n):
            # A negative criterion is never reached, so that both ends take all their steps.
            return po.Eigendistortion(image, model).synthesize("power", k=k, max_iter=n, stop_criterion=-1.0)

        short, _ = seconds(lambda: run(1))
        long, _ = seconds(lambda: run(1 + steps))
    return (long - short) / (2 * steps)


def compare(name, k, dtype, repeats, steps):
    image = mm.data.image("camera", size=256).to(dtype)
    ours, theirs = models(name, dtype)
    times, peer, result = [], [], None
    for _ in range(repeats):
        spent, result = seconds(lambda: mm.Eigendistortion(image, ours).synthesize(k=k, progress=False))
        times.append(spent)
        peer.append(peer_seconds(image, theirs, k, steps))
    mine, step = statistics.median(times), statistics.median(peer)
    print(
        f"\n{name}, k={k}: {mine:.2f} s; plenoptic {step * 1e3:.0f} ms a step, {STEPS} steps at the lower end alone "
        f"{STEPS * step:.0f} s (x{STEPS * step / mine:.0f}), at both ends {2 * STEPS * step:.0f} s "
        f"(x{2 * STEPS * step / mine:.0f})"
    )
    print(result, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*", default=["OnOff"], help=f"of {', '.join(NAMES)}")
    parser.add_argument("--k", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="steps of plenoptic's to time")
    parser.add_argument("--double", action="store_true")
    given = parser.parse_args()
    for name in given.models:
        for k in given.k:
            compare(name, k, torch.float64 if given.double else torch.float32, given.repeats, given.steps)


if __name__ == "__main__":
    main()
