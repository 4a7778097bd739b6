"""The bundled images as functions; `metameric.data.image` says what they return and takes a size."""

from metameric._core.types import Image
from metameric.data._bundled import image


def astronaut(as_gray: bool = True) -> Image:
    """Return an astronaut, 512 x 512, in colour (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.astronaut().shape
    torch.Size([1, 1, 512, 512])
    """
    return image("astronaut", as_gray=as_gray)


def brick(as_gray: bool = True) -> Image:
    """Return a brick wall, 512 x 512 (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.brick().shape
    torch.Size([1, 1, 512, 512])
    """
    return image("brick", as_gray=as_gray)


def camera(as_gray: bool = True) -> Image:
    """Return a man with a camera, 512 x 512 (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.camera().shape
    torch.Size([1, 1, 512, 512])
    """
    return image("camera", as_gray=as_gray)


def cell(as_gray: bool = True) -> Image:
    """Return a cell under phase contrast, 660 x 550 (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.cell().shape
    torch.Size([1, 1, 660, 550])
    """
    return image("cell", as_gray=as_gray)


def chelsea(as_gray: bool = True) -> Image:
    """Return a cat's face, 300 x 451, in colour (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.chelsea().shape
    torch.Size([1, 1, 300, 451])
    """
    return image("chelsea", as_gray=as_gray)


def clock(as_gray: bool = True) -> Image:
    """Return a clock blurred by motion, 300 x 400 (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.clock().shape
    torch.Size([1, 1, 300, 400])
    """
    return image("clock", as_gray=as_gray)


def coffee(as_gray: bool = True) -> Image:
    """Return a cup of coffee, 400 x 600, in colour (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.coffee().shape
    torch.Size([1, 1, 400, 600])
    """
    return image("coffee", as_gray=as_gray)


def coins(as_gray: bool = True) -> Image:
    """Return Greek coins from Pompeii, 303 x 384 (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.coins().shape
    torch.Size([1, 1, 303, 384])
    """
    return image("coins", as_gray=as_gray)


def colorwheel(as_gray: bool = True) -> Image:
    """Return a colour wheel, 370 x 371, in colour (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.colorwheel().shape
    torch.Size([1, 1, 370, 371])
    """
    return image("colorwheel", as_gray=as_gray)


def grass(as_gray: bool = True) -> Image:
    """Return grass, 512 x 512 (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.grass().shape
    torch.Size([1, 1, 512, 512])
    """
    return image("grass", as_gray=as_gray)


def gravel(as_gray: bool = True) -> Image:
    """Return gravel, 512 x 512 (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.gravel().shape
    torch.Size([1, 1, 512, 512])
    """
    return image("gravel", as_gray=as_gray)


def horse(as_gray: bool = True) -> Image:
    """Return the black silhouette of a horse, 328 x 400, values 0 and 1 (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.horse().shape
    torch.Size([1, 1, 328, 400])
    """
    return image("horse", as_gray=as_gray)


def hubble_deep_field(as_gray: bool = True) -> Image:
    """Return galaxies, 872 x 1000, in colour (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.hubble_deep_field().shape
    torch.Size([1, 1, 872, 1000])
    """
    return image("hubble_deep_field", as_gray=as_gray)


def immunohistochemistry(as_gray: bool = True) -> Image:
    """Return a stained tissue under the microscope, 512 x 512, in colour (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.immunohistochemistry().shape
    torch.Size([1, 1, 512, 512])
    """
    return image("immunohistochemistry", as_gray=as_gray)


def microaneurysms(as_gray: bool = True) -> Image:
    """Return a detail of a retina, 102 x 102 (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.microaneurysms().shape
    torch.Size([1, 1, 102, 102])
    """
    return image("microaneurysms", as_gray=as_gray)


def moon(as_gray: bool = True) -> Image:
    """Return the surface of the moon, 512 x 512 (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.moon().shape
    torch.Size([1, 1, 512, 512])
    """
    return image("moon", as_gray=as_gray)


def page(as_gray: bool = True) -> Image:
    """Return a scanned page of print, 191 x 384 (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.page().shape
    torch.Size([1, 1, 191, 384])
    """
    return image("page", as_gray=as_gray)


def retina(as_gray: bool = True) -> Image:
    """Return a retina, 1411 x 1411, in colour (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.retina().shape
    torch.Size([1, 1, 1411, 1411])
    """
    return image("retina", as_gray=as_gray)


def rocket(as_gray: bool = True) -> Image:
    """Return a rocket on its launch pad, 427 x 640, in colour (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.rocket().shape
    torch.Size([1, 1, 427, 640])
    """
    return image("rocket", as_gray=as_gray)


def shepp_logan_phantom(as_gray: bool = True) -> Image:
    """Return the head phantom of Shepp and Logan, 400 x 400 (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.shepp_logan_phantom().shape
    torch.Size([1, 1, 400, 400])
    """
    return image("shepp_logan_phantom", as_gray=as_gray)


def text(as_gray: bool = True) -> Image:
    """Return handwriting, 172 x 448 (`image` by its name).

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.text().shape
    torch.Size([1, 1, 172, 448])
    """
    return image("text", as_gray=as_gray)
