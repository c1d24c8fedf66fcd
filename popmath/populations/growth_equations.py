"""Integration of growth equations, dN_i/dt = N_i g_i(N), as logarithms, so that abundances stay positive."""

from __future__ import annotations

from collections.abc import Callable

import diffrax as dfx
import jax.numpy as jnp
import numpy as np

from popmath._types import Array

_SMALLEST = 1e-300  # logarithms need a positive number; 0 stays 0 to within this
_MOST_STEPS, _STEPS_PER_TIME = 4_096, 64


def integrate_growth(rates: Callable[[Array], Array], state: Array, times: np.ndarray, tolerance: float) -> Array:
    """Abundances at `times` from 0 on, by Tsitouras' 5(4) method (diffrax), shape `(times, species)`.

    NaN where it needs more steps than 64 per time or 4,096 in all. Differentiable in forward mode.

    Args:
        rates: growth rate of each species, given the abundances.
        state: abundances at time 0.
        times: increasing, known before tracing.
        tolerance: relative and absolute, of the logarithms.
    """
    if times[-1] == 0.0:
        return jnp.asarray(state)[None]
    solution = dfx.diffeqsolve(
        dfx.ODETerm(lambda t, log_abundance, args: rates(jnp.exp(log_abundance))),
        dfx.Tsit5(),
        t0=0.0,
        t1=float(times[-1]),
        dt0=None,
        y0=jnp.log(jnp.maximum(state, _SMALLEST)),
        saveat=dfx.SaveAt(ts=jnp.asarray(times)),
        stepsize_controller=dfx.PIDController(rtol=tolerance, atol=tolerance),
        adjoint=dfx.ForwardMode(),
        max_steps=max(_MOST_STEPS, _STEPS_PER_TIME * len(times)),
        throw=False,
    )
    failed = solution.result != dfx.RESULTS.successful
    return jnp.where(failed, jnp.nan, jnp.exp(solution.ys))
