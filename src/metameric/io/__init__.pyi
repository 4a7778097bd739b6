from ._checkpoint import Checkpoint as Checkpoint
from ._examine import examine_saved_synthesis as examine_saved_synthesis
from ._png import save_png as save_png
from ._warning import LoadWarning as LoadWarning
