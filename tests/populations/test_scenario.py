"""Community files: read, written, read again; what they refuse; and the three that travel along."""

import numpy as np
import pytest

import popmath as pm
from popmath.populations import (
    Ensemble,
    EnvironmentalNoise,
    LinearEffect,
    MassAction,
    MatrixPopulation,
    Regulation,
    Scenario,
    Simulation,
    read_scenario,
    write_scenario,
)

HARE = MatrixPopulation(U=[[0, 0], [0.4, 0.6]], F=[[0, 3.0], [0, 0]], C=[[0, 0.5], [0, 0]], names=("young", "adult"))
YEARS = MatrixPopulation(U=np.zeros((2, 1, 1)), F=[[[1.5]], [[0.5]]], names=("all",))


def everything() -> Scenario:
    community = pm.Community(
        {"hare": HARE, "lynx": 0.9, "owl": YEARS},
        [
            Regulation("hare", {"hare": [0.01, 0.02], "owl": 0.001}, "theta", "fertility", theta=1.3),
            Regulation("owl", {"owl": 0.1}, "ricker", "survival"),
            MassAction("hare", "lynx", [[0.01], [0.005]], [[0.001, 0.001]], response="II", handling_time=0.1),
            MassAction("hare", "owl", [[0.01], [0.0]], [[0.001, 0.0]], response="III", offspring_class=0),
            LinearEffect("competition", on="owl", of="lynx", block=0.01),
        ],
        environment=EnvironmentalNoise({"hare": 0.2, "lynx": 0.1}, correlation=0.3),
        year_probabilities=[0.25, 0.75],
        harvest={"hare": [0.0, 0.1]},
        quota={"lynx": 0.5},
        migration={"owl": 0.25},
    )
    start = community.state({"hare": [20, 10], "lynx": 5, "owl": 3})
    return Scenario(
        community, start, 15, num_replicates=7, seed=4, extinct_below=0.5, title="All of it", note="Made up."
    )


def test_a_written_file_reads_back_to_the_same_run(tmp_path):
    first = everything()
    again = read_scenario(write_scenario(first, tmp_path / "all.toml"))
    assert (again.title, again.note, again.num_steps, again.seed) == ("All of it", "Made up.", 15, 4)
    assert again.community.interactions[0].theta == 1.3
    assert again.community.class_labels == first.community.class_labels
    runs = [scenario.run(keep="states") for scenario in (first, again)]
    assert all(isinstance(run, Ensemble) for run in runs)
    np.testing.assert_allclose(runs[0].states, runs[1].states, rtol=1e-9)
    twice = write_scenario(again, tmp_path / "twice.toml")
    means = [scenario.run().statistics.mean for scenario in (read_scenario(twice), again)]
    np.testing.assert_allclose(means[0], means[1], rtol=1e-12)  # a correlation may come back a last bit off


def test_without_replicates_it_is_one_run(tmp_path):
    file = tmp_path / "one.toml"
    file.write_text("num_steps = 3\n[species.x]\ngrowth_factor = 2\ninitial = 1\n")
    run = read_scenario(file).run()
    assert isinstance(run, Simulation)
    assert run.abundances[:, 0].tolist() == [1, 2, 4, 8]


@pytest.mark.parametrize("name", pm.datasets.COMMUNITIES)
def test_the_files_that_travel_along(name, tmp_path):
    scenario = read_scenario(pm.datasets.community_file(name))
    assert scenario.title and scenario.note
    assert scenario.num_replicates >= 500
    again = read_scenario(write_scenario(scenario, tmp_path / "again.toml"))
    quiet, other = (s.community.deterministic() for s in (scenario, again))
    ends = [pm.simulate(c, scenario.initial, 20).states[-1] for c in (quiet, other)]
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-12)
    assert (np.asarray(ends[0]) >= 0).all()


def test_the_paramecium_file_is_the_leslie_gower_model():
    scenario = read_scenario(pm.datasets.community_file("paramecium"))
    weights = [[rule.weights[name] for name in ("caudatum", "aurelia")] for rule in scenario.community.interactions]
    model = pm.LeslieGower(("caudatum", "aurelia"), [3.437, 2.244], np.array(weights, float))
    quiet = pm.simulate(scenario.community.deterministic(), scenario.initial, 30).abundances
    np.testing.assert_allclose(quiet, pm.simulate(model, scenario.initial, 30).abundances, rtol=1e-12)


TOP = "num_steps = 3\n"
HARE_TABLE = "[species.hare]\ngrowth_factor = 2.0\ninitial = 1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("num_steps = = 3", "c.toml is no TOML file"),
        (HARE_TABLE, "num_steps is missing at the top"),
        (TOP, "species is missing at the top"),
        ("num_steps = 3\nspecies = 4", "must be tables by name"),
        ("num_steps = 3\n[species]\nhare = 2", r"species.hare must be a table"),
        (TOP + "steps = 4\n" + HARE_TABLE, "unknown entry 'steps' at the top; known are title, note, num_steps"),
        (TOP + "[species.hare]\ngrowth_factor = 2.0", r"initial is missing in \[species.hare\]"),
        (TOP + "[species.hare]\ninitial = 2.0", r"survival, fertility is missing in \[species.hare\]"),
        (TOP + HARE_TABLE + "survival = [[0.1]]", "has growth_factor, for a species without classes, and survival"),
        (TOP + "[species.hare]\ngrowth_factor = 2.0\ninitial = [1, 2]", "'hare' has 1 classes"),
        (TOP + "[species.hare]\ngrowth_factor = 'two'\ninitial = 1", "c.toml: "),
        (TOP + "[species.hare]\ngrowth_factor = 2.0\ninitial = -1", "finite and at least 0"),
        (
            TOP + HARE_TABLE + "[[interaction]]\non = 'hare'",
            "interaction 1 needs a type, one of regulation, mass_action",
        ),
        (TOP + HARE_TABLE + "[[interaction]]\ntype = 'regulation'\non = 'hare'", "weights is missing in interaction 1"),
        (
            TOP + HARE_TABLE + "[[interaction]]\ntype = 'competition'\non = 'hare'\nof = 'owl'\nblock = 0.1",
            "names 'owl', which is not a species; the community has hare",
        ),
        (
            TOP + HARE_TABLE + "[[interaction]]\ntype = 'predation'\non = 'hare'\nof = 'hare'\nblock = -0.1",
            "must be finite and at least 0; entry",
        ),
        (TOP + HARE_TABLE + "[environment]\ncorrelation = 0.1", r"sd is missing in \[environment\]"),
        ("num_steps = -1\n" + HARE_TABLE, "num_steps must be a whole number"),
        ("num_steps = 3\nextinct_below = -1\n" + HARE_TABLE, "extinct_below must be"),
        ("num_steps = 3\nnum_replicates = 0\n" + HARE_TABLE, "num_replicates must be a whole number"),
        ("num_steps = 3\ndemographic_noise = true\n" + HARE_TABLE.replace("= 1", "= 1.5"), "whole numbers"),
    ],
)
def test_files_that_are_refused(text, message, tmp_path):
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(pm.DataError, match=message):
        read_scenario(file)


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_scenario(tmp_path / "none.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(pm.DataError, match="no TOML"):
        read_scenario(tmp_path / "b.toml")
    with pytest.raises(pm.DataError, match="the examples are paramecium, mites, meadow"):
        pm.datasets.community_file("wolves")
