"""A test per message of the methods beyond matching."""

import pytest
import torch

import metameric as mm

SHAPE = (2, 1, 8, 8)
IMAGE = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def mean(x):
    return x.flatten(1).mean(1)


def no_mean(x):
    return x - x.mean((2, 3), keepdim=True)


def blur():
    return mm.remove_grad(mm.models.Gaussian(5))


def run(synthesis):
    synthesis.synthesize(1, progress=False)


CASES = {
    "image_shape": (lambda: mm.Synthesis(mean, (8,)), "image_shape is"),
    "data": (lambda: mm.Synthesis(mean, SHAPE, data={"t": torch.zeros(3)}), "data 't' has shape"),
    "scalar": (lambda: run(mm.Synthesis(lambda x: x.mean(), SHAPE)), "one value for each"),
    "precondition": (
        lambda: mm.Synthesis(mean, SHAPE, precondition=mm.GaussianBlur(1.0)).setup(),
        "precondition changes the gradient",
    ),
    "encode": (
        lambda: mm.Synthesis(mean, SHAPE, parametrization=torch.tanh).setup(),
        "cannot encode an image",
    ),
    "start": (lambda: mm.Synthesis(mean, SHAPE).setup(torch.zeros(2, 1, 4, 4)), "initial_image has shape"),
    "window": (
        lambda: mm.Synthesis(mean, SHAPE).synthesize(stop_iters_to_check=0),
        "stop_iters_to_check is 0",
    ),
    "response": (lambda: mm.MostExcitingInput(blur(), SHAPE), "expected \\(1,\\), one value"),
    "std": (lambda: mm.MostExcitingInput(mean, SHAPE, std=-1.0), "std is -1.0"),
    "range": (lambda: mm.MostExcitingInput(mean, SHAPE, allowed_range=(1.0, 0.0)), "expected \\(low, high\\)"),
    "contrast alone": (
        lambda: mm.MostExcitingInput(mean, SHAPE, mean=None, std=0.6, allowed_range=(0.0, 1.0)),
        "no stimulus within .* expected at most 0.5",
    ),
    "contrast": (lambda: mm.MostExcitingInput(mean, SHAPE, std=0.6, allowed_range=(0.0, 1.0)), "no stimulus within"),
    "against": (lambda: mm.UnitResponse(blur(), 0, "all"), "against is 'all'"),
    "against-unit": (lambda: mm.UnitResponse(blur(), (0, 1, 1), "others"), "compares channels"),
    "temperature": (lambda: mm.UnitResponse(blur(), 0, "softmax", 0.0), "temperature is 0.0"),
    "index": (lambda: mm.UnitResponse(blur(), 5)(IMAGE), "index is 5"),
    "set": (lambda: mm.DiverseExcitingInputs(mean, SHAPE, 1), "n is 1"),
    "measure": (lambda: mm.DiverseExcitingInputs(mean, SHAPE, 2, measure="max"), "measure is 'max'"),
    "tolerance": (lambda: mm.DiverseMetamers(IMAGE, blur(), 2, 0.0), "tolerance is 0.0"),
    "spreading": (lambda: mm.DiverseMetamers(IMAGE, blur(), 2, spreading=0), "spreading is 0"),
    "set-start": (
        lambda: mm.DiverseMetamers(IMAGE, blur(), 2).setup(IMAGE),
        "initial_image has shape",
    ),
    "ends": (lambda: mm.Geodesic(IMAGE, IMAGE.double(), blur()), "expected two of the same"),
    "equal-ends": (lambda: mm.Geodesic(IMAGE, IMAGE.clone(), blur()), "two different stimuli"),
    "steps": (lambda: mm.Geodesic(IMAGE, 1 - IMAGE, blur(), 1), "n_steps is 1"),
    "coarse": (lambda: mm.Geodesic(IMAGE, 1 - IMAGE, blur(), coarse_to_fine="space"), "coarse_to_fine is 'space'"),
    "sequence": (lambda: mm.Geodesic(IMAGE, 1 - IMAGE, blur()).setup(IMAGE), "initial_sequence has shape"),
    "frames": (lambda: mm.curvature(torch.rand(2, 4)), "has 2 frames"),
    "no-models": (lambda: mm.PrincipalDistortions(IMAGE, []), "models is empty"),
    "ridges": (lambda: mm.PrincipalDistortions(IMAGE, [blur()], ridge=[1.0, 2.0]), "one for each of 1 models"),
    "pairs": (lambda: mm.PrincipalDistortions(IMAGE, [blur()], 0.1).synthesize(0), "k is 0"),
    "distortions": (
        lambda: mm.PrincipalDistortions(IMAGE, [blur()], 0.1).setup(IMAGE),
        "initial_distortions has shape",
    ),
    "singular": (lambda: mm.PrincipalDistortions(IMAGE, [no_mean, lambda x: x]).synthesize(), "no_mean is singular"),
    "singular-second": (
        lambda: mm.PrincipalDistortions(IMAGE, [lambda x: x, no_mean]).synthesize(),
        "give a ridge, for instance",
    ),
    "readout": (lambda: mm.ControversialStimuli([mean, mean], [(0, 1)], (1, 8, 8), "argmax"), "readout is 'argmax'"),
    "sharpness": (
        lambda: mm.ControversialStimuli([mean, mean], [(0, 1)], (1, 8, 8), sharpness=(0.0,)),
        "sharpness is",
    ),
    "targets": (lambda: mm.ControversialStimuli([mean, mean], [(0, 1, 2)], (1, 8, 8)), "targets have shape"),
    "logits": (lambda: mm.ControversialStimuli([mean, mean], [(0, 1)], (1, 8, 8)), "expected logits"),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name):
    call, message = CASES[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()
