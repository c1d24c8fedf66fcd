"""Life table response experiments: sums against differences, orders of error, closed forms, refusals."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from popmath.populations.ltre import ltre_fixed, ltre_random
from popmath.populations.matrix_population import MatrixPopulation

REFERENCE = json.loads((Path(__file__).parent.parent / "reference" / "matrices.json").read_text())
YEARS = np.array(list(REFERENCE["_stochastic_hudsonia"]["matrices"].values()))
BASE = np.array([[0.2, 1.1, 0.8], [0.5, 0.1, 0.0], [0.0, 0.4, 0.6]])
PATTERN = np.array([[0.1, -0.5, 0.3], [0.2, 0.08, 0.0], [0.0, 0.3, 0.4]])


def growth(matrix):
    return np.abs(np.linalg.eigvals(matrix)).max()


def test_contributions_add_up_to_third_order():
    errors, wrong = [], []
    for size in (0.2, 0.1):
        result = ltre_fixed(BASE + size * PATTERN, BASE)
        difference = growth(BASE + size * PATTERN) - growth(BASE)
        assert result.difference == pytest.approx(difference, rel=1e-12)
        assert result.predicted == pytest.approx(result.contributions.sum(), rel=1e-12)
        errors.append(abs(result.residual))
        slopes = [[growth(BASE + 1e-6 * np.eye(9)[3 * i + j].reshape(3, 3)) for j in range(3)] for i in range(3)]
        at_reference = (size * PATTERN * (np.array(slopes) - growth(BASE)) / 1e-6).sum()
        wrong.append(abs(at_reference - difference))
    assert errors[0] / errors[1] == pytest.approx(8, rel=0.2)
    assert wrong[0] / wrong[1] == pytest.approx(4, rel=0.2)  # negative control: not at the midpoint, one order worse


def test_models_may_stand_for_their_matrices():
    models = [MatrixPopulation(0 * year, year) for year in YEARS]
    mean = MatrixPopulation(0 * YEARS[0], YEARS.mean(axis=0))
    several = ltre_fixed(models, mean)
    assert np.array_equal(several.contributions, ltre_fixed(YEARS, YEARS.mean(axis=0)).contributions)
    assert np.array_equal(several.residual, several.difference - several.predicted)
    np.testing.assert_allclose(ltre_fixed(models[1], mean).contributions, several.contributions[1], rtol=1e-11)
    assert np.array_equal(ltre_random(models).by_entry, ltre_random(YEARS).by_entry)
    batch = MatrixPopulation(np.stack([m.U for m in models]), np.stack([m.F for m in models]))
    assert np.array_equal(ltre_random(batch).by_entry, ltre_random(YEARS).by_entry)


def test_each_contribution_is_a_slope_at_the_midpoint():
    result = ltre_fixed(BASE + 0.2 * PATTERN, BASE)
    middle = BASE + 0.1 * PATTERN
    for i, j in ((0, 1), (2, 1), (1, 0)):
        h = np.zeros((3, 3))
        h[i, j] = 1e-5
        slope = (growth(middle + h) - growth(middle - h)) / 2e-5
        assert result.contributions[i, j] == pytest.approx(0.2 * PATTERN[i, j] * slope, rel=1e-8)
    assert result.contributions[1, 2] == 0


def test_several_treatments_against_their_mean():
    mean = YEARS.mean(axis=0)
    together = ltre_fixed(YEARS, mean)
    assert together.contributions.shape == (4, 6, 6) and together.predicted.shape == (4,)
    for k, year in enumerate(YEARS):
        alone = ltre_fixed(year, mean)
        np.testing.assert_allclose(together.contributions[k], alone.contributions, rtol=1e-9, atol=1e-14)
        assert together.difference[k] == pytest.approx(alone.difference, rel=1e-9)
    assert np.abs(together.residual).max() < 0.05 * np.abs(together.difference).max()


def test_random_design_in_closed_form():
    # lambda of [[0, f], [s, 0]] is sqrt(f s): slopes sqrt(s / f) / 2 and sqrt(f / s) / 2
    f, s = np.array([1.0, 1.4, 1.8]), np.array([0.4, 0.5, 0.3])
    weights = np.array([0.5, 0.3, 0.2])
    stack = np.zeros((3, 2, 2))
    stack[:, 0, 1], stack[:, 1, 0] = f, s
    result = ltre_random(stack, weights)
    mf, ms = weights @ f, weights @ s
    slope_f, slope_s = np.sqrt(ms / mf) / 2, np.sqrt(mf / ms) / 2
    covariance = weights @ ((f - mf) * (s - ms))
    assert result.contributions[0, 1, 0, 1] == pytest.approx(weights @ (f - mf) ** 2 * slope_f**2, rel=1e-12)
    assert result.contributions[0, 1, 1, 0] == pytest.approx(covariance * slope_f * slope_s, rel=1e-12)
    assert covariance < 0 and result.contributions[0, 0].any() == False  # noqa: E712
    np.testing.assert_allclose(result.growth_rates, np.sqrt(f * s), rtol=1e-12)
    mean = weights @ np.sqrt(f * s)
    assert result.variance == pytest.approx(weights @ (np.sqrt(f * s) - mean) ** 2, rel=1e-12)
    assert result.by_entry.sum() == pytest.approx(result.predicted, rel=1e-12)


def test_random_design_meets_the_published_variance_term():
    # Tuljapurkar's tau^2 is the same sum; popbio's approximation is log(lambda) - tau^2 / (2 lambda^2)
    result = ltre_random(YEARS, sample=True)
    rate = growth(YEARS.mean(axis=0))
    published = REFERENCE["_stochastic_hudsonia"]["tuljapurkar_log_lambda_s"]
    assert np.log(rate) - result.predicted / (2 * rate**2) == pytest.approx(published, rel=1e-10)
    assert ltre_random(YEARS).predicted == pytest.approx(0.75 * result.predicted, rel=1e-12)
    assert result.variance == pytest.approx(np.var([growth(year) for year in YEARS], ddof=1), rel=1e-10)


def test_vmap_and_jit():
    with jax.enable_x64(True):
        stack = jnp.asarray(YEARS)
        parts = jax.jit(lambda a, b: ltre_fixed(a, b).contributions)(stack[0], stack[1])
        np.testing.assert_allclose(parts, ltre_fixed(YEARS[0], YEARS[1]).contributions, rtol=1e-9, atol=1e-14)
        total = jax.vmap(lambda a: ltre_random(a).predicted)(jnp.stack([stack, 2 * stack]))
        np.testing.assert_allclose(total[1], 4 * total[0], rtol=1e-9)


def test_refusals():
    with pytest.raises(ValueError, match="agree in classes"):
        ltre_fixed(np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match="square"):
        ltre_fixed(np.ones(3), np.eye(3))
    with pytest.raises(ValueError, match=r"reference\[1, 0\] must be .* got nan"):
        ltre_fixed(np.eye(2), [[1.0, 1.0], [np.nan, 1.0]])
    with pytest.raises(ValueError, match="at least 2"):
        ltre_random([BASE])
    with pytest.raises(ValueError, match="sum to 1"):
        ltre_random([BASE, BASE], [0.5, 0.6])
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        ltre_random([BASE, BASE], [1.0])
    with pytest.raises(ValueError, match="sample=True"):
        ltre_random([BASE, BASE], [0.5, 0.5], sample=True)
