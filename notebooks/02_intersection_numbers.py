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

from popmath import AsymptoticPredictor
from popmath.intersections import asymptotic, correlator, log_correlator, log_fraction, table

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
# ## A band around the closed form
#
# `AsymptoticPredictor.calibrate` draws exact numbers of genus 8 to 13, looks at how far off the closed form is compared
# with the error one would expect from its last terms, and turns that into a conformal band.

# %%
predictor = AsymptoticPredictor.calibrate(confidence_level=0.9, seed=0)
predictor.predict(genus=12, degrees=(3, 15, 18)).summary()

# %% [markdown]
# Does a 90 % band hold 90 % of the numbers? Only numbers that were not used in the calibration may answer.

# %%
rng = random.Random(7)
seen = predictor.calibration
coverage = {}
for genus in range(8, 18):
    hits = []
    for n in range(3, 8):
        total = 3 * genus - 3 + n
        for _ in range(12):
            cuts = sorted(rng.randint(0, total) for _ in range(n - 1))
            degrees = tuple(sorted(b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True)))
            if (genus, degrees) not in seen:
                hits.append(predictor.predict(genus, degrees).covers(log_correlator(genus, degrees)))
    coverage[genus] = (sum(hits), len(hits))

# %%
low, high = predictor.genera
inside = [coverage[g] for g in coverage if low <= g <= high]
outside = [coverage[g] for g in coverage if g > high]
for where, counts in ((f"genus {low} to {high}", inside), (f"genus {high + 1} to {max(coverage)}", outside)):
    hits, asked = (sum(column) for column in zip(*counts, strict=True))
    print(f"{where}: {hits} of {asked} covered ({hits / asked:.0%})")

# %%
figure, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
ax.axvspan(low - 0.5, high + 0.5, color="0.93", lw=0, label="calibrated genera")
ax.axhline(0.9, color="0.5", lw=1, ls="--", label="nominal")
ax.plot(list(coverage), [hits / asked for hits, asked in coverage.values()], "o", color="#0072B2", label="covered")
ax.set(xlabel="genus", ylabel="share covered", ylim=(0.5, 1.05))
legend = ax.legend(frameon=False, loc="lower right")
# %% [markdown]
# The degrees above were drawn in another way than in the calibration (cutting a line at random places instead of
# drawing every partition with equal chance), so the two need not agree exactly. With fifty to sixty numbers per genus,
# a share anywhere between 0.8 and 1 is no surprise.
#
# Outside the calibrated genera no theorem guarantees the coverage. The predictor then widens its band by the drift that
# it saw inside, and says so:

# %%
prediction = predictor.predict(genus=30, degrees=(20, 30, 40))
prediction.summary()

# %%
assert prediction.warnings
prediction.covers(log_correlator(30, (20, 30, 40)))

# %% [markdown]
# The same from the command line: `popmath psi 15 1 20 24 --exact --interval`.
