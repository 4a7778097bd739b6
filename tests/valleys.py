"""Problems for solvers: curved valleys."""

import torch

from metameric._objective._terms import Terms


class Rosenbrock:
    """Each problem its own Rosenbrock valley, of its own steepness."""

    def __init__(self, steepness):
        self.steepness = steepness
        self.calls = []

    def __call__(self, x):
        self.calls.append(x.shape[0])
        valley = self.steepness * ((x[:, 1:] - x[:, :-1] ** 2) ** 2).sum(1)
        return Terms(valley + ((1 - x[:, :-1]) ** 2).sum(1), {"valley": valley})

    def rows(self, index):
        part = Rosenbrock(self.steepness[index])
        part.calls = self.calls
        return part


def rosenbrock(batch=3, dtype=torch.float64):
    return Rosenbrock(torch.tensor([100.0, 10.0, 50.0], dtype=dtype)[:batch])


def start(batch=3, n=8, dtype=torch.float64):
    return torch.randn(batch, n, dtype=dtype, generator=torch.Generator().manual_seed(1))
