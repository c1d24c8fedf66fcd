"""`MatrixPopulation`: the parts add up, bad input is named, and JAX's settings stay as they are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from popmath.populations.matrix_population import MatrixPopulation, compute, read_matrix

U = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.4, 0.9]])
F = np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
NAMES = ("pup", "young", "adult")


def test_parts_add_up():
    clone = np.diag([0.0, 0.0, 0.3])
    model = MatrixPopulation(U, F, clone, names=NAMES, interval=2, unit="weeks", census="post")
    np.testing.assert_array_equal(model.A, U + F + clone)
    np.testing.assert_array_equal(model.reproduction, F + clone)
    assert model.num_classes == 3 and model.class_names == NAMES and model.interval == 2.0
    assert MatrixPopulation(U, F).class_names == ("class 1", "class 2", "class 3")


def test_declared_split():
    by_row = MatrixPopulation.from_matrix(U + F, fertility_rows=0, names=NAMES)
    np.testing.assert_array_equal(by_row.U, U)
    np.testing.assert_array_equal(by_row.F, F)
    mixed = U + F + np.diag([0.1, 0.0, 0.0])  # an entry of row 0 that is survival
    by_entry = MatrixPopulation.from_matrix(mixed, fertility_entries=F > 0)
    np.testing.assert_array_equal(by_entry.F, F)
    assert by_entry.U[0, 0] == 0.1
    batch = MatrixPopulation.from_matrix(np.stack([U + F] * 4), fertility_rows=[0])
    assert batch.U.shape == (4, 3, 3)
    with pytest.raises(ValueError, match="told which entries are fertility"):
        MatrixPopulation.from_matrix(U + F)
    with pytest.raises(ValueError, match="row numbers from 0 to 2"):
        MatrixPopulation.from_matrix(U + F, fertility_rows=3)
    with pytest.raises(ValueError, match="shape"):
        MatrixPopulation.from_matrix(U + F, fertility_entries=[[True]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"U": U[:2]}, "U must be square"),
        ({"U": np.zeros((0, 0)), "F": np.zeros((0, 0))}, "not empty"),
        ({"F": F[:2, :2]}, "F must have the shape of U"),
        ({"C": F[:2, :2]}, "C must have the shape of U"),
        ({"F": -F}, r"F\[0, 1\].*-1.0 \(from 'young' to 'pup'"),
        ({"F": F * np.nan}, r"F\[0, 0\].*nan"),
        ({"U": np.where(U == 0.9, 1.2, U)}, r"column 2 \('adult'\) sums to 1.2, above 1. If fertility"),
        ({"U": U + F}, "If fertility is in it, move"),
        ({"names": ("a", "b")}, "3 classes, names has 2"),
        ({"names": ("a", "b", "b")}, "different"),
        ({"interval": 0.0}, "interval must be positive"),
        ({"census": "birth"}, "census must be"),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(ValueError, match=message):
        MatrixPopulation(**({"U": U, "F": F, "names": NAMES} | change))


def test_bad_entry_of_a_batch_is_named():
    stack = np.stack([U, U])
    stack[1, 2, 2] = 1.0
    with pytest.raises(ValueError, match=r"matrix \[0\] of the batch"):
        MatrixPopulation(np.stack([U * 3, U]), np.stack([F, F]))
    assert MatrixPopulation(stack, np.stack([F, F])).A.shape == (2, 3, 3)
    with pytest.raises(ValueError, match=r"matrix\[1, 0, 0\]"):
        read_matrix(np.stack([U, U - 1]))


def test_a_pytree_that_vmaps_and_jits():
    model = MatrixPopulation(np.stack([U, U]), np.stack([F, 2 * F]), names=NAMES)
    total = jax.jit(jax.vmap(lambda m: jnp.sum(m.A)))(model)
    np.testing.assert_allclose(total, [4.8, 7.8], rtol=1e-6)


def test_float64_inside_and_settings_untouched():
    before = jax.config.jax_enable_x64
    total = compute(jnp.sum, read_matrix(U))
    assert isinstance(total, np.ndarray) and total.dtype == np.float64 and total == U.sum()
    assert jax.config.jax_enable_x64 == before
    traced = jax.jit(lambda u: compute(jnp.sum, read_matrix(u)))(jnp.asarray(U, jnp.float32))
    assert traced.dtype == np.float32
