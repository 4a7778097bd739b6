"""Masks as the peers make them."""

import numpy as np
import pytest

from metameric.process.steerable._masks import Profiles, angular_power


@pytest.fixture(scope="session")
def sampled_profiles() -> Profiles:
    """Raised cosine in a table of 256 steps, angular function in one of 1024, both interpolated linearly."""

    def radial(log_frequency: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
        phase = np.linspace(-np.pi / 2, 0, 257)
        at = width * 2 / np.pi * phase
        low, high = np.sqrt(1 - np.cos(phase) ** 2), np.cos(phase)
        return np.interp(log_frequency, at, low), np.interp(log_frequency, at, high)

    def angular(angle: np.ndarray, order: int) -> np.ndarray:
        at = np.pi / 1024 * np.arange(-2049, 1026)
        return np.interp(angle, at, angular_power(at, order))

    return Profiles(radial, angular)
