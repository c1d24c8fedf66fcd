"""Equilibria, invasion and coexistence of communities against closed forms."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import popmath as pm
from popmath.populations import (
    EnvironmentalNoise,
    Equilibrium,
    InvasionGrowth,
    LinearEffect,
    MassAction,
    MatrixPopulation,
    MutualInvasibility,
    Regulation,
    density_equilibrium,
    equilibrium,
    invasion_growth_rate,
    mutual_invasibility,
)

FISH = MatrixPopulation(U=[[0.0, 0.0], [0.3, 0.7]], F=[[0.0, 4.0], [0.0, 0.0]])


def gower(growth, competition):
    names = "abc"[: len(growth)]
    rules = [Regulation(n, dict(zip(names, competition[i], strict=True))) for i, n in enumerate(names)]
    return pm.Community(dict(zip(names, growth, strict=True)), rules)


@settings(max_examples=10)
@given(st.integers(0, 2**31))
def test_leslie_gower_settles_where_its_linear_equations_say(seed):
    rng = np.random.default_rng(seed)
    growth = rng.uniform(1.5, 3, 2)
    competition = np.array([[0.02, 0.005], [0.005, 0.02]]) * rng.uniform(0.8, 1.2, (2, 2))
    known = np.linalg.solve(competition, growth - 1)
    found = equilibrium(gower(growth, competition), [1.0, 1.0])
    if (known > 0.1).all():
        np.testing.assert_allclose(found.abundances, known, rtol=1e-10)
        slope = np.eye(2) - known[:, None] * competition / growth[:, None]
        np.testing.assert_allclose(found.jacobian, slope, rtol=1e-9, atol=1e-11)
        assert found.stable and found.reached and not found.extinct
        np.testing.assert_allclose(found.spectral_radius, np.abs(np.linalg.eigvals(slope)).max(), rtol=1e-9)


def test_a_lost_species_is_zero_and_stability_counts_its_return():
    found = equilibrium(gower([2.0, 1.2], [[0.01, 0.01], [0.01, 0.01]]), {"a": 1, "b": 5})
    assert isinstance(found, Equilibrium)
    assert found.extinct == ("b",)
    np.testing.assert_allclose(found.state, [100, 0], rtol=1e-10)
    np.testing.assert_allclose(np.sort(np.abs(found.eigenvalues)), [0.5, 0.6], rtol=1e-9)  # 1/2 and 1.2/2
    alone = equilibrium(gower([2.0, 1.2], [[0.01, 0.01], [0.001, 0.01]]), {"a": 1, "b": 0})
    assert not alone.stable and alone.extinct == ("b",)
    np.testing.assert_allclose(alone.spectral_radius, 1.2 / 1.1, rtol=1e-9)
    assert "unstable" in alone.summary()


def test_predator_and_prey_by_hand():
    hunt = MassAction("prey", "hunter", attack=0.01, conversion=0.004)
    community = pm.Community({"prey": 1.5, "hunter": 0.9}, [hunt, Regulation("prey", {"prey": 0.005})])
    prey = 0.1 / 0.004
    np.testing.assert_allclose(
        equilibrium(community, [30.0, 5.0]).state, [prey, (1.5 / (1 + 0.005 * prey) - 1) / 0.01], rtol=1e-10
    )


def test_a_cycle_has_an_unstable_equilibrium_inside():
    community = pm.Community({"x": np.exp(2.3)}, [Regulation("x", {"x": 0.1}, "ricker")])
    found = equilibrium(community, [5.0])
    np.testing.assert_allclose(found.state, [23.0], rtol=1e-10)
    np.testing.assert_allclose(found.jacobian, [[1 - 2.3]], rtol=1e-9)
    assert not found.stable and not found.reached
    assert "does not settle" in found.summary()


def test_structured_equilibrium_is_that_of_the_density_model():
    community = pm.Community({"fish": FISH}, [Regulation("fish", {"fish": [0.0, 0.1]}, acts_on="fertility")])
    with jax.enable_x64(True):
        known = density_equilibrium(lambda n: FISH.U + FISH.F / (1 + 0.1 * n[1]), [1.0, 1.0])
    found = equilibrium(community, [1.0, 1.0])
    np.testing.assert_allclose(found.state, known.abundance, rtol=1e-10)
    np.testing.assert_allclose(found.jacobian, known.jacobian, rtol=1e-9, atol=1e-12)


def test_migration_and_extinction():
    np.testing.assert_allclose(
        equilibrium(pm.Community({"x": 0.5}, migration={"x": 3.0}), [1.0]).state, [6.0], rtol=1e-10
    )
    gone = equilibrium(pm.Community({"x": 0.5, "y": 0.4}), [1.0, 1.0])
    assert gone.extinct == ("x", "y")
    assert gone.stable


def test_harvest_moves_the_equilibrium():
    community = pm.Community({"x": 2.0}, [Regulation("x", {"x": 0.01})], harvest={"x": 0.2})
    np.testing.assert_allclose(equilibrium(community, [5.0]).state, [(2 * 0.8 - 1) / 0.01 * 1.0], rtol=1e-10)


def test_equilibrium_refuses():
    with pytest.raises(pm.ConvergenceError, match="grow without bound"):
        equilibrium(pm.Community({"x": 1.1}), [1.0])
    with pytest.raises(ValueError, match="must not be all 0"):
        equilibrium(pm.Community({"x": 0.9}), [0.0])
    with pytest.raises(ValueError, match="or be given by name"):
        equilibrium(pm.Community({"x": 0.9}), [1.0, 2.0])
    with pytest.raises(ValueError, match="finite and at least 0"):
        equilibrium(pm.Community({"x": 0.9}), [-1.0])


def test_invasion_of_leslie_gower():
    community = gower([2.0, 1.8], [[0.01, 0.005], [0.004, 0.01]])
    found = invasion_growth_rate(community, "b", [3.0, 7.0])
    assert isinstance(found, InvasionGrowth)
    np.testing.assert_allclose(found.rate, np.log(1.8 / (1 + 0.004 * 100)), rtol=1e-10)
    np.testing.assert_allclose(found.residents["a"], 100, rtol=1e-9)
    assert found.invades and found.settled and found.standard_error == 0
    assert found.summary().startswith("b invades a (100)")


def test_invasion_of_a_structured_species_is_its_block_of_the_jacobian():
    hunt = MassAction("x", "fish", attack=[[0.001, 0.002]], conversion=[[0.0005], [0.001]], offspring_class=0)
    rules = [Regulation("x", {"x": 0.01}), Regulation("fish", {"x": 0.02, "fish": 0.1}, acts_on="fertility")]
    community = pm.Community({"x": 2.0, "fish": FISH}, [hunt, *rules])
    resident = equilibrium(community, {"x": 10, "fish": [0, 0]})
    block = resident.jacobian[1:, 1:]
    known = np.log(np.abs(np.linalg.eigvals(block)).max())
    np.testing.assert_allclose(invasion_growth_rate(community, "fish", [10.0, 1.0, 1.0]).rate, known, rtol=1e-8)


def test_invasion_of_a_cycle_is_the_mean_over_the_cycle():
    rules = [Regulation("x", {"x": 0.1}, "ricker"), Regulation("y", {"x": 0.05, "y": 0.1}, "ricker")]
    community = pm.Community({"x": np.exp(2.3), "y": 2.0}, rules)
    state, cycle = 5.0, []
    for t in range(3000):
        state = state * np.exp(2.3 - 0.1 * state)
        cycle += [state] if t >= 2998 else []
    found = invasion_growth_rate(community, "y", [5.0, 0.0])
    np.testing.assert_allclose(found.rate, np.log(2) - 0.05 * np.mean(cycle), rtol=1e-8)
    assert not found.settled


def test_invasion_in_a_random_environment():
    noise = EnvironmentalNoise({"x": 0.5})
    found = invasion_growth_rate(pm.Community({"x": 1.3}, environment=noise), "x", [0.0], key=jax.random.key(2))
    known = np.log(1.3) - 0.125
    assert 0.3 * 0.5 / np.sqrt(4000) < found.standard_error < 3 * 0.5 / np.sqrt(4000)
    assert abs(found.rate - known) < 5 * 0.5 / np.sqrt(4000)  # fails for 1 key in 1.7 million
    assert found.residents == {}
    with pytest.raises(ValueError, match="pass key"):
        invasion_growth_rate(pm.Community({"x": 1.3}, environment=noise), "x", [0.0])


def test_who_cannot_invade_at_all():
    bite = LinearEffect("competition", on="y", of="x", block=0.1)
    community = pm.Community({"x": 2.0, "y": 3.0}, [Regulation("x", {"x": 0.01}), bite])
    assert invasion_growth_rate(community, "y", [10.0, 0.0]).rate == -np.inf
    hunted = pm.Community({"x": 2.0}, quota={"x": 1.0})
    assert invasion_growth_rate(hunted, "x", [0.0]).rate == -np.inf


@pytest.mark.parametrize(("cross", "coexist", "words"), [(0.5, True, "they coexist"), (2.0, False, "a, b cannot")])
def test_mutual_invasibility_of_two(cross, coexist, words):
    competition = 0.01 * np.array([[1, cross], [cross, 1]])
    found = mutual_invasibility(gower([2.0, 2.0], competition), [5.0, 5.0])
    assert isinstance(found, MutualInvasibility)
    assert found.coexistence is coexist
    assert words in found.verdict
    assert found.summary().count("\n") == 2


def test_mutual_invasibility_of_three_says_its_limits():
    competition = 0.01 * (0.5 * np.eye(3) + 0.5)
    found = mutual_invasibility(gower([2.0, 2.0, 2.0], competition), [5.0, 5.0, 5.0])
    assert found.coexistence is True
    assert "more than two species" in found.verdict


def test_invasion_refuses():
    community = gower([2.0, 1.8], [[0.01, 0.005], [0.004, 0.01]])
    with pytest.raises(ValueError, match="'q', which is not a species"):
        invasion_growth_rate(community, "q", [1.0, 1.0])
    with pytest.raises(ValueError, match="two species or more"):
        mutual_invasibility(pm.Community({"x": 2.0}), [1.0])
    with pytest.raises(ValueError, match="mode='clipped'"):
        invasion_growth_rate(pm.Community({"x": 2.0, "y": 1.0}, mode="linear"), "x", [1.0, 1.0])
    with pytest.raises(ValueError, match="has migration"):
        invasion_growth_rate(pm.Community({"x": 2.0, "y": 1.0}, migration={"x": 1.0}), "x", [1.0, 1.0])
    with pytest.raises(pm.ConvergenceError, match="without bound"):
        invasion_growth_rate(pm.Community({"x": 5.0, "y": 1.0}), "y", [1.0, 1.0])


def test_an_invader_is_harvested_too():
    rules = [Regulation("a", {"a": 0.01}), Regulation("b", {"a": 0.004})]
    community = pm.Community({"a": 2.0, "b": 1.8}, rules, harvest={"a": 0.1, "b": 0.2})
    resident = (2 * 0.9 - 1) / 0.01
    found = invasion_growth_rate(community, "b", [3.0, 0.0])
    np.testing.assert_allclose(found.residents["a"], resident, rtol=1e-9)
    np.testing.assert_allclose(found.rate, np.log(0.8 * 1.8 / (1 + 0.004 * resident)), rtol=1e-9)


def test_a_species_held_at_zero_by_clipping_does_not_return():
    bite = LinearEffect("competition", on="b", of="a", block=0.1)
    found = equilibrium(pm.Community({"a": 2.0, "b": 3.0}, [Regulation("a", {"a": 0.01}), bite]), [10.0, 0.1])
    np.testing.assert_allclose(found.state, [100.0, 0.0], rtol=1e-10)
    np.testing.assert_allclose(found.jacobian, [[0.5, 0.0], [0.0, 0.0]], rtol=1e-9, atol=1e-12)
    assert found.stable
