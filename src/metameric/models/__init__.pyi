from ._frontend import LinearNonlinear as LinearNonlinear
from ._frontend import LuminanceContrastGainControl as LuminanceContrastGainControl
from ._frontend import LuminanceGainControl as LuminanceGainControl
from ._frontend import OnOff as OnOff
from ._naive import CenterSurround as CenterSurround
from ._naive import Gaussian as Gaussian
from ._naive import Identity as Identity
from ._naive import Linear as Linear
