from ._losses import l2_norm as l2_norm
from ._losses import mse as mse
from ._losses import relative_sse as relative_sse
from ._texture import groupwise_relative_l2_norm_factory as groupwise_relative_l2_norm_factory
from ._texture import portilla_simoncelli_loss_factory as portilla_simoncelli_loss_factory
