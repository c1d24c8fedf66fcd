from . import conformal as conformal
from . import datasets as datasets
from . import inference as inference
from . import intersections as intersections
from . import plots as plots
from . import populations as populations
from ._errors import ConvergenceError as ConvergenceError
from ._errors import DataError as DataError
from ._errors import UnableError as UnableError
from .inference import compare as compare
from .inference import fit as fit
from .populations import Community as Community
from .populations import LeslieGower as LeslieGower
from .populations import LinearEffect as LinearEffect
from .populations import LinearLeslieCompetition as LinearLeslieCompetition
from .populations import LotkaVolterraCompetition as LotkaVolterraCompetition
from .populations import MassAction as MassAction
from .populations import Regulation as Regulation
from .populations import Ricker as Ricker
from .populations import simulate as simulate
from .predictor import AsymptoticPredictor as AsymptoticPredictor
from .series import Series as Series
from .series import read_series as read_series

__version__: str
