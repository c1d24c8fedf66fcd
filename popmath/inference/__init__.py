"""Fitting models to series: named, constrained parameters, many starts, and results that carry their verdict."""

from popmath.inference.comparison import Comparison as Comparison
from popmath.inference.comparison import ComparisonRow as ComparisonRow
from popmath.inference.comparison import compare as compare
from popmath.inference.fitting import fit as fit
from popmath.inference.forecast import Forecast as Forecast
from popmath.inference.holdout import Holdout as Holdout
from popmath.inference.identification import Identifiability as Identifiability
from popmath.inference.identification import identifiability as identifiability
from popmath.inference.losses import LogNormalError as LogNormalError
from popmath.inference.losses import NegativeBinomial as NegativeBinomial
from popmath.inference.losses import Poisson as Poisson
from popmath.inference.losses import SquaredError as SquaredError
from popmath.inference.priors import Beta as Beta
from popmath.inference.priors import HalfNormal as HalfNormal
from popmath.inference.priors import LogNormal as LogNormal
from popmath.inference.priors import Normal as Normal
from popmath.inference.profile_likelihood import Profile as Profile
from popmath.inference.profile_likelihood import profile as profile
from popmath.inference.result import CultureFit as CultureFit
from popmath.inference.result import FitResult as FitResult
from popmath.inference.statistics import mean_of_last_five as mean_of_last_five
from popmath.inference.statistics import persistence as persistence
