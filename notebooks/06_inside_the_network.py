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
# # Inside the network
#
# `psi-raw` was shown exact psi-class numbers of genus 0 to 13 as they are, and told nothing: no identity, no closed
# form, no constant. What of the theory has it learned? Every answer here stands beside a control. The
# whole of it, with networks trained on shuffled numbers, is on the page *Inside a network*.

# %%
import dataclasses
from fractions import Fraction

import jax
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import popmath as pm
from popmath.dynamicformer import encode, exact_samples, interpret, load_pretrained
from popmath.dynamicformer.encoding import log_double_factorials
from popmath.dynamicformer.tasks import new_network

raw = load_pretrained("psi-raw")
untrained = dataclasses.replace(raw, network=new_network(raw.settings, jax.random.key(1)))
residual = load_pretrained("psi-residual")


def said_by(trained):
    return lambda requests: trained.predict_requests(requests).log_value


# %% [markdown]
# ## Every value by its name
#
# `observe` runs the network and shows every intermediate value; a patch takes the place of any of them.

# %%
shown = raw.shown(encode([9, 9], [(2, 24), (0, 3, 24)]))
seen = interpret.observe(raw, shown)
pd.DataFrame({"site": list(seen.sites), "shape": [site.shape for site in seen.sites.values()]}).set_index("site").T

# %% [markdown]
# ## Does it satisfy the theory's equations?
#
# The string equation and the dilaton equation as defects: the logarithm of the left side over the right side.
# `psi-residual` removes ones exactly, so that its dilaton defect is 0 before anything is learned: no finding.

# %%
types = [(g, n) for g in range(3, 19) for n in (1, 2, 4, 6)]
string = interpret.random_degrees(types, 4, lambda g, n: 3 * g - 2 + n)
dilaton = interpret.random_degrees(types, 4, lambda g, n: 3 * g - 3 + n)

figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True, layout="constrained")
for name, trained, style in (
    ("psi-residual", residual, "C0-"),
    ("psi-raw", raw, "C1-"),
    ("psi-raw, untrained", untrained, "C1:"),
):
    found = {
        "string": interpret.virasoro_defects(said_by(trained), -1, *string),
        "dilaton": interpret.dilaton_defects(said_by(trained), *dilaton),
    }
    for axis, (title, defects) in zip(axes, found.items(), strict=True):
        medians = defects.median_by_genus()
        if max(medians.values()) > 1e-9:
            axis.semilogy(list(medians), list(medians.values()), style, label=name)
        axis.set(title=title, xlabel="genus (shaded: never seen)")
for axis in axes:
    axis.axvspan(13.5, 18.5, color="0.93", zorder=0)
axes[0].set_ylabel("median |defect|")
axes[0].legend(frameon=False)
plt.show()

# %% [markdown]
# ## Does it know the action A = 2/3?
#
# $\log F$ grows like $-(2g-2+n)\log A$. The likelihood of the closed form, with $A$ alone left free, has its peak
# where the exact numbers have theirs; the untrained network knows of none.

# %%
samples = exact_samples(33, range(7, 14), max_points=9)
few = samples.take(np.flatnonzero(samples.requests.times(0) == 0)[::5])
exact = few.log_scaled - log_double_factorials(few.requests)
candidates = [Fraction(k, 24) for k in range(10, 22)]

rows = []
for name, logs in (
    ("exact numbers", exact),
    ("psi-raw", said_by(raw)(few.requests)),
    ("psi-raw, untrained", said_by(untrained)(few.requests)),
):
    found = interpret.likelihood_action(few.requests, logs, candidates)
    estimate = found.estimate
    rows.append(
        {"asked": name, "best": str(found.best), "A": estimate.value, "low": estimate.low, "high": estimate.high}
    )
pd.DataFrame(rows).set_index("asked").round(5)

# %% [markdown]
# The test that was published, a linear probe of $(2g-2+n)\log A$, has the same $R^2$ for every $A$: it can select
# nothing.

# %%
vectors = interpret.observe(raw, raw.shown(few.requests)).sites["trunk.1"]
interpret.scale_probe(vectors, few.requests.level, candidates).round(12)

# %% [markdown]
# ## Are the polynomials in its latent space?
#
# A probe reads $\alpha_2$ from the latent vectors, on genera that it never saw, and its control task says that it is
# not by recognising classes of requests. It does so from the untrained network as well. So this is no knowledge that
# was learned: the multiplicities are among what the network reads.

# %%
rows = []
for name, trained in (("psi-raw", raw), ("psi-raw, untrained", untrained)):
    sites = interpret.observe(trained, trained.shown(few.requests)).sites
    for site in ("pooled", "trunk.1", "coefficients"):
        result = interpret.polynomial_probe(sites[site], few.requests, 2)
        rows.append({"network": name, "site": site, "R2": result.r_squared, "control task": result.control})
pd.DataFrame(rows).set_index(["network", "site"]).round(2)

# %% [markdown]
# ## What carries the difference of two theories?
#
# `psi-multi` answers the same requests for Weil-Petersson and for Masur-Veech. Restoring what it made of the tensor B
# brings all of the difference back, as it must. What comes after says where B acts: in the additive part, more than all
# of it, of which the coefficients take a little back. The control restores the value of an unrelated request, or of a
# third theory.

# %%
four = load_pretrained("psi-multi")
requests = encode(
    [3] * 12, [(0, 2, 2 + k % 3, *([0] * (k // 3))) for k in range(12)], lambda g, n: range(3 * g - 2 + n)
)
effects = interpret.causal_trace(
    four, requests, requests, ["B", "pooled", "coefficients", "additive"], ("Weil-Petersson", "Masur-Veech")
)
pd.DataFrame([effect._asdict() for effect in effects]).set_index("site").round(2)

# %% [markdown]
# ## The expansion from numbers alone
#
# Exact numbers of genus 16 to 31, and no word of $A$, $4\pi$ or $\alpha_1$. Then the same for Norbury's Theta class.

# %%
genera = range(16, 32)
keys = interpret.numbers_needed(1, genera, lambda g, n: 3 * g - 3 + n)
psi = {(g, d): pm.intersections.correlator(g, d) for g, d in keys}
print(interpret.recover_expansion(psi, 1).summary())

keys = interpret.numbers_needed(1, genera, lambda g, n: g - 1)
theta = {(g, d): pm.intersections.theta_correlator(g, d) for g, d in keys}
print("\nTheta:", interpret.recover_expansion(theta, 1).summary())

# %% [markdown]
# With the numbers of each type (g, n) shuffled among themselves the growth is still there, and no polynomial is.

# %%
rng, shuffled = np.random.default_rng(0), {}
for kind in {(g, len(d)) for g, d in psi}:
    rows = [key for key in psi if (key[0], len(key[1])) == kind]
    shuffled |= {rows[i]: psi[rows[j]] for i, j in enumerate(rng.permutation(len(rows)))}
print(interpret.recover_expansion(shuffled, 1).summary())
