"""Complete tables by the first KdV equation: against the DVV recursion, which shares no code with it."""

import itertools
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest

from popmath import UnableError
from popmath.intersections import (
    CompleteTable,
    complete_table,
    complete_table_cost,
    correlator,
    count_numbers,
    degree_tuples,
    log_correlator,
    table,
    table_cost,
    types_up_to,
)
from popmath.intersections import kdv as kdv_module
from popmath.intersections.kdv import primitives
from popmath.intersections.partition_maps import PartitionMaps
from popmath.intersections.recursion import IntegerRecursion

RECURSION = IntegerRecursion()


def by_recursion(genus, num_points):
    return [RECURSION.value(genus, d) for d in degree_tuples(3 * genus - 3 + num_points, num_points)]


def logarithm(number):
    with localcontext() as context:
        context.prec = 40
        return float((Decimal(number.numerator) / Decimal(number.denominator)).ln())


@pytest.mark.parametrize("max_level", [1, 2, 3, 4, 7, 12, 16])
def test_every_number_agrees_with_the_recursion(max_level):
    tables = complete_table(max_level)
    assert list(tables) == types_up_to(max_level)
    for (genus, n), numbers in tables.items():
        assert numbers.integers.tolist() == by_recursion(genus, n)


@pytest.mark.slow
def test_every_number_to_level_26_agrees_with_the_recursion():
    for (genus, n), numbers in complete_table(26).items():
        assert numbers.integers.tolist() == by_recursion(genus, n)


def test_long_sums_of_products_do_not_overflow():
    """Genus 12 sums hundreds of products of residues; two points have a closed form."""
    numbers = complete_table(24, lazy=True)[12, 2]
    assert dict(numbers) == {d: correlator(12, d, method="closed_form") for d in degree_tuples(35, 2)}


def test_primitives_on_several_cores_are_the_same(monkeypatch):
    alone = dict(primitives(21, PartitionMaps(21), 11))
    monkeypatch.setattr(kdv_module, "_SEVERAL_CORES", 0)
    monkeypatch.setattr(kdv_module, "_PRIMES_PER_WORKER", 1)
    monkeypatch.setattr(kdv_module.os, "cpu_count", lambda: 2)
    assert dict(primitives(21, PartitionMaps(21), 11)) == alone


def test_too_few_primes_would_be_noticed(monkeypatch):
    """The comparison above can fail: with one prime less the numbers of the highest genus are wrong."""
    right = dict(primitives(14, PartitionMaps(14), 7))
    primes = kdv_module._primes
    monkeypatch.setattr(kdv_module, "_primes", lambda bits: primes(bits)[:-1] or primes(bits))
    assert dict(primitives(14, PartitionMaps(14), 7))[7] != right[7]


def test_a_lazy_table_makes_the_same_numbers_when_read():
    full, lazy = complete_table(13), complete_table(13, lazy=True)
    assert isinstance(lazy, CompleteTable) and list(lazy) == list(full)
    for key, numbers in full.items():
        assert lazy[key].integers.tolist() == numbers.integers.tolist()
        assert (lazy[key].log_values() == numbers.log_values()).all()
    assert repr(lazy) == "CompleteTable(max_level=13: 2,268 numbers, made when read)"
    assert repr(full) == "CompleteTable(max_level=13: 2,268 numbers, all held)"
    assert sum(map(len, lazy.values())) == count_numbers(13) == 2268


def test_only_its_types_are_in_it():
    tables = complete_table(6)
    for missing in [(0, 2), (2, 5), (4, 0), (1, 0), (9, 1), 3]:
        assert missing not in tables
        with pytest.raises(KeyError):
            tables[missing]


def test_tables_read_as_fractions_and_logarithms():
    numbers = complete_table(11)[3, 7]
    for degrees, value in numbers.items():
        assert numbers[tuple(reversed(degrees))] == value == correlator(3, degrees)
    assert list(numbers.values()) == list(numbers.fractions()) == [numbers[d] for d in numbers]
    assert all(type(v) is Fraction for v in numbers.values())
    exact = [logarithm(v) for v in numbers.values()]
    assert np.abs(numbers.log_values() / exact - 1).max() < 1e-15


def test_logarithms_near_one_do_not_cancel():
    """<tau_0^2 tau_2^6>_2 and the like come close to 1; the relative error of their logarithm stays small."""
    checked = 0
    for numbers in complete_table(14).values():
        for value, log in zip(numbers.values(), numbers.log_values(), strict=True):
            if 0.9 < value < 1.1 and value != 1:
                assert log == pytest.approx(logarithm(value), rel=2e-15, abs=0)
                checked += 1
            elif value == 1:
                assert log == 0.0
    assert checked >= 5


@pytest.mark.parametrize("genus", [2, 5])
def test_logarithms_of_primitives(genus):
    for n in range(1, 3 * genus - 2):
        for excess in degree_tuples(3 * genus - 3 - n, n):
            degrees = tuple(e + 2 for e in excess)
            assert log_correlator(genus, degrees) == pytest.approx(
                logarithm(correlator(genus, degrees)), rel=2e-15, abs=0
            )


@pytest.mark.slow
def test_logarithms_of_all_primitives_to_genus_13():
    worst, count = 0.0, 0
    for genus in range(2, 14):
        for n in range(1, 3 * genus - 2):
            for excess in degree_tuples(3 * genus - 3 - n, n):
                degrees = tuple(e + 2 for e in excess)
                exact = logarithm(correlator(genus, degrees))
                worst, count = max(worst, abs(log_correlator(genus, degrees) / exact - 1)), count + 1
    assert count == 39783 and worst < 2e-15


@pytest.mark.parametrize(("genus", "num_points"), [(2, 40), (5, 15), (9, 2), (9, 4), (11, 3), (30, 3), (0, 9), (1, 9)])
def test_both_ways_to_a_single_table(genus, num_points):
    assert table(genus, num_points).integers.tolist() == by_recursion(genus, num_points)


def test_every_way_to_a_single_table_is_taken():
    assert [table_cost(*t).way for t in [(2, 40), (9, 2), (9, 4), (30, 3)]] == ["kdv", "closed_form", "dvv", "liu_xu"]


def test_a_table_beyond_floats():
    numbers = table(100, 2)
    assert numbers.log_values()[3] == log_correlator(100, (3, 296))
    assert numbers.integers[3] > 10**308 and len(numbers) == 150


@pytest.mark.parametrize(
    "call",
    [lambda: complete_table(70), lambda: complete_table(90, lazy=True), lambda: table(50, 20)],
)
def test_too_large_a_table_is_refused_with_its_size(call):
    with pytest.raises(UnableError, match=r"too large.*[0-9,]+ numbers, about .* about .*GiB of memory.*force=True"):
        call()


def test_force_begins_it_all_the_same(monkeypatch):
    from popmath.intersections import sizes

    monkeypatch.setattr(sizes, "_LONG", 0.0)
    with pytest.raises(UnableError):
        complete_table(5)
    assert len(complete_table(5, force=True)) == 14 and len(table(2, 1, force=True)) == 1


def test_too_little_memory_is_enough_to_refuse(monkeypatch):
    from popmath.intersections import sizes

    monkeypatch.setattr(sizes, "_physical_memory", lambda: 2.0**26)
    with pytest.raises(UnableError, match="64.0 MiB of memory"):
        complete_table(30)
    assert len(complete_table(4)) == 10


def test_costs_grow_and_count():
    costs = [complete_table_cost(n) for n in (20, 30, 40, 50)]
    assert [c.numbers for c in costs] == [31703, 693941, 9422139, 93988384]
    for smaller, larger in itertools.pairwise(costs):
        assert smaller.seconds < larger.seconds and smaller.bytes < larger.bytes
    assert complete_table_cost(50, lazy=True).bytes < costs[-1].bytes / 10
    assert str(costs[0]).startswith("31,703 numbers, about 0.")
