r"""Causal tracing: how much of what distinguishes two requests goes through each site of a network.

The network is run on a request (clean), on another (corrupted), and on the other with the value of one site as it was
in the clean run (restored). With y what the network says, the share that a site restores is

$$\frac{\sum (y_\text{restored} - y_\text{corrupted})(y_\text{clean} - y_\text{corrupted})}
  {\sum (y_\text{clean} - y_\text{corrupted})^2},$$

the average indirect effect over the average total effect, pairs weighed by how much they differ: 1 where all goes
through the site, 0 where nothing does. The network's own value is y, in units of its target: what is added to it
afterwards, such as a leading term, is no part of it. The control restores the value of a third request, of the type of
the clean one where there is one; between two theories, that of the same request in a third theory.

References:
    Meng, K., Bau, D., Andonian, A. & Belinkov, Y. (2022), Locating and editing factual associations in GPT, NeurIPS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from popmath._errors import UnableError
from popmath.dynamicformer.encoding import Requests, fit_width
from popmath.dynamicformer.interpret.activations import INSIDE_TENSOR, observe
from popmath.dynamicformer.interpret.latent import other_of_type
from popmath.dynamicformer.pretrained import TrainedNetwork
from popmath.dynamicformer.theories import PSI

_FEWEST = 10  # pairs
INPUTS: dict[str, tuple[str, ...]] = {
    "g": ("genus",),
    "n": ("num_points",),
    "distinct parts": ("degrees",),
    "multiplicities": ("multiplicity",),
}


class IndirectEffect(NamedTuple):
    """The share of the total effect that one site restores.

    Attributes:
        site: its name, or that of an input.
        share: of the total effect.
        low: lower end of the 95 % interval, from a bootstrap over pairs.
        high: upper end.
        control: the share that the value of a third request, or theory, restores; NaN if there is no third theory.
    """

    site: str
    share: float
    low: float
    high: float
    control: float


def causal_trace(
    trained: TrainedNetwork,
    clean: Requests,
    corrupted: Requests,
    sites: Sequence[str],
    theories: tuple[str, str] = (PSI, PSI),
    resamples: int = 400,
    seed: int = 0,
) -> list[IndirectEffect]:
    r"""Average indirect effect of each site, with bootstrap intervals and a control.

    Args:
        trained: any trained network.
        clean: requests.
        corrupted: as many others; of a network of several theories they may be the same requests.
        sites: names of `site_names`, `"g"`, `"n"`, `"distinct parts"`, `"multiplicities"` (what the network reads, one
            at a time: what it is then shown is a request of no curve), or `"B"`, what it made of the theory's tensor.
        theories: of clean and corrupted requests.
        resamples: of the bootstrap.
        seed: of bootstrap and control.

    Raises:
        ValueError: for a site it does not have, unequal numbers of requests, or a theory it was not trained on.
        UnableError: for fewer than 10 pairs that the network tells apart.

    Example:
        >>> from popmath.dynamicformer import encode, load_pretrained
        >>> trained = load_pretrained("psi-residual")
        >>> clean = encode([9] * 12, [(2, 24)] * 12)
        >>> corrupted = encode([8] * 12, [(0, 3 + k, 21 - k) for k in range(9)] + [(4, 19)] * 3)
        >>> all_of_it = causal_trace(trained, clean, corrupted, ["coefficients", "tail"])
        >>> 0.5 < all_of_it[0].share < 1.5 and abs(all_of_it[1].share) < 0.5
        True
    """
    for theory in theories:
        trained.check_theory(theory)
    if len(clean.genus) != len(corrupted.genus):
        raise ValueError(f"clean and corrupted must be as many; got {len(clean.genus)} and {len(corrupted.genus)}.")
    if len(clean.genus) < _FEWEST:
        raise UnableError(f"at least {_FEWEST} pairs are needed; got {len(clean.genus)}.")
    inner = any(site in INSIDE_TENSOR for site in sites)
    rng = np.random.default_rng(seed)
    if theories[0] == theories[1]:
        third, third_theory = clean.take(_others(clean, rng)), theories[0]
    else:
        third, third_theory = clean, next((name for name in trained.theories if name not in theories), None)
    asked = ((clean, theories[0]), (corrupted, theories[1]), (third, third_theory or theories[0]))
    shown = [trained.shown(each, theory) for each, theory in asked]
    width = max(each.degrees.shape[1] for each in shown)
    shown = [fit_width(each, width) for each in shown]
    runs = [observe(trained, each, None, t, inner) for each, (_, t) in zip(shown, asked, strict=True)]
    total = runs[0].value.astype(float) - runs[1].value
    unlike = np.flatnonzero(np.abs(total) > 1e-6)
    if len(unlike) < _FEWEST:
        raise UnableError(
            f"the network tells {len(unlike)} pairs apart; at least {_FEWEST} are needed: there is no effect to trace."
        )
    drawn = rng.choice(unlike, size=(resamples, len(unlike)))
    found = []
    for site in sites:
        effects = []
        for donor in (runs[0], runs[2]):
            patches = {name: donor.sites.get(name, np.zeros(0)) for name in _names(site, trained)}
            patched = observe(trained, shown[1], patches, theories[1], inner)
            effects.append(patched.value.astype(float) - runs[1].value)
        shares = np.sum((effects[0] * total)[drawn], axis=1) / np.sum((total**2)[drawn], axis=1)
        low, high = np.quantile(shares, [0.025, 0.975])
        share, control = (float(np.sum(effect * total) / np.sum(total**2)) for effect in effects)
        found.append(IndirectEffect(site, share, float(low), float(high), control if third_theory else math.nan))
    return found


def _names(site: str, trained: TrainedNetwork) -> tuple[str, ...]:
    if site == "B":
        return ("context",) if trained.settings.preset == "joint" else ("tensor.pooled",)
    return INPUTS.get(site, (site,))


def _others(requests: Requests, rng: np.random.Generator) -> np.ndarray:
    """Another request for each, of the same type where there is one."""
    out = other_of_type(requests, rng)
    alone = out == np.arange(len(out))
    out[alone] = rng.integers(len(out), size=int(alone.sum()))
    return out
