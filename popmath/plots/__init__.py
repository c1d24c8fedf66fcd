"""Figures from result objects; every function returns the matplotlib Axes it drew on, or the Figure of several."""

from popmath.plots.life_cycle import plot_life_cycle as plot_life_cycle
from popmath.plots.matrix_population import plot_demography as plot_demography
from popmath.plots.matrix_population import plot_eigenvalues as plot_eigenvalues
from popmath.plots.matrix_population import plot_elasticity as plot_elasticity
from popmath.plots.matrix_population import plot_projection as plot_projection
from popmath.plots.matrix_population import plot_stable_structure as plot_stable_structure
from popmath.plots.series import COLOURS as COLOURS
from popmath.plots.series import plot_comparison as plot_comparison
from popmath.plots.series import plot_fit as plot_fit
from popmath.plots.series import plot_forecast as plot_forecast
from popmath.plots.series import plot_simulation as plot_simulation
