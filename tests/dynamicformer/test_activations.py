"""Activations against golden values and their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from popmath.dynamicformer.activations import ACTIVATIONS, DynamicRangeActivator, Snake, make_activation

NUMBERS = jnp.array([1.3, 0.7, -0.4, 0.9])


def published(form, x, a, b, c, d):
    """The three forms as they are printed."""
    wave = {
        "package": b / a * np.sin(a * x) ** 2,
        "training": a / b * np.sin(a * x) ** 2,
        "paper": a * np.sin(x / b) ** 2,
    }[form]
    return x + wave + c * np.cos((a if form == "package" else b) * x) + d * np.tanh(b * x)


@pytest.mark.parametrize(("form", "golden"), [("package", 3.28), ("training", 3.22), ("paper", 2.83)])
def test_three_forms(form, golden):
    found = DynamicRangeActivator(NUMBERS, form)
    assert float(found(jnp.array(2.0))) == pytest.approx(golden, abs=5e-3)
    x = np.linspace(-4, 4, 31, dtype=np.float32)
    np.testing.assert_allclose(found(x), published(form, x, *np.array(NUMBERS)), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("form", ["package", "training", "paper"])
@pytest.mark.parametrize("zero", [0, 1])
def test_values_and_slopes_are_finite_at_zero(form, zero):
    numbers = NUMBERS.at[zero].set(0.0)

    def total(numbers, x):
        return jnp.sum(DynamicRangeActivator(numbers, form)(x))

    value, slopes = jax.value_and_grad(total, argnums=(0, 1))(numbers, jnp.array([-1.0, 0.0, 0.5]))
    assert jnp.isfinite(value) and all(jnp.isfinite(s).all() for s in slopes)
    if form == "package" and zero == 0:  # the limit a -> 0 of (b/a) sin^2(a x) is 0
        np.testing.assert_allclose(slopes[1].shape, (3,))
        assert float(total(numbers, jnp.array(0.5))) == pytest.approx(0.5 - 0.4 + 0.9 * np.tanh(0.35), abs=1e-6)


def test_padding_does_not_stay_zero():
    assert float(DynamicRangeActivator(NUMBERS)(jnp.array(0.0))) == pytest.approx(-0.4)


@pytest.mark.parametrize("name", [*ACTIVATIONS, "dra:training", "dra:paper"])
def test_one_interface(name):
    activation = make_activation(name, 5, jax.random.key(1))
    x = jax.random.normal(jax.random.key(2), (3, 4, 5))
    assert activation(x).shape == x.shape and jnp.isfinite(activation(x)).all()


def test_definitions_of_the_others():
    x = jnp.linspace(-2, 2, 6)
    np.testing.assert_allclose(Snake(jnp.asarray(2.0))(x), x + np.sin(2 * x) ** 2 / 2, rtol=1e-5, atol=1e-6)
    poly = make_activation("polynorm", 6, jax.random.key(0))
    parts = [x**k / np.sqrt(np.mean(x ** (2 * k))) for k in (1, 2, 3)]
    np.testing.assert_allclose(poly(x), sum(parts) / 3, rtol=1e-4, atol=1e-5)
    gated = make_activation("glu", 6, jax.random.key(0))
    np.testing.assert_allclose(gated(x), x / (1 + np.exp(-(x @ gated.weight))), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["DRA", "sine", "dra:other", "relu:paper", ""])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="activation must be one of dra, relu"):
        make_activation(name, 3, jax.random.key(0))


def test_three_numbers_are_refused():
    with pytest.raises(Exception, match="shape"):  # by the type checker of the tests, or by the class itself
        DynamicRangeActivator(jnp.ones(3))
