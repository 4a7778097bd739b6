"""Colours that most eyes can tell apart, and a map for signed data that is even to the eye."""

from functools import cache

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, ListedColormap

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, INK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#222222",
)
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, INK)
"""Okabe and Ito's palette (2008), safe under the common colour deficiencies."""

DASHES = ("-", "--", "-.", ":")
MUTED = "#666666"


def line_style(index: int) -> dict[str, object]:
    """Colour and dash of the `index`-th line: colours run out after the dashes have changed too."""
    return {"color": CYCLE[index % len(CYCLE)], "linestyle": DASHES[(index // len(CYCLE)) % len(DASHES)]}


def _oklab_to_srgb(lightness: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    cone = np.stack(
        [
            lightness + 0.3963377774 * a + 0.2158037573 * b,
            lightness - 0.1055613458 * a - 0.0638541728 * b,
            lightness - 0.0894841775 * a - 1.2914855480 * b,
        ]
    )
    to_linear = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip(to_linear @ cone**3, 0, 1).T
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@cache
def signed_map() -> Colormap:
    """Blue through white to red, with equal steps in OKLab: equal differences of data look equal.

    Notes
    -----
    Lightness falls from 0.97 to 0.45 and chroma rises from 0 to 0.14 linearly on both sides, at hues of
    262 and 40 degrees. OKLab: Ottosson (2020), "A perceptual color space for image processing".
    """
    signed = np.linspace(-1, 1, 255)
    hue = np.radians(np.where(signed < 0, 262.0, 40.0))
    chroma = 0.14 * np.abs(signed)
    colors = _oklab_to_srgb(0.97 - 0.52 * np.abs(signed), chroma * np.cos(hue), chroma * np.sin(hue))
    return ListedColormap(colors, name="metameric_signed").with_extremes(bad="#c8c8c8")


@cache
def gray_map() -> Colormap:
    """Black to white; what is not a number in a colour that no gray is."""
    return colormaps["gray"].with_extremes(bad=VERMILION)
