"""Forward and gradient of the front-end models at 256 x 256, float32, against plenoptic.

    OMP_NUM_THREADS=1 python benchmarks/frontend.py [--quick] [--json FILE]

Pretrained filters of 31 x 31 where there are such; parameters frozen and plenoptic's filters cached, as in a synthesis.
"""

import warnings

import torch

import metameric as mm
from _harness import Table, compare, main, placed

PRETRAINED = ("LinearNonlinear", "LuminanceGainControl", "LuminanceContrastGainControl", "OnOff")
MODELS = [
    ("Identity", {}),
    ("Linear", {"default_filters": False}),
    ("Gaussian", {"kernel_size": 31, "cache_filt": True}),
    ("CenterSurround", {"kernel_size": 31, "cache_filt": True}),
    *((name, {"kernel_size": 31, "pretrained": True, "cache_filt": True}) for name in PRETRAINED),
]


def forward_and_gradient(model, image):
    def run():
        response = model(image)
        return torch.autograd.grad(response, image, torch.ones_like(response))

    return run


def front_ends(quick: bool) -> Table:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import plenoptic as po
    table = Table("Front ends: forward and gradient, 256 x 256, float32", columns=("model",))
    image = placed(mm.data.image("camera", size=256)).requires_grad_()
    for name, options in MODELS:
        ours, peer = (placed(mm.remove_grad(getattr(package.models, name)(**options))) for package in (mm, po))
        ours.load_state_dict(peer.state_dict())
        result = compare(*(forward_and_gradient(m, image) for m in (ours, peer)), repeats=5 if quick else 25)
        table.add((name,), result)
    return table


if __name__ == "__main__":
    main(front_ends)
