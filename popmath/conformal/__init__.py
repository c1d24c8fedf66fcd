"""Conformal intervals around any prediction; the calibrating is MAPIE's."""

from popmath.conformal.split import SplitBand as SplitBand
from popmath.conformal.split import calibrate_split as calibrate_split
from popmath.conformal.split import coverage_and_width as coverage_and_width
from popmath.conformal.split import scores_needed as scores_needed
