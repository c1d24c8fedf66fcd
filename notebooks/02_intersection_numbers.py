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
# # Intersection numbers: exact, approximate, and how sure
#
# The numbers
#
# $$\langle\tau_{d_1}\cdots\tau_{d_n}\rangle_g = \int_{\overline{\mathcal M}_{g,n}} \psi_1^{d_1}\cdots\psi_n^{d_n}$$
#
# are rational, symmetric in the degrees, and zero unless $d_1 + \cdots + d_n = 3g - 3 + n$. There is an exact recursion
# for them, and a closed form that becomes accurate when the genus $g$ is large. This notebook computes both and puts an
# error band around the second.

# %%
import random
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from popmath import IntersectionPredictor
from popmath.conformal import binomial_interval
from popmath.dynamicformer import exact_samples
from popmath.intersections import asymptotic, correlator, log_correlator, log_fraction, table
from popmath.predictor import part_of

# %% [markdown]
# ## Exact numbers
#
# One number, as a fraction:

# %%
correlator(genus=2, degrees=(2, 3))

# %% [markdown]
# All numbers of one type:

# %%
table(genus=2, num_points=2).to_pandas()

# %% [markdown]
# Exact means exact at any size. Nothing overflows, and the logarithm is there when the fraction is too long to read.

# %%
big = correlator(genus=40, degrees=(30, 40, 50))
print(f"{len(str(big.numerator))} digits over {len(str(big.denominator))} digits")
print("logarithm:", log_correlator(genus=40, degrees=(30, 40, 50)))

# %% [markdown]
# ## Two checks by hand
#
# The *string equation* removes a zero: $\langle\tau_0\tau_{d_1}\cdots\tau_{d_n}\rangle_g$ is the sum of the numbers
# with one of the $d_i$ lowered by 1.

# %%
genus, degrees = 3, (2, 3, 5)  # with the zero: 4 points, sum 3g - 3 + 4 = 10
left = correlator(genus, (0, *degrees))
right = correlator(genus, (1, 3, 5)) + correlator(genus, (2, 2, 5)) + correlator(genus, (2, 3, 4))
print(left, "=", right)
assert left == right

# %% [markdown]
# The *dilaton equation* removes a one: $\langle\tau_1\tau_{d_1}\cdots\tau_{d_n}\rangle_g =
# (2g - 2 + n)\,\langle\tau_{d_1}\cdots\tau_{d_n}\rangle_g$.

# %%
genus, degrees = 3, (2, 3, 4)
left = correlator(genus, (1, *degrees))
right = (2 * genus - 2 + len(degrees)) * correlator(genus, degrees)
print(left, "=", right)
assert left == right

# %% [markdown]
# The package uses both equations inside, so these checks say that the pieces fit together. Known values come from
# elsewhere, for example $\langle\tau_{3g-2}\rangle_g = 1/(24^g\,g!)$ and $\langle\tau_1\rangle_1 = 1/24$:

# %%
assert correlator(1, (1,)) == Fraction(1, 24)
assert correlator(3, (7,)) == Fraction(1, 24**3 * 6)
correlator(3, (7,))

# %% [markdown]
# ## The closed form at large genus
#
# `asymptotic` gives the leading term with `order` corrections, here 0 to 6. Its error in the logarithm is the
# relative error of the number.

# %%
request = {"genus": 15, "degrees": (1, 20, 24)}
exact = log_correlator(**request)
for order in range(7):
    approximate = asymptotic(**request, order=order)
    print(f"order {order}: {approximate.value}   exact minus that, in the log: {exact - approximate.log_value:+.1e}")

# %% [markdown]
# Now the worst error over all numbers with three points, for each genus and order. (Numbers with a degree 1 are left
# out: the closed form removes ones exactly, so they are no harder than the number without them.)


# %%
def worst_errors(genus):
    """Largest error of the logarithm over every number of three points, for each order."""
    exact = {d: log_fraction(number) for d, number in table(genus, 3).items() if 1 not in d}
    return [max(abs(asymptotic(genus, d, order).log_value - log) for d, log in exact.items()) for order in range(7)]


genera = range(5, 21)
errors = dict(enumerate(zip(*map(worst_errors, genera), strict=True)))

# %%
figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
colours = plt.get_cmap("viridis")(np.linspace(0.0, 0.9, 7))
for order, line in errors.items():
    ax.loglog(genera, line, "o-", ms=3, color=colours[order], label=f"order {order}")
ax.set(xlabel="genus", ylabel="largest error of the logarithm", title="Closed form, three points")
ax.set_xticks([5, 7, 10, 14, 20], labels=["5", "7", "10", "14", "20"])
ax.minorticks_off()
legend = ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
# %% [markdown]
# Straight lines in this plot are powers of the genus. The error after $K$ corrections should fall like $g^{-(K+1)}$;
# the slopes between genus 14 and 20 come out close to that, and a little steeper at high order, where the genus is not
# yet large. At genus 5 and 6 the highest orders have not settled at all.

# %%
for order, line in errors.items():
    slope = np.log(line[-1] / line[9]) / np.log(20 / 14)
    print(f"order {order}: slope {slope:.2f}")

# %% [markdown]
# ## An answer with a band
#
# `IntersectionPredictor` gives the exact number where that is cheap. Where it is not, it asks closed forms and trained
# networks how large their error is to be expected, takes the closest, and gives it with a band that was calibrated on
# exact numbers of genus 1 to 13 which no network has seen.

# %%
predictor = IntersectionPredictor()
predictor.predict(genus=15, degrees=(1, 20, 24)).summary()

# %% [markdown]
# To see the bands at work, exact numbers are not allowed from here on.

# %%
prediction = predictor.predict(12, (2, 4, 7, 11, 14), confidence_level=0.95, allow_exact=False)
prediction.summary()

# %% [markdown]
# Many requests at once are a table; degrees may be sequences or text.

# %%
requests = pd.DataFrame({"genus": [4, 9, 13, 20], "degrees": ["2 3 7", "0 0 5 9 15", "6 7 8 9 11", "3 9 10 15 25"]})
predictor.predict_frame(requests, allow_exact=False)[["degrees", "value", "log_lower", "log_upper", "method"]]

# %% [markdown]
# ## Does a 90 % band hold 90 %?
#
# Only numbers that neither networks nor bands have seen may answer: the coverage part of the data, and for higher
# genera any number at all.

# %%
samples = exact_samples(35, range(14))
held_back = part_of(samples, "coverage")
rows = np.random.default_rng(0).choice(len(held_back.log_scaled), 1500, replace=False)
asked = held_back.take(rows)


def degree_lists(requests):
    """Degrees of each request, written out."""
    return [np.repeat(d, m).tolist() for d, m in zip(requests.degrees, requests.multiplicity, strict=True)]


def covered(genus, degrees, truth, level):
    """Which of the numbers lie inside their bands."""
    found = predictor.predict_many(genus, degrees, level, allow_exact=False)
    return np.array([each.covers(log) for each, log in zip(found, truth, strict=True)])


truth = [log_correlator(int(g), d) for g, d in zip(asked.requests.genus, degree_lists(asked.requests), strict=True)]
for level in (0.8, 0.9, 0.95, 0.99):
    share = covered(asked.requests.genus, degree_lists(asked.requests), truth, level).mean()
    print(f"level {level:.0%}: {share:.1%} of {len(truth):,} numbers are covered")

# %% [markdown]
# Beyond genus 13 no theorem guarantees anything, and every prediction says so. What happens there can only be counted.

# %%
rng = random.Random(7)
coverage = {}
for genus in range(14, 21):
    degrees = []
    for n in (5, 6, 7):
        total = 3 * genus - 3 + n
        for _ in range(20):
            cuts = sorted(rng.randint(0, total) for _ in range(n - 1))
            degrees.append([b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True)])
    truth = [log_correlator(genus, d) for d in degrees]
    coverage[genus] = covered([genus] * len(degrees), degrees, truth, 0.9)
inside = np.array([covered_here.mean() for covered_here in coverage.values()])
print(f"genus 14 to 20: {np.concatenate(list(coverage.values())).mean():.1%} covered")

# %%
figure, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
low, high = binomial_interval(0.9, 60)
ax.axhspan(low, high, color="0.93", lw=0, label="99 % of chance")
ax.axhline(0.9, color="0.5", lw=1, ls="--", label="nominal")
ax.plot(list(coverage), inside, "o", color="#0072B2", label="covered")
ax.set(xlabel="genus", ylabel="share covered", ylim=(0.5, 1.05))
legend = ax.legend(frameon=False, loc="lower right")
# %% [markdown]
# These degrees were drawn in another way than the calibration numbers (cutting a line at random places), so the two
# need not agree exactly; the figure's grey band is what chance alone does with 60 numbers per genus.
#
# ## How wide are the bands?
#
# The width of the logarithm's band is the relative width of the number's. Closed forms with their own bands beside the
# predictor: medians over 60 requests of seven points at each genus.

# %%
genera = np.arange(9, 31)
lists = []
for g in np.repeat(genera, 60):
    cuts = sorted(rng.randint(2, 3 * int(g) + 4) for _ in range(6))
    lists.append([b - a for a, b in zip([0, *cuts], [*cuts, 3 * int(g) + 4], strict=True)])
figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for method, colour in (("closest", "k"), ("closed form, order 6", "#D55E00"), ("closed form, order 3", "#009E73")):
    found = predictor.predict_many(np.repeat(genera, 60), lists, allow_exact=False, method=method)
    widths = np.reshape([each.log_upper - each.log_lower for each in found], (len(genera), 60))
    ax.semilogy(genera, np.median(widths, axis=1), "o-", ms=3, color=colour, label=method)
ax.axvline(13.5, color="0.6", lw=1)
ax.text(13.7, ax.get_ylim()[1] / 3, "not calibrated", fontsize=8, color="0.4")
ax.set(xlabel="genus", ylabel="width of the 90 % band of log F", title="seven points")
legend = ax.legend(frameon=False)
# %% [markdown]
# The page *What a band means here, and when it is not guaranteed* has the whole report: every $(g, n)$, four levels,
# and what other recipes do on the same numbers.
#
# The closed form alone, at any order and without JAX, is `AsymptoticPredictor`. From the command line:
# `popmath psi 15 1 2 20 23 --exact --interval`, and for a file `popmath psi-batch requests.csv --out numbers.csv`.
