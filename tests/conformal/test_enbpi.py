"""EnbPI from a given ensemble: out-of-bag residuals by hand, species, scales, coverage, and what is refused."""

import math

import numpy as np
import pytest

from popmath._errors import UnableError
from popmath.conformal import EnbpiBand, binomial_interval, enbpi_band


def ensemble(rng, members=7, times=24, species=None):
    shape = (times,) if species is None else (times, species)
    inclusion = rng.random((members, times)) < 0.6
    inclusion[:, 3] = True  # never left out
    return rng.uniform(5, 9, (members, *shape)), rng.uniform(4, 10, shape), inclusion


@pytest.mark.parametrize("aggregate", ["mean", "median"])
@pytest.mark.parametrize("scaled", [False, True])
def test_band_by_hand(aggregate, scaled):
    rng = np.random.default_rng(1)
    inside, truth, inclusion = ensemble(rng)
    truth[5] = np.nan
    new = rng.uniform(5, 9, (7, 4))
    scale, new_scale = (rng.uniform(0.5, 2, 24), rng.uniform(0.5, 2, 4)) if scaled else (np.ones(24), np.ones(4))
    fold = np.mean if aggregate == "mean" else np.median
    usable = [t for t in range(24) if not inclusion[:, t].all() and np.isfinite(truth[t])]
    residuals = [(truth[t] - fold(inside[~inclusion[:, t], t])) / scale[t] for t in usable]
    centre = fold([fold(new[~inclusion[:, t]], axis=0) for t in usable], axis=0)
    rank = math.ceil(round((len(usable) + 1) * 0.9, 9))
    quantile = np.sort(np.abs(residuals))[rank - 1]
    band = enbpi_band(inside, truth, inclusion, new, scale=scale, new_scale=new_scale, aggregate=aggregate)
    assert isinstance(band, EnbpiBand)
    assert band.num_never_out == 1
    assert len(band.residuals) == len(usable) < 24
    np.testing.assert_allclose(np.abs(band.residuals), np.abs(residuals))
    np.testing.assert_allclose(band.predicted, centre)
    np.testing.assert_allclose(band.lower, np.maximum(centre - quantile * new_scale, 0))
    np.testing.assert_allclose(band.upper, centre + quantile * new_scale)


def test_more_members_than_times():
    """MAPIE is told the member by the length of its training set, which may exceed the series."""
    rng = np.random.default_rng(2)
    inside, truth, inclusion = ensemble(rng, members=40, times=14)
    new = np.arange(40.0)[:, None] * np.ones((1, 2))
    band = enbpi_band(inside, truth, inclusion, new)
    usable = [t for t in range(14) if not inclusion[:, t].all()]
    np.testing.assert_allclose(band.predicted, np.mean([new[~inclusion[:, t]].mean(0) for t in usable], axis=0))
    np.testing.assert_allclose(
        np.abs(band.residuals), [abs(truth[t] - inside[~inclusion[:, t], t].mean()) for t in usable]
    )


def test_species_share_the_residuals():
    rng = np.random.default_rng(3)
    inside, truth, inclusion = ensemble(rng, species=2)
    new = rng.uniform(5, 9, (7, 3, 2))
    new_scale = np.array([1.0, 3.0])
    both = enbpi_band(inside, truth, inclusion, new, new_scale=new_scale)
    assert both.lower.shape == both.upper.shape == both.predicted.shape == (3, 2)
    assert len(both.residuals) == 2 * (~inclusion).any(axis=0).sum()
    assert both.num_never_out == 2 * inclusion.all(axis=0).sum() > 0
    quantile = np.sort(np.abs(both.residuals))[math.ceil(0.9 * (len(both.residuals) + 1)) - 1]
    np.testing.assert_allclose(both.upper - both.predicted, quantile * new_scale * np.ones((3, 1)))


def test_asymmetric_and_nonnegative():
    rng = np.random.default_rng(4)
    inside, truth, inclusion = ensemble(rng, times=60)
    truth = truth + 3.0  # the ensemble lies too low
    options = {"confidence_level": 0.8, "symmetric": False, "nonnegative": False}
    band = enbpi_band(inside, truth, inclusion, np.zeros((7, 1)), **options)
    signed = np.sort(band.residuals)
    low = math.floor(round(0.1 * (signed.size + 1), 9))
    high = math.ceil(round(0.9 * (signed.size + 1), 9))
    np.testing.assert_allclose([band.lower[0], band.upper[0]], [signed[low - 1], signed[high - 1]])
    below = enbpi_band(inside - 50, truth - 50, inclusion, np.full((7, 1), -50.0), nonnegative=False)
    assert below.lower[0] < below.upper[0] < 0
    cut = enbpi_band(inside - 50, truth - 50, inclusion, np.full((7, 1), -50.0))
    assert cut.lower[0] == cut.upper[0] == 0


def test_coverage_of_one_more_point():
    """Members that are the same and right: residuals are exchangeable, so one more point is covered with probability
    28/31; 400 ensembles, fails once in 1,000,000 seeds."""
    rng, hits = np.random.default_rng(20261124), 0
    inclusion = np.arange(30) % 3 != np.arange(6)[:, None] % 3
    for _ in range(400):
        noise = rng.standard_t(3, 31)
        band = enbpi_band(np.full((6, 30), 50.0), 50.0 + noise[:30], inclusion, np.full((6, 1), 50.0))
        hits += bool(band.lower[0] <= 50.0 + noise[30] <= band.upper[0])
    low, high = binomial_interval(28 / 31, 400, 1 - 1e-6)
    assert low <= hits / 400 <= high


def test_what_is_refused():
    rng = np.random.default_rng(5)
    inside, truth, inclusion = ensemble(rng)
    new = np.ones((7, 2))
    for arguments, options, match in [
        ((inside[:, :5], truth, inclusion, new), {}, "must be members times the shape of truth"),
        ((inside, truth, inclusion[:3], new), {}, r"inclusion must have shape \(7, 24\)"),
        ((inside, truth, inclusion, new[:3]), {}, "must have the members and species"),
        ((inside, truth, inclusion, new[:, :, None]), {}, "must have the members and species"),
        ((inside * np.nan, truth, inclusion, new), {}, "leave that member out"),
        ((inside, truth, inclusion, new * np.inf), {}, "leave that member out"),
        ((inside, truth, inclusion, new), {"aggregate": "mode"}, "aggregate"),
        ((inside, truth, inclusion, new), {"scale": 0.0}, "scale must be positive"),
        ((inside, truth, inclusion, new), {"new_scale": np.nan}, "new_scale must be positive"),
        ((inside, truth, inclusion, new), {"confidence_level": 1.0}, "confidence_level"),
    ]:
        with pytest.raises(ValueError, match=match):
            enbpi_band(*arguments, **options)
    with pytest.raises(UnableError, match="needs 10 observations that some member left out; there are 9 with 7"):
        enbpi_band(inside, np.where(np.arange(24) < 10, truth, np.nan), inclusion | (np.arange(24) > 9), new)
    with pytest.raises(UnableError, match="needs 40"):
        enbpi_band(inside, truth, inclusion, new, confidence_level=0.95, symmetric=False)
