"""Lower-level sensitivities: published values, closed forms, differences, refusals."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from popmath.populations.building import leslie_matrix
from popmath.populations.eigen import growth_rate_hessian
from popmath.populations.vital_rates import vital_rate_hessian, vital_rate_sensitivity

REFERENCE = json.loads((Path(__file__).parent.parent / "reference" / "matrices.json").read_text())
WHALE = REFERENCE["_vitalsens_killer_whale"]


def killer_whale(x):
    return [
        [0.0, x["m1"], x["m2"], 0.0],
        [x["s1"], x["s2"] * (1 - x["g2"]), 0.0, 0.0],
        [0.0, x["s2"] * x["g2"], x["s3"] * (1 - x["g3"]), 0.0],
        [0.0, 0.0, x["s3"] * x["g3"], x["s4"]],
    ]


def test_killer_whale_as_published():
    result = vital_rate_sensitivity(killer_whale, WHALE["vital_rates"])
    for k, name in enumerate(WHALE["names"]):
        assert result.sensitivity[name] == pytest.approx(WHALE["sensitivity"][k], rel=1e-10, abs=1e-14)
        assert result.elasticity[name] == pytest.approx(WHALE["elasticity"][k], rel=1e-10, abs=1e-14)
    table = result.to_dataframe()
    assert list(table.columns) == ["estimate", "sensitivity", "elasticity"] and table.loc["s1", "estimate"] == 0.9775
    assert "growth rate 1.02" in result.summary()


def test_the_matrix_may_be_built_in_jax_and_rates_may_be_vectors():
    def leslie(x):
        return jnp.diag(x["survival"], k=-1).at[0].set(x["fertility"])

    rates = {"survival": np.array([0.5, 0.8]), "fertility": np.array([0.0, 1.0, 2.5])}
    result = vital_rate_sensitivity(leslie, rates)
    value, left, right = [], None, None
    values, vectors = np.linalg.eig(result.matrix)
    k = np.argmax(values.real)
    right = vectors[:, k].real
    lefts, left_vectors = np.linalg.eig(result.matrix.T)
    left = left_vectors[:, np.argmax(lefts.real)].real
    value = values[k].real
    slopes = np.outer(left, right) / (left @ right)
    assert result.growth_rate == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(result.sensitivity["fertility"], slopes[0], rtol=1e-12)
    np.testing.assert_allclose(result.sensitivity["survival"], [slopes[1, 0], slopes[2, 1]], rtol=1e-12)
    # every entry is one rate: here the elasticities do sum to 1
    assert sum(e.sum() for e in result.elasticity.values()) == pytest.approx(1, rel=1e-12)
    assert list(result.to_dataframe().index)[:2] == ["survival[0]", "survival[1]"]


def test_a_rate_in_many_entries_and_in_any_form():
    def build(x):  # lambda solves l^2 - s l - s f e^{-t} = 0
        return [[0.0, x["f"] * jnp.exp(-x["t"])], [x["s"], x["s"]]]

    def growth(s, f, t):
        return (s + np.sqrt(s**2 + 4 * s * f * np.exp(-t))) / 2

    point = {"s": 0.6, "f": 1.3, "t": 0.2}
    result = vital_rate_sensitivity(build, point)
    assert result.growth_rate == pytest.approx(growth(**point), rel=1e-13)
    for name in point:
        up, down = ({**point, name: point[name] + h} for h in (1e-5, -1e-5))
        slope = (growth(**up) - growth(**down)) / 2e-5
        assert result.sensitivity[name] == pytest.approx(slope, rel=1e-8)
        assert result.elasticity[name] == pytest.approx(slope * point[name] / growth(**point), rel=1e-8)
    assert result.sensitivity["t"] < 0 and abs(result.sensitivity["s"] - result.sensitivity["f"]) > 0.1


def test_through_a_builder_of_the_package():
    def build(x):
        return leslie_matrix(x["survival"], x["fertility"], census="pre", newborn_survival=x["newborn"])

    rates = {"survival": np.array([0.5, 0.8]), "fertility": np.array([0.0, 2.0, 4.0]), "newborn": 0.4}
    result = vital_rate_sensitivity(build, rates)
    assert np.array_equal(result.matrix, build(rates).A)
    # newborn survival multiplies every fertility: both groups have the same elasticity
    assert result.elasticity["newborn"] == pytest.approx(result.elasticity["fertility"].sum(), rel=1e-12)


def test_second_derivatives():
    def build(x):  # lambda = (s + sqrt(s^2 + 4 s f)) / 2
        return [[0.0, x["f"]], [x["s"], x["s"]]]

    s, f = 0.6, 1.3
    root = np.sqrt(s * s + 4 * s * f)
    found = vital_rate_hessian(build, {"s": s, "f": f})
    assert found["f"]["f"] == pytest.approx(-2 * s * s / root**3, rel=1e-12)
    assert found["s"]["f"] == pytest.approx(1 / root - s * (s + 2 * f) / root**3, rel=1e-12)
    assert found["s"]["s"] == pytest.approx((1 / root - (s + 2 * f) ** 2 / root**3) / 2, rel=1e-12)
    assert found["f"]["s"] == pytest.approx(float(found["s"]["f"]), rel=1e-12)
    a = np.asarray(REFERENCE["killer_whale"]["A"], float)
    entries = vital_rate_hessian(lambda x: x["A"], {"A": a})["A"]["A"]
    np.testing.assert_allclose(entries, growth_rate_hessian(a), rtol=1e-11, atol=1e-13)
    with pytest.raises(ValueError, match="at least one"):
        vital_rate_hessian(build, {})


def test_vmap_over_draws_and_jit():
    draws = {name: value * np.linspace(0.95, 1.0, 5) for name, value in WHALE["vital_rates"].items()}

    def slope(x):
        return vital_rate_sensitivity(killer_whale, x).sensitivity["s3"]

    with jax.enable_x64(True):
        together = jax.jit(jax.vmap(slope))({name: jnp.asarray(value) for name, value in draws.items()})
        single = [slope({name: value[k] for name, value in draws.items()}) for k in range(5)]
        np.testing.assert_allclose(together, single, rtol=1e-10)
    assert not jax.config.jax_enable_x64


def test_refusals():
    with pytest.raises(ValueError, match="at least one vital rate"):
        vital_rate_sensitivity(killer_whale, {})
    with pytest.raises(ValueError, match="s1 is nan"):
        vital_rate_sensitivity(killer_whale, {**WHALE["vital_rates"], "s1": np.nan})
    with pytest.raises(ValueError, match=r"build\(rates\)\[1, 0\] must be .* got -0.5"):
        vital_rate_sensitivity(killer_whale, {**WHALE["vital_rates"], "s1": -0.5})
    with pytest.raises(ValueError, match="square"):
        vital_rate_sensitivity(lambda x: [[x["a"], x["a"]]], {"a": 1.0})
    with pytest.raises(ValueError, match="different lengths"):
        vital_rate_sensitivity(lambda x: [[x["a"], x["a"]], [x["a"]]], {"a": 1.0})
    with pytest.raises(TypeError, match="use jax.numpy in place of numpy"):
        vital_rate_sensitivity(lambda x: np.array([[np.exp(x["a"])]]), {"a": 1.0})
    with pytest.raises(TypeError, match="no float"):
        vital_rate_sensitivity(lambda x: [[float(x["a"])]], {"a": 1.0})
