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
# counted them day after day. One of them won. This notebook fits models of competition to his printed counts and asks
# three questions: what do the counts say of the numbers in a model, how well does it forecast, and is that better than
# assuming that nothing changes?

# %%
import dataclasses
import math
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import popmath as pm
from popmath.inference import Candidate, NegativeBinomial

warnings.filterwarnings("ignore", message="IProgress not found")  # of the sampler's progress bar

# %% [markdown]
# ## The data
#
# The table travels with the package. It holds three cultures: each species alone, and the mixture.

# %%
table3 = pm.datasets.load_gause("table3")
print(table3.title)
print(table3.source)
print(table3.notes)

# %%
mixture = table3.culture("mixture")
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
# ## Three models of the mixture
#
# In each of them a species grows by itself at some rate and is held back by both species as they become common. In
# Leslie-Gower competition, for instance,
#
# $$N_i(t+1) = \frac{\lambda_i N_i(t)}{1 + \sum_j a_{ij} N_j(t)}.$$
#
# Lotka-Volterra runs in continuous time, Ricker has the same sum in an exponential. A model without parameter values
# is a template. `pm.fit` fits one of them. `pm.compare` fits several, to the whole series and once more to each of its
# beginnings that is asked for; the beginnings are for later. Two larger models come along, and are for later too.

# %%
two = mixture.species
stages = Candidate(
    pm.DensityDependentLeslie(species=two),
    name="DensityDependentLeslie",
    fixed={"fertility": [[0, math.nan], [0, math.nan]]},
)
three = [pm.LotkaVolterraCompetition(species=two), pm.LeslieGower(species=two), pm.Ricker(species=two)]
models = [*three, stages, pm.LinearLeslieCompetition(species=two)]
comparison = pm.compare(models, mixture, holdout_after=(17, 12), num_starts=24, seed=0)
fits = {row.name: row.fit for row in comparison.rows if row.fit is not None}

# %%
names = ["LotkaVolterraCompetition", "LeslieGower", "Ricker"]
columns = ["free_numbers", "converged", "share_of_starts", "sum_of_squares", "aicc"]
comparison.to_dataframe().loc[names, columns].round(3)

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharex=True, layout="constrained")
for ax, species in zip(axes, ("aurelia", "caudatum"), strict=True):
    column = two.index(species)
    ax.plot(mixture.times, mixture.values[:, column], "o", ms=4, color="0.5")
    for name, line, colour in zip(names, ("-", "--", ":"), ("#0072B2", "#D55E00", "#009E73"), strict=True):
        ax.plot(mixture.times, fits[name].predicted[:, column], line, color=colour, label=name)
    ax.set(title=f"P. {species}", xlabel="time (days)", ylabel=mixture.value_unit, ylim=(0, None))
_ = axes[0].legend(frameon=False, fontsize=8, loc="lower right")

# %% [markdown]
# The curves are nearly the same, and AICc differs by about 2 between the best and the worst. That is too little to
# choose by. From here on Leslie-Gower stands for the three.

# %% [markdown]
# ## The verdict
#
# A result begins with what to know before using its numbers.

# %%
result = fits["LeslieGower"]
result

# %% [markdown]
# Most starts found the same optimum. That is good. But several numbers are strongly correlated: the counts fix where
# the curves go and not each number alone. The intervals are wide for that reason, and they come from the curvature at
# the optimum, which says little about places far from it.

# %% [markdown]
# ## What the counts determine
#
# A profile moves one number away from its optimum and fits all others again. The interval ends where the fit becomes
# too bad. If it never does, the counts do not bound the number on that side.

# %%
found = pm.identifiability(result)
found

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
profiles = {profile.label: profile for profile in found.profiles}
for ax, label in zip(axes, ("competition[caudatum, aurelia]", "competition[aurelia, caudatum]"), strict=True):
    profiles[label].plot(ax)
    ax.set_title(profiles[label].kind, loc="left", fontsize=10)
_ = axes[1].set_ylabel("")

# %% [markdown]
# `competition[i, j]` is the effect of species j on species i. What *aurelia* does to *caudatum* is bounded on both
# sides. What *caudatum* does to *aurelia* is only bounded above: with next to none of it the profile
# stays below the line. This culture alone does not show that *aurelia* is harmed at all.

# %% [markdown]
# ## Three cultures together
#
# The cultures of one species alone say where it settles without the other. Fitted together, all three have the same
# growth and competition, and each has its own state on day 0.

# %%
cultures = [table3.culture(name) for name in ("caudatum", "aurelia", "mixture")]
together = pm.fit(pm.LeslieGower(species=two), cultures, num_starts=16, seed=0)
apart = pm.fit(pm.LeslieGower(species=two), cultures, separate=["growth_factor"], num_starts=16, seed=0)


def overview(fit):
    """R2 by culture and species."""
    r2 = {
        f"R2 {name} in {one.series.name.split('/')[1]}": value
        for one in fit.cultures
        for name, value in zip(one.series.species, one.r_squared, strict=True)
    }
    return {"free numbers": fit.num_free, "SS": fit.sum_of_squares, "AICc": fit.aicc, **r2}


pd.DataFrame({"one growth": overview(together), "separate growth": overview(apart)}).round(3)

# %%
apart

# %% [markdown]
# One set of numbers fits all three worse than a growth factor for each culture, and AICc prefers the separate ones by
# far. So the cultures differ in more than their species. With growth factors apart, the effect of *caudatum* on
# *aurelia* is small again: its larger value under one growth may stand for the difference between the tubes. The figure
# in the next section has the intervals side by side.

# %% [markdown]
# ## Which noise
#
# Least squares takes errors to be as large at 5 animals as at 300, relative to the mean of a species. Counts are not
# like that. The negative binomial has a variance in proportion to the mean, with a `dispersion` that is fitted.

# %%
counted = pm.fit(pm.LeslieGower(species=two), mixture, loss=NegativeBinomial(), num_starts=16, seed=0)
print(f"log-likelihood: {result.log_likelihood:.1f} by least squares, {counted.log_likelihood:.1f} by counts")
counted.to_dataframe().loc[["dispersion[caudatum]", "dispersion[aurelia]"]].round(2)

# %% [markdown]
# A dispersion of 0 would be Poisson. The likelihood of the counts is higher with this noise, and the intervals are
# narrower, because the small early counts now say more.

# %%
labels = [f"competition[{i}, {j}]" for i in two for j in two]
chosen = {
    "mixture, least squares": result,
    "mixture, negative binomial": counted,
    "three cultures, one growth": together,
    "three cultures, separate growth": apart,
}
figure, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
for k, (name, fit) in enumerate(chosen.items()):
    table = fit.to_dataframe().loc[labels]
    place = np.arange(len(labels)) + 0.16 * (k - 1.5)
    colour = pm.plots.series.colour(k)
    ax.hlines(place, table["low"], table["high"], color=colour, lw=1.5)
    ax.plot(table["value"], place, "o", ms=4, color=colour, label=name)
ax.set(xscale="log", xlabel="competition, per individual")
ax.set_title("estimates with 95 % intervals from the curvature", loc="left", fontsize=10)
ax.set_yticks(range(len(labels)), [label[len("competition") :] for label in labels])
ax.invert_yaxis()
_ = ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))

# %% [markdown]
# ## Forecast
#
# The series ends on day 25. Here are days 26 to 40 with a 90 % band.

# %%
forecast = result.forecast(range(26, 41), confidence_level=0.9)
ax = forecast.plot()

# %% [markdown]
# The band comes from the model's own mistakes. Two neighbouring days are left out after the other, the model is fitted
# again without them, and its errors there are collected, each divided by the error that was to be expected. How far
# the band can be trusted is written on the result.

# %%
print(forecast.calibration)
print(*forecast.warnings, sep="\n")

# %% [markdown]
# ## Hold-outs
#
# A good fit is not a good forecast. So every model was fitted again to days 0-17 and to days 0-12, and had to predict
# the rest. Two rules without parameters stand beside them: *persistence* keeps the last value, the other the mean of
# the last five. A model that cannot beat them has taught us nothing about the future.

# %%
comparison

# %% [markdown]
# How to read it:
#
# * **SS** is the sum of squared errors over the whole series, each divided by its species' mean. **R2** and **AICc**
#   belong to the same fit. Pairs of numbers are in the order of the species.
# * **RMSE** is the error of the forecast, in individuals per 0.5 cm³. **CRPS** judges forecast and band together; less
#   is better.
# * **coverage** is the share of later counts inside the band, and **mean width** the price paid for it.

# %%
errors = comparison.to_dataframe().filter(regex="^rmse_")
(errors / errors.loc["persistence"]).round(2)

# %% [markdown]
# Below 1 is better than persistence. After day 12 the three small models beat both rules for both species: the
# cultures were still on their way. After day 17 *aurelia* had settled, and there both rules are at least as good as
# the models in RMSE; for *caudatum*, which goes on falling, the models are better. All their bands are narrower than
# those of the rules.

# %%
shown = ("persistence", "mean of last five", "LeslieGower", "DensityDependentLeslie")
rows = tuple(comparison.row(name) for name in shown)
figure = pm.plots.plot_comparison(dataclasses.replace(comparison, rows=rows))

# %% [markdown]
# Dots are what the models have seen, open dots are what was counted later. A coverage near 100 % means that the bands
# are wider than they need be on this series. With one short series that is a single observation, not a measure of
# calibration.

# %% [markdown]
# ## Age structure
#
# `DensityDependentLeslie` has two age classes of each species, of which only the second has offspring:
# `fixed={"fertility": [[0, nan], [0, nan]]}` holds the first at 0 and leaves the second free.

# %%
comparison.to_dataframe().loc[["LeslieGower", "DensityDependentLeslie"], columns].round(3)

# %%
print(*fits["DensityDependentLeslie"].verdict, sep="\n")

# %% [markdown]
# It fits closer, with twice as many free numbers. AICc charges more for them than the closer fit is worth, and most of
# them are not determined. Totals of 24 days do not support age classes here. That does not say that age does not
# matter; counts by age could.

# %% [markdown]
# ## A linear model
#
# `LinearLeslieCompetition` is linear: each species takes a fixed number from the other, whatever is left.

# %%
linear = fits["LinearLeslieCompetition"]
print(linear)
print(*linear.verdict, sep="\n")

# %% [markdown]
# It bends through the counts with its twenty free numbers, but nothing in it keeps a population from growing or from
# falling below zero. It fits worse than models with fewer numbers, does not converge, and forecasts worse than
# persistence, after day 12 by far, as the table of hold-outs shows. It is here because it belongs to the subject, not
# because it works on these data.

# %% [markdown]
# ## A posterior, and two bands
#
# `sample_posterior` draws parameters by the no-U-turn sampler (extra `bayes`). Every number without a prior of yours
# gets a weak one; `posterior.priors` lists them. The draws here are few, to be quick.

# %%
posterior = pm.sample_posterior(result, num_samples=300, num_warmup=300, seed=0)
posterior

# %% [markdown]
# The verdict comes first here too. If it asks for more draws, so should you before you quote a number: the defaults
# are larger. For a look at the band these do.

# %%
band = posterior.predict(range(26, 41), confidence_level=0.9)
figure, ax = plt.subplots(figsize=(8.5, 3.8), layout="constrained")
forecast.plot(ax)
for i, name in enumerate(mixture.species):
    colour = pm.plots.series.colour(i)
    for end in (band.lower, band.upper):
        ax.plot(
            band.times, end[:, i], "--", lw=1, color=colour, label=f"{name}, posterior" if end is band.lower else None
        )
ax.set_title("LeslieGower: conformal 90% band (shaded) and posterior (dashed)", loc="left", fontsize=10)
_ = ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))

# %% [markdown]
# Two ways to a band. The posterior believes the model, its noise and its priors, and asks what else they allow. The
# conformal band believes that later errors are like those at days left out. Here they nearly agree. Neither knows of
# anything that Gause's tube has not shown.

# %% [markdown]
# ## Your own counts
#
# `pm.read_series("counts.csv", time="day")` reads a CSV file with a time column and one column per species. The page
# *Fitting your own series* of the documentation goes through it, with priors, profiles, models of your own, and what to
# do with each verdict.
