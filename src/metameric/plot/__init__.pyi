from ._animshow import animshow as animshow
from ._histogram import histogram as histogram
from ._imshow import imshow as imshow
from ._pyrshow import pyrshow as pyrshow
from ._representation import plot_representation as plot_representation
from ._stem import stem_plot as stem_plot
from ._update import update_plot as update_plot
