"""Identities of psi-class numbers that the recursion does not use, and a control that they can fail.

Every check is exact (fractions, no tolerance): a correct engine fails none of them, whatever is drawn.
"""

from collections.abc import Callable
from fractions import Fraction
from itertools import chain, combinations, permutations
from math import comb, factorial, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popmath.intersections import correlator, recursion
from popmath.intersections.recursion import IntegerRecursion, integer_scale, odd_double_factorial

Number = Callable[[int, tuple[int, ...]], Fraction]
exact = settings(deadline=None, max_examples=60)


@st.composite
def requests(draw, max_genus=6, max_points=6, excess=0):
    """(genus, degrees) of a stable type, in no particular order; `excess` is added to the right sum."""
    genus = draw(st.integers(0, max_genus))
    points = draw(st.integers(max(1, 3 - 2 * genus), max_points))
    total = 3 * genus - 3 + points + excess
    cuts = sorted(draw(st.lists(st.integers(0, total), min_size=points - 1, max_size=points - 1)))
    return genus, tuple(b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True))


def number(genus: int, degrees: tuple[int, ...]) -> Fraction:
    """The plain number; 0 where the type is unstable or a degree negative."""
    if genus < 0 or 2 * genus - 2 + len(degrees) <= 0 or min(degrees, default=0) < 0:
        return Fraction(0)
    return correlator(genus, degrees)


def double_factorial(odd: int) -> int:
    return prod(range(1, odd + 1, 2))


def splittings(degrees):
    """Every (I, J) of positions, labelled: 2^n of them."""
    positions = range(len(degrees))
    for chosen in chain.from_iterable(combinations(positions, r) for r in range(len(degrees) + 1)):
        yield tuple(degrees[i] for i in chosen), tuple(degrees[i] for i in positions if i not in chosen)


def products(f: Number, genus: int, left, right, degrees) -> Fraction:
    """Sum over I u J = degrees and g' + g'' = genus of <left I>_g' <right J>_g''; the dimension fixes g'."""
    total = Fraction(0)
    for i, j in splittings(degrees):
        three_g = sum(left) + sum(i) + 3 - len(left) - len(i)
        if three_g % 3 == 0:
            total += f(three_g // 3, left + i) * f(genus - three_g // 3, right + j)
    return total


def virasoro_defect(f: Number, genus: int, degrees: tuple[int, ...], index: int) -> Fraction:
    """Left minus right side of the Dijkgraaf-Verlinde-Verlinde equation at degrees[index], plain normalisation."""
    k, rest = degrees[index] - 1, degrees[:index] + degrees[index + 1 :]
    right = Fraction(0)
    for j, d in enumerate(rest):
        if d + k >= 0:
            factor = Fraction(double_factorial(2 * (d + k) + 1), double_factorial(2 * d - 1))
            right += factor * f(genus, (*rest[:j], d + k, *rest[j + 1 :]))
    for a in range(k):
        b = k - 1 - a
        pair = f(genus - 1, (a, b, *rest)) + products(f, genus, (a,), (b,), rest)
        right += Fraction(double_factorial(2 * a + 1) * double_factorial(2 * b + 1), 2) * pair
    if genus == 1 and len(rest) == 0:
        right += Fraction(1, 8)  # the seed: 3!! <tau_1>_1 = 1/8
    return double_factorial(2 * degrees[index] + 1) * f(genus, degrees) - right


@exact
@given(requests(max_genus=5), st.integers(0, 5))
def test_virasoro_at_any_index(request_, index):
    genus, degrees = request_
    if genus or len(degrees) > 3:
        assert virasoro_defect(number, genus, degrees, index % len(degrees)) == 0


@exact
@given(requests(excess=1))
def test_string_equation(request_):
    genus, degrees = request_
    lowered = (number(genus, (*degrees[:i], d - 1, *degrees[i + 1 :])) for i, d in enumerate(degrees))
    assert correlator(genus, (0, *degrees)) == sum(lowered) > 0


@exact
@given(requests())
def test_dilaton_equation(request_):
    genus, degrees = request_
    assert correlator(genus, (1, *degrees)) == (2 * genus - 2 + len(degrees)) * correlator(genus, degrees) > 0


@exact
@given(requests(max_points=4))
def test_symmetry(request_):
    genus, degrees = request_
    assert {correlator(genus, p) for p in permutations(degrees)} == {correlator(genus, degrees)}


@exact
@given(requests(max_genus=4, max_points=6, excess=2), st.integers(0, 5))
def test_kdv_hierarchy(request_, index):
    """Witten's form: (2k+1) <<k 0 0>> = <<k-1 0>> <<0 0 0>> + 2 <<k-1 0 0>> <<0 0>> + <<k-1 0 0 0 0>> / 4."""
    genus, degrees = request_
    k = degrees[index % len(degrees)] or max(degrees)
    rest = list(degrees)
    rest.remove(k)
    right = products(number, genus, (k - 1, 0), (0, 0, 0), tuple(rest))
    right += 2 * products(number, genus, (k - 1, 0, 0), (0, 0), tuple(rest))
    right += number(genus - 1, (k - 1, 0, 0, 0, 0, *rest)) / 4
    assert (2 * k + 1) * number(genus, (k, 0, 0, *rest)) == right > 0


@exact
@given(requests(max_genus=4, max_points=5, excess=1))
def test_first_kdv_equation(request_):
    """Integrated once: <<tau_0 tau_1>> = <<tau_0^2>>^2 / 2 + <<tau_0^4>> / 12."""
    genus, degrees = request_
    right = products(number, genus, (0, 0), (0, 0), degrees) / 2 + number(genus - 1, (0, 0, 0, 0, *degrees)) / 12
    assert number(genus, (0, 1, *degrees)) == right > 0


@exact
@given(requests(max_genus=8, max_points=7))
def test_integrality(request_):
    """prod (2d+1)!! <tau_d>_g times 2^(4g-1) (1 at g = 0) is an integer, and the engine's own integer."""
    genus, degrees = request_
    scaled = prod(double_factorial(2 * d + 1) for d in degrees) * correlator(genus, degrees)
    scaled *= 2 ** (4 * genus - 1) if genus else 1
    assert scaled.denominator == 1
    assert IntegerRecursion().value(genus, tuple(sorted(degrees))) == scaled


# Closed forms


@pytest.mark.parametrize("genus", [*range(1, 40), 200])
def test_one_point(genus):
    assert correlator(genus, (3 * genus - 2,)) == Fraction(1, 24**genus * factorial(genus))


@exact
@given(requests(max_genus=0, max_points=9))
def test_genus_zero_multinomial(request_):
    _, degrees = request_
    assert correlator(0, degrees) == Fraction(factorial(len(degrees) - 3), prod(map(factorial, degrees)))


@pytest.mark.parametrize("points", range(1, 30))
def test_ones_at_genus_one(points):
    assert correlator(1, (1,) * points) == Fraction(factorial(points - 1), 24)


def dijkgraaf(genus: int, a: int, b: int) -> Fraction:
    """<tau_0 tau_a tau_b>_g: coefficient of x^a y^b in exp((x^3 + y^3) / 24) sum_k k! / (2k+1)! (xy (x+y) / 2)^k."""
    total = Fraction(0)
    for k in range(genus + 1):
        for i in range(k + 1):
            p, q = a - k - i, b - 2 * k + i
            if p >= 0 and q >= 0 and p % 3 == 0 and q % 3 == 0:
                cubes = Fraction(1, 24 ** ((p + q) // 3) * factorial(p // 3) * factorial(q // 3))
                total += Fraction(factorial(k) * comb(k, i), factorial(2 * k + 1) * 2**k) * cubes
    return total


@pytest.mark.parametrize("genus", range(1, 13))
def test_dijkgraaf_two_point_function(genus):
    for a in range(3 * genus + 1):
        assert correlator(genus, (0, a, 3 * genus - a)) == dijkgraaf(genus, a, 3 * genus - a)
    # without the tau_0, by the string equation read upwards
    for a in range(3 * genus):
        plain = sum((-1) ** j * dijkgraaf(genus, a - j, 3 * genus - a + j) for j in range(a + 1))
        assert correlator(genus, (a, 3 * genus - 1 - a)) == plain


def test_double_factorials():
    assert [odd_double_factorial(d) for d in range(40)] == [double_factorial(2 * d + 1) for d in range(40)]
    assert odd_double_factorial(3000) == double_factorial(6001)  # no recursion limit


# Negative controls: the checks above must be able to fail


def test_a_broken_recursion_fails_the_virasoro_check(monkeypatch):
    """The error of a published recursion: it loses the product terms."""
    monkeypatch.setattr(recursion, "_products", lambda *arguments: 0)
    broken = IntegerRecursion()

    def wrong(genus, degrees):
        if number(genus, degrees) == 0:
            return Fraction(0)
        ascending = tuple(sorted(degrees))
        return Fraction(broken.value(genus, ascending), integer_scale(genus, ascending))

    assert wrong(2, (2, 3)) == number(2, (2, 3))  # right as long as no product term occurs
    assert wrong(4, (4, 4, 4)) != number(4, (4, 4, 4))
    assert virasoro_defect(number, 4, (4, 4, 4), 0) == 0
    assert virasoro_defect(wrong, 4, (4, 4, 4), 0) != 0


def test_one_wrong_number_fails_the_virasoro_check():
    def wrong(genus, degrees):
        slip = Fraction(1, 10**30) if (genus, tuple(sorted(degrees))) == (2, (2, 3)) else 0
        return number(genus, degrees) + slip

    assert virasoro_defect(wrong, 2, (2, 3), 0) != 0  # the number itself
    assert virasoro_defect(wrong, 2, (2, 2, 2), 0) != 0  # one that uses it
    assert virasoro_defect(wrong, 2, (1, 4), 0) == 0  # one that does not
