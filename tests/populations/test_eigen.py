"""Eigen-analysis against R's figures, closed forms, NumPy, and derivatives against each other."""

import json
from pathlib import Path

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from popmath.populations import eigen
from popmath.populations.matrix_population import MatrixPopulation

FILE = json.loads((Path(__file__).parents[1] / "reference" / "matrices.json").read_text())
RECORDS = {name: record for name, record in FILE.items() if not name.startswith("_")}
positive = hnp.arrays(np.float64, (4, 4), elements=st.floats(0.01, 2.0))


@pytest.fixture(params=RECORDS)
def record(request):
    return RECORDS[request.param]


def close(found, wanted, rtol=1e-10, atol=1e-14):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted, float), rtol=rtol, atol=atol)


def test_figures_of_the_file(record):
    found = eigen.eigen_analysis(record["A"])
    close(found.growth_rate, record["lambda"])
    close(found.stable_distribution, record["stable_stage"])
    close(found.reproductive_value, record["reproductive_value_v1eq1"])
    close(found.sensitivity, record["sensitivity"])
    close(found.elasticity, record["elasticity"])
    if record["damping_ratio_popdemo"] is not None:
        close(found.damping_ratio, record["damping_ratio_popdemo"])
    for name in eigen.EigenAnalysis._fields:
        close(getattr(eigen, name)(record["A"]), getattr(found, name))
    model = MatrixPopulation(record["U"], record["F"])
    close(eigen.growth_rate(model), record["lambda"])


def test_structure_of_the_file(record):
    found = eigen.structure_of(record["A"])
    assert found.irreducible == record["irreducible"] and found.primitive == record["primitive"]
    assert found.ergodic == record["ergodic"] and found.period == 1 and found.num_dominant == 1


def test_second_derivatives_of_the_file(record):
    """The file has the derivatives of d lambda / d a_kl in the entries that are not zero."""
    k, row = (i - 1 for i in record["secder_wrt"])
    a = np.asarray(record["A"], float)
    wanted = np.asarray(record["secder"], float)
    found = np.asarray(eigen.growth_rate_hessian(a))
    close(np.where(a > 0, found[k, row], 0), wanted, atol=1e-13)
    with jax.enable_x64(True):
        again = jax.jit(jax.hessian(eigen.growth_rate))(jnp.asarray(a))
    close(again, found, rtol=1e-9, atol=1e-11)


def spectral_projection(a):
    """`w v' / v'w` as the limit of powers of `A + c I` over their trace, in extended precision: no eigenvectors."""
    power = np.asarray(a, np.longdouble) + np.trace(a) * np.eye(len(a)) + np.eye(len(a))
    for _ in range(40):
        power = power @ power
        power = power / np.trace(power)
    return power


@pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="needs extended precision to check to 1e-12")
def test_gradient_is_v_w_over_their_product(record):
    a = np.asarray(record["A"], float)
    with jax.enable_x64(True):
        slope = jax.jit(jax.grad(eigen.growth_rate))(jnp.asarray(a))
    assert slope.dtype == np.float64
    exact = np.asarray(spectral_projection(a).T, float)
    np.testing.assert_allclose(slope, exact, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(eigen.sensitivity(a), exact, rtol=1e-12, atol=1e-15)


@jax.jit
def slopes(a, direction):
    indices = (eigen.stable_distribution, eigen.reproductive_value)
    return [jax.jvp(index, (a,), (direction,))[1] for index in indices]


@hypothesis.settings(max_examples=20)
@hypothesis.given(positive, positive)
def test_derivatives_of_the_vectors(a, direction):
    """Central differences; their error is about 1e-8 of the second derivatives, so 1e-5 is a wide tolerance."""
    step = 1e-5
    with jax.enable_x64(True):
        found = slopes(jnp.asarray(a), jnp.asarray(direction))
    for index, slope in zip((eigen.stable_distribution, eigen.reproductive_value), found, strict=True):
        rough = (index(a + step * direction) - index(a - step * direction)) / (2 * step)
        np.testing.assert_allclose(slope, rough, rtol=1e-5, atol=1e-5 * np.max(np.abs(rough)) + 1e-8)


@hypothesis.settings(max_examples=30)
@hypothesis.given(positive, st.floats(0.1, 10.0), st.permutations(range(4)))
def test_eigen_equations_scaling_and_order(a, factor, order):
    found = eigen.eigen_analysis(a)
    rate, w, v = (np.asarray(x) for x in found[:3])
    np.testing.assert_allclose(a @ w, rate * w, rtol=1e-12)
    np.testing.assert_allclose(v @ a, rate * v, rtol=1e-12)
    np.testing.assert_allclose([w.sum(), v[0], np.sum(found.elasticity)], 1.0, rtol=1e-12)
    assert (w > 0).all() and (v > 0).all() and found.damping_ratio > 1
    scaled = eigen.eigen_analysis(factor * a)
    np.testing.assert_allclose(scaled.growth_rate, factor * rate, rtol=1e-12)
    np.testing.assert_allclose(scaled.elasticity, found.elasticity, rtol=1e-10)
    mixed = eigen.eigen_analysis(a[np.ix_(order, order)])
    np.testing.assert_allclose(mixed.stable_distribution, w[list(order)], rtol=1e-10)


def test_batches_jit_and_vmap_agree():
    rng = np.random.default_rng(5)
    batch = rng.random((2, 3, 5, 5))
    found = eigen.eigen_analysis(batch)
    assert found.growth_rate.shape == (2, 3) and found.elasticity.shape == (2, 3, 5, 5)
    wanted = np.linalg.eigvals(batch)
    np.testing.assert_allclose(found.growth_rate, np.abs(wanted).max(-1), rtol=1e-12)
    with jax.enable_x64(True):
        mapped = jax.jit(jax.vmap(jax.vmap(eigen.eigen_analysis)))(jnp.asarray(batch))
    for one, other in zip(found, mapped, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    assert eigen.growth_rate_hessian(batch).shape == (2, 3, 5, 5, 5, 5)


def test_imprimitive_and_reducible_are_reported():
    salmon = [[0, 0, 8.0], [0.5, 0, 0], [0, 0.25, 0]]  # lambda = 1, period 3
    shape = eigen.structure_of(salmon)
    assert (shape.irreducible, shape.primitive, shape.ergodic, shape.period) == (True, False, False, 3)
    found = eigen.eigen_analysis(salmon)
    np.testing.assert_allclose([found.growth_rate, found.damping_ratio, found.oscillation_period], [1, 1, 3])
    two = eigen.structure_of(np.diag([0.9, 0.9]))
    assert two.num_dominant == 2 and not two.ergodic and two.period == 1
    feeder = eigen.structure_of([[0.5, 0, 0], [0.2, 0, 2.0], [0, 0.5, 0]])  # class 0 feeds a pair of period 2
    assert feeder.dominant_classes == (1, 2) and feeder.period == 2 and not feeder.irreducible
    whale = eigen.structure_of(RECORDS["killer_whale"]["A"])
    assert whale.dominant_classes == (0, 1, 2)
    assert eigen.structure_of([[0.0, 0.0], [0.5, 0.0]]).period == 1


def test_bad_input_and_negative_control():
    for wrong, message in [([[1.0, 2.0]], "square"), ([[-1.0]], "at least 0"), ([[np.nan]], "finite")]:
        with pytest.raises(ValueError, match=message):
            eigen.growth_rate(wrong)
    with pytest.raises(ValueError, match="one matrix"):
        eigen.structure_of(np.ones((2, 2, 2)))
    a = np.asarray(RECORDS["teasel"]["A"], float)
    with pytest.raises(AssertionError):  # an entry changed by 1e-6 of itself is seen
        close(eigen.growth_rate(a * (1 + 1e-6 * (a == a.max()))), RECORDS["teasel"]["lambda"])
