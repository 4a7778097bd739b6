"""A test for every message of `validate`."""

import pytest
import torch
from torch import nn

from metameric._core.errors import InputError, MetamericError, ModelError
from metameric.validate import (
    validate_coarse_to_fine,
    validate_convert_tensor_dict,
    validate_input,
    validate_metric,
    validate_model,
    validate_penalty,
)


@pytest.mark.parametrize(
    ("stimulus", "error", "message"),
    [
        ([1.0], TypeError, "the stimulus is a list; expected a torch.Tensor"),
        (torch.ones(1, 1, 4, 4, dtype=torch.uint8), TypeError, "dtype torch.uint8; expected floating point"),
        (torch.ones(4), ValueError, r"shape \(4,\); expected \(batch, ...\)"),
        (torch.ones(1, 0, 4, 4), ValueError, "at least one element"),
        (torch.tensor([[1.0, torch.nan]]), ValueError, "1 NaN or infinite values among 2"),
        (torch.tensor([[torch.inf, 0.0, torch.nan]]), ValueError, "2 NaN or infinite values among 3"),
    ],
)
def test_validate_input(stimulus, error, message):
    with pytest.raises(error, match=message):
        # Called without the run-time type check, which would answer first.
        validate_input.__wrapped__(stimulus) if isinstance(stimulus, list) else validate_input(stimulus)


def test_validate_input_batch_and_range():
    with pytest.raises(ValueError, match="a batch of 2; expected a single one"):
        validate_input(torch.ones(2, 1, 4, 4), no_batch=True)
    with pytest.raises(ValueError, match=r"runs from -1 to 2; expected values in \[0, 1\]"):
        validate_input(torch.tensor([[-1.0, 2.0]]), allowed_range=(0, 1))
    validate_input(torch.zeros(1, 1, 4, 4), no_batch=True, allowed_range=(0, 1))


class Calls(nn.Module):
    """A model made of one function."""

    def __init__(self, function, **layers):
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.function(x)


def write_in_place(x):
    x += 1
    return x * 2


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (lambda x: [x, x], TypeError, "returned a list; expected a torch.Tensor"),
        (lambda x: x.sum(), ValueError, r"returned shape \(\) .* expected the batch to stay"),
        (lambda x: x.mean((0, 1)), ValueError, r"expected the batch to stay the first dimension, \(1, ...\)"),
        (lambda x: x.double(), TypeError, "returned torch.float64 for a torch.float32 stimulus"),
        (lambda x: x.to("meta"), ValueError, "on meta for a stimulus on cpu"),
        (lambda x: x / 0, ValueError, "returned NaN or infinity"),
        (lambda x: x * torch.nan, ValueError, "returned NaN or infinity"),
        (lambda x: x.detach(), ValueError, "no gradient with respect to the stimulus"),
        (lambda x: torch.zeros(1, 3, requires_grad=True) * 1, ValueError, "no gradient with respect to the stimulus"),
        (lambda x: x + torch.rand(()), ValueError, "two different responses to the same stimulus"),
        (write_in_place, ValueError, "changes its input in place"),
        (Calls(lambda x: x, drop=nn.Dropout()), ValueError, "training mode, in which drop make"),
        (nn.ReLU(inplace=True), ValueError, "in place; let it work on a copy .* inplace=False"),
        (lambda x: x.clamp_(0, 1), ValueError, "in place"),
        (nn.BatchNorm2d(1), ValueError, r"training mode, in which BatchNorm2d .* call model.eval\(\)"),
    ],
)
def test_validate_model(model, error, message):
    with pytest.raises(error, match=message):
        validate_model(model)


@pytest.mark.parametrize(
    "model",
    [
        nn.Conv2d(1, 2, 3),  # learnable parameters do no harm
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout()).eval(),
        lambda x: torch.fft.fft2(x),
        lambda x: x.mean((1, 2, 3)),
    ],
)
def test_validate_model_accepts(model):
    state = torch.get_rng_state()
    validate_model(model)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("metric", "error", "message"),
    [
        (lambda x: x.mean(), TypeError, "cannot be called with two images"),
        (lambda x, y: ((x - y) ** 2).mean((2, 3)).repeat(1, 2), ValueError, r"a tensor of shape \(1, 2\)"),
        (lambda x, y: 3.0, ValueError, "returned a float"),
        (lambda x, y: (x - y).mean() ** 2 + 1, ValueError, "with itself is 1; expected 0"),
        (lambda x, y: (x - y).mean(), ValueError, "never negative"),
        (lambda x, y: ((x - y) ** 2).mean().detach(), ValueError, "no gradient with respect to the image"),
        (lambda x, y: ((x - y) ** 2).mean() / 0, ValueError, "expected real, finite values"),
        (lambda x, y: ((x - y) ** 2).mean().double(), TypeError, "expected the same precision"),
        (lambda x, y: torch.fft.fft2(x - y).mean(), ValueError, "expected real, finite values"),
    ],
)
def test_validate_metric(metric, error, message):
    with pytest.raises(error, match=message):
        validate_metric(metric)


def test_validate_metric_refuses_one_that_is_negative_the_other_way_round():
    with pytest.raises(ValueError, match="never negative"):
        validate_metric(lambda x, y: (y - x).mean() * 1)


@pytest.mark.parametrize(
    ("penalty", "error", "message"),
    [
        (lambda x, y: x.sum(), TypeError, "cannot be called with an image"),
        (lambda x: x.sum((2, 3)).repeat(1, 3), ValueError, r"a tensor of shape \(1, 3\)"),
        (lambda x: x.sum().detach(), ValueError, "no gradient"),
        (lambda x: x.sum() * torch.nan, ValueError, "real, finite"),
    ],
)
def test_validate_penalty(penalty, error, message):
    with pytest.raises(error, match=message):
        validate_penalty(penalty)


class Scaled(nn.Module):
    scales = (1, 0)

    def forward(self, x, scales=None):
        return torch.cat([x.flatten(1) * (i + 1) for i in (scales or self.scales)], 1)


class IgnoresScales(Scaled):
    def forward(self, x, scales=None):
        return x.flatten(1)


def test_validate_coarse_to_fine():
    validate_coarse_to_fine(Scaled())
    with pytest.raises(AttributeError, match="no attribute `scales`"):
        validate_coarse_to_fine(nn.Identity())
    plain = nn.Identity()
    plain.scales = [0]
    with pytest.raises(TypeError, match="takes no argument `scales`"):
        validate_coarse_to_fine(plain)
    with pytest.raises(ValueError, match="expected fewer with fewer scales"):
        validate_coarse_to_fine(IgnoresScales())


class Converts(nn.Module):
    def forward(self, x):
        return x.flatten(1)

    def convert_to_dict(self, tensor):
        return {"first": tensor[:, :10], "rest": tensor[:, 10:]}

    def convert_to_tensor(self, parts):
        return torch.cat([parts["first"], parts["rest"]], 1)


class Forgets(Converts):
    def convert_to_tensor(self, parts):
        return torch.cat([parts["first"], torch.zeros_like(parts["rest"])], 1)


class Lists(Converts):
    def convert_to_dict(self, tensor):
        return [tensor]


def test_validate_convert_tensor_dict():
    validate_convert_tensor_dict(Converts())
    with pytest.raises(AttributeError, match="no method `convert_to_dict`"):
        validate_convert_tensor_dict(nn.Identity())
    with pytest.raises(TypeError, match="returned a list; expected a dictionary"):
        validate_convert_tensor_dict(Lists())
    with pytest.raises(ValueError, match="does not undo convert_to_dict"):
        validate_convert_tensor_dict(Forgets())


def test_errors_are_also_metamerics_own():
    with pytest.raises(MetamericError):
        validate_model(lambda x: x.sum())


def test_a_model_of_another_precision_is_named():
    with pytest.raises(
        ValueError, match=r"Linear holds torch.float32 parameters .* stimulus is torch.float64.*model.to"
    ):
        validate_model(nn.Linear(8, 2), image_shape=(1, 8), image_dtype=torch.float64)


def test_an_error_of_the_model_itself_says_what_it_was_given():
    message = r"Linear cannot take a stimulus of shape \(1, 9\), torch.float32 on cpu.*shapes cannot be multiplied"
    with pytest.raises(ValueError, match=message) as caught:
        validate_model(nn.Linear(8, 2), image_shape=(1, 9))
    assert isinstance(caught.value.__cause__, RuntimeError)


def takes_batches(x):
    if x.ndim != 4:
        raise IndexError("no batch")
    return x


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (nn.Conv2d(3, 2, 3), (2, 1, 8, 8), r"to have 3 channels.*image.expand\(-1, 3, -1, -1\).*--color"),
        (nn.Conv2d(2, 2, 3), (1, 1, 8, 8), r"to have 2 channels.*takes stimuli of this shape"),
        (nn.Conv2d(3, 2, 9), (1, 1, 8, 8), r"takes stimuli of this shape"),  # nor would three channels do
        (takes_batches, (3, 8, 8), r"IndexError: no batch. .*give image\[None\]"),
    ],
)
def test_what_to_do_where_the_model_refuses_the_shape(model, shape, message):
    with pytest.raises(ModelError, match=message):
        validate_model(model, image_shape=shape)


def test_channels_are_not_to_blame_where_the_gradient_is():
    def model(x):
        if x.requires_grad:
            raise ValueError("no gradients here")
        return x

    with pytest.raises(ModelError, match=r"ValueError: no gradients here\. Without a gradient it works"):
        validate_model(model)


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        MemoryError("full"),
        torch.cuda.OutOfMemoryError("full"),
        RuntimeError("can't allocate memory: you tried to allocate 8 bytes"),
        InputError("own"),
    ],
)
def test_interrupts_and_lack_of_memory_stay_what_they_are(error):
    def model(x):
        raise error

    with pytest.raises(type(error)) as caught:
        validate_model(model)
    assert caught.value is error


def test_a_model_in_training_is_refused_before_it_changes():
    model = nn.BatchNorm2d(1)
    with pytest.raises(ValueError, match="training mode"):
        validate_model(model)
    assert int(model.num_batches_tracked) == 0
