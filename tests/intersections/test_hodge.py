"""Hodge integrals: published numbers, a generating function, Mumford's relation, and counts of coverings (ELSV)."""

from fractions import Fraction
from itertools import permutations, product
from math import factorial, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popmath import UnableError
from popmath.intersections import correlator, degree_tuples
from popmath.intersections.bernoulli import even_bernoulli
from popmath.intersections.hodge import by_mumford, chern_characters, hodge_integral
from popmath.intersections.lambda_closed_forms import lambda_closed_form


@pytest.mark.parametrize(
    ("genus", "lambdas", "degrees", "value"),
    [
        (1, (1,), (0,), "1/24"),
        (2, (1, 1, 1), (), "1/2880"),  # Faber (1999), with the next two
        (3, (1,) * 6, (), "1/90720"),
        (4, (1,) * 9, (), "1/113400"),
        (2, (1, 2), (), "1/5760"),
        (2, (2,), (2,), "7/5760"),  # exact.md, section 4, with the next two
        (3, (3,), (4,), "31/967680"),
        (4, (4,), (6,), "127/154828800"),
        (2, (2,), (1, 2), "7/1920"),  # the manual of Yang's HodgeIntegrals, with the next
        (3, (3,), (1, 2, 3), "31/16128"),
    ],
)
def test_published_values(genus, lambdas, degrees, value):
    assert hodge_integral(genus, lambdas, degrees) == Fraction(value)
    assert by_mumford(genus, lambdas, tuple(sorted(degrees))) == Fraction(value)


@pytest.mark.parametrize("genus", range(1, 6))
def test_closed_forms_agree_with_mumford(genus):
    covered = 0
    for lambdas in [(genus,), (genus - 1, genus), (genus - 2, genus - 1, genus)]:
        for n in range(1 if genus == 1 else 0, 4):
            total = 3 * genus - 3 + n - sum(lambdas)
            if lambdas[0] <= 0 or total < 0:
                continue
            for degrees in degree_tuples(total, n):
                known = lambda_closed_form(genus, lambdas, degrees)
                if known is not None:
                    covered += 1
                    assert known == by_mumford(genus, lambdas, degrees)
    assert covered >= 3


def sine_power(genus, power):
    """The coefficient of t^(2 genus) in ((t/2) / sin(t/2))^power, for power = 0, 1, 2, ... by repeated products."""
    one = [abs(even_bernoulli(m)) * Fraction(abs(2 - 4**m), 4**m * factorial(2 * m)) for m in range(genus + 1)]
    series = [Fraction(1)] + [Fraction(0)] * genus
    for _ in range(power):
        series = [sum(series[j] * one[m - j] for j in range(m + 1)) for m in range(genus + 1)]
    return series[genus]


@pytest.mark.parametrize("genus", range(1, 7))
def test_one_point_generating_function(genus):
    """Faber and Pandharipande: 1 + sum t^2g k^i <lambda_(g-i) tau_(2g-2+i)> = ((t/2) / sin(t/2))^(k+1)."""
    numbers = [hodge_integral(genus, (genus - i,), (2 * genus - 2 + i,)) for i in range(genus + 1)]
    for k in range(genus + 2):
        assert sum(k**i * x for i, x in enumerate(numbers)) == sine_power(genus, k + 1)


@st.composite
def leftovers(draw, classes):
    """A genus with degrees that leave room for lambdas of sum `classes(genus)`."""
    genus = draw(st.integers(1, 4))
    n = draw(st.integers(1, 3))
    total = 3 * genus - 3 + n - classes(genus)
    return genus, draw(st.sampled_from(list(degree_tuples(total, n)))) if total >= 0 else None


@given(leftovers(lambda g: 2 * (1 + g // 2)))
@settings(max_examples=30)
def test_mumford_relation(request_):
    """c(E) c(E dual) = 1 in degree 2k, on Mumford's formula alone."""
    genus, degrees = request_
    k = 1 + genus // 2
    if degrees is None:
        return
    total = Fraction(0)
    for i in range(2 * k + 1):
        if i <= genus and 2 * k - i <= genus:
            total += (-1) ** i * by_mumford(genus, tuple(x for x in (i, 2 * k - i) if x), degrees)
    assert total == 0


@given(leftovers(lambda g: g + 1))
@settings(max_examples=30)
def test_the_bundle_has_rank_g(request_):
    genus, degrees = request_
    if degrees is not None:
        assert by_mumford(genus, (genus + 1,), degrees) == hodge_integral(genus, (genus + 1,), degrees) == 0


@pytest.mark.parametrize(("genus", "lambdas"), [(1, (1,)), (2, (1,)), (2, (1, 1)), (3, (1, 2)), (3, (2,)), (4, (1, 3))])
def test_string_and_dilaton(genus, lambdas):
    for n in (1, 2):
        total = 3 * genus - 3 + n - sum(lambdas)
        for degrees in degree_tuples(total, n):
            up = hodge_integral(genus, lambdas, (1, *degrees))
            assert up == (2 * genus - 2 + n) * hodge_integral(genus, lambdas, degrees)
        for degrees in degree_tuples(total + 1, n):
            lowered = [(*degrees[:i], d - 1, *degrees[i + 1 :]) for i, d in enumerate(degrees) if d]
            expected = sum(hodge_integral(genus, lambdas, d) for d in lowered)
            assert hodge_integral(genus, lambdas, (0, *degrees)) == expected


def coverings(degree, transpositions, cycle_type):
    """Hurwitz numbers by multiplying out: transitive products of transpositions of a cycle type, over degree!."""
    swaps = []
    for i, j in permutations(range(degree), 2):
        if i < j:
            swap = list(range(degree))
            swap[i], swap[j] = j, i
            swaps.append(((i, j), tuple(swap)))
    states = {(tuple(range(degree)), tuple(range(degree))): 1}  # permutation, and which component each sheet is in
    for _ in range(transpositions):
        grown = {}
        for (p, component), count in states.items():
            for (i, j), swap in swaps:
                q = tuple(swap[x] for x in p)
                low, high = sorted((component[i], component[j]))
                merged = tuple(low if c == high else c for c in component)
                grown[q, merged] = grown.get((q, merged), 0) + count
        states = grown
    return Fraction(
        sum(c for (p, m), c in states.items() if set(m) == {0} and cycles(p) == cycle_type), factorial(degree)
    )


def cycles(p):
    seen, lengths = set(), []
    for start in range(len(p)):
        length, x = 0, start
        while x not in seen:
            seen.add(x)
            x = p[x]
            length += 1
        if length:
            lengths.append(length)
    return tuple(sorted(lengths))


@pytest.mark.parametrize("cycle_type", [(1,), (2,), (1, 1), (3,), (1, 2), (1, 1, 1), (2, 2), (1, 3)])
@pytest.mark.parametrize("genus", [1, 2, 3])
def test_counts_of_coverings(genus, cycle_type):
    """Ekedahl, Lando, Shapiro and Vainshtein (2001): Hurwitz numbers as integrals of lambda and psi classes."""
    n, degree = len(cycle_type), sum(cycle_type)
    m = 2 * genus - 2 + n + degree
    integral = Fraction(0)
    for i in range(genus + 1):
        for powers in product(range(3 * genus - 3 + n - i + 1), repeat=n):
            if sum(powers) == 3 * genus - 3 + n - i:
                weight = prod(mu**d for mu, d in zip(cycle_type, powers, strict=True))
                integral += (-1) ** i * weight * hodge_integral(genus, (i,), powers)
    symmetry = prod(factorial(cycle_type.count(x)) for x in set(cycle_type))
    factor = factorial(m) * prod(Fraction(mu**mu, factorial(mu)) for mu in cycle_type) / symmetry
    assert factor * integral == coverings(degree, m, cycle_type)


def test_lambdas_in_chern_characters():
    """lambda_2 = ch_1^2 / 2, lambda_5 = ch_1^5 / 120 + ch_1^2 ch_3 + 24 ch_5, and ch_k = 0 above the limit."""
    for a in range(8):
        assert all(sum(key) == a and all(k % 2 for k in key) for key in chern_characters(a, 2 * a + 1))
    assert chern_characters(2, 5) == {(1, 1): Fraction(1, 2)}
    assert chern_characters(5, 3) == {(1,) * 5: Fraction(1, 120), (1, 1, 3): Fraction(1)}


def test_without_lambdas_it_is_the_psi_number():
    assert hodge_integral(2, (), (3, 2)) == hodge_integral(2, (0, 0), (2, 3)) == correlator(2, (2, 3))


@pytest.mark.parametrize(
    ("genus", "lambdas", "degrees"),
    [(0, (1,), (0, 0, 0, 0)), (2, (3,), ()), (2, (2, 2), (0,)), (2, (1, 1), ()), (3, (3, 3), ())],
)
def test_what_vanishes(genus, lambdas, degrees):
    number = hodge_integral(genus, lambdas, degrees)
    assert number == 0 and type(number) is Fraction


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1, (1,)), ValueError, "no stable curves of genus 1 with 0"),
        ((2, (1, -1)), ValueError, r"^lambdas\[1\] must be at least 0"),
        ((2, (1.0,)), TypeError, r"^lambdas\[0\] must be an integer"),
        ((2, 3), TypeError, "^lambdas must be a sequence"),
        ((2, (1,), {2}), TypeError, "^degrees must be a sequence"),
        ((True, (1,), (0,)), TypeError, "genus must be an integer"),
        ((2, (1,), (0,) * 1200 + (1203,)), UnableError, "too deep"),
    ],
)
def test_bad_requests(arguments, error, message):
    with pytest.raises(error, match=message):
        hodge_integral(*arguments)
