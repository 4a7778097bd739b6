from ._functions import validate_metric as validate_metric
from ._functions import validate_penalty as validate_penalty
from ._models import validate_coarse_to_fine as validate_coarse_to_fine
from ._models import validate_convert_tensor_dict as validate_convert_tensor_dict
from ._models import validate_model as validate_model
from ._stimulus import validate_input as validate_input
