"""One deterministic probe of a model gives all the facts that the validators judge."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from metameric._core.batched import name_of
from metameric._core.errors import InputError, InputTypeError, MetamericError, ModelError
from metameric._core.random import uniform
from metameric.validate._explain import explained, out_of_memory
from metameric.validate._stimulus import refuse_inference_mode

# Layers whose answer in training mode is random or depends on the rest of the batch.
_MODE_DEPENDENT = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


@dataclass(frozen=True)
class Facts:
    """What a probe has seen of a model."""

    name: str
    stimulus: Tensor
    response: object
    differentiable: bool
    repeatable: bool
    wrote_on_input: bool


def example_stimulus(
    shape: tuple[int, ...] | None, dtype: torch.dtype = torch.float32, device: str | torch.device = "cpu", seed: int = 0
) -> Tensor:
    """Return seeded uniform noise to probe with; (1, 1, 16, 16) where no shape is given."""
    shape = shape or (1, 1, 16, 16)
    return uniform([seed + i for i in range(shape[0])], torch.empty(shape, dtype=dtype, device=device))


def probe(model: Callable[..., Any], stimulus: Tensor, options: Mapping[str, Any] | None = None) -> Facts:
    """Run a model twice on a stimulus, leaving random state, stimulus and model as they were."""
    refuse_inference_mode()
    name, options = name_of(model), options or {}
    # Before it runs: batch normalisation, in training, changes with every call.
    _refuse_training(model, name)
    before = stimulus.detach().clone()
    given = before.clone().requires_grad_()
    with torch.random.fork_rng(devices=_cuda_devices(stimulus)):
        try:
            with torch.enable_grad():
                response = model(given * 1, **options)
        except Exception as error:  # models are anyone's code
            if isinstance(error, MetamericError) or out_of_memory(error):
                raise
            raise explained(error, model, before, options) from error
        second_input = before.clone()
        with torch.no_grad():
            again = model(second_input, **options)
    differentiable = isinstance(response, Tensor) and _reaches(response, given)
    return Facts(
        name=name,
        stimulus=stimulus,
        response=again.detach() if isinstance(again, Tensor) else again,
        differentiable=differentiable,
        repeatable=_same(response, again, stimulus.device),
        # Also where it wrote what was there: PyTorch refuses that on a stimulus whose gradient is sought.
        wrote_on_input=second_input._version > 0,
    )


def check(facts: Facts) -> Tensor:
    """Return the response of a model fit for synthesis, or raise with what is wrong and what to do."""
    response = check_response(facts)
    if not facts.repeatable:
        raise ModelError(
            f"{facts.name} gave two different responses to the same stimulus; synthesis needs a deterministic model "
            "(call model.eval(), or fix the seed of its noise)."
        )
    if not facts.differentiable:
        raise ModelError(
            f"the response of {facts.name} has no gradient with respect to the stimulus; use differentiable torch "
            "operations throughout (no .detach(), .numpy(), torch.no_grad or rounding)."
        )
    if facts.wrote_on_input:
        raise ModelError(
            f"{facts.name} changes its input in place; let it work on a copy (x = x.clone()), and make layers such as "
            "ReLU with inplace=False."
        )
    return response


def check_response(facts: Facts) -> Tensor:
    """Return the response if it is a tensor with the stimulus's batch, precision and device, and finite."""
    response, stimulus = facts.response, facts.stimulus
    if not isinstance(response, Tensor):
        raise InputTypeError(
            f"{facts.name} returned a {type(response).__name__}; expected a torch.Tensor (concatenate several "
            "outputs into one, or choose one of them)."
        )
    if response.ndim == 0 or response.shape[0] != stimulus.shape[0]:
        raise ModelError(
            f"{facts.name} returned shape {tuple(response.shape)} for a stimulus of shape {tuple(stimulus.shape)}; "
            f"expected the batch to stay the first dimension, ({stimulus.shape[0]}, ...). A single stimulus without "
            "a batch is given one by stimulus[None]."
        )
    real = response.real if response.is_complex() else response
    if real.dtype != stimulus.dtype:
        raise InputTypeError(
            f"{facts.name} returned {response.dtype} for a {stimulus.dtype} stimulus; expected the same precision "
            "(convert the model with model.to(dtype), and let it create tensors with the dtype of its input)."
        )
    if response.device != stimulus.device:
        raise InputError(
            f"{facts.name} returned a tensor on {response.device} for a stimulus on {stimulus.device}; "
            "expected the same device (let it create tensors on the device of its input)."
        )
    if not bool(torch.isfinite(response).all()):
        raise ModelError(
            f"{facts.name} returned NaN or infinity for this stimulus; expected finite values (check the range of the "
            "stimulus, divisions and logarithms in the model)."
        )
    return response


def _reaches(response: Tensor, stimulus: Tensor) -> bool:
    if response.grad_fn is None or response.device != stimulus.device:
        return False
    return torch.autograd.grad(response, stimulus, torch.ones_like(response), allow_unused=True)[0] is not None


def _same(a: object, b: object, device: torch.device) -> bool:
    if not (isinstance(a, Tensor) and isinstance(b, Tensor)) or a.device != device:
        return True  # another fault, which has a message of its own
    if a.shape != b.shape:
        return False
    # Some GPU kernels add in varying order: rounding may differ, the answer may not.
    tolerance = 1e-4 if a.device.type != "cpu" else 1e-6
    largest = float(b.abs().nan_to_num(0.0, 0.0, 0.0).max())  # NaN and infinity are another fault, too
    return bool(torch.allclose(a, b, rtol=tolerance, atol=tolerance * largest, equal_nan=True))


def _refuse_training(model: object, name: str) -> None:
    modules = model.named_modules() if isinstance(model, nn.Module) else ()
    found = [n or type(m).__name__ for n, m in modules if m.training and isinstance(m, _MODE_DEPENDENT)]
    if found:
        raise ModelError(
            f"{name} is in training mode, in which {', '.join(found[:3])} make its answers random or dependent on the "
            "batch; call model.eval() first."
        )


def _cuda_devices(stimulus: Tensor) -> list[torch.device]:
    return [stimulus.device] if stimulus.device.type == "cuda" else []
