"""What each computation about interacting populations returns is a frozen record of its own kind, with a summary."""

import dataclasses

import numpy as np
import pytest

import popmath as pm
from popmath import populations as room
from popmath.populations import (
    BifurcationSweep,
    CountDistribution,
    CriticalValue,
    EnsembleStatistics,
    EventExpansion,
    FixedPoints,
    GrowthCurve,
    GrowthFactor,
    GrowthMap,
    GrowthThreshold,
    GuildSignature,
    LastSpeciesStanding,
    LeslieHamiltonian,
    MigrationEquilibrium,
    NegativeAbundance,
    PolarHamiltonian,
    PreyRecurrence,
    QuantumEvolution,
    ReproductiveBlock,
    SecondQuantised,
    SolvableComplexLeslie,
    Stability,
    StandingCheck,
    SymmetrisedMatrix,
)

LESLIE = np.array([[0.4, 1.2], [0.5, 0.0]])


def hunt(migration=None):
    return room.LesliePredatorPrey([[1.2]], [[0.8]], [[0.1]], [[0.1]], migration=migration)


def standing():
    return room.last_species_standing([[[1.2]], [[1.1]]], [[1.0], [1.0]])


def logistic():
    return room.bifurcation_sweep(
        lambda r: lambda x: r * x * (1 - x), np.linspace(2.8, 3.2, 5), [0.3], num_steps=300, discard=200
    )


def replicates():
    model = pm.LeslieGower(("a",), [2.0], [[0.01]])
    return pm.simulate(model, [[1.0], [2.0]], 3, num_replicates=2)


@pytest.mark.parametrize(
    ("compute", "kind"),
    [
        (lambda: room.growth_factor(hunt()), GrowthFactor),
        (lambda: room.growth_threshold(hunt()), GrowthThreshold),
        (lambda: room.growth_curve(hunt(), [0.0, 1.0]), GrowthCurve),
        (lambda: room.growth_map(lambda a, s: [[a, -s], [s, 0.5]], [0.5, 1.0], [0.0, 0.4]), GrowthMap),
        (lambda: room.first_negative(hunt(), [1.0, 1.0], 5), NegativeAbundance),
        (lambda: room.event_expansion(hunt(), 3), EventExpansion),
        (lambda: room.migration_equilibrium(hunt([1.0, 0.0])), MigrationEquilibrium),
        (lambda: room.prey_recurrence(hunt()), PreyRecurrence),
        (lambda: room.solvable_case(room.ComplexLeslie(LESLIE, 0.1 * LESLIE)), SolvableComplexLeslie),
        (standing, LastSpeciesStanding),
        (lambda: standing().verify(), StandingCheck),
        (lambda: room.guild_signature(np.array([[1.0, -0.1], [-0.1, 1.0]]), (1, 1), ("a", "b")), GuildSignature),
        (lambda: room.stability_at(lambda x: -x, [0.0]), Stability),
        (lambda: room.fixed_points(lambda x: x * (1 - x), starts=[[0.1], [0.9]]), FixedPoints),
        (logistic, BifurcationSweep),
        (lambda: logistic().critical[0], CriticalValue),
        (lambda: room.leslie_hamiltonian(LESLIE), LeslieHamiltonian),
        (lambda: room.symmetrised(LESLIE), SymmetrisedMatrix),
        (lambda: room.polar_hamiltonian(LESLIE), PolarHamiltonian),
        (lambda: room.evolve_quantum(LESLIE, [1.0, 1.0], 3), QuantumEvolution),
        (lambda: room.reproductive_block([[0.0, 1.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.5, 0.3]]), ReproductiveBlock),
        (lambda: room.second_quantise(room.leslie_hamiltonian(LESLIE), 2), SecondQuantised),
        (lambda: room.DoiPeliti(room.AgeRates(death=[0.5], birth=[0.1]), 20).evolve([1], 1.0), CountDistribution),
        (lambda: replicates().statistics, EnsembleStatistics),
    ],
)
def test_a_record_of_its_own_kind(compute, kind):
    record = compute()
    assert type(record) is kind
    if hasattr(kind, "summary"):
        text = record.summary()
        assert text and "nan" not in text and "\n\n" not in text
    name = record._fields[0] if isinstance(record, tuple) else dataclasses.fields(record)[0].name
    with pytest.raises(AttributeError):
        setattr(record, name, None)


def linear(take, mode="linear"):
    effects = [pm.LinearEffect("competition", on=i, of=j, block=take) for i, j in (("a", "b"), ("b", "a"))]
    return pm.Community({"a": 1.3, "b": 1.2}, effects, mode=mode)


def common(weights_b, acts_on="all"):
    rules = [
        pm.Regulation("a", {"a": 0.01, "b": 0.02}, acts_on=acts_on),
        pm.Regulation("b", weights_b, acts_on=acts_on),
    ]
    return pm.Community({"a": 1.3, "b": 1.2}, rules, harvest={"a": 0.2})


@pytest.mark.parametrize("mode", ["linear", "clipped"])
def test_a_linear_community_is_under_theorem_a(mode):
    found = room.last_species_standing(linear(0.1, mode), {"a": 5.0, "b": 6.0})
    known = room.two_guilds([[1.3, -0.1], [-0.1, 1.2]], (1, 1), [5.0, 6.0], ("a", "b"), mode=mode)
    assert (found.theorem, found.winner, found.mode) == ("A", known.winner, mode)
    assert found.margin == pytest.approx(known.margin, rel=1e-12)
    end = np.asarray(pm.simulate(linear(0.1, mode), [5.0, 6.0], 60).abundances[-1])
    assert "ab"[int(end.argmax())] == found.winner


def test_a_community_under_common_regulation_is_under_theorem_b():
    community = common({"a": 0.01, "b": 0.02})
    found = room.last_species_standing(community, [5.0, 6.0])
    assert (found.theorem, found.winner) == ("B", "b")  # the harvest of a leaves 1.04 of its 1.3
    assert found.rate == pytest.approx(1.04 / 1.2, rel=1e-12)
    shares = np.asarray(pm.simulate(community, [5.0, 6.0], 40).abundances)
    ratio = shares[:, 0] / shares[:, 1]
    np.testing.assert_allclose(ratio[1:] / ratio[:-1], found.rate, rtol=1e-10)


@pytest.mark.parametrize(
    ("community", "message"),
    [
        (lambda: common({"a": 0.01, "b": 0.03}), "one regulation common to all species"),
        (lambda: common({"a": 0.01, "b": 0.02}, "fertility"), "one regulation common to all species"),
        (lambda: pm.Community({"a": 1.1, "b": 1.0}, [pm.MassAction("a", "b", 0.1, 0.1)]), "linear effects alone"),
        (lambda: pm.Community({"a": 1.1, "b": 1.0}, quota={"a": 1.0}), "linear effects alone"),
        (lambda: pm.Community({"a": 1.1, "b": 1.0}, migration={"a": 1.0}), "without noise and migration"),
        (lambda: pm.Community({"a": 1.1, "b": 1.0}, demographic_noise=True), "without noise and migration"),
    ],
)
def test_communities_that_no_theorem_is_about(community, message):
    with pytest.raises(pm.UnableError, match=message):
        room.last_species_standing(community(), [1.0, 1.0])


def test_a_community_has_a_mode_of_its_own():
    with pytest.raises(ValueError, match="names and a mode of its own"):
        room.last_species_standing(linear(0.1), [1.0, 1.0], mode="clipped")
