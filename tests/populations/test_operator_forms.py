"""Closed form of H for two classes, symmetrised matrix and polar Hamiltonian, against what shares no code."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from popmath._errors import UnableError
from popmath.populations.hamiltonian import leslie_hamiltonian
from popmath.populations.operator_forms import polar_hamiltonian, symmetrised, two_class_hamiltonian

rate = st.floats(0.05, 3.0)


def near(found, expected, tolerance=1e-10):
    assert np.abs(np.asarray(found) - np.asarray(expected)).max() <= tolerance * np.abs(expected).max()


@settings(max_examples=80)
@given(f1=st.floats(0.0, 3.0), f2=rate, s=st.floats(0.05, 1.0))
def test_closed_form_of_a_leslie_matrix(f1, f2, s):
    L = np.array([[f1, f2], [s, 0.0]])
    H = two_class_hamiltonian(L)
    near(H, leslie_hamiltonian(L).H)
    near(scipy.linalg.expm(-1j * H), L)
    near(scipy.linalg.expm(-5j * H), np.linalg.matrix_power(L, 5))
    high, low = ((f1 + sign * np.sqrt(f1**2 + 4 * s * f2)) / 2 for sign in (1, -1))
    spectrum = np.linalg.eigvals(H)
    spectrum = spectrum[np.argsort(-spectrum.real)]
    near(spectrum, [1j * np.log(high), 1j * np.log(-low) - np.pi])
    assert low < 0


@settings(max_examples=40)
@given(a=rate, b=rate, c=rate, d=rate)
def test_closed_form_of_two_stages(a, b, c, d):
    L = np.array([[a, b], [c, d]])
    if abs(a * d - b * c) < 1e-3 or abs(a - d) + b * c < 1e-3:
        return
    near(two_class_hamiltonian(L), leslie_hamiltonian(L).H, 1e-9)


def test_closed_form_refuses():
    with pytest.raises(ValueError, match="for 2 classes; got shape"):
        two_class_hamiltonian(np.eye(3))
    with pytest.raises(UnableError, match="reproductive_block"):
        two_class_hamiltonian([[0.5, 0.0], [0.5, 0.0]])
    with pytest.raises(UnableError, match="both eigenvalues are 0.5"):
        two_class_hamiltonian([[0.5, 1.0], [0.0, 0.5]])
    with pytest.raises(ValueError, match="at least 0"):
        two_class_hamiltonian([[0.5, -1.0], [0.5, 0.0]])


@settings(max_examples=40)
@given(f1=st.floats(0.0, 3.0), f2=rate, s=st.floats(0.05, 1.0))
def test_two_classes_symmetrised(f1, f2, s):
    L = np.array([[f1, f2], [s, 0.0]])
    found = symmetrised(L)
    near(found.matrix, [[f1, np.sqrt(s * f2)], [np.sqrt(s * f2), 0.0]])
    near(found.scale, [1.0, np.sqrt(f2 / s)])
    near(np.diag(found.scale) @ L @ np.diag(1 / found.scale), found.matrix)
    near(found.eigenvalues, np.sort(np.linalg.eigvals(L).real)[::-1])
    assert np.array_equal(found.matrix, found.matrix.T)


@settings(max_examples=30)
@given(data=st.data(), m=st.integers(2, 5))
def test_any_disguised_symmetric_matrix_is_found(data, m):
    entries = data.draw(st.lists(st.sampled_from([0.0, 0.0, 0.3, 0.7, 1.1, 2.0]), min_size=m * m, max_size=m * m))
    scale = np.array(data.draw(st.lists(st.floats(0.05, 20.0), min_size=m, max_size=m)))
    hidden = np.array(entries).reshape(m, m)
    hidden = hidden + hidden.T
    found = symmetrised(hidden * scale[None, :] / scale[:, None])
    np.testing.assert_allclose(found.matrix, hidden, rtol=1e-10, atol=1e-12)
    if (hidden[0, 1:] > 0).all():  # one connected part
        np.testing.assert_allclose(found.scale, scale / scale[0], rtol=1e-10)


def test_no_symmetric_form():
    with pytest.raises(UnableError, match=r"entry \[0, 2\] is 1 but \[2, 0\] is 0"):
        symmetrised([[0.0, 0.0, 1.0], [0.5, 0.0, 0.0], [0.0, 0.25, 0.0]])
    round_about = np.array([[0.1, 0.5, 0.5], [0.5, 0.1, 0.5], [0.5, 0.5, 0.1]])
    assert np.array_equal(symmetrised(round_about).matrix, round_about)
    round_about[0, 1] += 1e-6  # the cycle 0 1 2 weighs more one way than the other
    with pytest.raises(UnableError, match="Kolmogorov"):
        symmetrised(round_about)
    assert "D = diag" in symmetrised([[0.5, 2.0], [0.5, 0.0]]).summary()


@settings(max_examples=50)
@given(data=st.data(), m=st.integers(2, 5))
def test_polar_form(data, m):
    L = np.diag(data.draw(st.lists(st.floats(0.1, 1.0), min_size=m - 1, max_size=m - 1)), -1)
    L[0] = data.draw(st.lists(st.floats(0.0, 2.0), min_size=m, max_size=m))
    L[0, -1] = data.draw(st.floats(0.1, 2.0))
    found = polar_hamiltonian(L)
    near(found.H, found.H.conj().T, 1e-15)
    near(found.unitary @ found.modulus, L)
    near(found.unitary.T @ found.unitary, np.eye(m))
    near(found.modulus @ found.modulus, L.T @ L)
    near(found.modulus, found.modulus.T)
    assert np.linalg.eigvalsh(found.modulus).min() > 0
    near(scipy.linalg.expm(-1j * found.H), found.unitary)
    np.testing.assert_allclose(np.linalg.eigvalsh(found.H), found.energies, atol=1e-10)
    assert (found.energies >= -np.pi).all() and (found.energies < np.pi).all()
    outside = L @ found.modulus - found.modulus @ L  # U|L||L| - |L|U|L| = (U|L| - |L|U) |L|
    commutator = outside @ np.linalg.inv(found.modulus)
    assert found.commutator_norm == pytest.approx(np.linalg.norm(commutator) / np.linalg.norm(L), rel=1e-6, abs=1e-10)


def test_polar_form_of_a_normal_matrix():
    ring = 0.8 * np.eye(5)[[4, 0, 1, 2, 3]]
    found = polar_hamiltonian(ring)
    assert found.commutator_norm < 1e-14
    near(found.energies, 2 * np.pi / 5 * np.arange(-2, 3), 1e-12)
    near(found.modulus, 0.8 * np.eye(5), 1e-14)
    near(found.H, (leslie_hamiltonian(ring).H + leslie_hamiltonian(ring).H.conj().T) / 2, 1e-12)
    assert "commutator of the factors" in found.summary()
    half_turn = polar_hamiltonian([[0.0, 1.0], [1.0, 0.0]])
    near(half_turn.energies, [-np.pi, 0.0], 1e-15)
    with pytest.raises(UnableError, match="singular"):
        polar_hamiltonian([[0.5, 0.0], [0.5, 0.0]])
