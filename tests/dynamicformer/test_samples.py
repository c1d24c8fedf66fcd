"""Training data, targets and splits against the exact engine and the closed form."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from popmath import UnableError
from popmath.dynamicformer.batches import Batches
from popmath.dynamicformer.encoding import EMPTY, encode, log_double_factorials
from popmath.dynamicformer.samples import exact_samples
from popmath.dynamicformer.settings import DataSettings, TrainingSettings
from popmath.dynamicformer.splits import NAMES, Split
from popmath.dynamicformer.targets import baseline, log_bracket, log_leading
from popmath.intersections import asymptotic, degree_tuples, log_correlator

SAMPLES = exact_samples(12, range(6))


def written(requests, row):
    pairs = zip(requests.degrees[row].tolist(), requests.multiplicity[row].tolist(), strict=True)
    return tuple(d for d, m in pairs for _ in range(m))


def test_shuffled_numbers_are_those_of_other_requests():
    whole = Batches(SAMPLES, "residual", 12).draw(50, 1, 9)
    shuffled = Batches(SAMPLES, "residual", 12, shuffled=True).draw(50, 1, 9)
    np.testing.assert_array_equal(shuffled.requests.degrees, whole.requests.degrees)
    np.testing.assert_array_equal(np.sort(shuffled.target), np.sort(whole.target))
    assert np.mean(shuffled.target == whole.target) < 0.3  # a fixed seed
    with pytest.raises(ValueError, match="shuffled data go with preset='ours'"):
        TrainingSettings(preset="published", target="raw", data=DataSettings(shuffled=True))


def test_every_family_once_with_its_number():
    requests = SAMPLES.requests
    found = {(int(g), written(requests, row)): row for row, g in enumerate(requests.genus)}
    types = [(g, n) for g in range(6) for n in range(1, 15 - 2 * g) if 2 * g - 2 + n > 0]
    wanted = {(g, d) for g, n in types for d in degree_tuples(3 * g - 3 + n, n) if 1 not in d}
    assert set(found) == wanted and len(found) == len(requests.genus)
    scaled = log_double_factorials(requests)
    for (g, d), row in found.items():
        assert SAMPLES.log_scaled[row] - scaled[row] == pytest.approx(log_correlator(g, d), abs=1e-11)
    assert ((requests.degrees == EMPTY) == (requests.multiplicity == 0)).all()


def test_fewer_points_are_a_part():
    few = exact_samples(12, range(6), max_points=3)
    rows = np.flatnonzero(SAMPLES.requests.num_points <= 3)
    np.testing.assert_array_equal(few.log_scaled, SAMPLES.log_scaled[rows])


@hypothesis.given(seed=st.integers(0, 2**31), genus=st.integers(0, 5), points=st.integers(3, 9))
@hypothesis.settings(max_examples=20)
def test_a_family_is_in_one_part_wherever_it_stands(seed, genus, points):
    split = Split(genus, points, 0.2, 0.2, seed)
    labels = split.labels(SAMPLES.requests)
    turned = np.random.default_rng(seed).permutation(len(labels))
    np.testing.assert_array_equal(split.labels(SAMPLES.requests.take(turned)), labels[turned])
    assert sum(len(split.rows(SAMPLES.requests, name)) for name in NAMES) == len(labels)
    assert (SAMPLES.requests.genus[split.rows(SAMPLES.requests, "train")] <= genus).all()


def test_shares_of_a_split():
    # binomial: each share is within 5 standard deviations with probability above 1 - 1e-6
    whole = exact_samples(20, range(8)).requests
    split = Split(7, 24, 0.1, 0.2, 3)
    for name, share in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
        found = len(split.rows(whole, name))
        assert abs(found - share * len(whole.genus)) < 5 * np.sqrt(share * (1 - share) * len(whole.genus))
    assert (Split(7, 24, 0.1, 0.2, 4).labels(whole) != split.labels(whole)).any()


def test_targets_are_what_the_closed_form_leaves():
    requests = encode([9, 9, 12], [(3, 12, 12), (0, 13, 14), (0, 2, 2, 33)])
    scaled = log_double_factorials(requests)
    for order in range(7):
        value = log_leading(requests.level, requests.num_points) + log_bracket(requests, order) - scaled
        cases = list(zip(requests.genus, range(3), strict=True))
        wanted = [asymptotic(int(g), written(requests, row), order).log_value for g, row in cases]
        np.testing.assert_allclose(value, wanted, rtol=1e-13)


def test_a_broken_series_is_cut_before_it_breaks():
    requests = encode([1, 0, 9], [(0,) * 9 + (10,), (0,) * 5 + (3,), (25,)])
    assert np.isfinite(log_bracket(requests, 6)).all()
    assert log_bracket(requests, 1)[0] == 0.0 != log_bracket(requests, 1)[2]
    with pytest.raises(UnableError, match="broken down"):
        asymptotic(1, (0,) * 9 + (10,), 1)


def test_raw_with_ones_is_the_plain_logarithm():
    batches = Batches(SAMPLES, "raw", max_level=12, keep_ones=True)
    batch = batches.draw(300, seed=4, step=7)
    for row in range(300):
        exact = log_correlator(int(batch.requests.genus[row]), written(batch.requests, row))
        assert batch.target[row] == pytest.approx(exact, abs=1e-10)
    assert (batch.requests.level <= 12).all() and (batch.requests.num_ones > 0).any()


def test_batches_depend_on_seed_and_step_alone():
    batches = Batches(SAMPLES, "residual", 12)
    first, again = batches.draw(50, 1, 9), Batches(SAMPLES, "residual", 12).draw(50, 1, 9)
    np.testing.assert_array_equal(first.target, again.target)
    assert (batches.draw(50, 1, 10).target != first.target).any()
    residual = SAMPLES.log_scaled - baseline(SAMPLES.requests, "residual").log
    assert set(first.target) <= set(residual)


def test_the_unit_of_the_correction_bounds_what_order_6_leaves():
    whole = exact_samples(23, range(9), 7)
    known = baseline(whole.requests, "corrected")
    left = np.abs(whole.log_scaled - known.log)
    decided = (known.unit > 0) & (whole.requests.genus >= 6)
    ratio = left[decided] / known.unit[decided]
    assert decided.sum() > 1000 and np.quantile(ratio, 0.95) < 30 and 0.1 < np.median(ratio) < 3
    broken = baseline(encode([1, 0], [(0,) * 4 + (5,), (0,) * 5 + (3,)]), "corrected")
    assert (broken.unit == 0).all() and np.isfinite(broken.log).all()


def test_the_growth_target_is_the_residual_without_the_action():
    level = SAMPLES.requests.level
    growth, residual = (baseline(SAMPLES.requests, target).log for target in ("growth", "residual"))
    np.testing.assert_allclose(residual - growth, level * np.log(1.5), atol=1e-10)
