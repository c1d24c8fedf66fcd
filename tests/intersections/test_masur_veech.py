"""Masur-Veech volumes against published ones, the dilaton equation behind n = 0, and frequencies of curves."""

import math
from fractions import Fraction
from itertools import product

import pytest

from popmath.intersections import correlator
from popmath.intersections.airy import amplitude
from popmath.intersections.airy_structures import masur_veech_structure
from popmath.intersections.masur_veech import MasurVeechVolume, masur_veech_volume, simple_curve_frequencies


@pytest.mark.parametrize(
    ("genus", "num_points", "value"),
    [
        (1, 1, "2/3"),
        (1, 2, "1/3"),
        (1, 3, "11/60"),
        (2, 0, "1/15"),
        (2, 1, "29/840"),
        (3, 0, "115/33264"),
        (4, 0, "2106241/11548293120"),
    ],
)
def test_published_volumes(genus, num_points, value):
    """Goujard (2016); Delecroix, Goujard, Zograf and Zorich (2021)."""
    volume = masur_veech_volume(genus, num_points)
    assert isinstance(volume, MasurVeechVolume)
    assert (volume.coefficient, volume.pi_power) == (Fraction(value), 6 * genus - 6 + 2 * num_points)


@pytest.mark.parametrize("n", range(4, 13))
def test_spheres(n):
    """Athreya, Eskin and Zorich (2016): 2 pi^2 (pi^2 / 2)^(n - 4)."""
    assert masur_veech_volume(0, n).coefficient == 2 * Fraction(1, 2) ** (n - 4)


def test_the_propagator_is_its_integral():
    """u_00 and u_01 read off from type (1, 1) and (0, 4), against the integral of l^(2a+2b+1) / (e^l - 1)."""
    steps = 4000
    grid = [(i + 0.5) * 60 / steps for i in range(steps)]
    integral = [sum(x ** (2 * m + 1) / math.expm1(x) for x in grid) * 60 / steps for m in (0, 1)]
    assert 2 * float(amplitude(masur_veech_structure(), 1, (0,))) * math.pi**2 == pytest.approx(integral[0], rel=1e-3)
    b = dict(masur_veech_structure().B(0, 0, 3))
    assert float(b[1]) * math.pi**4 == pytest.approx(integral[1] / 2, rel=1e-6)


@pytest.mark.parametrize(
    ("genus", "degrees"), [(0, (0, 0, 0)), (1, (0,)), (1, (0, 1)), (2, (0,)), (2, (2, 1)), (3, (0,))]
)
def test_dilaton(genus, degrees):
    """What the volumes without points rest on."""
    expected = (2 * genus - 2 + len(degrees)) * amplitude(masur_veech_structure(), genus, degrees)
    assert amplitude(masur_veech_structure(), genus, (*degrees, 1)) == expected


def test_genus_2_by_its_stable_graphs():
    """The seven stable graphs of type (2, 0), written out; <tau_4>_2 without edges has no room."""

    def u(a, b):
        m = a + b + 1
        zeta = {1: Fraction(1, 6), 2: Fraction(1, 90), 3: Fraction(1, 945)}[m]
        return zeta * math.factorial(2 * m - 1) / (2 ** (a + b) * math.factorial(a) * math.factorial(b))

    total = sum(u(a, 2 - a) * correlator(1, (a, 2 - a)) for a in range(3)) / 2  # a loop at genus 1
    total += u(1, 1) * correlator(1, (1,)) ** 2 / 2  # two tori
    total += sum(u(a, b) * u(c, d) * correlator(0, (a, b, c, d)) for a, b, c, d in product(range(2), repeat=4)) / 8
    total += sum(u(0, b) * correlator(1, (b,)) for b in range(2)) * u(0, 0) / 2  # a torus and a sphere with a loop
    total += u(0, 0) ** 3 * (Fraction(1, 8) + Fraction(1, 12))  # dumbbell and theta graph
    assert amplitude(masur_veech_structure(), 2, (1,)) / 2 == total
    assert masur_veech_volume(2, 0).coefficient == Fraction(2**6 * math.factorial(4), math.factorial(5)) * total


def test_record():
    volume = masur_veech_volume(2, 0)
    assert str(volume) == "1/15 pi^6"
    assert float(volume) == pytest.approx(math.pi**6 / 15, rel=1e-15)


@pytest.mark.parametrize("call", [masur_veech_volume, simple_curve_frequencies])
@pytest.mark.parametrize(
    ("genus", "n", "error", "message"),
    [
        (0, 3, ValueError, "three .* n >= 4"),
        (0, 2, ValueError, "no stable curves"),
        (1, 0, ValueError, "no stable curves"),
        (1.5, 1, TypeError, "genus must be an integer"),
        (2, -1, ValueError, "num_points must be at least 0"),
    ],
)
def test_bad_requests(call, genus, n, error, message):
    with pytest.raises(error, match=message):
        call(genus, n)


# Frequencies of simple closed curves


def test_genus_2():
    """One separating curve in 49: the ratio 1/48 of Delecroix, Goujard, Zograf and Zorich."""
    assert simple_curve_frequencies(2) == {(): Fraction(48, 49), ((1, 0), (1, 0)): Fraction(1, 49)}


def test_spheres_with_six_cusps():
    """Three against three is 4/3 as frequent as two against four (Mirzakhani 2008)."""
    shares = simple_curve_frequencies(0, 6)
    assert shares == {((0, 2), (0, 4)): Fraction(3, 7), ((0, 3), (0, 3)): Fraction(4, 7)}


def test_only_one_kind():
    assert simple_curve_frequencies(1, 1) == {(): 1}
    assert simple_curve_frequencies(0, 4) == {((0, 2), (0, 2)): 1}
    assert simple_curve_frequencies(0, 5) == {((0, 2), (0, 3)): 1}


@pytest.mark.parametrize(("genus", "n"), [(1, 2), (1, 4), (2, 3), (3, 0), (4, 1), (0, 9)])
def test_shares_sum_to_one(genus, n):
    shares = simple_curve_frequencies(genus, n)
    assert sum(shares.values()) == 1 and min(shares.values()) > 0
    assert all(2 * h - 1 + i > 0 for kind in shares for h, i in kind)
    for one, two in filter(None, shares):
        assert (one[0] + two[0], one[1] + two[1]) == (genus, n)


def test_separating_curves_become_rare():
    """sqrt(2 / (3 pi g)) 4^-g (Delecroix, Goujard, Zograf and Zorich 2021), with an error of order 1/g."""
    errors = []
    for genus in (10, 20):
        shares = simple_curve_frequencies(genus)
        ratio = float((1 - shares[()]) / shares[()])
        errors.append(abs(ratio / (math.sqrt(2 / (3 * math.pi * genus)) * 0.25**genus) - 1))
    assert errors[1] < 0.6 * errors[0] < 0.3
