"""Conformal intervals around any prediction; the calibrating is MAPIE's."""

from popmath.conformal.across import CultureBand as CultureBand
from popmath.conformal.across import split_across as split_across
from popmath.conformal.adaptive import AdaptiveBand as AdaptiveBand
from popmath.conformal.adaptive import adaptive_band as adaptive_band
from popmath.conformal.enbpi import EnbpiBand as EnbpiBand
from popmath.conformal.enbpi import enbpi_band as enbpi_band
from popmath.conformal.growth import HorizonGrowth as HorizonGrowth
from popmath.conformal.growth import fit_growth as fit_growth
from popmath.conformal.horizon import HorizonBand as HorizonBand
from popmath.conformal.horizon import calibrate_rolling as calibrate_rolling
from popmath.conformal.horizon import count_scale as count_scale
from popmath.conformal.rolling import RollingErrors as RollingErrors
from popmath.conformal.rolling import rolling_errors as rolling_errors
from popmath.conformal.rolling import rolling_origins as rolling_origins
from popmath.conformal.scoring import binomial_interval as binomial_interval
from popmath.conformal.scoring import crps_from_samples as crps_from_samples
from popmath.conformal.scoring import interval_score as interval_score
from popmath.conformal.split import SplitBand as SplitBand
from popmath.conformal.split import calibrate_split as calibrate_split
from popmath.conformal.split import coverage_and_width as coverage_and_width
from popmath.conformal.split import scores_needed as scores_needed
