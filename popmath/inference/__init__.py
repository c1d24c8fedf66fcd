"""Fitting models to series: named, constrained parameters, many starts, and results that carry their verdict."""

from popmath.inference.comparison import Comparison as Comparison
from popmath.inference.comparison import compare as compare
from popmath.inference.fitting import fit as fit
from popmath.inference.forecast import Forecast as Forecast
from popmath.inference.result import FitResult as FitResult
from popmath.inference.statistics import persistence as persistence
