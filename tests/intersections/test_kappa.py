"""Kappa classes: published numbers, and pulling back along the map that forgets a point."""

from fractions import Fraction
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popmath.intersections import correlator
from popmath.intersections.kappa import block_sums, kappa_correlator

# exact.md, section 4; two external programs agree
POWERS = ["43/2880", "176557/107520", "1959225867017/696729600", "928116925240070269/33443020800"]


@pytest.mark.parametrize(("genus", "value"), list(enumerate(POWERS, start=2)))
def test_published_powers_of_kappa_1(genus, value):
    assert kappa_correlator(genus, (1,) * (3 * genus - 3)) == Fraction(value)


def test_genus_0_powers():
    """1, 1, 5, 61, 1379: Zograf's volumes of moduli spaces of punctured spheres (OEIS A115047)."""
    assert [kappa_correlator(0, (1,) * (n - 3), (0,) * n) for n in range(3, 8)] == [1, 1, 5, 61, 1379]


@pytest.mark.parametrize(
    ("genus", "kappas", "value"),
    [(2, (3,), "1/1152"), (2, (1, 2), "1/240"), (2, (2, 1), "1/240"), (3, (6,), "1/82944")],
)
def test_single_values(genus, kappas, value):
    """Genus 2: Mumford's kappa_1 kappa_2 and kappa_3; genus 3: kappa_6 = <tau_7>."""
    assert kappa_correlator(genus, kappas) == Fraction(value)


@cache
def pulled_back(genus, kappas, degrees):
    """By projection: kappa_a on n points is the integral of psi_(n+1)^(a+1), where each kappa_b is kappa_b - psi^b."""
    if not kappas:
        return correlator(genus, degrees)
    a, *others = kappas
    total = Fraction(0)
    for r in range(len(others) + 1):
        for chosen in combinations(range(len(others)), r):
            kept = tuple(b for i, b in enumerate(others) if i not in chosen)
            power = a + 1 + sum(others[i] for i in chosen)
            total += (-1) ** r * pulled_back(genus, kept, tuple(sorted((*degrees, power))))
    return total


@st.composite
def requests(draw):
    genus = draw(st.integers(0, 4))
    n = draw(st.integers(max(0, 3 - 2 * genus), 3))
    left = 3 * genus - 3 + n
    kappas, degrees = [], []
    while left and len(kappas) < 5:
        kappas.append(draw(st.integers(1, left)))
        left -= kappas[-1]
    for i in range(n):
        degrees.append(left if i == n - 1 else draw(st.integers(0, left)))
        left -= degrees[-1]
    return genus, kappas + [left] * (left > 0), degrees


@given(requests())
@settings(max_examples=80)
def test_projection_formula(request_):
    genus, kappas, degrees = request_
    number = kappa_correlator(genus, kappas, degrees)
    assert number == pulled_back(genus, tuple(kappas), tuple(sorted(degrees)))
    assert number > 0
    euler = 2 * genus - 2 + len(degrees)
    assert kappa_correlator(genus, [0, *kappas, 0], degrees) == euler**2 * number
    assert kappa_correlator(genus, kappas[::-1], degrees[::-1]) == number


def test_without_kappas_it_is_the_psi_number():
    assert kappa_correlator(2, (), np.array([3, 2])) == Fraction(29, 5760)


def test_block_sums_count_set_partitions():
    """Without signs they add up to Bell numbers."""
    assert [sum(map(abs, block_sums((1,) * m).values())) for m in range(7)] == [1, 1, 2, 5, 15, 52, 203]
    assert block_sums((1, 2, 4)) == {(1, 2, 4): 1, (2, 5): -1, (3, 4): -1, (1, 6): -1, (7,): 1}


@pytest.mark.parametrize(("genus", "kappas", "degrees"), [(2, (1, 1), ()), (2, (), ()), (0, (1,), (0, 0, 0))])
def test_a_wrong_sum_is_exactly_zero(genus, kappas, degrees):
    number = kappa_correlator(genus, kappas, degrees)
    assert number == 0 and type(number) is Fraction


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1, (1,)), ValueError, "no stable curves of genus 1 with 0"),
        ((2, (1, -1)), ValueError, r"^kappas\[1\] must be at least 0"),
        ((2, (1.0,)), TypeError, r"^kappas\[0\] must be an integer"),
        ((2, 3), TypeError, "^kappas must be a sequence"),
        ((2, {1}), TypeError, "^kappas must be a sequence"),
        ((2, (1,), (True,)), TypeError, r"^degrees\[0\] must be"),
        (("2", (1,)), TypeError, "genus must be an integer"),
    ],
)
def test_bad_requests(arguments, error, message):
    with pytest.raises(error, match=message):
        kappa_correlator(*arguments)
