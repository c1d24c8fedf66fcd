"""A short run of both halves from an installed package, for interpreters that do not run the whole test suite."""

import popmath as pm

assert str(pm.intersections.correlator(2, (2, 3))) == "29/5760"
mixture = pm.datasets.load_gause("table3").culture("mixture")
fit = pm.fit(pm.LeslieGower(species=mixture.species), mixture, num_starts=8, seed=0)
assert fit.converged, fit.summary()
assert fit.sum_of_squares < 0.909, fit.sum_of_squares
forecast = fit.forecast([26, 27])
assert (forecast.lower <= forecast.predicted).all()
assert (forecast.predicted <= forecast.upper).all()
print(f"popmath {pm.__version__}: SS {fit.sum_of_squares:.4f}, {forecast.calibration}")
