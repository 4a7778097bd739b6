from ._distance import as_distance as as_distance
from ._distance import model_metric_factory as model_metric_factory
from ._mse import mse as mse
from ._nlpd import nlpd as nlpd
from ._ssim import ms_ssim as ms_ssim
from ._ssim import ssim as ssim
