"""Population models and their simulation: competition between species, unstructured and in age classes."""

from popmath.populations.leslie_competition import LinearLeslieCompetition as LinearLeslieCompetition
from popmath.populations.leslie_gower import LeslieGower as LeslieGower
from popmath.populations.lotka_volterra import LotkaVolterraCompetition as LotkaVolterraCompetition
from popmath.populations.model import PopulationModel as PopulationModel
from popmath.populations.ricker import Ricker as Ricker
from popmath.populations.simulation import Simulation as Simulation
from popmath.populations.simulation import simulate as simulate
