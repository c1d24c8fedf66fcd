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
# # A network that learned intersection numbers
#
# It was shown exact psi-class numbers of genus 0 to 13 and told the leading term of their large-genus form, nothing
# else. Here it is asked for numbers of higher genus, and printed beside the closed form, which needs no learning. The
# weights were trained before; nothing is trained here.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import popmath as pm
from popmath.dynamicformer import encode, exact_samples, load_pretrained, summarise
from popmath.dynamicformer.baselines import log_closed_form
from popmath.dynamicformer.encoding import log_double_factorials
from popmath.dynamicformer.targets import log_leading

network = load_pretrained("psi-residual")
print(network.range)

# %% [markdown]
# ## Ask it
#
# Degrees in any order; each answer says whether the request lies within what it was trained on.

# %%
requests = [(3, (7,)), (9, (0, 3, 24)), (13, (12, 13, 14)), (17, (16, 17, 18)), (25, (24, 25, 26))]
found = network.predict_log(*zip(*requests, strict=True))
frame = found.to_dataframe()
frame["exact"] = [pm.intersections.log_correlator(g, d) for g, d in requests]
frame["error"] = frame["log_value"] - frame["exact"]
frame

# %% [markdown]
# ## Beyond the training range
#
# Every number of genus 3 to 18 with at most 5 points and without degrees 1 (which both methods treat exactly).

# %%
samples = exact_samples(39, range(19), max_points=5)
says = network.predict_requests(samples.requests).log_value + log_double_factorials(samples.requests)
closed = {order: log_closed_form(samples.requests, order) for order in (0, 2, 4)}

rows = []
for genus in range(3, 19):
    chosen = samples.requests.genus == genus
    row = {"genus": genus, "numbers": int(chosen.sum())}
    row["network"] = summarise(says[chosen], samples.log_scaled[chosen]).median
    row |= {f"order {k}": summarise(v[chosen], samples.log_scaled[chosen]).median for k, v in closed.items()}
    rows.append(row)
table = pd.DataFrame(rows).set_index("genus")
table.map(lambda value: f"{value:.1e}" if value < 1 else f"{value:.0f}")

# %%
axis = table.drop(columns="numbers").plot(logy=True, style=["o-", "--", "--", "--"], figsize=(7, 4))
axis.axvspan(13.5, 18.5, color="0.92", zorder=0)
axis.set(ylabel="median |error of log F|", title="shaded: genera it never saw")
plt.show()

# %% [markdown]
# The network is far better than the leading term it was given (order 0); the closed form of a few orders is better
# still.
#
# ## What it read
#
# A request is a set of distinct degrees with multiplicities. `tap` sees every intermediate value by name, and may
# replace it: without its last part, the network's expansion in 1/(2g - 2 + n) stands alone.

# %%
shown = {}


def look(name, value):
    shown[name] = value
    return value


one = encode([17], [(0, 2, 2, 48)])
value = network.network(one, look)
for name, seen in shown.items():
    print(f"{name:15} {seen.shape}")
without_tail = network.network(one, lambda name, seen: 0 * seen if name == "tail" else seen)
print(f"residual {float(value[0]):.6f}, of which the tail {float(value[0] - without_tail[0]):.1e}")
exact = pm.intersections.log_correlator(17, (0, 2, 2, 48)) + log_double_factorials(one)[0]
print(f"exact    {exact - log_leading(one.level, one.num_points)[0]:.6f}")

# %% [markdown]
# ## The activations it learned
#
# DRA: $x + \frac{b}{a}\sin^2(a x) + c\cos(a x) + d\tanh(b x)$, four numbers for each layer.

# %%
x = np.linspace(-4, 4, 300, dtype=np.float32)
figure, axes = plt.subplots(1, 3, figsize=(10, 3), sharey=True, layout="constrained")
for axis, name in zip(axes, ("token", "trunk", "tail"), strict=True):
    for activation in getattr(network.network, name).activations:
        axis.plot(x, activation(x))
    axis.plot(x, x, "k:", linewidth=0.7)
    axis.set(title=name, xlabel="x")
plt.show()

# %% [markdown]
# ## The other networks
#
# `psi-corrected` learned what the closed form of order 6 leaves; `psi-raw` learned log F itself and was told nothing.

# %%
kept = samples.take(np.flatnonzero(samples.requests.genus >= 14))
plain = log_double_factorials(kept.requests)
methods = {
    name: load_pretrained(name).predict_requests(kept.requests).log_value + plain
    for name in ("psi-raw", "psi-corrected")
}
methods["closed form, order 6"] = log_closed_form(kept.requests, 6)
pd.DataFrame(
    {name: summarise(value, kept.log_scaled)._asdict() for name, value in methods.items()},
    index=["median", "percentile_95", "maximum"],
).T.map("{:.1e}".format)

# %% [markdown]
# `psi-multi` learned four theories. It is shown the tensor B of the theory: the same request is another number for
# Weil-Petersson than for Masur-Veech, and only B tells them apart. With the tensor of the other it is wrong.

# %%
four = load_pretrained("psi-multi")
pair = ("Weil-Petersson", "Masur-Veech")
rows = []
for theory, other in (pair, pair[::-1]):
    known = pm.dynamicformer.theory_samples(theory, 11, 5)
    plain = log_double_factorials(known.requests)
    right, wrong = (four.predict_requests(known.requests, shown).log_value + plain for shown in (theory, other))
    rows.append(
        {
            "theory": theory,
            "numbers": len(plain),
            "median error": summarise(right, known.log_scaled).median,
            "with the other's B": summarise(wrong, known.log_scaled).median,
        }
    )
pd.DataFrame(rows).set_index("theory").round(3)
