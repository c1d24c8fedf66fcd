"""Learned regulation: Leslie-Gower without weights, falling whatever they are, by hand in plain NumPy."""

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import numpy as np
import pytest

import popmath as pm

TWO = ("a", "b")
GROWTH, EFFECT = np.array([3.0, 2.0]), np.array([[0.02, 0.01], [0.005, 0.01]])
units = hnp.arrays(float, (1, 3), elements=st.floats(0.0, 5.0))
biases = hnp.arrays(float, (1, 3), elements=st.floats(-8.0, 8.0))
one = st.floats(0.0, 1.0)


def dra(x, a, b, c, d):
    """The package form of the Dynamic Range Activator."""
    return x + (b / a) * np.sin(a * x) ** 2 + c * np.cos(a * x) + d * np.tanh(b * x)


def regulation(u, weight, bias, out, activation):
    """g at one density."""
    z = np.log(1 + u)
    h = sum(v * (activation(w * z + b) - activation(b)) for w, b, v in zip(weight, bias, out, strict=True))
    return np.exp(-h) / (1 + u)


DRA = {"dra_frequency": [1.3, 0.6], "dra_amplitude": [0.8, 0.5], "dra_share": [0.4, 0.9], "dra_saturation": [0.5, 0.2]}
NET = {
    "input_weight": np.array([[0.5, 1.5], [2.0, 0.1]]),
    "input_bias": np.array([[-1.0, 0.5], [0.0, 2.0]]),
    "output_weight": np.array([[0.4, 0.1], [0.2, 0.3]]),
}


def test_without_output_weights_it_is_leslie_gower():
    plain = np.asarray(pm.simulate(pm.LeslieGower(TWO, GROWTH, EFFECT), [4.0, 2.0], 20).abundances)
    for activation, extra in (("softplus", {}), ("dra", DRA)):
        off = {**NET, "output_weight": np.zeros((2, 2)), **extra}
        model = pm.LearnedRegulation(TWO, GROWTH, EFFECT, **off, hidden=2, activation=activation)
        np.testing.assert_allclose(np.asarray(pm.simulate(model, [4.0, 2.0], 20).abundances), plain, rtol=1e-14)


@pytest.mark.parametrize("activation", ["softplus", "dra"])
def test_one_step_by_hand(activation):
    extra = DRA if activation == "dra" else {}
    model = pm.LearnedRegulation(TWO, GROWTH, EFFECT, **NET, **extra, hidden=2, activation=activation)
    start = np.array([60.0, 30.0])
    expected = []
    for i in (0, 1):
        rate, p, q, d = (DRA[n][i] for n in DRA)

        def sigma(x, i=i, rate=rate, p=p, q=q, d=d):
            return np.log(1 + np.exp(x)) if activation == "softplus" else dra(x, rate, p * q, p * (1 - q) / rate, d)

        parts = (NET[n][i] for n in ("input_weight", "input_bias", "output_weight"))
        expected.append(GROWTH[i] * start[i] * regulation(EFFECT[i] @ start, *parts, sigma))
    np.testing.assert_allclose(np.asarray(pm.simulate(model, start, 1).abundances)[1], expected, rtol=1e-13)


@hypothesis.settings(max_examples=60)
@hypothesis.given(w=units, b=biases, v=units, frequency=st.floats(0.05, 10.0), p=one, q=one, d=st.floats(0.0, 5.0))
def test_regulation_falls_from_one_whatever_the_weights(w, b, v, frequency, p, q, d):
    density = np.concatenate([[0.0], np.geomspace(1e-3, 1e6, 400)])[:, None]
    own = {"dra_frequency": [frequency], "dra_amplitude": [p], "dra_share": [q], "dra_saturation": [d]}
    for activation, extra in (("softplus", {}), ("dra", own)):
        model = pm.LearnedRegulation("a", [2.0], [[1.0]], w, b, v, **extra, hidden=3, activation=activation)
        with jax.enable_x64(True):
            g = np.asarray(model.regulation(density))[:, 0]
        assert g[0] == 1.0
        assert (np.diff(g) <= 1e-13).all() and (g <= 1 / (1 + density[:, 0]) * (1 + 1e-9)).all()


def test_forward_derivatives_agree_with_differences():
    base = {"growth_factor": GROWTH, "competition": EFFECT, **NET, **{n: np.array(v) for n, v in DRA.items()}}
    template, start = pm.LearnedRegulation(TWO, hidden=2, activation="dra"), np.array([4.0, 2.0])

    def last(p):
        return template.with_values(p).states_at(start, np.array([0.0, 4.0]))[-1]

    change = {n: 0.1 * np.cos(np.arange(v.size).reshape(v.shape)) * (np.abs(v) + 0.1) for n, v in base.items()}
    with jax.enable_x64(True):
        slope = jax.jit(lambda p: jax.jvp(last, (p,), (change,))[1])(base)
        ends = [np.asarray(last({n: base[n] + h * change[n] for n in base})) for h in (1e-5, -1e-5)]
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-5, rtol=1e-7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activation": "relu"}, "activation must be 'softplus' or 'dra'; got 'relu'"),
        ({"dra_share": [0.5, 0.5]}, "play no part in activation 'softplus'"),
        ({"activation": "dra", "dra_amplitude": [1.5, 0.5]}, "dra_amplitude must be at most 1"),
        ({"activation": "dra", "dra_frequency": [0.0, 0.5]}, "dra_frequency must be above 0"),
        ({"output_weight": -np.ones((2, 4))}, "output_weight must be at least 0"),
        ({"input_bias": np.ones((2, 3))}, r"input_bias must have shape \(2, 4\)"),
        ({"hidden": 0}, "hidden must be a whole number, at least 1"),
    ],
)
def test_wrong_parameters_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.LearnedRegulation(TWO, **arguments)


def test_what_a_fit_asks_for():
    ranges = pm.LearnedRegulation(TWO, activation="dra").parameters(np.array([100.0, 50.0]))
    assert {n: p.domain for n, p in ranges.items()} == {
        "growth_factor": "positive",
        "competition": "positive",
        "input_weight": "positive",
        "input_bias": "real",
        "output_weight": "positive",
        "dra_frequency": "positive",
        "dra_amplitude": "unit",
        "dra_share": "unit",
        "dra_saturation": "positive",
    }
    assert sum(p.low.size for p in pm.LearnedRegulation(TWO).parameters(np.ones(2)).values()) == 2 + 4 + 3 * 8
