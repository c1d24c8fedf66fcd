"""Every intermediate value by name, patched values, and causal tracing."""

import jax
import numpy as np
import pytest

from popmath import UnableError
from popmath.dynamicformer import TrainedNetwork, TrainingSettings, encode, load_pretrained
from popmath.dynamicformer.interpret import (
    IndirectEffect,
    Observation,
    causal_trace,
    observe,
    predict_patched,
    site_names,
)
from popmath.dynamicformer.published import PublishedNetwork, PublishedSettings

RESIDUAL = load_pretrained("psi-residual")
REQUESTS = encode([9, 9, 4], [(2, 24), (0, 3, 24), (1, 4, 7)])
SMALL = PublishedSettings(width=16, heads=2, embedding=8, hidden=16)
PUBLISHED = TrainedNetwork(
    PublishedNetwork.random(SMALL, jax.random.key(0)),
    TrainingSettings(name="small", preset="published", target="raw", published=SMALL),
    {},
)


@pytest.mark.parametrize("trained", [RESIDUAL, load_pretrained("psi-raw"), load_pretrained("psi-multi"), PUBLISHED])
def test_it_is_the_network_that_predicts(trained):
    said = trained.predict_requests(REQUESTS).log_value
    np.testing.assert_allclose(predict_patched(trained, REQUESTS, {}).log_value, said, rtol=1e-5, atol=1e-5)
    seen = observe(trained, trained.shown(REQUESTS))
    assert isinstance(seen, Observation) and set(site_names(trained)) >= set(seen.sites)
    again = observe(trained, trained.shown(REQUESTS), seen.sites)
    np.testing.assert_allclose(again.value, seen.value, rtol=1e-5, atol=1e-6)


def test_the_encoder_of_b_is_observed_when_asked():
    shown = PUBLISHED.shown(REQUESTS)
    inner = observe(PUBLISHED, shown, inside_tensor=True)
    assert set(site_names(PUBLISHED)) == set(inner.sites)
    np.testing.assert_allclose(inner.value, observe(PUBLISHED, shown).value, rtol=1e-4, atol=1e-4)
    weights = inner.sites["tensor.attention"]
    np.testing.assert_allclose(weights.sum(axis=-1), 1.0, rtol=1e-4)
    muted = observe(PUBLISHED, shown, {"tensor.attention": np.zeros_like(weights)})
    assert np.abs(muted.value - inner.value).max() > 1e-6


def test_patches_reach_what_comes_after_and_nothing_else():
    shown = RESIDUAL.shown(REQUESTS)
    clean = observe(RESIDUAL, shown)
    half = observe(RESIDUAL, shown, {"pooled": 0.5 * clean.sites["pooled"]})
    np.testing.assert_array_equal(half.sites["tokens"], clean.sites["tokens"])
    assert np.abs(half.sites["coefficients"] - clean.sites["coefficients"]).max() > 1e-4
    none = observe(RESIDUAL, shown, {name: 0 * clean.sites[name] for name in ("coefficients", "tail")})
    np.testing.assert_array_equal(none.value, 0.0)


@pytest.mark.parametrize(
    ("patches", "message"),
    [
        ({"register": np.zeros(3)}, "'psi-residual' has no site 'register'; it has genus"),
        ({"tail": np.zeros(2)}, r"the patch of 'tail' must have shape \(3,\); got \(2,\)"),
        ({"genus": np.array([1.5, 2, 3])}, "the patch of 'genus' must be whole numbers"),
    ],
)
def test_bad_patches(patches, message):
    with pytest.raises(ValueError, match=message):
        observe(RESIDUAL, RESIDUAL.shown(REQUESTS), patches)


PAIRS = [(2, 5 + k, 20 - k) for k in range(7)] + [(3, 6 + k, 18 - k) for k in range(3)]
CLEAN = encode([9] * 10, PAIRS)
OTHER = encode([9] * 10, [(a + 1, b, c - 1) for a, b, c in PAIRS])


def test_all_goes_through_the_two_ends_of_the_network():
    # one type and no zeros: the powers of s are the same, and the value is linear in coefficients and tail
    ends = causal_trace(RESIDUAL, CLEAN, OTHER, ["coefficients", "tail"])
    assert isinstance(ends[0], IndirectEffect)
    assert sum(end.share for end in ends) == pytest.approx(1.0, abs=1e-3)
    assert all(end.low <= end.share <= end.high for end in ends)


def test_inputs_and_their_control():
    parts, genus = causal_trace(RESIDUAL, CLEAN, OTHER, ["distinct parts", "g"])
    assert parts.share == pytest.approx(1.0, abs=1e-3) and genus.share == 0.0
    assert abs(parts.control - parts.share) > 0.2


def test_b_tells_two_theories_apart():
    trained = load_pretrained("psi-multi")
    pairs = [(0, 8), (2, 6), (3, 5), (4, 4)]
    degrees = [(0, *pair) for pair in pairs] + [(0, 0, *pair) for pair in pairs] + [(2, 2, 4), (2, 3, 3)]
    requests = encode([3] * 10, degrees, lambda g, n: range(30))  # without ones, which one of the two removes
    found = causal_trace(trained, requests, requests, ["B", "tail"], ("Weil-Petersson", "Masur-Veech"))
    assert found[0].share == pytest.approx(1.0, abs=1e-3) and abs(found[0].control - 1) > 0.1
    with pytest.raises(ValueError, match="theory must be one that 'psi-raw' was trained on"):
        causal_trace(load_pretrained("psi-raw"), requests, requests, ["B"], ("Bessel", "Bessel"))


def test_the_control_of_one_type_is_of_that_type():
    genus = causal_trace(RESIDUAL, CLEAN, OTHER, ["g", "n"])
    assert [each.control for each in genus] == [0.0, 0.0]


def test_what_cannot_be_traced():
    with pytest.raises(ValueError, match="clean and corrupted must be as many; got 10 and 3"):
        causal_trace(RESIDUAL, CLEAN, REQUESTS, ["tail"])
    with pytest.raises(ValueError, match="theory must be one that"):
        observe(RESIDUAL, RESIDUAL.shown(REQUESTS), theory="Bessel")
    with pytest.raises(UnableError, match="at least 10 pairs are needed"):
        causal_trace(RESIDUAL, REQUESTS, REQUESTS, ["tail"])
    with pytest.raises(UnableError, match="there is no effect to trace"):
        causal_trace(RESIDUAL, CLEAN, CLEAN, ["tail"])
    with pytest.raises(ValueError, match="has no site 'context'"):
        causal_trace(RESIDUAL, CLEAN, OTHER, ["context"])
