"""Statistics of ensembles: streamed against exact, closed forms, extinction, and out into words and tables.

Random tests have fixed keys and say how often they would fail with another.
"""

import hypothesis.strategies as st
import numpy as np
import pytest
from ensemble_models import BRANCHING, CHAOS, KEY, LEVELS, Growth
from hypothesis import given, settings

import popmath as pm
from popmath.populations import ensemble_run
from popmath.populations.simulation import simulate
from popmath.populations.streaming import QUANTILE_ERROR, BlockStatistics


@pytest.fixture(scope="module")
def chaos():
    """300 replicates in one process, all abundances kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble_run, "_LANES", 32)
        return simulate(CHAOS, [10.0, 20.0], 60, key=KEY, num_replicates=300, quantiles=LEVELS)


@pytest.fixture(scope="module")
def dying():
    """A branching process from 3 and 2 individuals."""
    return simulate(BRANCHING, [3.0, 2.0], 40, key=KEY, num_replicates=20_000, quantiles=LEVELS)


@pytest.mark.parametrize("fixture", ["chaos", "dying"])
def test_streamed_statistics_are_those_of_all_abundances(fixture, request, monkeypatch):
    kept = request.getfixturevalue(fixture)
    model, start = (CHAOS, [10.0, 20.0]) if fixture == "chaos" else (BRANCHING, [3.0, 2.0])
    if fixture == "chaos":
        monkeypatch.setattr(ensemble_run, "_LANES", 32)
    count, steps = kept.num_replicates, len(kept.times) - 1
    streamed = simulate(model, start, steps, key=KEY, num_replicates=count, keep="summary", quantiles=LEVELS)
    assert streamed.abundances is None and streamed.states is None
    values, exact, found = kept.abundances, kept.statistics, streamed.statistics
    assert values.shape == (count, steps + 1, 2) and found.mean.shape == (steps + 1, 2)
    for statistics in (exact, found):
        np.testing.assert_allclose(statistics.mean, values.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(statistics.variance, values.var(axis=0, ddof=1), rtol=1e-10, atol=1e-13)
        assert np.array_equal(statistics.minimum, values.min(axis=0))
        assert np.array_equal(statistics.maximum, values.max(axis=0))
        gone = values <= 0
        assert np.array_equal(statistics.extinct, gone.mean(axis=0))
        assert np.array_equal(statistics.ever_extinct, np.maximum.accumulate(gone, axis=1).mean(axis=0))
    np.testing.assert_allclose(exact.quantiles, np.quantile(values, LEVELS, axis=0), rtol=1e-13)
    assert exact.quantile_error == 0 and found.quantile_error == QUANTILE_ERROR
    np.testing.assert_allclose(found.quantiles, exact.quantiles, rtol=QUANTILE_ERROR)
    assert not np.array_equal(found.quantiles, exact.quantiles)


numbers = st.floats(-1e6, 1e6).map(lambda x: 0.0 if abs(x) < 1e-3 else x)


@settings(max_examples=40)
@given(st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=2, max_size=40), st.data())
def test_statistics_of_any_numbers_merge(rows, data):
    """Blocks of any size, negative numbers and zeros; quantiles lie between bin errors of the order statistics."""
    values = np.array(rows).T[:, None, :]  # two times, one species
    cuts = sorted(data.draw(st.sets(st.integers(1, len(rows) - 1), max_size=4)))
    merged = None
    for part in np.split(values, cuts, axis=-1):
        block = BlockStatistics(2, np.zeros(1), part.shape[-1], True)
        block.add(0, np.ascontiguousarray(part[:1]))
        block.add(1, np.ascontiguousarray(part[1:]))
        if merged is None:
            merged = block
        else:
            merged.merge(block)
    found = merged.statistics(LEVELS, None)
    flat = values[:, 0, :]
    np.testing.assert_allclose(found.mean[:, 0], flat.mean(axis=1), atol=1e-9)
    np.testing.assert_allclose(found.variance[:, 0], flat.var(axis=1, ddof=1), rtol=1e-9, atol=1e-6)
    assert np.array_equal(found.minimum[:, 0], flat.min(axis=1)) and np.array_equal(
        found.maximum[:, 0], flat.max(axis=1)
    )
    place = np.floor(LEVELS * (len(rows) - 1)).astype(int)
    ordered = np.sort(flat, axis=1)
    low, high = ordered[:, place], ordered[:, np.minimum(place + 1, len(rows) - 1)]
    exact = np.quantile(flat, LEVELS, axis=1).T
    allowed = QUANTILE_ERROR * np.maximum(np.abs(low), np.abs(high)) + 1e-12
    assert (np.abs(found.quantiles[:, :, 0].T - exact) <= allowed).all()
    gone = flat <= 0
    assert np.array_equal(found.extinct[:, 0], gone.mean(axis=1))
    assert np.array_equal(found.ever_extinct[:, 0], np.maximum.accumulate(gone, axis=0).mean(axis=1))


def test_extinction_of_a_branching_process(dying):
    """P(extinct by t) = q_t ** start with q_t = exp(rate (q_{t-1} - 1)); 5 standard errors at 5 times x 2 species.

    Fails once in about 170,000 keys.
    """
    q = np.zeros((41, 2))
    for t in range(1, 41):
        q[t] = np.exp(BRANCHING.rate * (q[t - 1] - 1))
    exact = q ** [3, 2]
    found = dying.statistics
    for t in (1, 3, 10, 25, 40):
        error = np.sqrt(exact[t] * (1 - exact[t]) / 20_000)
        assert (np.abs(found.ever_extinct[t] - exact[t]) < 5 * error).all()
    assert np.array_equal(found.extinct, found.ever_extinct)  # nobody comes back
    np.testing.assert_allclose(found.mean[-1], BRANCHING.rate**40 * [3, 2], atol=5 * found.standard_error[-1].max())
    first = np.argmax(dying.abundances == 0, axis=1).astype(float)
    died = (dying.abundances == 0).any(axis=1)
    by_hand = [first[died[:, i], i].mean() for i in range(2)]
    np.testing.assert_allclose(found.mean_extinction_time, by_hand, rtol=1e-12)
    np.testing.assert_allclose(found.restricted_extinction_time, np.where(died, first, 40).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.censored, 1 - died.mean(axis=0), rtol=1e-12)


def test_environmental_noise_in_closed_form():
    """log N(t) is normal: mean log N(0) + t log(rate), sd 0.2 sqrt(t); 5 standard errors, once in 10^5 keys."""
    model = Growth(("a",), "environment", np.array([1.01]))
    found = simulate(
        model, [50.0], 16, key=KEY, num_replicates=30_000, keep="summary", quantiles=(0.1, 0.5, 0.9)
    ).statistics
    sd, centre = 0.2 * 4, np.log(50) + 16 * np.log(1.01)
    z = np.array([-1.2815515655446004, 0.0, 1.2815515655446004])
    exact, density = centre + sd * z, np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) / sd
    error = np.sqrt(np.array([0.09, 0.25, 0.09]) / 30_000) / density
    assert (np.abs(np.log(found.quantiles[:, -1, 0]) - exact) < 5 * error + QUANTILE_ERROR).all()
    assert abs(found.mean[-1, 0] - np.exp(centre + sd**2 / 2)) < 5 * found.standard_error[-1, 0]
    assert not found.ever_extinct.any() and np.isnan(found.mean_extinction_time).all()
    assert found.restricted_extinction_time.tolist() == [16.0] and found.censored.tolist() == [1.0]


def test_extinction_below_a_threshold_and_recovery():
    """Ricker's cycle of two: below the threshold every other time; `extinct` says now, `ever_extinct` says ever."""
    model = pm.Ricker(("a", "b"), [2.2, 0.5], [[0.01, 0.0], [0.0, 0.01]])
    starts = np.array([[40.0, 50.0], [220.0, 50.0], [300.0, 0.0]])
    kept = simulate(model, starts, 30, num_replicates=3, extinct_below=[100.0, 10.0])
    below = (kept.abundances < [100.0, 10.0]) | (kept.abundances <= 0)
    assert np.array_equal(kept.statistics.extinct, below.mean(axis=0))
    assert np.array_equal(kept.statistics.ever_extinct, np.maximum.accumulate(below, axis=1).mean(axis=0))
    assert (kept.statistics.extinct[:, 0] < kept.statistics.ever_extinct[:, 0]).any()
    assert kept.statistics.ever_extinct[0].tolist() == pytest.approx([1 / 3, 1 / 3])
    at_threshold = simulate(pm.LeslieGower("a", [1.0], [[0.0]]), [[5.0], [4.9]], 3, num_replicates=2, extinct_below=5.0)
    assert at_threshold.statistics.extinct[:, 0].tolist() == [0.5] * 4  # below is not at


def test_out_into_words_and_a_table(dying):
    lines = dying.summary().splitlines()
    assert lines[0] == "20,000 replicates, 40 projection intervals" and lines[1].startswith("a: mean 0.0")
    assert "died out in 9" in lines[1] and "% of the replicates, after" in lines[1]
    never = simulate(CHAOS, [10.0, 20.0], 3, key=KEY, num_replicates=5, quantiles=())
    assert "never died out" in never.summary() and "quantiles" not in never.summary()
    assert never.statistics.quantiles.shape == (0, 4, 2)
    frame = dying.to_dataframe()
    columns = "time species mean sd minimum maximum q0 q0.025 q0.25 q0.5 q0.75 q0.975 q1 extinct ever_extinct"
    assert list(frame.columns) == columns.split() and len(frame) == 82
    row = frame[(frame["time"] == 7) & (frame["species"] == "b")].iloc[0]
    assert row["mean"] == dying.statistics.mean[7, 1] and row["ever_extinct"] == dying.statistics.ever_extinct[7, 1]
    assert row["q0.975"] == dying.statistics.quantiles[5, 7, 1] and row["sd"] == np.sqrt(
        dying.statistics.variance[7, 1]
    )
