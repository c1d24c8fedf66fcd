# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: -all
#     formats: ipynb,py:percent
#     notebook_metadata_filter: kernelspec,jupytext,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Two *Paramecium* species in one tube
#
# In the early 1930s G. F. Gause grew two ciliates, *Paramecium aurelia* and *P. caudatum*, in the same tubes and
# counted them day after day. One of them won. This notebook loads his printed counts, fits a population model to them,
# forecasts with an error band, and then asks the more useful question: which model forecasts best, and is any of them
# better than assuming that nothing changes?

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import popmath as pm

# %% [markdown]
# ## The data
#
# The table travels with the package. Each table holds several cultures: each species alone, and the mixture.

# %%
table3 = pm.datasets.load_gause("table3")
print(table3.title)
print(table3.source)
print(table3.notes)

# %%
mixture = table3.culture("mixture")
mixture

# %%
mixture.to_pandas().head()

# %% [markdown]
# Row 0 is the inoculum: Gause put two animals of each species into the tube. That is not a count, so a fit leaves it
# out of the errors. Day 1 was not counted.

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharex=True, layout="constrained")
for ax, species in zip(axes, ("aurelia", "caudatum"), strict=True):
    alone = table3.culture(species)
    ax.plot(alone.times, alone.values[:, 0], "o-", ms=4, color="0.6", label="alone")
    column = mixture.species.index(species)
    ax.plot(mixture.times, mixture.values[:, column], "o-", ms=4, color="#0072B2", label="in the mixture")
    ax.set(title=f"P. {species}", xlabel="time (days)", ylabel=mixture.value_unit, ylim=(0, None))
    ax.legend(frameon=False)

# %% [markdown]
# In the mixture *P. aurelia* settles well below where it settles alone. *P. caudatum* rises, peaks after a week, and is
# slowly pushed out.

# %% [markdown]
# ## Fit a model
#
# Leslie-Gower competition is one of the simplest models that can do this. Each species grows by a factor $\lambda_i$
# per day while the tube is empty, and is held back by both species as they become common:
#
# $$N_i(t+1) = \frac{\lambda_i N_i(t)}{1 + \sum_j a_{ij} N_j(t)}$$
#
# A model without parameter values is a template. `fit` searches from 32 random starts and returns the best.

# %%
result = pm.fit(pm.LeslieGower(species=mixture.species), mixture, seed=0)
result.summary()

# %% [markdown]
# The first lines are the verdict, and they are worth reading before the numbers. Most starts reached the same optimum,
# which is good. But several numbers are strongly correlated: the data pin down combinations of them (such as where a
# species settles) much better than each of them alone, and the 95 % intervals are accordingly wide.

# %%
ax = result.plot()
# %% [markdown]
# ## Forecast
#
# The series ends on day 25. Here are days 26 to 40 with a 90 % band.

# %%
forecast = result.forecast(range(26, 41), confidence_level=0.9)
ax = forecast.plot()
# %%
forecast.to_dataframe().tail(4).round(1)

# %% [markdown]
# The band comes from the model's own mistakes: pairs of neighbouring days are left out one after the other, the model
# is fitted again without them, and its errors there are collected. How far it can be trusted is written on the result.

# %%
print(forecast.calibration)
print(*forecast.warnings, sep="\n")

# %% [markdown]
# ## Compare models honestly
#
# A good fit is not a good forecast. So every model is fitted a second time, to days 0-12 only, and has to predict days
# 13-25, which it has not seen. The first row is *persistence*, the forecast that nothing changes after day 12. It has
# no parameters at all, and a model that cannot beat it has taught us nothing about the future.

# %%
models = [pm.LotkaVolterraCompetition, pm.LeslieGower, pm.Ricker, pm.LinearLeslieCompetition]
comparison = pm.compare([model(species=mixture.species) for model in models], mixture, holdout_after=12, seed=0)
comparison

# %% [markdown]
# How to read the table:
#
# * **SS** is the sum of squared errors over the whole series, each divided by its species' mean; **R2** and **AICc**
#   belong to the same fit. Pairs of numbers are in the order of the species.
# * **hold-out RMSE** is the error of the forecast, in individuals per 0.5 cm³.
# * **coverage** is the share of the hold-out counts inside the 90 % band, and **mean width** the price paid for it.
#
# The three models with eight free numbers do about equally well, and all three beat persistence. AICc differences this
# small do not select one of them.

# %%
errors = comparison.to_dataframe()[["holdout_rmse_caudatum", "holdout_rmse_aurelia"]]
(errors / errors.loc["persistence"]).round(2)

# %% [markdown]
# Below 1 is better than persistence. The linear Leslie competition model is far above it: it bends through the counts
# with its twenty free numbers, but nothing in it keeps a population from growing, or from going below zero, and its
# forecast is nonsense. Its fit did not converge either, which is what the star in the table says. It is shown because
# it belongs to the subject, not because it works on these data. It gets no band: half the series is too short to leave
# anything out of a model of that size.

# %%
figure = pm.plots.plot_comparison(comparison)
# %% [markdown]
# Dots are what the models have seen, open dots are what was counted later. Every band covers all of the hold-out, so on
# this series they are wider than a 90 % band has to be. With one short series that is a single observation, not a
# measure of calibration.

# %% [markdown]
# ## Your own counts
#
# A CSV file with a time column first and one column per species is enough. An empty cell is a missing value,
# and lines that start with `#` are comments.

# %%
csv = Path(tempfile.mkdtemp()) / "yeast.csv"
csv.write_text("""# made-up counts
hour,yeast
0,12
2,30
4,80
6,168
8,340
10,502
12,
14,631
16,668
18,660
20,671
""")
yeast = pm.read_series(csv, time_unit="hours")
yeast

# %%
own = pm.fit(pm.LeslieGower(species=yeast.species, interval=2.0), yeast, seed=0)
print(own.summary())
print("carrying capacity:", own.model.carrying_capacity.round(0))

# %% [markdown]
# The counts are two hours apart, so the projection interval is two hours. `LotkaVolterraCompetition` runs in continuous
# time and takes any spacing. The same from the command line:
#
#     popmath fit yeast.csv --model lotka-volterra --forecast 4 --plot yeast.png
