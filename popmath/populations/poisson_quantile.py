"""Quantiles of Poisson numbers with large means, by Temme's uniform expansion of the incomplete gamma function."""

from __future__ import annotations

import functools
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np

_POWERS = (16, 13, 10, 8, 6, 4, 2)  # of eta, in the terms of the expansion in 1 / (count + 1)


def large_poisson(u: jax.Array, mean: jax.Array) -> jax.Array:
    """Inversion by a guess (Cornish-Fisher) and the cumulative probability there, for means of at least 40."""
    w = jax.scipy.special.ndtri(jnp.clip(u, 2.0**-54, 1 - 2.0**-53))
    root = jnp.sqrt(mean)
    guess = mean + root * w + (2 + w * w) / 6 - (w * (2 + w * w)) / (72 * root)
    guess = guess + (-16 + 7 * w * w + 3 * w**4) / (810 * mean)
    k = jnp.maximum(jnp.floor(guess), 0.0)
    below, here = cumulative(k, mean)
    down = below - here  # P(X <= k - 1)
    down_two = down - here * (k / mean)
    up = below + here * mean / (k + 1)
    moved = (u > below).astype(u.dtype) + (u > up).astype(u.dtype)
    moved = moved - (u <= down).astype(u.dtype) - (u <= down_two).astype(u.dtype)
    return jnp.maximum(k + moved, 0.0)


def cumulative(k: jax.Array, mean: jax.Array) -> tuple[jax.Array, jax.Array]:
    """P(X <= k) and P(X = k) of a Poisson number with a large mean."""
    a = k + 1
    away = (mean - a) / a
    half_square = -log1p_rest(away)  # eta**2 / 2
    eta = jnp.sign(away) * jnp.sqrt(2 * half_square)
    density = jnp.exp(-a * half_square)
    inverse = 1 / a
    near = jnp.clip(eta, -2.8, 2.8)  # beyond, the density is below 1e-16
    series = jnp.zeros_like(a)
    for coefficients in reversed(_temme()):
        term = jnp.full_like(a, coefficients[-1])
        for coefficient in coefficients[-2::-1]:
            term = term * near + coefficient
        series = series * inverse + term
    spread = density * jax.lax.rsqrt(2 * np.pi * a)
    below = 0.5 * jax.scipy.special.erfc(eta * jnp.sqrt(a / 2)) + spread * series
    square = inverse * inverse
    stirling = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188))))
    return below, spread * a * jnp.exp(-stirling) / mean


def log1p_rest(x: jax.Array) -> jax.Array:
    """log(1 + x) - x, exact where x is small (XLA's log1p is right to 3e-9 only for x near 1e-4)."""
    small = jnp.clip(x, -0.1, 0.1)
    series = jnp.full_like(x, -1 / 18)
    for n in range(17, 1, -1):
        series = series * small + (1 / n if n % 2 else -1 / n)
    return jnp.where(jnp.abs(x) < 0.1, series * small * small, jnp.log(jnp.where(x > -1, 1 + x, 1.0)) - x)


@functools.cache
def _temme() -> tuple[tuple[float, ...], ...]:
    """Coefficients of eta**n in Temme's C_k(eta), as many as `_POWERS` says for each k, from exact fractions."""
    size = max(powers + 2 * k for k, powers in enumerate(_POWERS))
    alpha = [Fraction(0), Fraction(1)]  # lambda - 1 = sum alpha[n] eta**n
    for n in range(2, size + 2):
        inner = sum((alpha[i] * (n - i + 1) * alpha[n - i + 1] for i in range(2, n)), Fraction(0))
        alpha.append((alpha[n - 1] - inner) / (n + 1))
    reciprocal = [Fraction(1)]  # eta / (lambda - 1)
    for n in range(1, size + 1):
        reciprocal.append(-sum((alpha[i + 1] * reciprocal[n - i] for i in range(1, n + 1)), Fraction(0)))
    first = reciprocal[1:]
    rows = [first]
    for _ in _POWERS[1:]:
        last = rows[-1]
        rows.append([(n + 2) * last[n + 2] - last[1] * first[n] for n in range(len(last) - 2)])
    return tuple(tuple(float(value) for value in row[:powers]) for row, powers in zip(rows, _POWERS, strict=True))
