"""Fock spaces and the second-quantised Hamiltonian: commutators, sectors, the Heisenberg picture, exactly."""

import itertools
import math

import numpy as np
import pytest
import scipy.linalg
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from popmath._errors import UnableError
from popmath.populations.fock_space import FockSpace
from popmath.populations.hamiltonian import leslie_hamiltonian
from popmath.populations.second_quantised import second_quantise

THREE = np.array([[0.2, 1.5, 1.0], [0.5, 0.0, 0.0], [0.0, 0.6, 0.3]])


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=2))
def test_basis_and_index(species):
    types, most = zip(*species, strict=True)
    space = FockSpace(types, most)
    ranges = [range(n + 1) for k, n in species for _ in range(k)]
    firsts = np.cumsum([0, *types])
    expected = {
        state
        for state in itertools.product(*ranges)
        if all(sum(state[a:b]) <= n for a, b, n in zip(firsts, firsts[1:], most, strict=False))
    }
    assert {tuple(state) for state in space.states.tolist()} == expected and space.size == len(expected)
    assert space.size == math.prod(math.comb(n + k, k) for k, n in species)
    assert np.array_equal(space.index(space.states), np.arange(space.size))
    assert space.index(-np.eye(sum(types), dtype=int)[0]) == -1
    top = np.zeros(sum(types), dtype=int)
    top[firsts[-2]] = most[-1] + 1
    assert space.index(top) == -1 and space.index(np.stack([0 * top, top])).tolist() == [0, -1]
    by_hand = [[sum(state[a:b]) for a, b in itertools.pairwise(firsts)] for state in space.states.tolist()]
    assert np.array_equal(space.totals, by_hand)


@pytest.mark.parametrize("kind", ["doi", "bosonic"])
@pytest.mark.parametrize("shape", [(3, 4), ((2, 1), (3, 5))])
def test_ladder_operators(kind, shape):
    space = FockSpace(*shape)
    types = space.states.shape[1]
    lower = [space.annihilation(k, kind).toarray() for k in range(types)]
    raised = [space.creation(k, kind).toarray() for k in range(types)]
    below = (space.totals < np.asarray(space.max_number)[None, :]).all(axis=1)
    for j, k in itertools.product(range(types), repeat=2):
        commutator = lower[j] @ raised[k] - raised[k] @ lower[j]
        np.testing.assert_allclose(commutator[:, below], (j == k) * np.eye(space.size)[:, below], atol=1e-13)
        assert np.abs(lower[j] @ lower[k] - lower[k] @ lower[j]).max() < 1e-13
        assert np.abs(raised[j] @ raised[k] - raised[k] @ raised[j]).max() < 1e-13
    for k in range(types):
        np.testing.assert_allclose(raised[k] @ lower[k], np.diag(space.states[:, k]), atol=1e-13)  # the number
        commutator = lower[k] @ raised[k] - raised[k] @ lower[k]
        assert np.abs(commutator - np.eye(space.size)).max() > 1  # negative control: not at the cut-off
    for index, state in enumerate(space.states):
        after = space.index(state - np.eye(types, dtype=int)[0])
        size = {"doi": state[0], "bosonic": np.sqrt(state[0])}[kind]
        assert np.flatnonzero(lower[0][:, index]).tolist() == ([after] if state[0] else [])
        assert state[0] == 0 or lower[0][after, index] == size
    assert (kind == "bosonic") == np.array_equal(raised[0], lower[0].T)
    if kind == "doi":
        assert set(np.unique(raised[0])) == {0.0, 1.0}


def test_space_refusals():
    with pytest.raises(ValueError, match="the space has 2054455634 states"):
        FockSpace(9, 40)
    with pytest.raises(ValueError, match="max_states = 10"):
        FockSpace(2, 4, max_states=10)
    assert FockSpace(2, 4, max_states=15).size == 15
    for types, most in ((0, 3), (2, 0), (-1, 2), ((), ()), (True, 2)):
        with pytest.raises(ValueError, match="whole number, at least 1|a number for each species"):
            FockSpace(types, most)
    with pytest.raises(ValueError, match="one number for each species"):
        FockSpace((2, 1), 3)
    space = FockSpace((2, 1), (3, 2))
    with pytest.raises(ValueError, match="sectors are for one species"):
        space.sector(1)
    with pytest.raises(ValueError, match="a type from 0 to 2"):
        space.annihilation(3)
    with pytest.raises(ValueError, match="of 3 types"):
        space.index([1, 2])
    with pytest.raises(ValueError, match="whole"):
        space.index(np.array([1.0, 2.0, 0.0]))
    with pytest.raises(ValueError, match="read-only"):
        space.states[0] = 1
    assert FockSpace(100, 1).size == 101  # many types


@st.composite
def leslie_matrices(draw):
    m = draw(st.integers(2, 3))
    L = np.diag(draw(st.lists(st.floats(0.2, 1.0), min_size=m - 1, max_size=m - 1)), -1)
    L[0] = draw(st.lists(st.floats(0.0, 2.0), min_size=m, max_size=m))
    L[0, -1] = draw(st.floats(0.2, 2.0))
    return L


@settings(max_examples=25)
@given(leslie_matrices())
def test_heisenberg_picture_and_spectrum(matrix):
    one = leslie_hamiltonian(matrix)
    assume(one.condition < 30)
    many = second_quantise(one, max_number=3)
    assert many.intertwining_error(1) < 1e-10 and many.intertwining_error(3) < 1e-10
    m = len(one.L)
    created = [many.space.creation(j, "bosonic").toarray() for j in range(m)]
    for number in (0, 1, 2):
        after, before = many.space.sector(number + 1), many.space.sector(number)
        for k in range(m):
            half = one.propagator(0.5)
            expected = sum(half[j, k] * created[j][after, before] for j in range(m))
            np.testing.assert_allclose(many.heisenberg_creation(k, 0.5, number), expected, atol=1e-10)
            commutator = many.block(number + 1) @ created[k][after, before] - created[k][after, before] @ many.block(
                number
            )
            expected = sum(one.H[j, k] * created[j][after, before] for j in range(m))
            np.testing.assert_allclose(commutator, expected, atol=1e-12 * np.abs(one.H).max())
    for number in (1, 2, 3):
        sums = [sum(pick) for pick in itertools.combinations_with_replacement(one.energies, number)]
        np.testing.assert_allclose(np.sort_complex(np.round(sums, 9)), _sorted(many.energies(number)), atol=1e-8)
        trace = np.trace(many.block(number).toarray())
        np.testing.assert_allclose(trace, np.sum(sums), atol=1e-10 * np.abs(sums).max())
        for energy in sums:  # every sum is an eigenvalue of the block
            shifted = many.block(number).toarray() - energy * np.eye(len(sums))
            sizes = scipy.linalg.svdvals(shifted)
            assert sizes[-1] < 1e-9 * max(1, sizes[0])


def _sorted(values):
    return np.sort_complex(np.round(values, 9))


def test_one_and_two_individuals():
    one = leslie_hamiltonian(THREE)
    many = second_quantise(one, max_number=2)
    np.testing.assert_allclose(many.block(1).toarray(), one.H, atol=1e-14)
    assert many.propagator(4, 0).tolist() == [[1]]
    np.testing.assert_allclose(many.propagator(4, 1), np.linalg.matrix_power(THREE, 4), atol=1e-11)
    # two bosons: the symmetric part of the Kronecker square
    power, states = np.linalg.matrix_power(THREE, 2), many.space.states[many.space.sector(2)]
    into = np.zeros((9, len(states)))
    for column, state in enumerate(states):
        pair = np.repeat(np.arange(3), state)
        for i, j in {tuple(pair), tuple(pair[::-1])}:
            into[3 * i + j, column] = 1 / np.sqrt(1 if i == j else 2)
    np.testing.assert_allclose(many.propagator(2, 2), into.T @ np.kron(power, power) @ into, atol=1e-11)


def test_number_is_kept_and_nothing_is_cut_off():
    many, larger = (second_quantise(leslie_hamiltonian(THREE), max_number=n) for n in (3, 5))
    number = np.diag(many.space.totals[:, 0])
    assert np.abs(many.operator @ number - number @ many.operator).max() == 0
    for n in range(4):
        assert np.array_equal(many.block(n).toarray(), larger.block(n).toarray())
    spaced = second_quantise(leslie_hamiltonian(THREE, branch=[1, 0, -1]), max_number=2)
    np.testing.assert_allclose(spaced.propagator(3, 2), larger.propagator(3, 2), atol=1e-9)
    assert np.abs(spaced.propagator(0.5, 2) - larger.propagator(0.5, 2)).max() > 0.1


def test_refusals_and_summary():
    many = second_quantise(leslie_hamiltonian(THREE), max_number=3)
    assert many.summary().startswith("20 states of up to 3 individuals in 3 classes")
    assert f"{3 * many.one_particle.growth[0]:.6g}" in many.summary()
    for call in (
        lambda: many.energies(4),
        lambda: many.heisenberg_creation(0, 1.0, 3),
        lambda: many.propagator(1.0, 4),
    ):
        with pytest.raises(ValueError, match="at most"):
            call()
    with pytest.raises(ValueError, match="finite"):
        many.propagator(np.inf, 1)
    with pytest.raises(ValueError, match="whole number"):
        many.intertwining_error(-1)
    with pytest.raises(ValueError, match="whole number"):
        second_quantise(many.one_particle, 0)
    with pytest.raises(ValueError, match="50000"):
        second_quantise(many.one_particle, 100)
    with pytest.raises(UnableError, match="at most 1500"):
        second_quantise(many.one_particle, 55).propagator(1.0, 55)
