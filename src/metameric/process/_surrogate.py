"""Stimuli that share simple statistics with another one and are random otherwise."""

from collections.abc import Sequence

import torch
from torch import Tensor

from metameric._core.random import normal


def random_phase(stimulus: Tensor, seeds: Sequence[int]) -> Tensor:
    """Return a stimulus with the power spectrum of another and random phase (Galerne, Gousseau & Morel 2011).

    Parameters
    ----------
    stimulus
        Shape (batch, channel, ...); the transform runs over all dimensions after the channel (over the only one of a
        (batch, n) signal). The channels share one random phase, which keeps their correlations.
    seeds
        One per batch entry.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> noise = mm.process.random_phase(mm.data.camera(), [0])
    >>> torch.allclose(noise.mean(), mm.data.camera().mean(), atol=1e-4)
    True
    """
    first = min(2, stimulus.ndim - 1)
    dims = tuple(range(first, stimulus.ndim))
    carrier = stimulus[:, :1] if first == 2 else stimulus
    noise = torch.fft.fftn(normal(seeds, carrier), dim=dims)
    phase = noise / noise.abs().clamp(min=torch.finfo(stimulus.dtype).tiny)
    # The phase at zero frequency is +1 or -1; the mean must keep its sign.
    phase[(..., *(0 for _ in dims))] = 1
    return torch.fft.ifftn(torch.fft.fftn(stimulus, dim=dims) * phase, dim=dims).real.contiguous()
