"""Time to a metamer: metameric's default against plenoptic's default (Adam) and plenoptic with `torch.optim.LBFGS`.

All three start from the same noise, and are judged by the same relative representation error. plenoptic is given up at
`LIMIT` seconds; its time is then written as a lower bound. The three run in turn, interleaved by case.
"""

import warnings

import plenoptic as po
import torch

import metameric as mm
from _harness import Table, clock, duration, main, placed

ERRORS = (1e-2, 1e-3, 1e-4)
LIMIT = 20.0
MODELS = {
    "LuminanceGainControl": {"pretrained": True, "cache_filt": True},
    "OnOff": {"pretrained": True, "cache_filt": True},
    "Gaussian": {"std": 3.0, "cache_filt": True},
}
PEERS = {
    "Adam": {},
    "LBFGS": {
        "optimizer": torch.optim.LBFGS,
        "optimizer_kwargs": {"line_search_fn": "strong_wolfe", "history_size": 10, "max_iter": 10},
    },
}

Times = dict[float, float]


def first_below(errors: list[float], seconds: list[float]) -> Times:
    reached = {}
    for wanted in ERRORS:
        hits = [s for e, s in zip(errors, seconds, strict=True) if e <= wanted]
        reached[wanted] = hits[0] if hits else float("inf")
    return reached


def run_ours(model: torch.nn.Module, image: torch.Tensor, start: torch.Tensor) -> Times:
    metamer = mm.Metamer(image, model)
    metamer.setup(start)
    result = metamer.synthesize(3000, tolerance=min(ERRORS), stop_iters_to_check=500, progress=False)
    return first_below(result.trace["error"][:, 0].tolist(), result.trace.seconds)


def run_peer(model: torch.nn.Module, image: torch.Tensor, start: torch.Tensor, setup: dict, limit: float) -> Times:
    metamer = po.Metamer(image, model)
    metamer.setup(start.clone(), **setup)
    scale = float(torch.linalg.vector_norm(metamer.target_representation))
    size = metamer.target_representation.numel()
    total, errors, seconds = 0.0, [], []
    # In pieces short enough to see when an error is reached; what happens between them is not timed.
    while total < limit and not (errors and errors[-1] <= min(ERRORS)):
        before = len(metamer.losses) if errors else 0
        spent = clock(lambda: metamer.synthesize(max_iter=5, stop_criterion=0, stop_iters_to_check=10**6))
        mse = (metamer.losses.cpu() - metamer.penalty_lambda * metamer.penalties.cpu()).clamp(min=0)
        new = ((mse * size).sqrt() / scale)[max(0, before - 1) :].tolist()
        errors += new
        seconds += [total + spent * (i + 1) / len(new) for i in range(len(new))]
        total += spent
    return first_below(errors, seconds)


def pair(name: str) -> tuple[torch.nn.Module, torch.nn.Module]:
    options = MODELS[name]
    theirs = getattr(po.models, name)((31, 31), **options)
    ours = getattr(mm.models, name)((31, 31), **options)
    for model in (theirs, ours):
        placed(mm.remove_grad(model).eval())
    return ours, theirs


def table(quick: bool) -> Table:
    warnings.filterwarnings("ignore")
    limit = 5.0 if quick else LIMIT
    result = Table("Time to a metamer, 256 x 256, float32", columns=("model", "image", "relative error"))
    for name in list(MODELS)[: 1 if quick else None]:
        for picture in ("camera",) if quick else ("camera", "coffee"):
            ours, theirs = pair(name)
            image = placed(mm.data.image(picture, size=256))
            start = placed(torch.rand(image.shape, generator=torch.Generator().manual_seed(0)))
            mine = [run_ours(ours, image, start) for _ in range(1 if quick else 3)]
            peers = {label: run_peer(theirs, image, start, setup, limit) for label, setup in PEERS.items()}
            for wanted in ERRORS:
                median = sorted(m[wanted] for m in mine)[len(mine) // 2]
                best = min(p[wanted] for p in peers.values())
                row = {"metameric": duration(median)}
                row |= {f"plenoptic {label}": bounded(p[wanted], limit) for label, p in peers.items()}
                row["ratio to the best"] = bounded(best, limit, median)
                result.add((name, picture, f"{wanted:g}"), row)
    return result


def bounded(seconds: float, limit: float, unit: float = 0.0) -> str:
    known = seconds < float("inf")
    value = seconds if known else limit
    shown = f"{value / unit:.0f}" if unit else duration(value)
    return shown if known else f"> {shown}"


if __name__ == "__main__":
    main(table)
