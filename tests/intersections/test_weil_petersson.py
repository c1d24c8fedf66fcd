"""Weil-Petersson volumes through kappa classes against published polynomials and Mirzakhani's recursion."""

import copy
import math
import pickle
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest

from popmath.intersections import degree_tuples
from popmath.intersections.airy import amplitude
from popmath.intersections.airy_structures import weil_petersson_structure
from popmath.intersections.weil_petersson import WeilPeterssonVolume, weil_petersson_volume

PI2 = math.pi**2


def evaluated(genus, num_points, degrees=()):
    volume = weil_petersson_volume(genus, num_points)
    return volume.coefficient(degrees or (0,) * num_points), volume.pi_power(degrees)


@pytest.mark.parametrize(
    ("genus", "num_points", "value", "power"),
    [
        (0, 3, "1", 0),
        (0, 4, "2", 2),
        (0, 5, "10", 4),
        (1, 1, "1/12", 2),
        (1, 2, "1/4", 4),
        (2, 0, "43/2160", 6),
        (2, 1, "29/192", 8),
    ],
)
def test_published_constants(genus, num_points, value, power):
    """exact.md, section 4; Mirzakhani (2007), table 1."""
    assert evaluated(genus, num_points) == (Fraction(value), power)


def published(genus, lengths):
    """The polynomials as they are printed (Mirzakhani's V_1,1 halved; V_2,1 also in Do's tables)."""
    squares = [x * x for x in lengths]
    total, n = sum(squares), len(lengths)
    if (genus, n) == (0, 4):
        return (4 * PI2 + total) / 2
    if (genus, n) == (0, 5):
        mixed = (total**2 - sum(s * s for s in squares)) / 2
        return (sum(s * s for s in squares) + 4 * mixed + 24 * PI2 * total + 80 * PI2**2) / 8
    if (genus, n) == (1, 1):
        return (total + 4 * PI2) / 48
    if (genus, n) == (1, 2):
        return (4 * PI2 + total) * (12 * PI2 + total) / 192
    s = total  # (2, 1)
    return (4 * PI2 + s) * (12 * PI2 + s) * (6960 * PI2**2 + 384 * PI2 * s + 5 * s * s) / 2211840


@pytest.mark.parametrize(("genus", "num_points"), [(0, 4), (0, 5), (1, 1), (1, 2), (2, 1)])
def test_published_polynomials(genus, num_points):
    volume = weil_petersson_volume(genus, num_points)
    rng = np.random.default_rng(7)
    for lengths in rng.uniform(0, 20, size=(5, num_points)):
        assert volume(lengths) == pytest.approx(published(genus, lengths), rel=1e-14)
    assert volume() == pytest.approx(published(genus, [0.0] * num_points), rel=1e-14)


@pytest.mark.parametrize(("genus", "n"), [(0, 3), (0, 7), (1, 4), (2, 3), (3, 2), (4, 1)])
def test_mirzakhani_recursion(genus, n):
    """Every coefficient, on two independent ways: kappa classes, and the quantum Airy structure of the recursion."""
    volume = weil_petersson_volume(genus, n)
    keys = [d for total in range(3 * genus - 2 + n) for d in degree_tuples(total, n)]
    assert list(volume.coefficients) == keys
    for d in keys:
        scale = 2 ** sum(d) * math.prod(map(math.factorial, d))
        assert amplitude(weil_petersson_structure(), genus, d) == scale * volume.coefficient(d)


@pytest.mark.parametrize(("genus", "n"), [(0, 3), (0, 5), (1, 1), (1, 2), (2, 0), (2, 2), (3, 0)])
def test_do_norbury(genus, n):
    """d V_(g,n+1) / dL at L = 2 pi i is 2 pi i (2g - 2 + n) V_(g,n): L^2 becomes -4 pi^2, so rational parts suffice."""
    larger, smaller = weil_petersson_volume(genus, n + 1), weil_petersson_volume(genus, n)
    for d, c in smaller.coefficients.items():
        room = 3 * genus - 2 + n - sum(d)
        slope = sum(2 * e * larger.coefficient((*d, e)) * (-4) ** (e - 1) for e in range(1, room + 1))
        assert slope == (2 * genus - 2 + n) * c


def test_evaluation_by_brute_force():
    volume, lengths = weil_petersson_volume(1, 3), (0.5, 1.5, 2.5)
    expected = sum(
        float(c) * math.pi ** volume.pi_power(d) * math.prod(x ** (2 * e) for x, e in zip(lengths, p, strict=True))
        for d, c in volume.coefficients.items()
        for p in set(permutations(d))
    )
    assert volume(lengths) == pytest.approx(expected, rel=1e-14)
    assert volume(lengths[::-1]) == pytest.approx(expected, rel=1e-14)


def test_written():
    assert str(weil_petersson_volume(0, 3)) == "1"
    assert str(weil_petersson_volume(1, 2)) == (
        "1/4 pi^4 + 1/12 pi^2 (L1^2 + ... ) + 1/192 (L1^4 + ... ) + 1/96 L1^2 L2^2"
    )
    assert weil_petersson_volume(1, 1)._repr_latex_() == (r"$V_{1,1} = \frac{1}{12} \pi^{2} + \frac{1}{48} L_{1}^{2}$")


def test_coefficients():
    volume = weil_petersson_volume(1, 2)
    assert isinstance(volume, WeilPeterssonVolume)
    assert volume.coefficient((2, 0)) == volume.coefficient((0, 2)) == Fraction(1, 192)
    assert volume.coefficient((5, 5)) == 0
    with pytest.raises(TypeError):
        volume.coefficients[0, 0] = Fraction(1)
    assert pickle.loads(pickle.dumps(volume)) == copy.deepcopy(volume) == volume != weil_petersson_volume(1, 3)


@pytest.mark.parametrize(
    ("genus", "n", "error", "message"),
    [
        (0, 2, ValueError, "no stable curves of genus 0 with 2"),
        (1, 0, ValueError, "no stable curves"),
        (1.0, 1, TypeError, "genus must be an integer"),
        (1, -1, ValueError, "num_points must be at least 0"),
        (1, "1", TypeError, "num_points must be an integer"),
    ],
)
def test_bad_requests(genus, n, error, message):
    with pytest.raises(error, match=message):
        weil_petersson_volume(genus, n)


@pytest.mark.parametrize("lengths", [(1.0,), (1.0, 2.0, 3.0), (-1.0, 2.0), (math.nan, 1.0), (math.inf, 1.0)])
def test_bad_lengths(lengths):
    with pytest.raises(ValueError, match="^lengths must be"):
        weil_petersson_volume(1, 2)(lengths)
