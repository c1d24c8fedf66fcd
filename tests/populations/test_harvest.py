"""Density dependence and harvest: closed forms of scalar and two-stage models, stability, refusals."""

import jax.numpy as jnp
import numpy as np
import pytest

from popmath._errors import ConvergenceError, UnableError
from popmath.populations.density import density_equilibrium
from popmath.populations.harvest import harvest_equilibrium, harvest_limit, maximum_sustainable_yield

LESLIE = np.array([[0.0, 1.5, 2.0], [0.6, 0.0, 0.0], [0.0, 0.7, 0.4]])


def beverton_holt(n):
    return [[3.0 / (1 + 0.02 * n[0])]]


def ricker(growth):
    return lambda n: [[jnp.exp(growth * (1 - n[0] / 50))]]


def two_stage(n):  # fertility falls with the number of adults
    return [[0.0, 5.0 / (1 + 0.1 * n[1])], [0.3, 0.5]]


def test_scalar_equilibria_and_their_slopes():
    found = density_equilibrium(beverton_holt, [1.0])
    assert found.abundance[0] == pytest.approx(100, rel=1e-12) and found.jacobian[0, 0] == pytest.approx(
        1 / 3, rel=1e-12
    )
    assert found.stable and "stable, steady" in found.summary()
    for growth, stable in ((1.5, True), (2.5, False)):  # Ricker: slope 1 - r, stable up to 2
        found = density_equilibrium(ricker(growth), [3.0])
        assert found.abundance[0] == pytest.approx(50, rel=1e-12)
        assert found.jacobian[0, 0] == pytest.approx(1 - growth, rel=1e-10) and found.stable is stable
    assert "unstable, oscillating" in found.summary()


def test_two_stages_in_closed_form():
    # adults: n1 = 0.3 n0 / 0.5; newborns: n0 = 5 n1 / (1 + 0.1 n1), so that 1 + 0.1 n1 = 3
    found = density_equilibrium(two_stage, [10.0, 1.0])
    np.testing.assert_allclose(found.abundance, [100 / 3, 20], rtol=1e-12)
    np.testing.assert_allclose(found.jacobian, [[0, 5 / 9], [0.3, 0.5]], rtol=1e-12)
    assert found.spectral_radius == pytest.approx(max(np.roots([1, -0.5, -1 / 6])), rel=1e-12)
    assert np.abs(np.linalg.eigvals(found.matrix)).max() == pytest.approx(1, rel=1e-12)  # lambda is 1 there


def test_a_population_that_dies_out_is_reported():
    found = density_equilibrium(lambda n: [[0.9 / (1 + n[0])]], [5.0])
    assert found.extinct and found.stable and found.jacobian[0, 0] == pytest.approx(0.9)


def test_harvest_limit_of_all_classes_is_one_less_the_inverse_growth():
    growth = np.abs(np.linalg.eigvals(LESLIE)).max()
    limit = harvest_limit(LESLIE)
    assert limit.rate == pytest.approx(1 - 1 / growth, rel=1e-12) and limit.growth_rate == pytest.approx(growth)
    np.testing.assert_allclose(limit.stable_distribution, limit.yield_distribution, rtol=1e-9)


def test_harvest_limit_of_one_class():
    # only the last class of [[0, f], [s, p]] is taken: (1 - h) (f s + p) = 1
    limit = harvest_limit([[0.0, 2.0], [0.8, 0.4]], [0.0, 1.0])
    assert limit.rate == pytest.approx(1 - 1 / 2.0, rel=1e-12)
    assert limit.yield_distribution.tolist() == [0.0, 1.0]
    after = limit.stable_distribution
    project = np.diag([1, 1 - limit.rate]) @ np.array([[0.0, 2.0], [0.8, 0.4]])
    np.testing.assert_allclose(project @ after, after, rtol=1e-10)  # constant from one harvest to the next


def test_yield_under_harvest_in_closed_form():
    # n' = (1 - h) R n / (1 + b n): yield h R - h / (1 - h), over b
    for rate in (0.1, 0.3, 0.6):
        result = harvest_equilibrium(beverton_holt, [10.0], rate)
        assert result.total_yield == pytest.approx((3 * rate - rate / (1 - rate)) / 0.02, rel=1e-9)
    gone = harvest_equilibrium(beverton_holt, [10.0], 0.7)  # above 1 - 1/R
    assert gone.equilibrium.extinct and gone.total_yield == 0
    assert "harvest rate 0.7" in gone.summary()


def test_maximum_sustainable_yield_of_beverton_and_holt():
    best = maximum_sustainable_yield(beverton_holt, [10.0])
    assert best.rate == pytest.approx(1 - 1 / np.sqrt(3), abs=1e-6)
    assert best.total_yield == pytest.approx((np.sqrt(3) - 1) ** 2 / 0.02, rel=1e-10)
    assert best.equilibrium.stable
    for rate in (best.rate - 0.01, best.rate + 0.01):  # negative control: neighbours give less
        assert harvest_equilibrium(beverton_holt, [10.0], rate).total_yield < best.total_yield


def test_maximum_of_a_structured_model_by_its_own_equation():
    # adults only: (1 - h)(0.3 n0 + 0.5 n1) = n1 and n0 = 5 n1 / (1 + 0.1 n1); taken: h / (1 - h) n1
    h = np.linspace(0.0, 1.0, 2_000_001)[:-1]
    adults = np.maximum((1.5 / (1 / (1 - h) - 0.5) - 1) / 0.1, 0)
    taken = h / (1 - h) * adults
    best = maximum_sustainable_yield(two_stage, [10.0, 5.0], selectivity=[0, 1], weights=[1.0, 2.0])
    assert best.rate == pytest.approx(h[taken.argmax()], abs=2e-6)
    assert best.total_yield == pytest.approx(2 * taken.max(), rel=1e-10) and best.yield_by_class[0] == 0


def test_refusals():
    with pytest.raises(ValueError, match="does not grow without harvest"):
        harvest_limit([[0.5]])
    with pytest.raises(UnableError, match="Select more classes"):
        harvest_limit([[1.5, 0.0], [0.1, 0.2]], [0.0, 1.0])
    with pytest.raises(ValueError, match="largest value 1"):
        harvest_limit(LESLIE, [0.5, 0.5, 0.5])
    with pytest.raises(ValueError, match=r"selectivity must have shape \(3,\)"):
        harvest_limit(LESLIE, [1.0])
    with pytest.raises(ValueError, match="rate must be a proportion"):
        harvest_equilibrium(beverton_holt, [1.0], 1.2)
    with pytest.raises(ValueError, match="weights must be finite"):
        maximum_sustainable_yield(beverton_holt, [1.0], weights=[1.0, 2.0])
    with pytest.raises(ValueError, match="not all 0"):
        density_equilibrium(beverton_holt, [0.0])
    with pytest.raises(ValueError, match="build returns 1 classes, but initial has 2"):
        density_equilibrium(beverton_holt, [1.0, 2.0])
    with pytest.raises(TypeError, match="use jax.numpy"):
        density_equilibrium(lambda n: [[np.exp(-n[0])]], [1.0])
    with pytest.raises(ConvergenceError, match="does not limit them"):
        density_equilibrium(lambda n: [[1.1]], [1.0])
    with pytest.raises(ValueError, match="no harvest rate gives a yield"):
        maximum_sustainable_yield(lambda n: [[0.9 / (1 + n[0])]], [5.0])
