r"""Kappa classes with psi classes, as psi-class numbers with more points.

Forgetting m further points sends $\psi_{n+1}^{a_1+1}\cdots\psi_{n+m}^{a_m+1}$ to the sum over permutations of
$\prod_{\text{cycles}} \kappa_{\sum a}$; solved for the product of kappa classes,

$$\int \kappa_{a_1}\cdots\kappa_{a_m}\,\psi^d = \sum_{\text{partitions } \{S_1..S_r\} \text{ of } 1..m} (-1)^{m-r}
  \Bigl\langle \tau_d \prod_{s} \tau_{1 + a(S_s)} \Bigr\rangle_g, \qquad a(S) = \sum_{i \in S} a_i.$$

References:
    Arbarello, E. & Cornalba, M. (1996), Journal of Algebraic Geometry 5, 705-749. Kaufmann, R., Manin, Yu. & Zagier, D.
    (1996), Communications in Mathematical Physics 181, 763-787.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache

from popmath.intersections._requests import as_count, as_degrees, check_stable
from popmath.intersections.methods import exact_number
from popmath.intersections.recursion import runs


def kappa_correlator(genus: int, kappas: Iterable[int], degrees: Iterable[int] = ()) -> Fraction:
    r"""The integral of a product of kappa classes and psi classes, exactly.

    $$\int_{\overline{\mathcal M}_{g,n}} \kappa_{a_1}\cdots\kappa_{a_m}\,\psi_1^{d_1}\cdots\psi_n^{d_n}$$

    with the kappa classes of Arbarello and Cornalba, $\kappa_a = \pi_*(\psi_{n+1}^{a+1})$, so that
    $\kappa_0 = 2g-2+n$, and $2\pi^2\kappa_1$ is the class of the Weil-Petersson symplectic form.

    Args:
        genus: $g \ge 0$.
        kappas: $a_1, \ldots, a_m \ge 0$ in any order, repeated as often as the class occurs; may be empty.
        degrees: $d_1, \ldots, d_n \ge 0$ in any order, with $2g - 2 + n > 0$; may be empty from genus 2 on.

    Returns:
        The number as a reduced fraction; exactly 0 if kappas and degrees do not sum to $3g - 3 + n$.

    Raises:
        TypeError: if the genus, a kappa or a degree is not an integer.
        ValueError: if one of them is negative, or there are no stable curves of type $(g, n)$.
        UnableError: if the recursion behind it would be too deep for Python's stack.

    Example:
        >>> kappa_correlator(2, (1, 1, 1))
        Fraction(43, 2880)
        >>> kappa_correlator(1, (), (1,)) == kappa_correlator(1, (1,), (0,)) == Fraction(1, 24)
        True

    References:
        Arbarello, E. & Cornalba, M. (1996), Journal of Algebraic Geometry 5, 705-749, section 1.
    """
    genus, ascending, classes = as_count("genus", genus), as_degrees(degrees), as_degrees(kappas, "kappas")
    n = len(ascending)
    check_stable(genus, n)
    if sum(classes) + sum(ascending) != 3 * genus - 3 + n:
        return Fraction(0)
    zeros = classes.count(0)
    terms = block_sums(classes[zeros:])
    total = sum(
        (
            weight * exact_number(genus, tuple(sorted((*ascending, *(s + 1 for s in sums)))))
            for sums, weight in terms.items()
        ),
        Fraction(0),
    )
    return (2 * genus - 2 + n) ** zeros * total


@lru_cache(maxsize=64)
def block_sums(kappas: tuple[int, ...]) -> dict[tuple[int, ...], int]:
    """The signed number of set partitions of `kappas` with each multiset of block sums (ascending).

    Classes come in one after the other, each as a block of its own or, with a minus sign, into a block already there;
    partitions with equal sums are counted together, so a power of one class meets integer partitions only.

    Example:
        >>> block_sums((1, 1, 1))
        {(1, 1, 1): 1, (1, 2): -3, (3,): 1}
    """
    counts: dict[tuple[int, ...], int] = {(): 1}
    for a in kappas:
        grown: dict[tuple[int, ...], int] = {}
        for sums, weight in counts.items():
            alone = tuple(sorted((*sums, a)))
            grown[alone] = grown.get(alone, 0) + weight
            for s, times, first in runs(sums):
                joined = tuple(sorted((*sums[:first], *sums[first + 1 :], s + a)))
                grown[joined] = grown.get(joined, 0) - times * weight
        counts = grown
    return counts
