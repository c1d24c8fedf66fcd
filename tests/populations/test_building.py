"""Builders against matrices by hand, the Euler-Lotka equation, and each census against the other."""

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from popmath.populations.building import lefkovitch_matrix, leslie_from_life_table, leslie_matrix
from popmath.populations.eigen import growth_rate
from popmath.populations.life_history import net_reproductive_rate


def test_leslie_by_hand():
    post = leslie_matrix([0.5, 0.4, 0.9], [0, 2, 3], plus_group=True, names=("a", "b", "c"))
    np.testing.assert_allclose(post.U, [[0, 0, 0], [0.5, 0, 0], [0, 0.4, 0.9]])
    np.testing.assert_allclose(post.F[0], [1.0, 1.2, 2.7])  # survive first, then breed as the next class
    assert post.census == "post" and post.names == ("a", "b", "c")
    pre = leslie_matrix([0.4, 0.9], [2, 3], plus_group=True, census="pre", newborn_survival=0.5)
    np.testing.assert_allclose(pre.A, [[1.0, 1.5], [0.4, 0.9]])
    np.testing.assert_allclose(growth_rate(pre), growth_rate(post), rtol=1e-12)


@hypothesis.settings(max_examples=25)
@hypothesis.given(st.lists(st.tuples(st.floats(0.1, 1.0), st.floats(0.1, 4.0)), min_size=4, max_size=4))
def test_life_tables_solve_euler_lotka(rows):
    """To 1e-9: both censuses have the growth rate of the table, and its net reproductive rate."""
    alive = np.cumprod([1.0, *(s for s, _ in rows)])
    born = np.array([0.0, *(m for _, m in rows)])
    age = np.arange(5)
    root = scipy.optimize.brentq(lambda x: (alive * born * x ** (-age)).sum() - 1, 1e-3, 50.0, xtol=1e-14)
    for census in ("post", "pre"):
        model = leslie_from_life_table(1000 * alive, born, census=census)
        assert model.num_classes == 4 and model.census == census
        np.testing.assert_allclose(growth_rate(model), root, rtol=1e-9)
        np.testing.assert_allclose(net_reproductive_rate(model), (alive * born).sum(), rtol=1e-9)


def test_lefkovitch_by_hand():
    model = lefkovitch_matrix([0.5, 0.8, 0.9], [0.4, 0.25, 0], [0, 1, 5], shrinkage=[0, 0.1, 0.2], census="pre")
    np.testing.assert_allclose(model.U, [[0.3, 0.08, 0], [0.2, 0.52, 0.18], [0, 0.2, 0.72]], rtol=1e-14)
    np.testing.assert_allclose(model.U.sum(0), [0.5, 0.8, 0.9])
    np.testing.assert_array_equal(model.F, [[0, 1, 5], [0, 0, 0], [0, 0, 0]])


def test_batches_and_derivatives_through_a_builder():
    batch = leslie_matrix(np.full((3, 2), 0.5), np.array([[0, 1, 2], [0, 2, 3], [1, 1, 1.0]]))
    assert batch.A.shape == (3, 3, 3)
    with jax.enable_x64(True):
        rate = lambda s, m: growth_rate(leslie_matrix(s, m))  # noqa: E731
        s, m = jnp.array([0.5, 0.4]), jnp.array([0.0, 2.0, 3.0])
        slope = jax.jit(jax.grad(rate))(s, m)
    step = 1e-6
    for i in range(2):
        change = step * np.eye(2)[i]
        rough = (rate(np.asarray(s) + change, m) - rate(np.asarray(s) - change, m)) / (2 * step)
        np.testing.assert_allclose(slope[i], rough, rtol=1e-7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: leslie_matrix([], []), "fertility is empty"),
        (lambda: leslie_matrix([0.5], [1, 2, 3]), "survival must have 2 rates for 3 classes"),
        (lambda: leslie_matrix([0.5, 1.5], [1, 2, 3]), r"survival\[1\] must be between 0 and 1; got 1.5"),
        (lambda: leslie_matrix([0.5, 0.5], [1, -2, 3]), r"fertility\[1\] must be finite and at least 0"),
        (lambda: leslie_matrix([0.5], [1, 2], census="pre"), "needed for census='pre'"),
        (lambda: leslie_matrix([0.5], [1, 2], newborn_survival=0.5), "must be left out"),
        (lambda: leslie_from_life_table([], []), "at least two ages"),
        (lambda: leslie_from_life_table([1, 0.5], [0, 1, 2]), "one per age"),
        (lambda: leslie_from_life_table([1, 0.5, 0.6], [0, 1, 2]), "from 0.5 at age 1 to 0.6 at age 2"),
        (lambda: leslie_from_life_table([1, 0.5, 0.0], [0, 1, 2]), "above 0"),
        (lambda: leslie_from_life_table([1, 0.5], [1, 1]), "newborns do not breed"),
        (lambda: lefkovitch_matrix([0.5], [0.5, 0], [1, 2]), "one per stage"),
        (lambda: lefkovitch_matrix([0.5, 0.5], [0.5, 0.1], [1, 2]), "growth of the last stage must be 0"),
        (lambda: lefkovitch_matrix([0.5] * 3, [0.5, 0.6, 0], [1] * 3, shrinkage=[0, 0.6, 0]), "growth . shrinkage"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_negative_control():
    """Fertilities of the wrong census are seen: the growth rates differ."""
    right = leslie_from_life_table([1, 0.5, 0.25], [0, 2, 6])
    wrong = leslie_matrix([0.5], [2, 6], census="pre", newborn_survival=1.0)
    assert abs(growth_rate(right) / growth_rate(wrong) - 1) > 0.1
