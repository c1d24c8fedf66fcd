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
# # Leslie populations that interact
#
# One matrix population grows or dies by itself. Two of them can eat each other, take from each other, or be held down
# by one common limit, and for the linear models nearly everything can be said exactly. This notebook goes through
# that theory, checks each statement against a simulation as it goes, and ends with communities of any size that are
# simulated a thousand times over.
#
# The linear predator-prey and competition models are reconstructions from the abstract of Gilman, Miller, Son, Waheed
# and Wang (2024, arXiv:2412.19831); the statements about them are proved or checked here, and are not quoted from
# there.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import popmath as pm
from popmath import populations as pop

# %% [markdown]
# ## A predator and its prey
#
# $$x(t+1) = L_x x(t) - P y(t), \qquad y(t+1) = L_y y(t) + Q x(t)$$
#
# Voles in two classes, young and adult; weasels in one. Weasels take voles (`predation`) and make weasels of them
# (`conversion`).


# %%
def voles(young_survival: float) -> pm.populations.MatrixPopulation:
    return pop.MatrixPopulation(
        U=[[0.0, 0.0], [young_survival, 0.25]], F=[[0.4, 2.0], [0.0, 0.0]], names=("young", "adult")
    )


vole = voles(0.45)
hunt = pop.LesliePredatorPrey(
    prey_matrix=vole,
    predator_matrix=[[0.75]],
    predation=[[0.30], [0.20]],
    conversion=[[0.05, 0.08]],
    species=("vole", "weasel"),
)
start = np.array([60.0, 40.0, 4.0])
print("without predators voles grow by", round(float(pop.growth_rate(vole.A)), 4))
print("with them:")
print(pop.growth_factor(hunt).summary())

# %% [markdown]
# The exact state at any time is $M^t z_0$, by repeated squaring. Two routes that share nothing with it: the sum over
# all sequences of predation events, and the simulator.

# %%
t = 9
pd.DataFrame(
    {
        "matrix power": pop.evolve(hunt, start, t),
        "sum over events": pop.evolve_events(hunt, start, t),
        "simulation": np.asarray(pm.simulate(hunt, start, t).states[-1]),
    },
    index=[" ".join(names) for names in hunt.state_names],
).style.format("{:.10f}").set_caption(f"After {t} intervals")

# %% [markdown]
# Linear predation takes what is not there: nothing keeps the prey positive. `first_negative` says when a class falls
# below 0, and whether it has to in the long run. With many weasels to begin with it happens at once.

# %%
for weasels in (4, 400, 1200):
    print(f"{weasels} weasels: {pop.first_negative(hunt, [60.0, 40.0, weasels], num_steps=200).summary()}")

# %% [markdown]
# ## The growth factor, and where the formula ends
#
# For weak predation the growth factor falls with the square of its strength $s$. Stronger, the two leading eigenvalues
# meet, turn into a complex pair, and the populations oscillate. Past that threshold the formula has nothing to do with
# the growth factor, and popmath does not return it.

# %%
curve = pop.growth_curve(hunt, np.linspace(0, 3, 400))
print(pop.growth_threshold(hunt).summary())
curve.plot()
plt.show()

# %% [markdown]
# Halving the strength should divide the error of the second-order formula by $2^4$:

# %%
scales = 0.5 ** np.arange(1, 6)
errors = [abs(pop.growth_factor(hunt, scale=s).error) for s in scales]
print("order of the error:", np.log2(np.array(errors[:-1]) / errors[1:]).round(3))

# %% [markdown]
# The same over two parameters: how strong the predation is, and how well voles survive.


# %%
def with_survival(strength: float, survival: float) -> pop.LesliePredatorPrey:
    return pop.LesliePredatorPrey(
        voles(survival), [[0.75]], [[0.3 * strength], [0.2 * strength]], [[0.05 * strength, 0.08 * strength]]
    )


plane = pop.growth_map(
    with_survival,
    np.linspace(0, 3, 80),
    np.linspace(0.05, 0.9, 70),
    x_label="strength of predation",
    y_label="survival of young voles",
)
plane.plot()
plt.show()

# %% [markdown]
# ## A complex number of animals
#
# Where prey and predator share one matrix, $L_x = L_y = R$ and $P = Q = S$, the pair is a single population with
# complex numbers, $\zeta = x + iy$ and $\zeta(t+1) = (R + iS)\,\zeta(t)$. If moreover $S = \kappa R$, the solution is
# closed: a rotation by $\theta = \arctan\kappa$ in each interval.

# %%
R = np.array([[0.3, 1.4], [0.5, 0.2]])
model = pop.ComplexLeslie(R, 0.2 * R)
print(pop.solvable_case(model).summary())
times = np.arange(40)
zeta = np.array([5.0, 3.0, 1.0, 1.0])
closed = pop.evolve_solvable(model, zeta, times)
exact = pop.evolve(model, zeta, times)
print("largest relative difference:", f"{np.abs(closed - exact).max() / np.abs(exact).max():.1e}")

# %% [markdown]
# ## Last Species Standing
#
# Two species that take from each other linearly cannot both stay. A single number decides,
# $c = p^\top x_0 - q^\top y_0$ with $(p, q)$ the left Perron vector of the matrix without its minus signs: the first
# species stands if $c > 0$, the second if $c < 0$ (theorem A).

# %%
rivals = pop.LinearLeslieCompetition(
    ("caddis", "mayfly"),
    fertility=[[0.0, 1.6], [0.2, 1.0]],
    survival=[[0.7, 0.1], [0.8, 0.1]],
    competition=[[[0.02, 0.0], [0.0, 0.01]], [[0.01, 0.0], [0.0, 0.03]]],
)
record = pop.last_species_standing(rivals, [[10.0, 5.0], [10.0, 5.0]])
print(record.summary())
print("simulation agrees:", record.verify().agrees)
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
record.plot_separatrix(axes[0])
record.plot(axes[1])
plt.show()

# %% [markdown]
# Any number of species under one common limit is another matter (theorem B): whatever the limit does, it cancels in
# the shares, and the species that grows fastest alone takes all.

# %%
three = [[[0.3, f], [0.5, 0.0]] for f in (1.5, 1.6, 1.7)]
print(pop.last_species_standing(three, [[90, 90], [10, 10], [1, 1]], species=("a", "b", "c")).summary())

# %% [markdown]
# And three species that compete pairwise have no such theorem. The verdict says so; it does not guess.

# %%
pairwise = pm.Community(
    {"a": 1.3, "b": 1.25, "c": 1.2},
    [pm.LinearEffect("competition", on=i, of=j, block=0.02) for i in "abc" for j in "abc" if i != j],
    mode="linear",
)
print(pop.last_species_standing(pairwise, {"a": 10, "b": 11, "c": 12}).summary())

# %% [markdown]
# ## A community of stages, species and chance
#
# `Community` holds any number of structured species and what they do to each other, by name. Here it comes from a file
# that travels along; `popmath simulate mites` runs the same.

# %%
scenario = pop.read_scenario(pm.datasets.community_file("mites"))
ensemble = scenario.run()
print(ensemble.summary())
ensemble.plot()
plt.show()

# %% [markdown]
# Without chance: is there an equilibrium, is it stable, and does each species return when it is rare?

# %%
quiet = scenario.community.deterministic()
print(pop.equilibrium(quiet, scenario.initial).summary())
print(pop.invasion_growth_rate(quiet, "predator", scenario.initial).summary())

# %%
two = pm.Community(
    {"aurelia": 2.2, "caudatum": 3.4},
    [
        pm.Regulation("aurelia", {"aurelia": 0.0034, "caudatum": 0.0018}),
        pm.Regulation("caudatum", {"aurelia": 0.0066, "caudatum": 0.0102}),
    ],
)
print(pop.mutual_invasibility(two, {"aurelia": 10, "caudatum": 10}).summary())

# %% [markdown]
# ## Stability, and how a time step destroys it
#
# Prey that find no mates when rare (an Allee effect) and their predator have one point of coexistence, which the flow
# always approaches. The same equations in Euler steps of length $h$ lose it:

# %%
allee = pop.AlleePredatorPrey(growth_rate=3.0, attack_rate=1.0, allee_constant=0.5)
print(pop.stability_at(allee, allee.fixed_point, kind="flow").summary())
sweep = pop.bifurcation_sweep(
    lambda h: pop.AlleePredatorPrey(growth_rate=3.0, attack_rate=1.0, allee_constant=0.5, interval=h),
    np.linspace(0.8, 2.2, 140),
    [0.6, 0.6],
    parameter="Euler step h",
)
print(sweep.summary())
sweep.plot()
plt.show()

# %% [markdown]
# ## Operators
#
# A projection matrix is an evolution operator, $L^t = e^{-iHt}$ with $H = i\log L$. This Hamiltonian is not Hermitian:
# the imaginary parts of its spectrum are growth, the real parts oscillation.

# %%
leslie = np.array([[0.0, 1.5, 1.0], [0.5, 0.0, 0.0], [0.0, 0.25, 0.0]])
found = pop.leslie_hamiltonian(leslie)
print(found.summary())
print(pop.evolve_quantum(leslie, [8, 4, 4], times=[1, 5, 20]).summary())
found.plot()
plt.show()

# %% [markdown]
# In continuous time, with individuals that are born, age and die one by one, the Doi-Peliti Hamiltonian gives the
# whole distribution of counts. Its means obey the classical equation exactly; the chance of extinction is what the
# classical equation cannot say.

# %%
few = pop.DoiPeliti(pop.AgeRates(ageing=[0.5], death=[0.2, 0.4], birth=[0.0, 0.9]), max_number=90)
counts = few.evolve([2, 1], times=np.linspace(0, 6, 13))
print(counts.summary())
counts.plot()
plt.show()
