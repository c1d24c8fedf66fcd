r"""The coefficients of the large-genus expansion as exact polynomials.

$\alpha_k$ is a polynomial in the multiplicities $p_j$, how often the degree $j$ occurs. `alpha_polynomials.json` keeps
it whole for the first orders, and without zeros and ones ($p_0 = p_1 = 0$) for some more:

* `alpha[k]` maps the exponents of $p_0, p_1, \ldots$ to the coefficient;
* `primitive[k]` has one denominator for all its terms; `"2 2 5"` stands for $p_2^2 p_5$.

Both are derived from exact numbers by `fits/alpha_polynomials/run.py`.

References:
    Eynard, B., Garcia-Failde, E., Giacchetto, A., Gregori, P. & Lewanski, D. (2023), arXiv:2309.03143. Guo, J. &
    Yang, D. (2021), arXiv:2110.06774 (polynomiality).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from importlib import resources
from typing import Any

from popmath.intersections._requests import as_count

ACTION = Fraction(2, 3)

Terms = list[tuple[int, list[tuple[int, int]]]]  # integer coefficient, [(j, exponent of p_j), ...]


def max_order() -> int:
    """The highest order K for which alpha_K is known with zeros and ones.

    Example:
        >>> max_order()
        8
    """
    return len(_whole())


def max_primitive_order() -> int:
    """The highest order for which alpha is known at p_0 = p_1 = 0.

    Example:
        >>> max_primitive_order()
        14
    """
    return len(_primitive())


def alpha(k: int, multiplicities: Mapping[int, int]) -> Fraction:
    """The k-th coefficient of the expansion, exactly.

    Args:
        k: 1 to `max_order()`; up to `max_primitive_order()` where neither 0 nor 1 occurs.
        multiplicities: how often each degree occurs, e.g. `{0: 2, 3: 1}`; degrees not named occur 0 times.

    Raises:
        TypeError, ValueError: if `k` is not an integer or out of range, or a degree or how often it occurs is
            not an integer or negative.

    Example:
        >>> alpha(1, {}), alpha(2, {2: 1})
        (Fraction(-17, 12), Fraction(1045, 288))
    """
    k = as_count("k", k)
    counts = {as_count("a degree", d): as_count(f"multiplicities[{d}]", count) for d, count in multiplicities.items()}
    primitive = not (counts.get(0) or counts.get(1))
    highest = max_primitive_order() if primitive else max_order()
    if not 1 <= k <= highest:
        without = "" if primitive else f", or {max_primitive_order()} without degrees 0 and 1"
        raise ValueError(f"k must be 1 to {highest}{without}; got {k}.")
    return coefficient(k, counts)


def coefficient(k: int, counts: Mapping[int, int]) -> Fraction:
    """`alpha` without its checks."""
    denominator, terms = _whole()[k - 1] if counts.get(0) or counts.get(1) else _primitive()[k - 1]
    total = 0
    for term, powers in terms:
        for j, exponent in powers:
            count = counts.get(j, 0)
            if not count:
                break
            term *= count**exponent
        else:
            total += term
    return Fraction(total, denominator)


def primitive_monomials(k: int) -> list[list[tuple[int, int]]]:
    """(j, exponent of p_j) of every monomial of the k-th coefficient at p_0 = p_1 = 0.

    Example:
        >>> primitive_monomials(2)
        [[], [(2, 1)]]
    """
    return [powers for _, powers in _primitive()[k - 1][1]]


@lru_cache(maxsize=1)
def _stored() -> dict[str, Any]:
    text = resources.files("popmath.intersections").joinpath("alpha_polynomials.json").read_text(encoding="utf-8")
    return json.loads(text)


@lru_cache(maxsize=1)
def _whole() -> tuple[tuple[int, Terms], ...]:
    """For each k: the common denominator and every term."""
    polynomials = _stored()["alpha"]
    out = []
    for k in range(1, len(polynomials) + 1):
        fractions = {key: Fraction(value) for key, value in polynomials[str(k)].items()}
        denominator = math.lcm(*(f.denominator for f in fractions.values()))
        terms = [
            (int(f * denominator), [(j, e) for j, e in enumerate(map(int, key.split(","))) if e])
            for key, f in fractions.items()
        ]
        out.append((denominator, terms))
    return tuple(out)


@lru_cache(maxsize=1)
def _primitive() -> tuple[tuple[int, Terms], ...]:
    """The same at p_0 = p_1 = 0, where more orders are known and fewer terms are left."""
    out = [(whole, [(c, powers) for c, powers in terms if all(j > 1 for j, _ in powers)]) for whole, terms in _whole()]
    polynomials = _stored()["primitive"]
    for k in range(len(out) + 1, len(out) + 1 + len(polynomials)):
        terms = []
        for key, value in polynomials[str(k)]["terms"].items():
            indices = list(map(int, key.split()))
            terms.append((int(value), [(j, indices.count(j)) for j in sorted(set(indices))]))
        out.append((int(polynomials[str(k)]["denominator"]), terms))
    return tuple(out)
