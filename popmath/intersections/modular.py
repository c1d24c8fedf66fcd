"""Arithmetic modulo many primes at once, in float64 and int64 arrays, and back to integers (Chinese remainders).

References:
    Aggarwal, A. (2021), Inventiones mathematicae 226, 897-1010, proposition 1.2 (how large a number can be).
"""

from __future__ import annotations

import math

import numpy as np


def bound_bits(genus: int, num_points: int) -> float:
    """log2 of 2^(4g-1) (3/2)^(n-1) (6g-5+2n)!!/(24^g g!), which the integer form H_g never exceeds, for g >= 1."""
    m = 3 * genus - 3 + num_points  # (2m+1)!! = (2m+1)!/(2^m m!)
    log = (
        math.lgamma(2 * m + 2)
        - m * math.log(2.0)
        - math.lgamma(m + 1)
        - genus * math.log(24.0)
        - math.lgamma(genus + 1)
    )
    return (log + (num_points - 1) * math.log(1.5)) / math.log(2.0) + 4 * genus - 1


def primes_below(limit: int, count: int) -> list[int]:
    """The `count` largest odd primes below `limit`, descending.

    Raises:
        ValueError: if there are not that many.

    Example:
        >>> primes_below(20, 3)
        [19, 17, 13]
    """
    found: list[int] = []
    candidate = limit - 1 if limit % 2 == 0 else limit - 2
    small = _sieve(int(limit**0.5) + 1)
    while len(found) < count:
        if candidate < 3:
            raise ValueError(f"there are only {len(found)} odd primes below {limit}; {count} were asked for.")
        if (candidate % small[small * small <= candidate]).all():
            found.append(candidate)
        candidate -= 2
    return found


def inverses(upto: int, primes: np.ndarray) -> np.ndarray:
    """Inverses of 1..`upto` modulo each prime (all above `upto`), shape `(upto + 1, primes)`; row 0 is not used."""
    table = np.ones((upto + 1, primes.size), np.int64)
    columns = np.arange(primes.size)
    for i in range(2, upto + 1):
        table[i] = (primes - primes // i) * table[primes % i, columns] % primes
    return table


def chinese_remainder(residues: list[int], primes: list[int]) -> int:
    """The number in [0, product of primes) with these residues.

    Example:
        >>> chinese_remainder([2, 3, 1], [19, 17, 13])
        2757
    """
    value, modulus = 0, 1
    for residue, p in zip(residues, primes, strict=True):
        value += modulus * ((residue - value) * pow(modulus, -1, p) % p)
        modulus *= p
    return value


def add_rows(total: np.ndarray, target: np.ndarray, rows: np.ndarray) -> None:
    """`total[target] += rows` for rows of several columns and targets that differ; `rows` is overwritten.

    A whole row is moved at a time, which halves the time of NumPy's own indexing.
    """
    rows += total.take(target, axis=0)
    whole = np.dtype((np.void, total.itemsize * total.shape[1]))
    total.view(whole)[:, 0][target] = rows.view(whole)[:, 0]


def _sieve(limit: int) -> np.ndarray:
    is_prime = np.ones(limit + 1, bool)
    is_prime[:2] = False
    for i in range(2, int(limit**0.5) + 1):
        if is_prime[i]:
            is_prime[i * i :: i] = False
    return np.flatnonzero(is_prime)
