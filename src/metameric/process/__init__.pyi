from ._filters import circular_gaussian2d as circular_gaussian2d
from ._surrogate import random_phase as random_phase
from .steerable._pyramid import SteerablePyramidFreq as SteerablePyramidFreq
