"""Ensembles: keys, blocks, threads and devices; what is kept; refusals and interrupts."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ensemble_models import CHAOS, KEY, LESLIE, LEVELS, PAIR, Growth, Structured, assert_same

import popmath as pm
from popmath import _errors
from popmath.populations import ensemble_run
from popmath.populations.simulation import simulate
from popmath.populations.streaming import BlockStatistics


@pytest.fixture(scope="module")
def chaos():
    """300 replicates in one process, all abundances kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble_run, "_LANES", 32)
        return simulate(CHAOS, [10.0, 20.0], 60, key=KEY, num_replicates=300, quantiles=LEVELS)


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

    interrupted, finished, real = threading.Event(), [], BlockStatistics.add

    def interrupt(done, _):
        seen.append(done)
        interrupted.set()
        raise KeyboardInterrupt

    leading = set()

    def add(self, first, totals):
        if first == 0 and totals[0, 0, 0] == 1:  # replicate 0 starts from 1 individual, the others from more
            leading.add(self)
        if self not in leading:  # goes on only after the interrupt, and slowly
            interrupted.wait(60)
            time.sleep(0.1)
        real(self, first, totals)
        finished.append((self in leading, first))

    monkeypatch.setattr(BlockStatistics, "add", add)
    monkeypatch.setattr(ensemble_run, "_SEGMENT_BYTES", 8 * 32 * 2 * 2)
    monkeypatch.setattr(ensemble_run, "_cores", lambda: 2)
    seen.clear()
    with pytest.raises(KeyboardInterrupt):
        starts = np.stack([np.arange(1.0, 301), np.full(300, 2.0)], axis=1)
        simulate(CHAOS, starts, 60, key=KEY, num_replicates=300, progress=interrupt)
    assert (True, 60) in finished and all(
        first < 30 for leads, first in finished if not leads
    )  # the others ended early
    assert len(seen) == 1 and not [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]


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
