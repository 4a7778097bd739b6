"""Figures as files."""

import os
from typing import Any

import matplotlib.pyplot as plt


def save_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure that nobody will look at on a screen, and forget it."""
    try:
        figure.savefig(path)
    finally:
        plt.close(figure)
