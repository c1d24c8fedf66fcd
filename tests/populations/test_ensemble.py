"""Ensembles: keys, blocks, threads and devices; streamed statistics; extinction; refusals.

Random tests have fixed keys and say how often they would fail with another.
"""

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import final

import equinox as eqx
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

import popmath as pm
from popmath import _errors
from popmath.populations import ensemble_run
from popmath.populations.model import PopulationModel
from popmath.populations.random_counts import poisson
from popmath.populations.simulation import simulate
from popmath.populations.streaming import QUANTILE_ERROR, BlockStatistics

KEY = jax.random.key(20)
LEVELS = np.array([0.0, 0.025, 0.25, 0.5, 0.75, 0.975, 1.0])
PAIR = pm.LeslieGower(("a", "b"), [2.0, 1.8], [[0.01, 0.003], [0.002, 0.01]])


@final
class Growth(PopulationModel):
    """Growth by `rate`, with noise of one kind; with `crowding`, the chaos of Ricker's model."""

    species: tuple[str, ...] = eqx.field(static=True)
    noise: str = eqx.field(static=True)
    rate: np.ndarray
    crowding: float = 0.0

    @property
    def state_shape(self):
        return (len(self.species),)

    def step(self, state, t, key):
        mean = self.rate * state * jnp.exp(-self.crowding * state)
        if self.noise == "environment":
            mean = mean * jnp.exp(0.2 * jax.random.normal(key, mean.shape, jnp.float64))
        if self.noise == "poisson":
            mean = poisson(key, mean)
        return mean, {}

    def totals(self, states):
        return states


@final
class Structured(PopulationModel):
    """Two species of three classes in one row, fertilities with log-normal noise."""

    species: tuple[str, ...] = eqx.field(static=True)
    matrices: np.ndarray

    @property
    def state_shape(self):
        return (6,)

    def step(self, state, t, key):
        after = jnp.einsum("sij,sj->si", self.matrices, state.reshape(2, 3))
        good = jnp.exp(0.1 * jax.random.normal(key, (2,), jnp.float64))
        crowded = 1 + 0.001 * jnp.sum(state)
        return jnp.concatenate([after[:, :1] * (good / crowded)[:, None], after[:, 1:]], axis=1).reshape(6), {}

    def totals(self, states):
        return jnp.sum(states.reshape(*states.shape[:-1], 2, 3), axis=-1)


CHAOS = Growth(("a", "b"), "environment", np.array([20.0, 15.0]), 0.01)
BRANCHING = Growth(("a", "b"), "poisson", np.array([0.9, 1.02]))
LESLIE = np.array(
    [[[0.0, 1.5, 2.5], [0.6, 0.0, 0.0], [0.0, 0.8, 0.3]], [[0.0, 1.2, 2.0], [0.5, 0.0, 0.0], [0, 0.7, 0.5]]]
)


def assert_same(one, other):
    """The same numbers, to the last bit."""
    for name in ("abundances", "states"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine is None) == (theirs is None) and (mine is None or np.array_equal(mine, theirs)), name
    for name in ("mean", "variance", "minimum", "maximum", "quantiles", "extinct", "ever_extinct"):
        assert np.array_equal(getattr(one.statistics, name), getattr(other.statistics, name)), name


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


def test_a_replicate_is_the_single_run_with_its_key(chaos):
    for r in (0, 1, 150, 299):
        alone = simulate(CHAOS, [10.0, 20.0], 8, key=jax.random.fold_in(KEY, r))
        np.testing.assert_allclose(chaos.abundances[r, :9], alone.abundances, rtol=1e-7)  # chaos magnifies rounding
    assert len(np.unique(chaos.abundances[:, 30, 0])) == 300  # and no two are alike
    correlation = np.corrcoef(np.log(chaos.abundances[:, 1].T))[0, 1]
    assert abs(correlation) < 4.5 / np.sqrt(300)  # fails once in 150,000 keys


def test_the_numbers_do_not_depend_on_the_chunks_and_threads(chaos, monkeypatch):
    monkeypatch.setattr(ensemble_run, "_LANES", 32)
    for chunk, cores in ((1, 1), (64, 2), (None, 3), (10**6, 8)):
        monkeypatch.setattr(ensemble_run, "_cores", lambda cores=cores: cores)
        assert_same(
            chaos, simulate(CHAOS, [10.0, 20.0], 60, key=KEY, num_replicates=300, quantiles=LEVELS, chunk_size=chunk)
        )
    other = simulate(CHAOS, [10.0, 20.0], 60, key=jax.random.key(21), num_replicates=300)
    assert not np.array_equal(other.abundances[:, 1], chaos.abundances[:, 1])


def test_threads_and_chunk_size(monkeypatch):
    """As many blocks are under way as fit into the chunk."""
    monkeypatch.setattr(ensemble_run, "_LANES", 32)
    monkeypatch.setattr(ensemble_run, "_cores", lambda: 3)
    seen, real = set(), BlockStatistics.add

    def add(self, *args):
        seen.add(threading.current_thread().name)
        real(self, *args)

    monkeypatch.setattr(BlockStatistics, "add", add)
    for chunk, threads in ((1, 1), (65, 2), (None, 3)):
        seen.clear()
        simulate(PAIR, np.full((600, 2), 5.0), 300, num_replicates=600, chunk_size=chunk, keep="summary")
        assert len(seen) <= threads and (threads == 1) == (seen == {"MainThread"})


def test_the_length_of_the_segments_changes_nothing(chaos, monkeypatch):
    monkeypatch.setattr(ensemble_run, "_LANES", 32)
    monkeypatch.setattr(ensemble_run, "_SEGMENT_BYTES", 8 * 32 * 2 * 7)
    again = simulate(CHAOS, [10.0, 20.0], 60, key=KEY, num_replicates=300, quantiles=LEVELS)
    np.testing.assert_allclose(again.abundances[:, :15], chaos.abundances[:, :15], rtol=1e-6)


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


def test_one_state_per_replicate_and_no_key():
    starts = np.random.default_rng(1).uniform(0, 200, (50, 2))
    many = simulate(PAIR, starts, 12, num_replicates=50)
    for r in (0, 17, 49):
        np.testing.assert_allclose(many.abundances[r], simulate(PAIR, starts[r], 12).abundances, rtol=1e-13)
    assert np.array_equal(many.abundances[:, 0], starts)
    with_key = simulate(PAIR, starts, 12, num_replicates=50, key=KEY)
    np.testing.assert_allclose(with_key.abundances, many.abundances, rtol=1e-13)


def test_states_of_a_structured_model():
    model = Structured(("a", "b"), LESLIE)
    found = simulate(model, np.arange(1.0, 7), 20, key=KEY, num_replicates=40, keep="states")
    assert found.states.shape == (40, 21, 6) and found.abundances.shape == (40, 21, 2)
    np.testing.assert_allclose(found.states.reshape(40, 21, 2, 3).sum(axis=-1), found.abundances, rtol=1e-13)
    alone = simulate(model, np.arange(1.0, 7), 20, key=jax.random.fold_in(KEY, 39))
    np.testing.assert_allclose(found.states[39], alone.states, rtol=1e-12)
    matrix = pm.LinearLeslieCompetition(
        ("a", "b"), [[0.1, 1.5], [0.2, 1.2]], [[0.6, 0.1], [0.5, 0.0]], np.full((2, 2, 2), 0.01)
    )
    starts = np.random.default_rng(0).uniform(1, 9, (5, 2, 2))
    deep = simulate(matrix, starts, 6, num_replicates=5, keep="states")
    np.testing.assert_allclose(deep.states[4], simulate(matrix, starts[4], 6).states, rtol=1e-13)


def test_no_steps_and_one_replicate():
    none = simulate(CHAOS, [10.0, 20.0], 0, key=KEY, num_replicates=3)
    assert none.abundances.tolist() == [[[10.0, 20.0]]] * 3 and none.statistics.variance.tolist() == [[0.0, 0.0]]
    one = simulate(PAIR, [10.0, 20.0], 4, num_replicates=1)
    assert np.isnan(one.statistics.variance).all() and np.array_equal(one.statistics.mean, one.abundances[0])


def test_kinds_of_keys():
    typed = simulate(CHAOS, [10.0, 20.0], 3, key=jax.random.key(4), num_replicates=10)
    raw = simulate(CHAOS, [10.0, 20.0], 3, key=jax.random.PRNGKey(4), num_replicates=10)
    assert_same(typed, raw)
    other = simulate(CHAOS, [10.0, 20.0], 3, key=jax.random.key(4, impl="rbg"), num_replicates=10)
    assert len(np.unique(other.abundances[:, -1])) == 20  # each replicate has numbers of its own
    with pytest.raises(ValueError, match="key must be one random key"):
        simulate(CHAOS, [10.0, 20.0], 3, key=jax.random.split(KEY, 3), num_replicates=10)


def test_what_is_not_finite_is_counted_and_raised(monkeypatch):
    monkeypatch.setattr(ensemble_run, "_LANES", 16)
    starts = np.full((100, 1), 1.0)
    starts[[3, 40, 77]] = [[1e300], [1e290], [1e305]]
    model = Growth(("a",), "none", np.array([10.0]))
    for keep in ("summary", "abundances"):
        with pytest.raises(
            _errors.UnableError, match=r"of 3 of 100 replicates are not finite, first at time 4; .*replicate 3"
        ):
            simulate(model, starts, 30, num_replicates=100, keep=keep)
    with pytest.raises(_errors.UnableError, match="variance of the abundances is beyond float64: they reach 1e\\+160"):
        simulate(model, [[1.0], [1e155]], 5, num_replicates=2)


def test_noise_without_a_key_is_refused():
    for replicates in (None, 10):
        with pytest.raises(ValueError, match=r"Growth draws random numbers in its step.*key=jax.random.key\(0\)"):
            simulate(CHAOS, [10.0, 20.0], 5, num_replicates=replicates)
    with pytest.raises(ValueError, match="all 10 replicates would be the same"):
        simulate(PAIR, [10.0, 20.0], 5, num_replicates=10)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"keep": "mean"}, "keep must be one of"),
        ({"quantiles": [0.5, 1.5]}, "quantiles must be different levels from 0 to 1"),
        ({"quantiles": [0.5, 0.5]}, "quantiles must be different levels"),
        ({"chunk_size": 0}, "chunk_size must be a whole number"),
        ({"num_replicates": 0}, "num_replicates must be a whole number, at least 1"),
        ({"extinct_below": -1.0}, "extinct_below must be at least 0"),
        ({"extinct_below": [1.0, 2.0, 3.0]}, "one number or one for each"),
        ({"num_replicates": 10**11}, 'takes .* GiB.*keep="summary"'),
    ],
)
def test_wrong_requests(changed, message):
    asked = {"num_replicates": 4, "key": KEY, **changed}
    with pytest.raises((ValueError, TypeError), match=message if "keep" not in changed else "keep"):
        simulate(CHAOS, [10.0, 20.0], 5, **asked)


def test_wrong_initial_states():
    with pytest.raises(
        ValueError, match=r"shape \(2,\) for species \('a', 'b'\), or \(4, 2\) for one state per replicate"
    ):
        simulate(CHAOS, np.ones((3, 2)), 5, num_replicates=4, key=KEY)
    with pytest.raises(ValueError, match=r"initial\[2, 1\] is -1"):
        simulate(CHAOS, np.array([[1.0, 1], [1, 1], [1, -1], [1, 1]]), 5, num_replicates=4, key=KEY)
    with pytest.raises(TypeError, match="use jax.vmap over simulate"):
        jax.jit(lambda x: simulate(PAIR, x, 5, num_replicates=4, key=KEY).statistics.mean)(jnp.ones(2))


def test_progress_and_interrupts(monkeypatch):
    monkeypatch.setattr(ensemble_run, "_LANES", 32)
    seen = []
    simulate(CHAOS, [1.0, 2.0], 5, key=KEY, num_replicates=300, progress=lambda done, all_: seen.append((done, all_)))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen}) and seen[-1] == (300, 300) and len(seen) > 5

    def interrupt(done, _):
        seen.append(done)
        raise KeyboardInterrupt

    parts, real = {}, BlockStatistics.add

    def slow_add(self, *args):
        parts[id(self)] = parts.get(id(self), 0) + 1
        time.sleep(0.01)
        real(self, *args)

    monkeypatch.setattr(BlockStatistics, "add", slow_add)
    monkeypatch.setattr(ensemble_run, "_SEGMENT_BYTES", 8 * 32 * 2 * 2)
    monkeypatch.setattr(ensemble_run, "_cores", lambda: 2)
    seen.clear()
    with pytest.raises(KeyboardInterrupt):
        simulate(CHAOS, [1.0, 2.0], 60, key=KEY, num_replicates=300, progress=interrupt)
    assert max(parts.values()) >= 30 and min(parts.values()) < 30  # what was under way has ended early
    assert len(seen) == 1 and not [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]


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


def fingerprints():
    """Hashes of what 300 replicates give, kept and streamed."""
    kept, streamed = (
        simulate(CHAOS, [10.0, 20.0], 60, key=KEY, num_replicates=300, keep=keep) for keep in ("states", "summary")
    )
    parts = [kept.abundances, kept.states, kept.statistics.variance, streamed.statistics.quantiles]
    parts.append(streamed.statistics.mean)
    mixed = Growth(("a", "b"), "poisson", np.array([1.0, 1.1]))  # small and large means
    parts.append(simulate(mixed, [5.0, 90.0], 10, key=KEY, num_replicates=300).abundances)
    return [hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest() for part in parts]


def run_script(script, devices):
    flags = f"--xla_force_host_platform_device_count={devices}"
    here = Path(__file__).parent
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(here)!r}); {script}"]
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=here.parents[1], check=True
    ).stdout


def test_four_devices_give_what_one_gives(monkeypatch):
    monkeypatch.setattr(ensemble_run, "_LANES", 32)
    script = "import jax, test_ensemble as t; t.ensemble_run._LANES = 32; print(len(jax.devices()), *t.fingerprints())"
    assert run_script(script, 4).split() == ["4", *fingerprints()]


def peak(count):
    """Peak memory of this process so far, MiB, after so many replicates."""
    import resource

    simulate(CHAOS, [10.0, 20.0], 500, key=KEY, num_replicates=count, keep="summary")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@pytest.mark.slow
def test_memory_does_not_grow_with_the_replicates():
    few, many = map(int, run_script("import test_ensemble as t; print(t.peak(5_000), t.peak(100_000))", 1).split())
    assert many - few < 64  # MiB; the abundances alone would be 764
