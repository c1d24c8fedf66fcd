"""Figures from result objects; every function returns the matplotlib Axes it drew on, or the Figure of several."""

from popmath.plots.ensemble import plot_ensemble as plot_ensemble
from popmath.plots.ensemble import plot_extinction as plot_extinction
from popmath.plots.ensemble import plot_fan as plot_fan
from popmath.plots.growth_factor import plot_growth_factor as plot_growth_factor
from popmath.plots.growth_factor import plot_growth_map as plot_growth_map
from popmath.plots.life_cycle import plot_life_cycle as plot_life_cycle
from popmath.plots.matrix_population import plot_demography as plot_demography
from popmath.plots.matrix_population import plot_eigenvalues as plot_eigenvalues
from popmath.plots.matrix_population import plot_elasticity as plot_elasticity
from popmath.plots.matrix_population import plot_projection as plot_projection
from popmath.plots.matrix_population import plot_stable_structure as plot_stable_structure
from popmath.plots.operators import plot_counts as plot_counts
from popmath.plots.operators import plot_spectrum as plot_spectrum
from popmath.plots.series import COLOURS as COLOURS
from popmath.plots.series import plot_comparison as plot_comparison
from popmath.plots.series import plot_fit as plot_fit
from popmath.plots.series import plot_forecast as plot_forecast
from popmath.plots.series import plot_simulation as plot_simulation
from popmath.plots.species_standing import plot_separatrix as plot_separatrix
from popmath.plots.species_standing import plot_standing as plot_standing
from popmath.plots.stability import plot_bifurcation as plot_bifurcation
