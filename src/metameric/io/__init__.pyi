from ._checkpoint import Checkpoint as Checkpoint
from ._png import save_png as save_png
from ._warning import LoadWarning as LoadWarning
