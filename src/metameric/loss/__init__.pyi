from ._losses import l2_norm as l2_norm
from ._losses import mse as mse
from ._losses import relative_sse as relative_sse
