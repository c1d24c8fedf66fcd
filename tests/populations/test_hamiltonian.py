"""H = i log L: identities of the propagator, branches, what is refused, and the quantum form of a projection."""

import jax
import numpy as np
import pytest
import scipy.linalg
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from popmath._errors import UnableError
from popmath.populations.hamiltonian import leslie_hamiltonian
from popmath.populations.matrix_population import MatrixPopulation
from popmath.populations.projection import project
from popmath.populations.quantum_evolution import evolve_quantum
from popmath.populations.reproductive import reproductive_block

PAIR = np.array([[0.0, 1.5, 1.0], [0.5, 0.0, 0.0], [0.0, 0.25, 0.0]])  # one positive, two negative eigenvalues
TURNING = np.array([[0.0, 0.2, 3.0], [0.7, 0.0, 0.0], [0.0, 0.6, 0.4]])  # one complex pair
POST = np.array([[0.5, 2.0, 0.0, 0.0], [0.4, 0.0, 0.0, 0.0], [0.0, 0.3, 0.0, 0.0], [0.0, 0.0, 0.2, 0.0]])


@st.composite
def leslie(draw, largest=6):
    m = draw(st.integers(2, largest))
    rate = st.floats(0.1, 1.0)
    matrix = np.diag(draw(st.lists(rate, min_size=m - 1, max_size=m - 1)), -1)
    matrix[0] = draw(st.lists(st.floats(0.0, 3.0), min_size=m, max_size=m))
    matrix[0, -1] = draw(st.floats(0.05, 3.0))
    return matrix


@st.composite
def stages(draw):
    m = draw(st.integers(2, 5))
    entry = st.one_of(st.just(0.0), st.floats(0.05, 2.0))  # scales far apart have a test of their own
    return np.array(draw(st.lists(entry, min_size=m * m, max_size=m * m))).reshape(m, m)


def well_posed(matrix, branch=None):
    """The Hamiltonian, or another example where it is refused or barely accepted."""
    try:
        found = leslie_hamiltonian(matrix, branch=branch)
    except UnableError:
        assume(False)
    assume(found.condition < 1e3)
    return found


def near(found, expected, tolerance=1e-10):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


def double_root(a, r, more=0.0):
    """A Leslie matrix with eigenvalues a, -r, -r: defective, as every Leslie matrix with a repeated eigenvalue."""
    return np.array([[a - 2 * r, (2 * a * r - r * r) / 0.5 + more, a * r * r / 0.25], [0.5, 0, 0], [0, 0.5, 0]])


@settings(max_examples=60)
@given(matrix=st.one_of(leslie(), stages()), data=st.data())
def test_identities(matrix, data):
    m = len(matrix)
    numbers = data.draw(st.one_of(st.none(), st.lists(st.integers(-3, 3), min_size=m, max_size=m)))
    try:
        found = well_posed(matrix, numbers)
    except ValueError:  # different branches of an eigenvalue that is there twice
        assume(False)
    near(scipy.linalg.expm(-1j * found.H), matrix)
    for t in (0, 1, 2, 5):
        power = np.linalg.matrix_power(matrix, t)
        near(found.propagator(t), power)
        near(scipy.linalg.expm(-1j * t * found.H), power)
    near(found.propagator(-1) @ matrix, np.eye(m), 1e-9)
    near(found.propagator(0.3) @ found.propagator(0.7), matrix)
    near(found.left @ found.right, np.eye(m))
    near(found.H @ found.right, found.right * found.energies)
    near(found.left @ found.H, found.energies[:, None] * found.left)
    near(matrix @ found.right, found.right * found.multipliers)
    near(np.exp(found.growth + 1j * found.frequency), found.multipliers)
    near(found.growth, np.log(np.abs(found.multipliers)), 1e-12)
    near(np.abs(found.right).sum(axis=0), np.ones(m))
    np.testing.assert_allclose(np.trace(found.H), found.energies.sum(), atol=1e-10 * np.abs(found.energies).max())
    assert found.residual < 1e-12
    if numbers is None:
        assert found.branch == (0,) * m and (np.abs(found.frequency) <= np.pi).all()


@settings(max_examples=40)
@given(leslie())
def test_the_dominant_mode_comes_first(matrix):
    found = well_posed(matrix)
    values = np.linalg.eigvals(matrix)
    np.testing.assert_allclose(found.multipliers[0], np.abs(values).max(), rtol=1e-9)
    assert found.multipliers[0].imag == 0 and found.frequency[0] == 0
    assert (found.right[:, 0].real > 0).all() and np.abs(found.right[:, 0].imag).max() == 0
    np.testing.assert_allclose(np.sort(np.abs(values))[::-1], np.abs(found.multipliers), rtol=1e-9)
    assert (np.diff(found.growth) < 1e-8).all()


def test_it_is_i_times_the_logarithm():
    for matrix in (TURNING, np.array([[0.9, 0.4], [0.1, 0.8]])):
        near(leslie_hamiltonian(matrix).H, 1j * scipy.linalg.logm(matrix), 1e-12)


def test_order_and_signs():
    found = leslie_hamiltonian([[0.5, 2.0], [0.5, 0.0]])
    high, low = (0.5 + np.sqrt(4.25)) / 2, (np.sqrt(4.25) - 0.5) / 2
    near(found.energies, [1j * np.log(high), 1j * np.log(low) - np.pi], 1e-14)
    near(found.frequency, [0.0, np.pi], 1e-14)
    ring = leslie_hamiltonian([[0, 0, 2.0], [0.5, 0, 0], [0, 0.5, 0]])  # all moduli equal: by angle, + before -
    near(ring.frequency, [0, 2 * np.pi / 3, -2 * np.pi / 3], 1e-12)
    near(ring.growth, np.full(3, np.log(0.5) / 3), 1e-12)
    turning = leslie_hamiltonian(TURNING)
    assert turning.multipliers[1].imag > 0 and turning.multipliers[2] == turning.multipliers[1].conj()
    assert turning.energies[1].real == -np.angle(turning.multipliers[1])
    assert np.linalg.norm(turning.H - turning.H.conj().T) > 0.1  # not Hermitian


def test_branches_agree_at_whole_times_only():
    principal = leslie_hamiltonian(TURNING)
    opposite, other = leslie_hamiltonian(TURNING, branch=[0, 1, -1]), leslie_hamiltonian(TURNING, branch=[0, 2, 1])
    near(opposite.energies - principal.energies, [0, -2 * np.pi, 2 * np.pi], 1e-12)
    for t in (1, 4):
        near(opposite.propagator(t), principal.propagator(t))
        near(other.propagator(t), principal.propagator(t))
    half = [found.propagator(0.5) for found in (principal, opposite, other)]
    near(half[0] @ half[0], TURNING)
    near(half[1] @ half[1], TURNING)
    assert np.abs(half[0].imag).max() < 1e-14 and np.abs(half[1].imag).max() < 1e-14  # opposite numbers: a real flow
    assert np.abs(half[2].imag).max() > 0.1 and np.abs(half[1] - half[0]).max() > 0.1
    assert np.abs(leslie_hamiltonian(PAIR).propagator(0.5).imag).max() > 0.1  # negative eigenvalue: no real root


def test_scales_far_apart():
    fish = np.array([[0, 2e4, 1e6], [1e-5, 0, 0], [0, 0.2, 0.5]])
    found = leslie_hamiltonian(fish)
    assert found.condition < 10
    np.testing.assert_allclose(found.propagator(1).real[fish > 0], fish[fish > 0], rtol=1e-12)
    np.testing.assert_allclose(found.propagator(9).real, np.linalg.matrix_power(fish, 9), rtol=1e-10)


def test_equal_eigenvalues_that_are_not_defective():
    found = leslie_hamiltonian(np.diag([0.5, 0.5, 0.3]), branch=[1, 1, 0])
    near(found.propagator(3), np.diag([0.5, 0.5, 0.3]) ** 3)
    with pytest.raises(ValueError, match="equal eigenvalues need the same branch"):
        leslie_hamiltonian(np.diag([0.5, 0.5, 0.3]), branch=[1, 0, 0])


@pytest.mark.parametrize(("a", "r"), [(1.0, 0.4), (1.3, 0.5), (2.0, 0.3), (1.0, 0.1)])
def test_defective_matrices_are_refused(a, r):
    with pytest.raises(UnableError, match="defective"):
        leslie_hamiltonian(double_root(a, r))
    near_by = [leslie_hamiltonian(double_root(a, r, more)) for more in (1e-3, 1e-6, 1e-9)]
    conditions = [found.condition for found in near_by]
    for found in near_by:
        assert found.residual < 1e-10
    assert conditions[0] < conditions[1] < conditions[2]
    assert conditions[1] / conditions[0] == pytest.approx(np.sqrt(1e3), rel=0.3)  # like 1 / distance of the roots
    with pytest.raises(UnableError, match="share an eigenvector"):
        leslie_hamiltonian([[0.5, 1.0], [0.0, 0.5]])


def test_both_limits_are_kept(monkeypatch):
    # refused by the condition number alone; the residual is 4e-11
    with pytest.raises(UnableError, match=r"is [1-4]\.\de\+06"):
        leslie_hamiltonian(double_root(1.0, 0.4, 6.4e-13))
    monkeypatch.setattr("popmath.populations.hamiltonian.TOLERANCE", 1e-18)
    with pytest.raises(UnableError, match="holds to 1e-18"):
        leslie_hamiltonian(TURNING)


def test_a_root_that_is_there_four_times():
    # four-fold root, split by a little: the condition number is the cube of 1 / distance
    ring = np.diag(np.full(4, 0.5)) + np.diag(np.full(3, 1.0), 1)
    for more in (1e-14, 1e-11):
        ring[3, 0] = more
        with pytest.raises(UnableError, match="defective, or too near"):
            leslie_hamiltonian(ring + np.triu(np.full((4, 4), 0.1), 1))


def test_the_reproductive_block():
    block = reproductive_block(POST)
    assert block.kept == (0, 1) and block.left_out == (2, 3) and block.left_out_names == ("class 3", "class 4")
    assert np.array_equal(block.matrix, POST[:2, :2]) and "class 3, class 4" in block.summary()
    start = np.array([3.0, 1.0, 2.0, 5.0])
    for t in range(6):  # exact, and the zeros of the spectrum are what is left out
        near(np.linalg.matrix_power(block.matrix, t) @ start[:2], (np.linalg.matrix_power(POST, t) @ start)[:2])
    np.testing.assert_allclose(np.sort(np.abs(np.linalg.eigvals(POST)))[:2], 0, atol=1e-12)
    near(leslie_hamiltonian(block.matrix).propagator(3), np.linalg.matrix_power(POST, 3)[:2, :2])
    with pytest.raises(UnableError, match=r"Classes \[2, 3\] .* reproductive_block\(matrix\)\.matrix"):
        leslie_hamiltonian(POST)
    # the order of the classes does not matter
    turned = POST[::-1, ::-1]
    assert reproductive_block(turned).kept == (2, 3) and np.array_equal(
        reproductive_block(turned).matrix, turned[2:, 2:]
    )


def test_blocks_with_names_and_plus_groups():
    plus = POST + np.diag([0, 0, 0, 0.9])  # what survives in place is a loop of its own, and so is what leads to it
    assert reproductive_block(plus).left_out == () and "none is left out" in reproductive_block(plus).summary()
    named = MatrixPopulation(np.tril(POST, -1), np.triu(POST), names=("a", "b", "c", "d"))
    assert reproductive_block(named).kept_names == ("a", "b") and reproductive_block(named).left_out_names == ("c", "d")
    near(leslie_hamiltonian(MatrixPopulation(np.tril(PAIR, -1), np.triu(PAIR))).H, leslie_hamiltonian(PAIR).H, 1e-15)


def test_singular_without_a_way_out():
    for singular in ([[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.5, 0.8]], np.diag([1.0, 1e-17])):
        with pytest.raises(UnableError, match="singular"):
            leslie_hamiltonian(singular)
    with pytest.raises(UnableError, match="no block to restrict"):
        leslie_hamiltonian([[1.0, 1.0], [1.0, 1.0]])
    with pytest.raises(UnableError, match="no class leads to a loop"):
        reproductive_block(np.diag([0.5, 0.4], -1))
    with pytest.raises(UnableError, match="singular"):
        leslie_hamiltonian(np.zeros((2, 2)))


@settings(max_examples=40)
@given(leslie(), st.lists(st.floats(0.0, 100.0), min_size=6, max_size=6), st.integers(0, 60))
def test_quantum_evolution_is_the_projection(matrix, start, t):
    well_posed(matrix)
    initial = np.array(start[: len(matrix)]) + np.eye(len(matrix))[0]
    found = evolve_quantum(matrix, initial, [0, t])
    expected = project(matrix, initial, t)[[0, t]]
    assert found.abundances.dtype == np.float64
    size = expected.max(axis=1, keepdims=True)
    assert (np.abs(found.abundances - expected) <= 1e-10 * size).all()
    assert found.imaginary_residue < 1e-10 and found.difference < 1e-10


def test_quantum_evolution_of_one_time():
    found = evolve_quantum(PAIR, [8, 4, 4], 2)
    near(found.abundances, [[7.0, 5.0, 1.0]], 1e-13)
    assert found.times.tolist() == [2] and found.summary().startswith("t = 2: [7. 5. 1.]")
    assert found.difference == np.abs(found.abundances - [7, 5, 1]).max() / 7


def test_quantum_evolution_says_when_rounding_has_taken_over():
    # the start lacks the dominant mode, of which rounding puts in 1e-16: fine at first, nonsense later
    matrix = np.array(
        [
            [0.175, 0.2, 0.125, 0.0, 0.15, 0.1],
            [0.0, 0.5, 0.0, 0.8, 0.0, 0.5],
            [0.025, 0.2, 0.05, 0.1, 0.025, 0.1],
            [0.0, 0.6, 0.0, 0.5, 0.0, 0.6],
            [0.075, 0.2, 0.025, 0.0, 0.075, 0.2],
            [0.0, 0.6, 0.0, 0.8, 0.0, 0.7],
        ]
    )
    start = [1, 0, 1, 0, 1, 0]
    assert evolve_quantum(matrix, start, 3).difference < 1e-10
    with pytest.raises(UnableError, match="the start lacks the dominant mode"):
        evolve_quantum(matrix, start, [1, 20])
    assert evolve_quantum(matrix, np.ones(6), 200).difference < 1e-12


def test_refusals():
    with pytest.raises(ValueError, match="square"):
        leslie_hamiltonian(np.ones((2, 3)))
    with pytest.raises(ValueError, match="one matrix"):
        leslie_hamiltonian(np.ones((2, 2, 2)))
    with pytest.raises(ValueError, match=r"matrix\[1, 0\] must be .* got -0.5"):
        leslie_hamiltonian([[0.5, 2.0], [-0.5, 0.0]])
    with pytest.raises(ValueError, match="got nan"):
        leslie_hamiltonian([[0.5, np.nan], [0.5, 0.0]])
    for branch in ([0, 1], [0.5, 0.0, 0.0], [[0, 0, 0]]):
        with pytest.raises(ValueError, match="one whole number per eigenvalue"):
            leslie_hamiltonian(PAIR, branch=np.asarray(branch))
    for t in (np.nan, np.inf):
        with pytest.raises(ValueError, match="finite number"):
            leslie_hamiltonian(PAIR).propagator(t)
    with pytest.raises(OverflowError, match="exceeds the range"):
        leslie_hamiltonian([[0.5, 2.0], [0.5, 0.0]]).propagator(1e5)
    for time in (1.5, -1, [1, -2], [0.0, 1.0], True):
        with pytest.raises(ValueError, match="whole number"):
            evolve_quantum(PAIR, [1, 1, 1], np.asarray(time))
    with pytest.raises(ValueError, match="several in a row"):
        evolve_quantum(PAIR, [1, 1, 1], np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="initial must have shape"):
        evolve_quantum(PAIR, np.ones((2, 3)), 1)
    for start in ([1, 1], [1, -1, 1], [0, 0, 0], [1, np.nan, 1]):
        with pytest.raises(ValueError, match="initial must"):
            evolve_quantum(PAIR, start, 1)
    with pytest.raises(OverflowError):
        evolve_quantum([[2.0, 2.0], [0.5, 0.0]], [1, 1], 2000)
    for function in (lambda x: leslie_hamiltonian(x).H, lambda x: reproductive_block(x).matrix):
        with pytest.raises(UnableError, match="outside jax.jit"):
            jax.jit(function)(PAIR)


def test_record():
    found = leslie_hamiltonian(TURNING, branch=[0, 1, -1])
    lines = found.summary().splitlines()
    assert lines[0].startswith("mode 1: lambda = ") and "branch -1" in lines[2] and len(lines) == 4
    table = found.to_dataframe()
    assert list(table.columns) == ["multiplier", "energy", "growth", "frequency", "branch"]
    assert table.index.tolist() == [1, 2, 3] and table["branch"].tolist() == [0, 1, -1]
    assert np.array_equal(table["growth"], found.growth)
