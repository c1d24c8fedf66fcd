r"""Single numbers of large genus and few points, from the trace formula of Bertola, Dubrovin and Yang.

$$\sum_d \langle\tau_d\rangle \prod_i \frac{(2d_i+1)!!}{\lambda_i^{d_i+1}} = -\sum_{\text{cyclic orders } \sigma}
  \frac{\operatorname{Tr} M(\lambda_{\sigma_1})\cdots M(\lambda_{\sigma_n})}
  {\prod_i (\lambda_{\sigma_i} - \lambda_{\sigma_{i+1}})}
  - \delta_{n,2}\frac{\lambda_1+\lambda_2}{(\lambda_1-\lambda_2)^2}$$

Expanded in $|\lambda_1| > |\lambda_2| > \cdots$, every link $a \to b$ of a cyclic order carries a flux $f$, at least 0
if $a < b$ and negative (with a minus sign) if $a > b$, and the vertex between an incoming flux $f$ and an outgoing $f'$
takes the coefficient $M_k$, $k = d + f - f' \ge -1$, a matrix unit decided by $k \bmod 3$. The sum over orders is a
dynamic programme over subsets: a state is a subset, its last vertex, the flux out of it and the row of the next matrix.
Measured from the lowest flux that can still close, all vertices have one and the same triangular Toeplitz transition,
so that a whole level is one matrix product; $f$ minus the row index is conserved modulo 3 up to a shift, which gives
three independent sectors. Everything runs in float64 modulo primes small enough for exact sums, a batch of primes per
core.

References:
    Bertola, M., Dubrovin, B. & Yang, D. (2016), Physica D 327, 30-57 (arXiv:1504.06452).
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from popmath.intersections.modular import bound_bits, chinese_remainder, inverses, primes_below

_MEMORY = 128 * 2**20  # bytes of one level of states, per thread
_THREADS = os.cpu_count() or 1
Modulus = tuple[np.ndarray, np.ndarray]


def integer_form(genus: int, degrees: tuple[int, ...]) -> int:
    """H_g of a type with genus >= 1 and at least two points; degrees ascending, of sum 3g - 3 + n."""
    n, total = len(degrees), sum(degrees) + len(degrees)
    width = total + degrees[0] + 1
    bits = min(22, (52 - math.ceil(math.log2(width))) // 2)
    primes = primes_below(1 << bits, math.ceil((bound_bits(genus, n) + 2) / (bits - 0.1)) + 1)
    states = max(math.comb(n - 1, k) * k for k in range(1, n)) * width * (degrees[0] + 2)
    most = max(1, _MEMORY // (8 * max(states, width * width)))
    batch = min(most, math.ceil(len(primes) / _THREADS))
    chunks = [np.array(primes[i : i + batch], np.int64) for i in range(0, len(primes), batch)]
    # many small products: one BLAS thread each and several at a time beats several threads on each
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(_THREADS) as pool:
        parts = list(pool.map(lambda chunk: _residues(genus, degrees, chunk), chunks))
    residues = np.concatenate(parts).tolist()
    value = chinese_remainder(residues[:-1], primes[:-1])
    if value % primes[-1] != residues[-1]:
        raise ArithmeticError(
            f"the residues of genus {genus}, degrees {degrees} disagree: please report this as a bug."
        )
    return value


def _coefficients(size: int, primes: np.ndarray) -> np.ndarray:
    """M_k modulo the primes for k = -1..size-2: entries 12, 21 and 11 (22 is minus 11), shape `(primes, 3, size)`."""
    inverse = inverses(2 * size + 30, primes)
    out = np.zeros((primes.size, 3, size), np.int64)
    h, g = np.ones_like(primes), 0  # (6g - 1)!! / (24^g g!)
    while 3 * g < size:
        divided = inverse[6 * g - 1] if g else primes - 1
        out[:, 1, 3 * g] = (6 * g + 1) * divided % primes * h % primes
        if 3 * g + 1 < size:
            out[:, 0, 3 * g + 1] = primes - h
        if 3 * g + 2 < size:
            out[:, 2, 3 * g + 2] = primes - (6 * g + 1) * h % primes * inverse[2] % primes
        g += 1
        for odd in (6 * g - 5, 6 * g - 3, 6 * g - 1):
            h = h * odd % primes
        h = h * inverse[24] % primes * inverse[g] % primes
    return out


class _Sector:
    """The states (flux above the lowest, row) with flux - row = `residue` modulo 3, and the transition out of them."""

    def __init__(self, residue: int, width: int) -> None:
        flux = np.repeat(np.arange(width), 2)
        row = np.tile([0, 1], width)
        keep = (flux - row) % 3 == residue
        self.flux, self.row = flux[keep], row[keep]

    def transition_to(self, after: _Sector, coefficients: np.ndarray, primes: np.ndarray) -> np.ndarray:
        """Matrices to the states of the next sector, shape `(primes, after, here)`."""
        k = self.flux[None, :] - after.flux[:, None] - 1
        row, column = np.broadcast_arrays(self.row[None, :], after.row[:, None])
        entry = np.where(row == column, 2, row)
        matrices = coefficients[:, entry, np.maximum(k + 1, 0)]
        negate = (row == 1) & (column == 1)
        matrices[:, negate] = -matrices[:, negate] % primes[:, None]
        matrices[:, k < -1] = 0
        return matrices.astype(np.float64)


def _residues(genus: int, degrees: tuple[int, ...], primes: np.ndarray) -> np.ndarray:
    """H_g modulo each prime."""
    first, n = degrees[0], len(degrees)
    total = sum(degrees) + n
    width = total + first + 1
    coefficients = _coefficients(width + 1, primes)
    sectors = [_Sector(residue, width) for residue in range(3)]
    steps = [sectors[q].transition_to(sectors[(q + 1) % 3], coefficients, primes) for q in range(3)]
    modulus = (primes[:, None, None].astype(np.float64), 1.0 / primes[:, None, None])
    answer = np.zeros(primes.size, np.int64)
    for q in range(3):
        columns = np.flatnonzero(sectors[q].flux >= total)  # the flux into vertex 1, from -(d_1 + 1) to -1
        level = {(0, 0): steps[q][:, :, columns]}
        for size in range(1, n):
            here, step = sectors[(q + size) % 3], steps[(q + size) % 3]
            if size == n - 1:  # only these rows can close
                step = step[:, : int(np.searchsorted(sectors[(q + n) % 3].flux, first, side="right"))]
            level = _next_level(level, degrees, here, step, modulus)
        end = sectors[(q + n) % 3]
        index = {state: i for i, state in enumerate(zip(end.flux.tolist(), end.row.tolist(), strict=True))}
        for c, column in enumerate(columns):
            row = index[int(sectors[q].flux[column]) - total, int(sectors[q].row[column])]
            for states in level.values():
                answer += states[:, row, c].astype(np.int64)
    # each closing link counts -1, and so does the sum over orders
    scale = np.array([pow(2, 4 * genus - 1, int(p)) for p in primes])
    return answer % primes * scale % primes


def _next_level(
    level: dict[tuple[int, int], np.ndarray],
    degrees: tuple[int, ...],
    here: _Sector,
    step: np.ndarray,
    modulus: Modulus,
) -> dict[tuple[int, int], np.ndarray]:
    """From subsets of one size to those of the next; vertex i is bit i - 1, vertex 0 always taken."""
    n = len(degrees)
    by_subset: dict[int, list[int]] = {}
    for subset, last in level:
        by_subset.setdefault(subset, []).append(last)
    keys, incoming = [], []
    for subset, lasts in by_subset.items():
        remaining = [w for w in range(1, n) if not subset >> (w - 1) & 1]
        lowest = -(degrees[0] + 1) - sum(degrees[w] + 1 for w in remaining)
        zero = int(np.searchsorted(here.flux, -lowest))  # from here on the flux is not negative
        for w in remaining:
            states = np.zeros_like(level[subset, lasts[0]])
            for v in lasts:
                if v < w:
                    states[:, zero:] += level[subset, v][:, zero:]
                else:
                    states[:, :zero] -= level[subset, v][:, :zero]
            keys.append((subset | 1 << (w - 1), w))
            incoming.append(states)
    joined = _reduced(np.concatenate(incoming, axis=2), modulus)
    product = _reduced(np.matmul(step, joined), modulus)
    size = incoming[0].shape[2]
    after: dict[tuple[int, int], np.ndarray] = {}
    for i, key in enumerate(keys):
        after[key] = product[:, :, i * size : (i + 1) * size]
    return after


def _reduced(values: np.ndarray, modulus: Modulus) -> np.ndarray:
    prime, inverse = modulus
    values -= prime * np.floor(values * inverse)
    return values
