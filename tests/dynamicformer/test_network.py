"""The network: what it cannot depend on, and that its parts are used."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from popmath.dynamicformer.batches import as_int32
from popmath.dynamicformer.encoding import encode, fit_width
from popmath.dynamicformer.network import IntersectionNetwork, NetworkSettings

SMALL = {"width": 8, "hidden": 16}
SHAPES = [
    NetworkSettings(**SMALL),
    NetworkSettings(**SMALL, blocks=1, heads=2),
    NetworkSettings(**SMALL, blocks=1, steps=3, halting=True, heads=2),
    NetworkSettings(**SMALL, pooling="monoid", activation="gelu"),
    NetworkSettings(**SMALL, additive=True, activation="kan", order=1),
]
POINTS = [(0, 2, 2, 6), (3, 3, 3), (7,), (0, 0, 2, 3, 6), (0, 1, 8)]
GENERA = [3, 3, 3, 3, 3]


value_of = eqx.filter_jit(lambda net, requests: net(requests))


def network(settings, seed=0):
    return IntersectionNetwork.random(settings, jax.random.key(seed))


@pytest.mark.parametrize("settings", SHAPES, ids=range(len(SHAPES)))
def test_order_of_points_and_padding_do_not_matter(settings):
    rng = np.random.default_rng(0)
    turned = [tuple(rng.permutation(d).tolist()) for d in POINTS]
    net = network(settings)
    value = value_of(net, as_int32(encode(GENERA, POINTS)))
    np.testing.assert_array_equal(value_of(net, as_int32(encode(GENERA, turned))), value)
    wide = fit_width(encode(GENERA, POINTS), 9)
    np.testing.assert_allclose(value_of(net, as_int32(wide)), value, rtol=2e-5, atol=1e-5)
    assert len(set(np.asarray(value).tolist())) == len(POINTS)


@pytest.mark.parametrize("settings", SHAPES, ids=range(len(SHAPES)))
def test_every_weight_has_a_slope(settings):
    net, requests = network(settings), as_int32(encode(GENERA, POINTS))
    slopes = eqx.filter_jit(eqx.filter_grad(lambda net: jnp.sum(net(requests) ** 2)))(net)
    leaves = jax.tree.leaves(eqx.filter(slopes, eqx.is_array))
    assert all(jnp.isfinite(leaf).all() for leaf in leaves)
    unused = [leaf for leaf in leaves if not jnp.any(leaf != 0)]
    assert not unused


def test_taps_see_and_replace():
    net, requests, seen = network(SHAPES[2]), as_int32(encode(GENERA, POINTS)), {}

    def watch(name, value):
        seen[name] = value
        return value

    value = net(requests, watch)
    assert list(seen) == [
        "tokens", "attention.0.0", "tokens.0", "attention.0.1", "tokens.1", "attention.0.2", "tokens.2",
        "pooled", "pooled.whole", "fused", "fused.whole", "trunk.0", "trunk.1",
        "coefficients", "tail.0", "tail.1", "tail", "powers",
    ]  # fmt: skip
    np.testing.assert_allclose(jnp.sum(seen["attention.0.1"], axis=-1), 1.0, rtol=1e-5)
    muted = net(requests, lambda name, x: 0 * x if name in ("coefficients", "tail") else x)
    assert not np.asarray(muted).any() and np.asarray(value).any()


def test_the_tail_fades_with_the_genus():
    # the same small degrees: only the level changes, and the tail has s to the fourth power before it
    net = network(SHAPES[0])
    genera = [5, 20, 80]
    requests = as_int32(encode(genera, [(2, 3 * g - 3) for g in genera]))
    whole = net(requests)
    without = net(requests, lambda name, x: 0 * x if name == "tail" else x)
    share = np.abs(np.asarray(whole - without))
    assert share[0] > 20 * share[1] > 400 * share[2] > 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"width": 0}, "width must be at least 1"),
        ({"blocks": 1, "width": 10, "heads": 4}, "multiple of heads"),
        ({"pooling": "max"}, "pooling must be"),
        ({"halting": True}, "halting weighs the steps"),
    ],
)
def test_settings_that_cannot_work(wrong, message):
    with pytest.raises(Exception, match=f"{message}|type"):
        NetworkSettings(**wrong)
