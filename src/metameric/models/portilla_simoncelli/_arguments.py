"""Arguments of the texture model, checked at the door."""

from metameric._core.counts import whole
from metameric._core.errors import InputError
from metameric.process.steerable._arguments import check_height


def check_options(image_shape: tuple[int, int], n_scales: int, n_orientations: int, width: int) -> tuple[int, int, int]:
    """Refuse options outside their range, and images that the scales or lags do not fit; return them as integers."""
    found = []
    for name, value, low, high in (
        ("n_scales", n_scales, 1, 64),
        ("n_orientations", n_orientations, 2, 16),
        ("spatial_corr_width", width, 1, 2**16),
    ):
        number = whole(value)
        if number is None or not low <= number <= high:
            raise InputError(f"{name} must be an integer of at least {low} (at most {high}), found {value!r}.")
        found.append(number)
    n_scales, n_orientations, width = found
    if width % 2 == 0:
        raise InputError(f"spatial_corr_width must be odd, so that lags are centred on zero, found {width}.")
    if any(size % 2**n_scales for size in image_shape):
        raise InputError(
            f"Height and width must be divisible by 2**n_scales = {2**n_scales}, found {image_shape}: crop the images "
            "or use fewer scales."
        )
    check_height(n_scales, image_shape)
    smallest = min(image_shape) // 2**n_scales
    if width > smallest:
        raise InputError(
            f"spatial_corr_width={width} exceeds the {smallest} pixels of the low-pass image after {n_scales} scales: "
            "use larger images, fewer scales or fewer lags."
        )
    return n_scales, n_orientations, width
