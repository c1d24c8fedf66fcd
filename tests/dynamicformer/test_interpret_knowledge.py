"""Defects, the action, probes and latent structure, where the answer is known."""

import math
from fractions import Fraction

import jax
import numpy as np
import pytest

from popmath import UnableError
from popmath.dynamicformer import TrainedNetwork, TrainingSettings, encode, exact_samples, load_pretrained
from popmath.dynamicformer.encoding import log_double_factorials
from popmath.dynamicformer.interpret import (
    ActionEstimate,
    ActionLikelihood,
    Components,
    CosineStructure,
    Defects,
    ProbeResult,
    added_point,
    cosine_structure,
    dilaton_defects,
    dilaton_probe,
    gradient_action,
    likelihood_action,
    movable,
    observe,
    polynomial_probe,
    principal_components,
    probe,
    random_degrees,
    scale_probe,
    slope_action,
    string_heads,
    virasoro_defects,
)
from popmath.dynamicformer.interpret import latent as latent_module
from popmath.dynamicformer.published import PublishedNetwork, PublishedSettings
from popmath.intersections import log_correlator

RAW, RESIDUAL = load_pretrained("psi-raw"), load_pretrained("psi-residual")
SAMPLES = exact_samples(26, range(11))
TYPES = [(2, 3), (3, 2), (4, 4), (5, 1)]


def exact(requests):
    rows = zip(requests.genus, requests.degrees, requests.multiplicity, strict=True)
    return np.array([log_correlator(int(g), np.repeat(d, m).tolist()) for g, d, m in rows])


def per_point(requests):
    return exact(requests) + 0.1 * requests.num_points


@pytest.mark.parametrize("index", [-1, 0, 1, 2, 3])
def test_exact_numbers_have_no_defect_and_others_have_theirs(index):
    asked = random_degrees(TYPES, 4, lambda g, n: 3 * g - 3 + n - index)
    found = virasoro_defects(exact, index, *asked)
    assert isinstance(found, Defects) and np.abs(found.defect).max() < 1e-10
    wrong = virasoro_defects(per_point, index, *asked).defect
    assert np.abs(wrong).min() > 1e-3
    if index == -1:  # every term on the right has one point less
        np.testing.assert_allclose(wrong, 0.1, atol=1e-10)


def test_the_dilaton_defect_is_what_a_point_too_much_adds():
    asked = random_degrees(TYPES, 4, lambda g, n: 3 * g - 3 + n)
    assert np.abs(dilaton_defects(exact, *asked).defect).max() < 1e-10
    found = dilaton_defects(per_point, *asked)
    np.testing.assert_allclose(found.defect, 0.1, atol=1e-10)
    assert found.median_by_genus() == pytest.approx(dict.fromkeys([2, 3, 4, 5], 0.1))
    by_construction = dilaton_defects(lambda r: RESIDUAL.predict_requests(r).log_value, *asked).defect
    assert (
        np.abs(by_construction).max() < 1e-9
        and np.abs(dilaton_defects(lambda r: RAW.predict_requests(r).log_value, *asked).defect).max() > 1e-5
    )


def test_random_degrees_are_distinct_and_sum_to_what_they_should():
    genera, degrees = random_degrees([(1, 1), (2, 3), (0, 2)], 50, lambda g, n: 3 * g - 3 + n)
    assert len({*zip(genera, degrees, strict=True)}) == len(genera) == 1 + 7
    assert all(sum(d) == 3 * g - 3 + len(d) for g, d in zip(genera, degrees, strict=True))


def test_defects_of_what_is_no_number():
    with pytest.raises(ValueError, match="1 of them not finite"):
        dilaton_defects(lambda r: np.array([1.0, np.nan]), [2], [(4,)])


def planted(requests, action, linear=0.0):
    """Logarithms of plain numbers with another action and first coefficient."""
    level = requests.level.astype(float)
    z = -math.log(4 * math.pi) - level * math.log(action) + np.log1p(linear / level)
    gammas = np.array([math.lgamma(x) for x in level])
    return z + gammas + requests.num_points * math.log(2.0) - log_double_factorials(requests)


BARE = SAMPLES.requests.take(np.flatnonzero((SAMPLES.requests.times(0) == 0) & (SAMPLES.requests.genus >= 4)))
BARE = BARE.take(np.arange(0, len(BARE.genus), 7))


@pytest.mark.parametrize("action", [0.5, 2 / 3, 1.4])
def test_the_slope_is_the_action(action):
    found = slope_action(BARE, planted(BARE, action), order=1)
    assert isinstance(found, ActionEstimate) and found.value == pytest.approx(action, rel=1e-8)
    noise = np.random.default_rng(0).normal(scale=0.01, size=len(BARE.genus))
    rough = slope_action(BARE, planted(BARE, action) + noise, order=0)
    assert rough.low < action < rough.high and rough.high - rough.low < 0.01  # a fixed seed
    bent = planted(BARE, action, linear=-1.0)
    straight, curved = slope_action(BARE, bent, order=0), slope_action(BARE, bent)
    assert not straight.low < action < straight.high
    assert curved.order > 0 and curved.value == pytest.approx(action, rel=1e-4)


def test_a_monomial_that_never_occurs_is_left_out():
    few = BARE.take(np.flatnonzero(BARE.times(2) == 0))
    assert slope_action(few, planted(few, 0.5), order=2).value == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("action", [0.2, 2 / 3, 3.0])
def test_the_likelihood_finds_a_far_maximum(action):
    found = likelihood_action(BARE, planted(BARE, action), [Fraction(2, 3)], order=0)
    estimate = found.estimate
    assert estimate.value == pytest.approx(action, rel=1e-6) and estimate.low <= estimate.value <= estimate.high
    noise = np.random.default_rng(1).normal(scale=0.01, size=len(BARE.genus))
    rough = likelihood_action(BARE, planted(BARE, action) + noise, [Fraction(2, 3)], order=0).estimate
    assert rough.low < action < rough.high and rough.high / rough.low < 1.01  # a fixed seed


def test_the_likelihood_picks_one_hypothesis_of_equal_rationals():
    few = SAMPLES.take(np.flatnonzero(SAMPLES.requests.genus >= 5)[::5])
    logs = few.log_scaled - log_double_factorials(few.requests)
    candidates = [Fraction(2, 3), Fraction(4, 6), Fraction(5, 8), Fraction(7, 10)]
    found = likelihood_action(few.requests, logs, candidates)
    assert isinstance(found, ActionLikelihood) and len(found.candidates) == 3
    assert found.best == Fraction(2, 3) and found.estimate.value == pytest.approx(2 / 3, abs=1e-4)
    shuffled = likelihood_action(few.requests, np.random.default_rng(0).permutation(logs), candidates)
    assert shuffled.log_likelihood.max() < found.log_likelihood.max() - 10
    assert shuffled.estimate.high - shuffled.estimate.low > 0.1


def test_the_gradient():
    requests = encode([9] * 15, [(2,) * n + (25 - n,) for n in range(15)])
    assert gradient_action(lambda r: planted(r, 0.8), requests).value == pytest.approx(0.8, rel=1e-9)
    assert gradient_action(exact, requests).value == pytest.approx(2 / 3, abs=5e-3)
    assert movable(encode([2, 9, 9], [(4,), (11, 15), (12, 14)])).tolist() == [False, True, False]
    with pytest.raises(ValueError, match="largest degree, 6 or more, occurs once and is 4 or more above"):
        gradient_action(exact, encode([9], [(12, 14)]))
    with pytest.raises(ValueError, match="15 of them not finite"):
        gradient_action(lambda r: np.full(len(r.genus), np.nan), requests)


def test_the_published_probe_of_the_action_selects_nothing():
    latent = np.random.default_rng(0).normal(size=(100, 5))
    level = latent @ np.arange(5.0) + np.random.default_rng(1).normal(size=100)
    found = scale_probe(latent, level, [Fraction(a, 12) for a in range(1, 12)])
    assert 0.5 < found[0] < 1 and np.ptp(found) < 1e-12
    with pytest.raises(ValueError, match="candidates must be positive and not 1"):
        scale_probe(latent, level, [Fraction(1)])
    with pytest.raises(ValueError, match="5 requests cannot fix a probe of 5 numbers"):
        scale_probe(latent[:5], level[:5], [Fraction(1, 2)])


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: slope_action(SAMPLES.requests, SAMPLES.log_scaled), ValueError, "without degrees 0 and 1"),
        (lambda: slope_action(BARE, np.zeros(3)), ValueError, "one finite logarithm for each"),
        (lambda: slope_action(BARE.take(BARE.genus == 4), np.zeros((BARE.genus == 4).sum())), UnableError, "blocks"),
        (lambda: likelihood_action(BARE, planted(BARE, 0.5), []), ValueError, "candidates must be positive"),
        (lambda: likelihood_action(encode([2], [(1, 4)]), np.zeros(1), [Fraction(1)]), ValueError, "without degrees 1"),
    ],
)
def test_bad_input_of_the_estimators(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


RNG = np.random.default_rng(3)
CLASSES, GENUS = RNG.integers(12, size=600), RNG.integers(1, 11, size=600)
VALUES = np.arange(12.0) ** 2


def test_a_probe_reads_what_is_there_and_its_control_does_not():
    vectors = np.column_stack([VALUES[CLASSES], RNG.normal(size=600)])
    found = probe(vectors, VALUES[CLASSES], GENUS, CLASSES)
    assert isinstance(found, ProbeResult) and found.r_squared > 0.999 and found.num_genera == 10
    assert found.control < 0.6 and found.selectivity > 0.4
    assert probe(RNG.normal(size=(600, 2)), VALUES[CLASSES], GENUS, CLASSES).r_squared < 0.05


def test_a_probe_that_knows_the_class_reads_anything():
    one_hot = np.eye(12)[CLASSES]
    found = probe(one_hot, VALUES[CLASSES], GENUS, CLASSES)
    assert found.r_squared > 0.99 and abs(found.selectivity) < 0.01


def test_a_kernel_reads_what_is_not_linear():
    x = (CLASSES[:, None] - 5.5) / 4
    assert probe(x, x[:, 0] ** 2, GENUS, CLASSES).r_squared < 0.3
    assert probe(x, x[:, 0] ** 2, GENUS, CLASSES, "kernel").r_squared > 0.99


def test_polynomials_are_read_from_multiplicities():
    requests = SAMPLES.requests.take(np.arange(0, len(SAMPLES.requests.genus), 20))
    requests = requests.take(np.flatnonzero(requests.times(0) <= 3))
    counts = np.stack([requests.times(j) for j in range(4)], axis=1).astype(float)
    found = polynomial_probe(counts, requests, 1, "kernel")
    assert found.r_squared > 0.99
    noise = polynomial_probe(np.random.default_rng(0).normal(size=counts.shape), requests, 1)
    assert noise.r_squared < 0.05 and noise.control < 0.05


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"genus": GENUS % 3}, UnableError, "requests of 3 genera cannot be divided into 5 parts"),
        ({"target": np.ones(600)}, UnableError, "there is nothing to read"),
        ({"target": RNG.normal(size=600)}, ValueError, "requests of one class must have the same target"),
        ({"genus": GENUS[:5]}, ValueError, "one number for each"),
        ({"vectors": np.full((600, 1), np.inf)}, ValueError, "must be finite"),
        ({"kind": "forest"}, ValueError, "kind must be one of 'linear', 'kernel'; got 'forest'"),
    ],
)
def test_probes_refuse(change, kind, message):
    given = {"vectors": VALUES[CLASSES][:, None], "target": VALUES[CLASSES], "genus": GENUS, "classes": CLASSES}
    with pytest.raises(kind, match=message):
        probe(**(given | change))


def test_what_a_point_adds():
    requests = SAMPLES.requests.take(np.arange(0, len(SAMPLES.requests.genus), 40))
    with pytest.raises(ValueError, match="needs requests without degrees 1"):
        added_point(RAW, encode([2], [(1, 4)]), "pooled")
    difference = added_point(RAW, requests, "pooled")
    vectors = observe(RAW, RAW.shown(requests)).sites["pooled"]
    assert difference.shape == vectors.shape
    assert isinstance(dilaton_probe(difference, requests), ProbeResult)
    found = cosine_structure(difference, vectors, requests)
    assert isinstance(found, CosineStructure) and found.low <= found.added - found.random <= found.high
    with pytest.raises(UnableError, match="'psi-residual' is not shown degrees 1"):
        added_point(RESIDUAL, requests, "pooled")
    with pytest.raises(ValueError, match="site must be one vector for each request"):
        added_point(RAW, requests, "tokens")
    with pytest.raises(UnableError, match="at least 20 are needed"):
        cosine_structure(difference[:3], vectors[:3], requests.take(slice(3)))


def test_principal_components_find_what_was_planted():
    requests = SAMPLES.requests.take(np.arange(0, len(SAMPLES.requests.genus), 40))
    noise = 0.01 * np.random.default_rng(0).normal(size=(len(requests.genus), 6))
    noise[:, 0] += requests.num_points
    found = principal_components(noise, requests)
    assert isinstance(found, Components) and found.share[0] > 0.95
    assert found.explained[found.properties.index("n"), 0] > 0.99
    with pytest.raises(ValueError, match="4 components need as many"):
        principal_components(noise[:, :3], requests)


def test_a_head_that_takes_the_string_step_stands_out(monkeypatch):
    small = PublishedSettings(width=16, heads=2, embedding=8, hidden=16)
    settings = TrainingSettings(name="small", preset="published", target="raw", published=small)
    trained = TrainedNetwork(PublishedNetwork.random(small, jax.random.key(0)), settings, {})
    requests = SAMPLES.requests.take(np.arange(0, len(SAMPLES.requests.genus), 40))
    before = string_heads(trained, requests)
    seen = observe(trained, trained.shown(requests))
    degrees, weights = seen.sites["degrees"], seen.sites["partition.attention"].copy()
    step = degrees[:, None, :] == degrees[:, :, None] - 1
    weights[:, 1, 1 : 1 + degrees.shape[1], 1 : 1 + degrees.shape[1]] *= np.where(step, 20.0, 1.0)
    monkeypatch.setattr(
        latent_module, "observe", lambda *_: seen._replace(sites=seen.sites | {"partition.attention": weights})
    )
    change = string_heads(trained, requests) - before
    assert change.shape == (2, 6) and np.ptp(change[0]) < 1e-9
    assert change[1].argmax() == 2 and change[1, 2] > 1 > np.delete(change[1], 2).max()
    with pytest.raises(UnableError, match="no request of at least 4 degrees has two that are 90 apart"):
        string_heads(trained, requests, range(90, 91))


def test_a_network_without_attention_has_no_heads():
    with pytest.raises(UnableError, match="'psi-raw' has no attention"):
        string_heads(RAW, encode([9], [(2, 24)]))
