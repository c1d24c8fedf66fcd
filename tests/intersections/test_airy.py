"""Quantum Airy structures: the engine against numbers and counts from elsewhere, and structures that are none."""

import dataclasses
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popmath import UnableError
from popmath.intersections import correlator, degree_tuples
from popmath.intersections.airy import AiryStructure, amplitude, check_airy_structure
from popmath.intersections.airy_structures import (
    bessel_structure,
    masur_veech_structure,
    twisted,
    weil_petersson_structure,
    witten_kontsevich_structure,
)

STRUCTURES = [witten_kontsevich_structure, bessel_structure, weil_petersson_structure, masur_veech_structure]


def changed(rule, place, value):
    """`witten_kontsevich_structure()` with one tensor entry replaced; `place` in full, for example ("B", 0, 1, 0)."""
    old = getattr(witten_kontsevich_structure(), rule)
    *start, end = place

    def row(*arguments):
        entries = dict(old(*arguments))
        end_ = tuple(place[1:]) if rule == "C" else end
        first = list(place[:1]) if rule == "C" else start
        if list(arguments[:-1]) == first and (sum(end_) if rule == "C" else end_) <= arguments[-1]:
            entries[end_] = Fraction(value)
        return list(entries.items())

    return {rule: row}


@pytest.mark.parametrize("genus", range(6))
def test_psi_classes(genus):
    for n in range(max(1, 3 - 2 * genus), 5):
        for degrees in degree_tuples(3 * genus - 3 + n, n):
            assert amplitude(witten_kontsevich_structure(), genus, degrees) == correlator(
                genus, degrees, method="liu_xu"
            )


@pytest.mark.parametrize("build", STRUCTURES)
def test_relations_hold_further_than_they_are_enforced(build):
    check_airy_structure(build(), 4)


@pytest.mark.parametrize("build", STRUCTURES)
@given(data=st.data())
@settings(max_examples=25)
def test_symmetry(build, data):
    structure = build()
    genus = data.draw(st.integers(0, 4))
    n = data.draw(st.integers(max(1, 3 - 2 * genus), 4))
    total = data.draw(st.sampled_from(structure.sum_range(genus, n)))
    if total < 0:
        return
    degrees = data.draw(st.sampled_from(list(degree_tuples(total, n))))
    expected = amplitude(structure, genus, degrees)
    assert {amplitude(structure, genus, degrees, first=d) for d in degrees} == {expected}


# Structures that are none


@pytest.mark.parametrize(
    ("rule", "place", "value", "relation"),
    [
        ("A", (0, 0, 1), 1, "A symmetric"),
        ("B", (0, 1, 0), Fraction(2), "BA|BB-AC"),
        ("B", (1, 1, 1), Fraction(2), "BB-AC|BC"),
        ("C", (3, 0, 1), Fraction(1), "C symmetric"),
        ("C", (2, 0, 0), Fraction(1, 14), "BB-AC|BC"),
        ("B", (0, 2, 2), Fraction(1), "BB-AC|BC"),
        ("B", (2, 2, 0), Fraction(1), r"B\[i, j, k\] needs i \+ j <= k \+ 1"),
        ("C", (2, 0, 1), Fraction(1), "C symmetric"),
    ],
)
def test_a_changed_entry_is_refused(rule, place, value, relation):
    with pytest.raises(ValueError, match=relation):
        check_airy_structure(dataclasses.replace(witten_kontsevich_structure(), **changed(rule, place, value)), 4)


@pytest.mark.parametrize("d", [{1: Fraction(1, 25)}, {0: Fraction(1), 1: Fraction(1, 24)}, {1: Fraction(1, 24), 2: 1}])
def test_a_changed_loop_is_refused_with_its_relation(d):
    with pytest.raises(ValueError, match=r"'Witten-Kontsevich' is no quantum Airy structure: relation D fails at ind"):
        dataclasses.replace(witten_kontsevich_structure(), D=lambda i: Fraction(d.get(i, 0)))


def two_indices(A=0, B=0, C=0, D=0):
    """A structure with indices 0 and 1 from dictionaries of entries."""
    a, b, c, d = ({} if t == 0 else t for t in (A, B, C, D))
    return AiryStructure(
        "two",
        lambda i, j, limit: [(k[2], Fraction(x)) for k, x in a.items() if k[:2] == (i, j) and k[2] <= limit],
        lambda i, j, limit: [(k[2], Fraction(x)) for k, x in b.items() if k[:2] == (i, j) and k[2] <= limit],
        lambda i, limit: [(k[1:], Fraction(x)) for k, x in c.items() if k[0] == i and k[1] + k[2] <= limit],
        lambda i: Fraction(d.get(i, 0)),
        size=2,
    )


@pytest.mark.parametrize(
    ("tensors", "relation"),
    [
        ({"B": {(0, 1, 0): 1}, "A": {(0, 0, 0): 1}}, r"BA fails at indices \(0, 1, 0, 0\)"),
        ({"B": {(0, 1, 0): 1, (0, 0, 0): 1}}, "BB-AC"),
        ({"B": {(0, 0, 0): 1}, "C": {(1, 0, 0): 1}}, "BC"),
        ({"C": {(0, 0, 0): 1}, "A": {(1, 1, 1): 1}, "D": {}}, None),
        ({"B": {(1, 0, 0): 1}, "D": {0: 1}}, "D fails"),
    ],
)
def test_each_quadratic_relation_is_named(tensors, relation):
    if relation is None:
        assert amplitude(two_indices(**tensors), 0, (1, 1, 1)) == 1
        return
    with pytest.raises(ValueError, match=relation):
        two_indices(**tensors)


def test_sums_that_hide_numbers_are_refused():
    with pytest.raises(ValueError, match=r"unless they sum to \[2\].*widen sums"):
        dataclasses.replace(
            witten_kontsevich_structure(), sums=lambda g, n: range(3 * g - 3 + n + (g > 0), 3 * g - 2 + n + (g > 0))
        )
    with pytest.raises(ValueError, match="widen sums"):
        dataclasses.replace(weil_petersson_structure(), sums=witten_kontsevich_structure().sums)


# Twisting


def test_trivalent_graphs():
    """2, 3 and 4 loops: 5/24, 5/16, 1105/1152 (the logarithm of the Airy integral), times 3g - 3 edges for one end."""
    vertex = two_indices(A={(0, 0, 0): 1})
    graphs = twisted(vertex, lambda a, b: Fraction(a == b == 0))
    loops = {2: Fraction(5, 24), 3: Fraction(5, 16), 4: Fraction(1105, 1152)}
    assert {g: amplitude(graphs, g, (0,)) / (3 * g - 3) for g in loops} == loops
    assert amplitude(graphs, 1, (0,)) == Fraction(1, 2)
    assert amplitude(graphs, 3, (1,)) == 0


def test_a_twist_by_hand():
    """Stable graphs of type (1, 1): a vertex, and a sphere with a loop. Of type (0, 4): a vertex, and three trees."""
    u = {(0, 0): Fraction(3), (0, 1): Fraction(5), (1, 1): Fraction(7)}
    structure = twisted(witten_kontsevich_structure(), lambda a, b: u.get((min(a, b), max(a, b)), Fraction(0)))
    assert [amplitude(structure, 1, (d,)) for d in range(3)] == [Fraction(3, 2), Fraction(1, 24), 0]
    assert [amplitude(structure, 0, (0, 0, 0, d)) for d in range(3)] == [9, 1, 0]
    # (1, 2) with degrees 0: loops on (0, 4), on (0, 3) with a tree, a tree to genus 1; two edges between spheres
    loops = Fraction(5) + Fraction(3, 2) * 3 + Fraction(5, 24) + Fraction(3 * 3, 2)
    assert amplitude(structure, 1, (0, 0)) == loops


@given(st.lists(st.fractions(-3, 3, max_denominator=5), min_size=6, max_size=6))
@settings(max_examples=5)
def test_any_twist_is_a_structure_and_can_be_undone(entries):
    u = dict(zip([(0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2)], entries, strict=True))

    def propagator(a, b):
        return u.get((min(a, b), max(a, b)), Fraction(0))

    there = twisted(witten_kontsevich_structure(), propagator)
    check_airy_structure(there, 3)
    back = twisted(there, lambda a, b: -propagator(a, b))
    for genus, degrees in [(0, (0, 0, 0, 1)), (1, (0, 0)), (1, (0, 2)), (2, (0,)), (2, (4,)), (2, (2, 0))]:
        assert amplitude(back, genus, degrees) == correlator(genus, degrees)


def test_twists_add_up():
    half = twisted(twisted(bessel_structure(), lambda a, b: Fraction(1, 2)), lambda a, b: Fraction(1, 2))
    whole = twisted(bessel_structure(), lambda a, b: Fraction(1))
    for genus, degrees in [(1, (0,)), (2, (0,)), (2, (1,)), (2, (0, 1)), (3, (0,)), (3, (1, 1))]:
        assert amplitude(half, genus, degrees) == amplitude(whole, genus, degrees)
    assert amplitude(whole, 2, (0,)) != 0


def test_a_propagator_has_to_be_symmetric():
    with pytest.raises(ValueError, match="propagator must be symmetric"):
        twisted(witten_kontsevich_structure(), lambda a, b: Fraction(a - b))


# Requests


def test_a_wrong_sum_is_exactly_zero():
    for structure, degrees in [
        (witten_kontsevich_structure(), (2, 2)),
        (bessel_structure(), (2, 0)),
        (weil_petersson_structure(), (9, 0)),
    ]:
        for first in (None, degrees[0]):
            number = amplitude(structure, 2, degrees, first=first)
            assert number == 0 and type(number) is Fraction


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((2, ()), UnableError, "says nothing about F with genus 2"),
        ((0, (0, 0)), ValueError, "no stable curves of genus 0 with 2"),
        ((-1, (0,)), ValueError, "genus must be at least 0"),
        ((1.0, (1,)), TypeError, "genus must be an integer"),
        ((1, (-1,)), ValueError, r"degrees\[0\]"),
        ((1, 1), TypeError, "degrees must be a sequence"),
        ((1, (0,) * 1200 + (1201,)), UnableError, "too deep"),
    ],
)
def test_bad_requests(arguments, error, message):
    with pytest.raises(error, match=message):
        amplitude(witten_kontsevich_structure(), *arguments)


def test_entries_have_to_be_exact():
    with pytest.raises(TypeError, match="'Witten-Kontsevich': entries must be exact, int or Fraction; got 0.0"):
        dataclasses.replace(witten_kontsevich_structure(), D=lambda i: (i == 1) / 24)
    whole = dataclasses.replace(bessel_structure(), D=lambda i: int(i == 0))
    number = amplitude(whole, 1, (0,))
    assert number == 1 and type(number) is Fraction
    assert amplitude(whole, 2, (1,)) == Fraction(1, 3)  # 3 F_2[1] = (F_1[0, 0] + F_1[0]^2) / 2 = 1


def test_bad_settings():
    with pytest.raises(ValueError, match="first must be one of the degrees"):
        amplitude(witten_kontsevich_structure(), 2, (2, 3), first=1)
    with pytest.raises(ValueError, match="max_index must be at least 0"):
        check_airy_structure(witten_kontsevich_structure(), -1)
    with pytest.raises(ValueError, match="below the size 2"):
        amplitude(two_indices(), 1, (2,))
    with pytest.raises(ValueError, match="size must be at least 1"):
        dataclasses.replace(witten_kontsevich_structure(), size=0)
