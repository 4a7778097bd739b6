"""Names of plenoptic's data module: its example images, where it is installed, and its downloads, which we have not."""

import importlib.util
from pathlib import Path
from typing import NoReturn

from metameric._core.errors import MissingFileError
from metameric._core.types import Image
from metameric.data._load import load_images

ALTERNATIVES = (
    "camera, astronaut, coffee, chelsea, brick, grass, gravel, colorwheel (all names: metameric.data.available())"
)

DOWNLOADABLE_FILES: list[str] = []
"""An empty list, for metameric downloads nothing, see `fetch_data`."""


def einstein(as_gray: bool = True) -> Image:
    """Return plenoptic's picture of Einstein, 256 x 256, from an installed plenoptic.

    Examples
    --------
    >>> import importlib.util, metameric as mm
    >>> if importlib.util.find_spec("plenoptic"):
    ...     assert mm.data.einstein().shape == (1, 1, 256, 256)
    """
    return _from_plenoptic("einstein.pgm", as_gray)


def curie(as_gray: bool = True) -> Image:
    """Return plenoptic's picture of Marie Curie, 256 x 256, from an installed plenoptic.

    Examples
    --------
    >>> import importlib.util, metameric as mm
    >>> if importlib.util.find_spec("plenoptic"):
    ...     assert mm.data.curie().shape == (1, 1, 256, 256)
    """
    return _from_plenoptic("curie.pgm", as_gray)


def parrot(as_gray: bool = True) -> Image:
    """Return plenoptic's picture of a parrot, 254 x 266, from an installed plenoptic.

    Examples
    --------
    >>> import importlib.util, metameric as mm
    >>> if importlib.util.find_spec("plenoptic"):
    ...     assert mm.data.parrot().shape == (1, 1, 254, 266)
    """
    return _from_plenoptic("parrot.png", as_gray)


def reptile_skin(as_gray: bool = True) -> Image:
    """Return plenoptic's texture of a reptile's skin, 256 x 256, from an installed plenoptic.

    Examples
    --------
    >>> import importlib.util, metameric as mm
    >>> if importlib.util.find_spec("plenoptic"):
    ...     assert mm.data.reptile_skin().shape == (1, 1, 256, 256)
    """
    return _from_plenoptic("reptile_skin.pgm", as_gray)


def color_wheel(as_gray: bool = False) -> Image:
    """Return plenoptic's colour wheel, 600 x 600, from an installed plenoptic (`colorwheel` is always there).

    Examples
    --------
    >>> import importlib.util, metameric as mm
    >>> if importlib.util.find_spec("plenoptic"):
    ...     assert mm.data.color_wheel().shape == (1, 3, 600, 600)
    """
    return _from_plenoptic("color_wheel.jpg", as_gray)


def macaque(as_gray: bool = False) -> Image:
    """Return plenoptic's self-portrait of a macaque, 1500 x 1085, from an installed plenoptic.

    Examples
    --------
    >>> import importlib.util, metameric as mm
    >>> if importlib.util.find_spec("plenoptic"):
    ...     assert mm.data.macaque().shape == (1, 3, 1500, 1085)
    """
    return _from_plenoptic("macaca_nigra_self-portrait.jpg", as_gray)


def fetch_data(dataset_name: str) -> NoReturn:
    """Raise an error: metameric downloads nothing.

    Parameters
    ----------
    dataset_name
        A file that plenoptic's function of the same name would download.

    Raises
    ------
    FileNotFoundError
        Always; the message says what to do instead.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.fetch_data("test_images.tar.gz")
    Traceback (most recent call last):
        ...
    metameric._core.errors.MissingFileError: metameric downloads nothing, ...
    """
    raise MissingFileError(
        f"metameric downloads nothing, so {dataset_name!r} is not at hand. Fetch it once with "
        f"plenoptic.data.fetch_data({dataset_name!r}) or from its publisher, and give the path to load_images; "
        f"or use a bundled image: {ALTERNATIVES}."
    )


def _from_plenoptic(file_name: str, as_gray: bool) -> Image:
    # Finding the package without importing it; its images are not ours to ship.
    package = importlib.util.find_spec("plenoptic")
    for folder in (package.submodule_search_locations or ()) if package else ():
        file = Path(folder) / "data" / file_name
        if file.is_file():
            return load_images(file, as_gray=as_gray)
    found = "the installed plenoptic does not have it" if package else "plenoptic is not installed"
    raise MissingFileError(
        f"{file_name} belongs to plenoptic, and {found}. Install plenoptic, or use a bundled image: {ALTERNATIVES}."
    )
