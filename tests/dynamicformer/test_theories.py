"""Data of several theories against engines that share no code, and what is refused."""

import numpy as np
import pytest

from popmath.dynamicformer.encoding import encode, log_double_factorials, without_degree
from popmath.dynamicformer.theories import PSI, THEORIES, Theory, tensor_of, theory_of, theory_samples
from popmath.intersections import correlator, log_fraction, masur_veech_structure, theta_correlator, types_up_to
from popmath.intersections.airy import amplitude


def plain(samples):
    degrees = [
        tuple(np.repeat(d, m).tolist())
        for d, m in zip(samples.requests.degrees, samples.requests.multiplicity, strict=True)
    ]
    values = samples.log_scaled - log_double_factorials(samples.requests)
    return zip(samples.requests.genus.tolist(), degrees, values, strict=True)


@pytest.mark.parametrize(("name", "engine"), [(PSI, correlator), ("Bessel", theta_correlator)])
def test_numbers_against_another_engine(name, engine):
    found = list(plain(theory_samples(name, 9, 5)))
    assert len(found) > 5
    for genus, degrees, value in found:
        assert value == pytest.approx(log_fraction(engine(genus, degrees)), abs=1e-12)


def test_weil_petersson_against_volumes_that_are_known():
    # V_{1,1} = (L^2 + 4 pi^2) / 48 and V_{0,4} = (4 pi^2 + sum L^2) / 2, as coefficients of L^{2d} / (2^d d!)
    found = {(g, d): np.exp(v) for g, d, v in plain(theory_samples("Weil-Petersson", 2, 1))}
    known = {(1, (0,)): 1 / 12, (1, (1,)): 1 / 24, (0, (0, 0, 0)): 1, (0, (0, 0, 0, 0)): 2, (0, (0, 0, 0, 1)): 1}
    for request, value in known.items():
        assert found[request] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("name", [name for name, theory in THEORIES.items() if theory.removed is not None])
def test_the_removed_degree_has_a_dilaton_equation(name):
    theory, d = theory_of(name), theory_of(name).removed
    structure = theory.structure()
    checked = 0
    for genus, degrees, _ in plain(theory_samples(name, 9 if name == "Bessel" else 6, 5)):
        assert d not in degrees or degrees == (d,)
        more = amplitude(structure, genus, (*degrees, d, d))
        level = 2 * genus - 2 + len(degrees)
        kept, log_factor = without_degree(encode([genus], [(d, *degrees, d)], structure.sum_range), d)
        assert more == level * (level + 1) * amplitude(structure, genus, degrees)
        assert kept.num_points[0] == len(degrees) and np.exp(log_factor[0]) == pytest.approx(level * (level + 1))
        checked += 1
    assert checked > 3


def test_every_number_is_there_once():
    found = [(g, d) for g, d, _ in plain(theory_samples("Masur-Veech", 5, 9))]
    assert len(found) == len(set(found))
    for genus, points in types_up_to(5):
        if points:
            largest = (0,) * (points - 1) + (3 * genus - 3 + points,)
            is_there = (genus, largest) in found
            kept = 1 not in largest or (largest == (1,) and genus > 1)
            assert is_there == (kept and amplitude(masur_veech_structure(), genus, largest) != 0)


def test_a_theory_says_what_is_known_of_it():
    assert isinstance(theory_of("Bessel"), Theory) and theory_of("Weil-Petersson").removed is None


def test_tensors_tell_theories_apart():
    shown = {name: tensor_of(name) for name in THEORIES}
    assert all((each[:, 3] > 0).all() and each[:, :3].max() == 6 for each in shown.values())
    assert len({each.tobytes() for each in shown.values()}) == len(THEORIES)


def test_what_is_refused():
    with pytest.raises(ValueError, match="theory must be one of Witten-Kontsevich"):
        theory_samples("Gromov-Witten", 5, 2)
    with pytest.raises(ValueError, match="sum to 3, not to 1: the number is exactly 0"):
        encode([2], [(3,)], theory_of("Bessel").structure().sum_range)
    with pytest.raises(ValueError, match="sum to 9, not to one of 0 to 4"):
        encode([2], [(9,)], theory_of("Weil-Petersson").structure().sum_range)
