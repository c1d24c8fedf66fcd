"""Figures from result objects; every function returns the matplotlib Axes it drew on."""

from popmath.plots.series import plot_comparison as plot_comparison
from popmath.plots.series import plot_fit as plot_fit
from popmath.plots.series import plot_forecast as plot_forecast
from popmath.plots.series import plot_simulation as plot_simulation
