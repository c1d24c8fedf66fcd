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
# # Matrix populations: a whale, a turtle and a weed
#
# Three published matrix models, from the matrix to what it says:
#
# * **killer whales** (Brault & Caswell 1993): slow, nearly constant, with a class that no longer breeds;
# * **loggerhead turtles** (Crouse, Crowder & Caswell 1987): declining, and which stage to protect;
# * **teasel** (Werner & Caswell 1977; Caswell 2001, example 5.2): explosive, with large transients.
#
# In every matrix a column is the class an individual leaves and a row the class it enters. Survival `U` and fertility
# `F` are given apart, because life expectancy, generation time and $R_0$ depend on which is which.
#
# After each analysis a table compares our numbers with published ones. "R" there means what the R packages popbio,
# popdemo and Rage give for the same matrix; the repository keeps those figures in `tests/reference/matrices.json`.

# %%
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.optimize

from popmath import plots
from popmath import populations as pop


# %%
def beside(published):
    """Our numbers beside published ones, {what: (ours, published, source)}, with the relative difference."""
    rows = [
        (what, f"{float(ours):.8g}", f"{theirs:.8g}", f"{abs(float(ours) / theirs - 1):.0e}", source)
        for what, (ours, theirs, source) in published.items()
    ]
    return pd.DataFrame(rows, columns=["", "popmath", "published", "difference", "source"]).set_index("")


# %% [markdown]
# ## Killer whales
#
# Females of the resident killer whales off British Columbia and Washington, in four stages and steps of a year. The
# entries are those of Brault & Caswell (1993, *Ecology* 74, 1444-1454) for all pods together, as popbio's `whale`
# prints them.

# %%
whale = pop.MatrixPopulation(
    U=np.array([[0, 0, 0, 0], [0.9775, 0.9111, 0, 0], [0, 0.0736, 0.9534, 0], [0, 0, 0.0452, 0.9804]]),
    F=np.array([[0, 0.0043, 0.1132, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]),
    names=("yearling", "juvenile", "mature", "past breeding"),
    unit="years",
)
plots.plot_life_cycle(whale)
plt.show()

# %% [markdown]
# One call gives every index. Some carry a star: the post-reproductive whales contribute nothing to later generations,
# so the matrix is *reducible*, and the notes say what that means for the numbers.

# %%
killer = pop.demography(whale)
killer

# %%
killer.plot()
plt.show()

# %%
d = killer
beside(
    {
        "growth rate": (d.growth_rate, 1.0254, "Brault & Caswell 1993"),
        "growth rate, all digits": (d.growth_rate, 1.02544132553, "R: popbio"),
        "net reproductive rate": (d.net_reproductive_rate, 2.01314401821, "R: popbio"),
        "generation time, log R0 / log lambda": (d.generation_time, 27.85079093263, "R: popbio"),
        "generation time, cohort": (d.generation_time_cohort, 32.20191426697, "R: Rage"),
        "generation time, mean age difference": (d.generation_time_parents, 23.69204811244, "R: Rage"),
        "life expectancy of a yearling": (d.life_expectancy[0], 69.41056244645, "R: Rage"),
        "longevity, 1 % survive": (d.longevity, 262, "R: Rage"),
        "elasticity, mature survival": (d.elasticity[2, 2], 0.5385625128094, "R: popbio"),
        "reactivity": (d.reactivity, 1.084216105124, "R: popdemo"),
    },
)

# %% [markdown]
# The three generation times differ because they ask different questions, and a life expectancy of 69 years of a whale
# that has reached its first year comes from constant survival in the last stages: no matrix with a self-loop knows
# old age.
#
# ### Down to the vital rates
#
# The entries are products of survival $s$, growth $g$ and fertility $m$. Any function that builds the matrix from
# rates can be differentiated, and gives sensitivities to the rates themselves.


# %%
def whale_matrix(x):
    return [
        [0.0, x["m2"], x["m3"], 0.0],
        [x["s1"], x["s2"] * (1 - x["g2"]), 0.0, 0.0],
        [0.0, x["s2"] * x["g2"], x["s3"] * (1 - x["g3"]), 0.0],
        [0.0, 0.0, x["s3"] * x["g3"], x["s4"]],
    ]


rates = {"s1": 0.9775, "s2": 0.9847, "s3": 0.9986, "s4": 0.9804, "g2": 0.0736 / 0.9847, "g3": 0.0452 / 0.9986}
rates |= {"m2": 0.0043, "m3": 0.1132}
pop.vital_rate_sensitivity(whale_matrix, rates).to_dataframe().round(4)

# %% [markdown]
# The growth rate hangs on the survival of mature and juvenile females; the survival of post-reproductive ones has no
# effect at all in this model. Slower ageing (`g3`) would help, faster maturing (`g2`) a little.
#
# ### What chance does
#
# The matrix is an expectation. Two females live and die by chance: each survives or not, each calf is born or not.

# %%
pod = [0, 1, 1, 0]
risk = pop.branching_extinction(whale, 100, offspring="bernoulli")
run = pop.simulate_branching(whale, pod, 100, offspring="bernoulli", num_replicates=2000, seed=0)
moments = pop.branching_moments(whale, pod, 100, offspring="bernoulli")
total, spread = moments.mean.sum(axis=1), np.sqrt(moments.covariance.sum(axis=(1, 2)))

fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
years = np.arange(101)
axes[0].plot(years, run.states[:, :40].sum(axis=2), color="0.8", lw=0.6)
axes[0].plot(years, total, color=plots.COLOURS[0], label="mean, exact")
axes[0].fill_between(
    years,
    np.maximum(total - spread, 0),
    total + spread,
    color=plots.COLOURS[0],
    alpha=0.2,
    lw=0,
    label="one standard deviation, exact",
)
axes[0].set(xlabel="years", ylabel="whales", title="One juvenile, one mature: 40 of 2,000")
axes[0].legend(frameon=False, loc="upper left")
axes[1].plot(years, risk.of_population_by_time(pod), color=plots.COLOURS[0], label="generating functions")
axes[1].plot(years, run.extinct, ".", ms=3, color=plots.COLOURS[1], label="simulated")
axes[1].set(xlabel="years", ylabel="probability to be extinct", title="Extinction")
axes[1].legend(frameon=False)
plt.show()
print(f"extinct sooner or later: {risk.of_population(pod):.4f}")

# %% [markdown]
# ## Loggerhead turtles
#
# Crouse, Crowder & Caswell (1987, *Ecology* 68, 1412-1423) know for each of seven stages how long it lasts and what
# share of its turtles survives a year (their table 3). With a yearly survival $p$ in a stage of $d$ years, a share
# $G$ moves on and a share $P$ stays:
#
# $$G = \frac{p^d}{1 + p + \dots + p^{d-1}}, \qquad P = p - G.$$

# %%
stages = (
    "eggs, hatchlings",
    "small juveniles",
    "large juveniles",
    "subadults",
    "novices",
    "1st-year remigrants",
    "mature",
)
survival = np.array([0.6747, 0.7857, 0.6758, 0.7425, 0.8091, 0.8091, 0.8091])
duration = (1, 7, 8, 6, 1, 1, 32)
eggs = np.array([0, 0, 0, 0, 127, 4, 80.0])


def turtle(rates):
    """The model of yearly survival by stage."""
    p = rates["survival"]
    grow = jnp.stack([p[i] ** d / sum(p[i] ** k for k in range(d)) for i, d in enumerate(duration)])
    U = jnp.diag(p - grow) + jnp.diag(grow[:-1], -1)  # the last stage has nowhere to go
    F = jnp.zeros((7, 7)).at[0].set(eggs)
    return pop.MatrixPopulation(U, F, names=stages)


printed = pop.MatrixPopulation(
    U=np.diag([0, 0.7370, 0.6610, 0.6907, 0, 0, 0.8089])
    + np.diag([0.6747, 0.0486, 0.0147, 0.0518, 0.8091, 0.8091], -1),
    F=np.vstack([eggs, np.zeros((6, 7))]),
    names=stages,
)
loggerhead = pop.demography(printed)
plots.plot_life_cycle(printed)
plt.show()
loggerhead

# %%
d = loggerhead
beside(
    {
        "growth rate": (d.growth_rate, 0.945, "Crouse et al. 1987"),
        "growth rate, all digits": (d.growth_rate, 0.945030980691, "R: popbio"),
        "net reproductive rate": (d.net_reproductive_rate, 0.366058486879, "R: popbio"),
        "damping ratio": (d.damping_ratio, 1.217836524861, "R: popdemo"),
        "generation time, mean age difference": (d.generation_time_parents, 19.60705559154, "R: Rage"),
        "probability to mature": (d.maturity_probability, 0.0009054379789956, "R: Rage"),
        "maximal amplification": (d.max_amplification, 190.496740828, "R: popdemo"),
        "reproductive value, mature": (d.reproductive_value[-1], 587.6693137295, "R: popbio"),
    },
)

# %% [markdown]
# The population shrinks by 5.5 % a year. One hatchling in 1,100 matures, and a mature female is worth 588 of them.
#
# ### What to protect?
#
# The paper's question. Elasticities of the growth rate to the yearly survival of each stage, by automatic
# differentiation through the formulas for $P$ and $G$:

# %%
effect = pop.vital_rate_sensitivity(turtle, {"survival": survival})
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.barh(stages, effect.elasticity["survival"], color=plots.COLOURS[0])
ax.invert_yaxis()
ax.set(xlabel="elasticity of the growth rate to yearly survival")
plt.show()
print(f"growth rate of the matrix built here {effect.growth_rate:.5f}, of the printed one {loggerhead.growth_rate:.5f}")

# %% [markdown]
# And beyond derivatives: what if a stage lost nobody at all, and how far must its survival rise to stop the decline?


# %%
def growth_with(stage, value):
    changed = survival.copy()
    changed[stage] = value
    return float(pop.vital_rate_sensitivity(turtle, {"survival": changed}).growth_rate)


rows = {}
for i, stage in enumerate(stages[:4]):
    most = growth_with(i, 1.0)
    needed = (
        scipy.optimize.brentq(lambda p, i=i: growth_with(i, p) - 1, survival[i], 1.0, xtol=1e-6) if most > 1 else np.nan
    )
    rows[stage] = (survival[i], most, needed)
pd.DataFrame.from_dict(
    rows, orient="index", columns=["survival now", "growth rate if all survive", "survival needed"]
).round(3)

# %% [markdown]
# Guarding every egg would not save this population: the growth rate stays below 1 (so no survival is "needed": NaN).
# Somewhat better survival of large juveniles would, which is the paper's conclusion, and why shrimp trawls in the
# south-east of the United States carry turtle excluder devices. The contributions of such a change, entry by entry,
# are a life table response experiment:

# %%
protected = survival.copy()
protected[2] = 0.80
after = turtle({"survival": protected})
experiment = pop.ltre_fixed(after, turtle({"survival": survival}))
changed = np.argwhere(experiment.contributions != 0)
for row, column in changed:
    print(f"{stages[column]} -> {stages[row]}: {experiment.contributions[row, column]:+.4f}")
print(f"sum {experiment.predicted:+.4f}, difference itself {experiment.difference:+.4f}")

# %% [markdown]
# ## Teasel
#
# Teasel (*Dipsacus sylvestris*) in an abandoned field: two stages of dormant seed, three of rosettes, and plants that
# flower once. The matrix is that of Caswell (2001), example 5.2, as popbio's `teasel` prints it.

# %%
U = np.zeros((6, 6))
U[1, 0] = 0.966
U[2, :3] = 0.013, 0.010, 0.125
U[3, :4] = 0.007, 0.0, 0.125, 0.238
U[4, :5] = 0.008, 0.0, 0.038, 0.245, 0.167
U[5, 3:5] = 0.023, 0.750
F = np.zeros((6, 6))
F[:, 5] = 322.388, 0.0, 3.488, 30.170, 0.862, 0.0
weed = pop.MatrixPopulation(U, F, names=("seed, 1st year", "seed, 2nd year", "small", "medium", "large", "flowering"))
teasel = pop.demography(weed)
plots.plot_life_cycle(weed)
plt.show()
teasel

# %%
d = teasel
beside(
    {
        "growth rate": (d.growth_rate, 2.33400590024, "R: popbio"),
        "damping ratio": (d.damping_ratio, 1.31531486919, "R: popdemo"),
        "net reproductive rate": (d.net_reproductive_rate, 14.37900046369, "R: popbio"),
        "reactivity": (d.reactivity, 152.9164943256, "R: popdemo"),
        "first-step attenuation": (d.first_step_attenuation, 0.004284479314715, "R: popdemo"),
        "maximal amplification": (d.max_amplification, 152.9164943256, "R: popdemo"),
        "maximal attenuation": (d.max_attenuation, 0.0001054653928148, "R: popdemo"),
        "inertia, upper": (d.inertia_upper, 74.44531659084, "R: popdemo"),
        "inertia, lower": (d.inertia_lower, 0.002827215831271, "R: popdemo"),
        "Kreiss bound, upper": (d.kreiss_upper, 74.44529727937, "R: popdemo, line search"),
        "Kreiss bound, lower": (d.kreiss_lower, 0.002828210324043, "R: popdemo, line search"),
    },
)

# %% [markdown]
# The line search for the Kreiss bounds starts a little above $r = 1$ and falls short of the bounds; here they are the
# exact suprema. In this matrix they lie at the end $r \to 1$ and equal the inertia bounds, which the last two rows
# show.
#
# ### Transients
#
# What a field becomes depends on how it starts. Sown with flowering plants it has 150 times more plants after a year
# than growth at the long-run rate would give; sown with second-year seed it falls to a ten-thousandth of it. The
# shaded band holds every possible start.

# %%
teasel.projection().plot()
plt.show()
start = np.array([1000.0, 0, 0, 0, 0, 0])
response = pop.transient_response(weed, start)
print(pd.DataFrame(pop.project(weed, start, 5), columns=weed.class_names).round(1).to_string())
print(f"within 1 % of the long-run growth from year {int(response.convergence_time)} on")

# %% [markdown]
# ### Curvature
#
# Second derivatives say how sensitivities change when the matrix does: here of the growth rate in fertility
# (first-year seed per flowering plant) and in every entry.

# %%
curvature = pop.growth_rate_hessian(weed)[0, 5]
shown = np.where(weed.A > 0, curvature, np.nan)
pd.DataFrame(shown, index=weed.class_names, columns=weed.class_names).map(
    lambda value: "" if np.isnan(value) else f"{value:.2e}"
)
