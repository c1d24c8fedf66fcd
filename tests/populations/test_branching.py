"""Branching processes: closed forms, exact moments, and simulation within its error."""

import numpy as np
import pytest
import scipy.optimize
import scipy.special

from popmath.populations.branching import branching_extinction, branching_moments, simulate_branching
from popmath.populations.matrix_population import MatrixPopulation

U = np.array([[0.0, 0.0, 0.0], [0.4, 0.1, 0.0], [0.0, 0.5, 0.8]])
F = np.array([[0.0, 0.4, 0.9], [0.0, 0.0, 0.1], [0.0, 0.0, 0.0]])
LIFE = MatrixPopulation(U, F)
both_laws = pytest.mark.parametrize("offspring", ["poisson", "bernoulli"])


def test_binary_splitting_has_the_quadratic_root():
    # survive with p, and one offspring with p: (1 - p + p s)^2 = s has the roots 1 and ((1 - p) / p)^2
    for p in (0.55, 0.7, 0.95):
        q = branching_extinction(MatrixPopulation([[p]], [[p]]), offspring="bernoulli")
        assert q.ultimate[0] == pytest.approx(((1 - p) / p) ** 2, abs=1e-13) and q.residual < 1e-13
    assert branching_extinction(MatrixPopulation([[0.4]], [[0.4]]), offspring="bernoulli").ultimate[0] == pytest.approx(
        1, abs=1e-12
    )
    assert branching_extinction(MatrixPopulation([[0.5]], [[0.5]]), offspring="bernoulli").ultimate[0] == pytest.approx(
        1, abs=1e-6
    )


def test_poisson_offspring_have_lamberts_root():
    for mean in (1.1, 2.0, 4.0):  # s = exp(m (s - 1)) has s = -W(-m exp(-m)) / m
        exact = -scipy.special.lambertw(-mean * np.exp(-mean)).real / mean
        assert branching_extinction(MatrixPopulation([[0.0]], [[mean]])).ultimate[0] == pytest.approx(exact, abs=1e-12)


def test_two_stages_by_elimination():
    # a juvenile matures with 0.3; an adult survives with 0.8 and has Poisson(1.5) juveniles: one equation for the adult
    q = branching_extinction(MatrixPopulation([[0.0, 0.0], [0.3, 0.8]], [[0.0, 1.5], [0.0, 0.0]])).ultimate
    adult = scipy.optimize.brentq(
        lambda s: (0.2 + 0.8 * s) * np.exp(1.5 * (0.7 + 0.3 * s - 1)) - s, 0.0, 0.9, xtol=1e-15
    )
    np.testing.assert_allclose(q, [0.7 + 0.3 * adult, adult], atol=1e-13)


def test_immortal_and_sterile_classes():
    assert branching_extinction(MatrixPopulation([[1.0]], [[0.0]])).ultimate.tolist() == [0.0]
    # a post-reproductive class dies out for sure, whatever the others do
    q = branching_extinction(MatrixPopulation([[0.5, 0.0], [0.3, 0.6]], [[1.5, 0.0], [0.0, 0.0]])).ultimate
    assert q[1] == pytest.approx(1.0, abs=1e-12) and 0 < q[0] < 0.5


@both_laws
def test_probabilities_by_time_rise_to_the_ultimate_ones(offspring):
    q = branching_extinction(LIFE, 400, offspring=offspring)
    assert (np.diff(q.by_time, axis=0) >= 0).all()
    np.testing.assert_allclose(q.by_time[-1], q.ultimate, rtol=1e-6)
    assert q.of_population([2, 0, 1]) == pytest.approx(q.ultimate[0] ** 2 * q.ultimate[2])


def test_moments_of_one_class_in_closed_form():
    # m^t n0, and n0 s2 m^(t-1) (m^t - 1) / (m - 1) (Harris 1963, section 1.5)
    u, f, steps = 0.7, 0.5, 12
    moments = branching_moments(MatrixPopulation([[u]], [[f]]), [20], steps)
    m, s2, t = u + f, u * (1 - u) + f, np.arange(steps + 1)
    np.testing.assert_allclose(moments.mean[:, 0], 20 * m**t, rtol=1e-12)
    np.testing.assert_allclose(moments.covariance[:, 0, 0], 20 * s2 * m ** (t - 1.0) * (m**t - 1) / (m - 1), atol=1e-10)


@both_laws
def test_simulation_agrees_with_the_exact_law(offspring):
    replicates, steps, start = 20_000, 12, np.array([3, 1, 2])
    run = simulate_branching(LIFE, start, steps, offspring=offspring, num_replicates=replicates, seed=0)
    q = branching_extinction(LIFE, steps, offspring=offspring).of_population_by_time(start)
    # 12 binomial counts at 4.5 errors: fails for at most 1 seed in 10,000
    assert (np.abs(run.extinct - q) <= 4.5 * np.sqrt(q * (1 - q) / replicates) + 1e-12).all()
    moments = branching_moments(LIFE, start, steps, offspring=offspring)
    final = run.states[-1].astype(float)
    error = np.sqrt(np.diag(moments.covariance[-1]) / replicates)
    assert (np.abs(final.mean(axis=0) - moments.mean[-1]) < 4.5 * error).all()  # 3 normal means: 2 in 100,000
    # covariances: error of a product of deviations from its own sample
    deviation = final - moments.mean[-1]
    products = deviation[:, :, None] * deviation[:, None, :]
    spread = products.std(axis=0) / np.sqrt(replicates)
    assert (np.abs(products.mean(axis=0) - moments.covariance[-1]) < 5 * spread).all()  # 6 entries: below 1 in 10,000
    other = "poisson" if offspring == "bernoulli" else "bernoulli"
    wrong = branching_moments(LIFE, start, steps, offspring=other).covariance[-1]  # negative control
    assert (np.abs(products.mean(axis=0) - wrong) > 5 * spread).any()


def test_clonal_offspring_count_as_births():
    clonal = MatrixPopulation(U, F * 0, F)
    assert np.array_equal(branching_extinction(clonal).ultimate, branching_extinction(LIFE).ultimate)


def test_same_seed_same_numbers():
    first, again, other = (simulate_branching(LIFE, [5, 5, 5], 5, num_replicates=4, seed=s).states for s in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_refusals():
    with pytest.raises(ValueError, match=r"F\[0, 0\] \(from 'class 1' to 'class 1'\) is 1.5"):
        branching_extinction(MatrixPopulation([[0.5]], [[1.5]]), offspring="bernoulli")
    with pytest.raises(ValueError, match="offspring must be one of"):
        branching_extinction(MatrixPopulation([[0.5]], [[1.5]]), offspring="normal")
    with pytest.raises(ValueError, match="of one model; this is a batch of shape"):
        branching_moments(MatrixPopulation(np.stack([U, U]), np.stack([F, F])), [1, 1, 1], 3)
    with pytest.raises(ValueError, match="whole numbers"):
        simulate_branching(LIFE, [0.5, 1, 1], 3)
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        branching_moments(LIFE, [1, 1], 3)
    with pytest.raises(ValueError, match="num_steps"):
        branching_extinction(LIFE, -1)
    with pytest.raises(ValueError, match="num_replicates"):
        simulate_branching(LIFE, [1, 1, 1], 3, num_replicates=0)
    with pytest.raises(OverflowError, match="take fewer steps"):
        simulate_branching(MatrixPopulation([[0.0]], [[100.0]]), [1000], 10, num_replicates=1)
