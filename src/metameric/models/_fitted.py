"""Parameters of the front ends fitted to human ratings of distorted images.

Berardino, A., Laparra, V., Ballé, J. & Simoncelli, E. P. (2017). Eigen-distortions of hierarchical representations.
NeurIPS 30, arXiv:1710.02266; the numbers are in table 2 of A. Berardino's thesis (New York University, 2018).
Standard deviations are in pixels, of filters of 31 x 31; one value per channel.
"""

from dataclasses import dataclass

KERNEL_SIZE = (31, 31)

Channels = tuple[float, ...]


@dataclass(frozen=True)
class Fitted:
    """The parameters of one model; () where it has no such stage."""

    center_std: Channels
    surround_std: Channels
    luminance_std: Channels = ()
    luminance_scalar: Channels = ()
    contrast_std: Channels = ()
    contrast_scalar: Channels = ()


LINEAR_NONLINEAR = Fitted(center_std=(0.5339,), surround_std=(6.148,))

LUMINANCE_GAIN_CONTROL = Fitted(
    center_std=(1.962,), surround_std=(4.235,), luminance_std=(4.235,), luminance_scalar=(14.95,)
)

LUMINANCE_CONTRAST_GAIN_CONTROL = Fitted(
    center_std=(0.7363,),
    surround_std=(48.37,),
    luminance_std=(170.99,),
    luminance_scalar=(2.94,),
    contrast_std=(2.658,),
    contrast_scalar=(34.03,),
)

ON_OFF = Fitted(
    center_std=(1.237, 0.3233),
    surround_std=(30.12, 2.184),
    luminance_std=(76.4, 2.184),
    luminance_scalar=(3.2637, 14.3961),
    contrast_std=(7.49, 2.43),
    contrast_scalar=(7.3405, 16.7423),
)
