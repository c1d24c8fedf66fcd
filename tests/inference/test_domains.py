"""Named parameters in their domains, and the unconstrained vector."""

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import popmath as pm
from popmath._types import Parameter
from popmath.inference.domains import ParameterSpace, constrain, unconstrain

SPACE = ParameterSpace.of(
    {
        "rate": Parameter("real", np.array([-1.0, 0.0]), np.array([1.0, 3.0]), "a rate", "per day"),
        "competition": Parameter("positive", np.full((2, 2), 0.01), np.full((2, 2), 1.0), "an effect", "1"),
        "survival": Parameter("unit", np.full((2, 3), 0.2), np.full((2, 3), 0.9), "survival", "1"),
    }
)


@pytest.mark.parametrize(
    ("domain", "inside"), [("positive", (1e-6, 1e6)), ("unit", (1e-6, 1 - 1e-6)), ("real", (-9, 9))]
)
@hypothesis.given(data=st.data())
def test_there_and_back(domain, inside, data):
    value = np.array(data.draw(st.floats(*inside)))
    with jax.enable_x64(True):
        back = constrain(domain, jnp.asarray(unconstrain(domain, value)))
    assert float(back) == pytest.approx(float(value), rel=1e-9)


@hypothesis.given(free=st.floats(-30, 30))
def test_every_real_number_lands_in_the_domain(free):
    with jax.enable_x64(True):
        vector = jnp.asarray(np.array(free))
        assert float(constrain("positive", vector)) > 0
        assert 0 < float(constrain("unit", vector)) < 1
        assert float(constrain("real", vector)) == free


def test_the_vector_is_the_parameters_in_order():
    assert SPACE.size == 12
    with jax.enable_x64(True):
        values = SPACE.values(jnp.arange(12.0))
    assert list(values) == ["rate", "competition", "survival"]
    np.testing.assert_allclose(values["rate"], [0, 1])
    np.testing.assert_allclose(values["competition"], np.exp([[2, 3], [4, 5]]))
    np.testing.assert_allclose(values["survival"], 1 / (1 + np.exp(-np.arange(6.0, 12.0).reshape(2, 3))))


def test_labels_name_species_and_number_the_rest():
    labels = SPACE.labels(("x", "y"))
    assert labels[:6] == [
        "rate[x]",
        "rate[y]",
        "competition[x, x]",
        "competition[x, y]",
        "competition[y, x]",
        "competition[y, y]",
    ]
    assert labels[6:8] == ["survival[x, 0]", "survival[x, 1]"] and labels[-1] == "survival[y, 2]"
    assert len(labels) == len(SPACE.domains()) == SPACE.size
    assert SPACE.domains() == ["real"] * 2 + ["positive"] * 4 + ["unit"] * 6


def test_starts_fill_their_ranges_and_follow_the_seed():
    starts = SPACE.starts(2000, np.random.default_rng(5))
    assert np.array_equal(starts, SPACE.starts(2000, np.random.default_rng(5)))
    assert not np.array_equal(starts, SPACE.starts(2000, np.random.default_rng(6)))
    low = np.concatenate([unconstrain(b.parameter.domain, b.parameter.low).ravel() for b in SPACE.blocks])
    high = np.concatenate([unconstrain(b.parameter.domain, b.parameter.high).ravel() for b in SPACE.blocks])
    share = (starts - low) / (high - low)
    assert (share >= 0).all() and (share <= 1).all()
    assert (share.min(axis=0) < 0.01).all() and (share.max(axis=0) > 0.99).all()


@pytest.mark.parametrize("model", [pm.LeslieGower, pm.Ricker, pm.LotkaVolterraCompetition, pm.LinearLeslieCompetition])
def test_every_model_says_what_its_parameters_are(model):
    largest, first = np.array([100.0, 40.0]), np.array([2.0, 0.0])
    template = model(("a", "b"))
    for parameter in (*template.parameters(largest).values(), template.initial(largest, first)):
        assert parameter.low.shape == parameter.high.shape and (parameter.low < parameter.high).all()
        assert parameter.domain in ("positive", "unit", "real") and parameter.meaning and parameter.unit
        if parameter.domain != "real":
            assert (parameter.low > 0).all()
        if parameter.domain == "unit":
            assert (parameter.high < 1).all()


def test_stages_are_numbered_even_where_there_are_as_many_as_species():
    model = pm.populations.StagedPredatorPrey(("x", "y"), prey_stages=2, predator_stages=2)
    labels = ParameterSpace.of(model.parameters(np.array([50.0, 20.0]))).labels(model.species)
    assert {"attack[0]", "attack[1]", "predator_survival[1]"} <= set(labels)
