"""Several series at once, fixed and separate parameters, initial states, stages, priors and optimisers."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

import popmath as pm
from popmath.inference import CultureFit, LogNormal, NegativeBinomial
from popmath.inference.fitting import fit_problem
from popmath.inference.problem import FitSettings, Problem

GROWTH, EFFECTS = np.array([2.2, 1.9]), np.array([[0.010, 0.004], [0.006, 0.012]])
DAYS = np.arange(16.0)
PAIR = ("x", "y")


def curve(start, growth=GROWTH, days=DAYS):
    """Leslie-Gower by NumPy alone."""
    states = [np.array(start, float)]
    for _ in range(int(days[-1])):
        states.append(growth * states[-1] / (1 + EFFECTS @ states[-1]))
    return np.array(states)[days.astype(int)]


def alone(i, start, name, growth=GROWTH):
    whole = np.zeros(2)
    whole[i] = start
    return pm.Series(DAYS, curve(whole, growth)[:, i], PAIR[i], name=name)


TOGETHER = pm.Series(DAYS, curve([3.0, 5.0]), PAIR, name="both")
X, Y = alone(0, 2.0, "x alone"), alone(1, 4.0, "y alone")


@pytest.fixture(scope="module")
def joint():
    return pm.fit(pm.LeslieGower(PAIR), [X, Y, TOGETHER], num_starts=8)


def test_cultures_fitted_together_give_the_parameters_back(joint):
    assert joint.num_free == 2 + 4 + 1 + 1 + 2 and joint.num_observed == 16 * 4
    assert joint.sum_of_squares < 1e-12
    for culture in joint.cultures:
        np.testing.assert_allclose(culture.model.growth_factor, GROWTH, rtol=1e-5)
        np.testing.assert_allclose(culture.model.competition, EFFECTS, rtol=1e-4)
    np.testing.assert_allclose(joint.culture("x alone").initial, [2.0, 0.0], rtol=1e-5)
    np.testing.assert_allclose(joint.culture("both").initial, [3.0, 5.0], rtol=1e-5)
    assert isinstance(joint.culture("y alone"), CultureFit)
    assert joint.culture("y alone").predicted.shape == (16, 1)
    np.testing.assert_allclose(joint.predict([20.0], "y alone"), curve([0.0, 4.0], days=np.array([0, 20.0]))[1:, 1:])


def test_several_cultures_are_asked_for_by_name(joint):
    for ask in (
        lambda: joint.model,
        lambda: joint.predict([20]),
        lambda: joint.forecast([20]),
        lambda: joint.culture(),
    ):
        with pytest.raises(ValueError, match="has 3 series: 'x alone', 'y alone', 'both'. Say which"):
            ask()
    with pytest.raises(KeyError, match="no series 'z'"):
        joint.culture("z")
    text = joint.summary()
    assert "x in both" in text and "initial[y] in y alone" in text and "'y alone'" in repr(joint)
    forecast = joint.forecast([16, 17], culture="y alone")
    assert forecast.series is Y and forecast.predicted.shape == (2, 1)
    np.testing.assert_allclose(forecast.predicted[:, 0], joint.predict([16, 17], "y alone")[:, 0])


def test_columns_follow_the_model_and_curves_the_series():
    turned = pm.Series(DAYS, curve([3.0, 5.0])[:, ::-1], PAIR[::-1], name="turned")
    result = pm.fit(pm.LeslieGower(PAIR), turned, num_starts=8)
    np.testing.assert_allclose(result.model.growth_factor, GROWTH, rtol=1e-5)
    np.testing.assert_allclose(result.predicted, turned.values, rtol=1e-4)
    np.testing.assert_allclose(result.predict([30])[0], curve([3.0, 5.0], days=np.array([0, 30.0]))[1, ::-1], rtol=1e-4)


def test_separate_parameters_differ_between_cultures_and_leave_out_absent_species():
    faster = GROWTH * 1.3
    other = alone(0, 2.0, "x fed", faster)
    settings = FitSettings(separate=("growth_factor",))
    result = fit_problem(Problem(pm.LeslieGower(PAIR), [TOGETHER, Y, other], settings), 8, 0, True)
    assert result.num_free == 4 + (2 + 1 + 1) + (2 + 1 + 1)
    assert result.sum_of_squares < 1e-10
    np.testing.assert_allclose(result.culture("both").model.growth_factor, GROWTH, rtol=1e-4)
    np.testing.assert_allclose(result.culture("x fed").model.growth_factor[0], faster[0], rtol=1e-4)
    assert "growth_factor[x] in x fed" in [e.label for e in result.estimates]
    shared = pm.fit(pm.LeslieGower(PAIR), [TOGETHER, Y, other], num_starts=8)
    assert shared.sum_of_squares > 1e-3  # negative control


def test_fixed_values_are_held_and_nan_is_free():
    fixed = {"competition": np.where(np.eye(2) == 1, np.nan, EFFECTS), "growth_factor": [2.2, np.nan]}
    result = pm.fit(pm.LeslieGower(PAIR), TOGETHER, fixed=fixed, num_starts=8)
    assert result.num_free == 2 + 1 + 2
    np.testing.assert_allclose(result.model.competition, EFFECTS, rtol=1e-4)
    assert result.model.competition[0, 1] == EFFECTS[0, 1] and result.model.growth_factor[0] == 2.2
    assert [e.label for e in result.estimates][:2] == ["growth_factor[y]", "competition[x, x]"]


def test_the_start_may_be_as_counted():
    result = pm.fit(pm.LeslieGower(PAIR), TOGETHER, initial="counted", num_starts=8)
    assert result.num_free == 6 and result.initial.tolist() == [3.0, 5.0]
    gap = pm.Series(DAYS, TOGETHER.values, PAIR, mask=np.arange(32).reshape(16, 2) > 0)
    with pytest.raises(ValueError, match="the first row of 'series' has missing values"):
        pm.fit(pm.LeslieGower(PAIR), gap, initial="counted")


def test_stages_are_observed_and_make_age_structure_visible():
    leslie = np.array([[0.0, 3.0], [0.4, 0.5]])
    states = [np.array([20.0, 5.0])]
    for _ in range(9):
        states.append(leslie @ states[-1])
    stages = np.array(states)
    twice = np.stack([stages, 2 * stages], axis=1)
    series = pm.Series(np.arange(10.0), twice.sum(axis=2), PAIR, stages=("egg", "adult"), stage_values=twice)
    model = pm.LinearLeslieCompetition(PAIR, num_classes=2)
    fixed = {"competition": 0.0, "fertility": [[0.0, np.nan]] * 2}
    result = pm.fit(model, series, observe="stages", fixed=fixed, num_starts=16)
    assert result.num_observed == 40
    assert result.sum_of_squares < 1e-6
    np.testing.assert_allclose(result.predicted, twice.sum(axis=2), rtol=1e-2)
    np.testing.assert_allclose(result.initial, twice[0], rtol=1e-2)
    with pytest.raises(ValueError, match="has no counts by stage"):
        pm.fit(model, dataclasses.replace(series, stages=(), stage_values=None), observe="stages")


def test_priors_pull_and_least_squares_stays_where_they_are_wide(fitted, mixture):
    model = pm.LeslieGower(mixture.species)
    wide = pm.fit(model, mixture, priors={"growth_factor": LogNormal(2.0, 1e3)}, num_starts=8)
    np.testing.assert_allclose(wide.sum_of_squares, fitted.sum_of_squares, rtol=5e-3)  # 1/x remains of the density
    tight = pm.fit(model, mixture, priors={"growth_factor": LogNormal(2.0, 0.01)}, num_starts=8)
    np.testing.assert_allclose(tight.model.growth_factor, 2.0, rtol=0.02)
    assert tight.sum_of_squares > fitted.sum_of_squares + 0.05
    widths = [np.log(r.estimates[0].high / r.estimates[0].low) for r in (tight, fitted)]
    assert widths[0] < 0.06 < widths[1]  # 2 * 1.96 * 0.01 = 0.039


@pytest.mark.parametrize("optimiser", ["bfgs", "adam"])
def test_every_optimiser_finds_the_optimum(fitted, mixture, optimiser):
    other = pm.fit(pm.LeslieGower(mixture.species), mixture, optimiser=optimiser, num_starts=8)
    assert other.converged and other.share_of_starts >= 0.5
    assert other.sum_of_squares == pytest.approx(fitted.sum_of_squares, rel=1e-6 if optimiser == "bfgs" else 0.005)


def test_negative_binomial_finds_its_dispersion():
    """200 days on a plateau: log(1 + dispersion) has a standard error of about 0.1; 4 of them fail 1 seed in 15,000."""
    rng = np.random.default_rng(7)
    counts = rng.negative_binomial(100 / 1.5, 1 / 2.5, 200).astype(float)
    series = pm.Series(np.arange(200.0), counts, "a")
    result = pm.fit(pm.LeslieGower("a"), series, loss=NegativeBinomial(), num_starts=8)
    values = {e.label: e for e in result.estimates}
    assert np.log(values["dispersion[a]"].value + 1) == pytest.approx(np.log(2.5), abs=0.4)
    assert values["dispersion[a]"].low < 1.5 < values["dispersion[a]"].high
    assert "negative binomial: log-likelihood" in result.summary()


def test_irregular_times_of_a_discrete_model():
    days = np.array([0.0, 1.0, 2.0, 4.0, 7.0, 11.0, 15.0])
    series = pm.Series(days, curve([3.0, 5.0], days=days), PAIR)
    result = pm.fit(pm.LeslieGower(PAIR), series, num_starts=8)
    np.testing.assert_allclose(result.model.growth_factor, GROWTH, rtol=1e-3)


def test_what_settings_refuse(mixture):
    model = pm.LeslieGower(mixture.species)
    for match, arguments in (
        ("fixed: LeslieGower has no 'rate'; it has growth_factor", {"fixed": {"rate": 1.0}}),
        ("fixed: growth_factor has shape", {"fixed": {"growth_factor": [1.0, 2.0, 3.0]}}),
        ("fixed: growth_factor is positive", {"fixed": {"growth_factor": [-1.0, np.nan]}}),
        ("separate: LeslieGower has no 'initial'", {"separate": ("initial",)}),
        ("start: growth_factor must be above 0", {"start": {"growth_factor": [0.0, 2.0]}}),
        ("start: there is no 'rate'", {"start": {"rate": 1.0}}),
        ("start: growth_factor has shape", {"start": {"growth_factor": [1.0]}}),
    ):
        with pytest.raises(ValueError, match=match):
            pm.fit(model, mixture, **arguments)
    with pytest.raises(ValueError, match="need different names"):
        pm.fit(model, [mixture, mixture])
    with pytest.raises(ValueError, match="data must be a Series or several"):
        pm.fit(model, [])
    with pytest.raises(ValueError, match="aurelia is in none of the series"):
        pm.fit(model, pm.Series(DAYS, DAYS + 1, "caudatum"))


def test_curves_that_overflow_from_every_start():
    series = pm.Series(np.arange(300.0), np.linspace(1, 50, 300), "a", name="long")
    with pytest.raises(
        pm.ConvergenceError, match="no finite errors on 'long' from any of 8 starts: the curves overflow"
    ):
        pm.fit(pm.LeslieGower("a"), series, fixed={"growth_factor": 1e6, "competition": 0.0}, num_starts=8)


def test_the_first_start_is_the_given_one(mixture):
    problem = Problem(pm.LeslieGower(mixture.species), mixture)
    middle = np.zeros(problem.space.size)
    vector = problem.space.vector({"growth_factor": [2.0, 3.0], "initial": 4.0}, middle)
    np.testing.assert_allclose(np.exp(vector), [2, 3, 1, 1, 1, 1, 4, 4])


WRONG_WORDS = """
import numpy as np, popmath as pm
series = pm.Series(np.arange(9.0), np.arange(1.0, 10), "a")
for arguments in (
    {"optimiser": "newton"}, {"initial": "known"}, {"observe": "ages"}, {"loss": "poisson"},
    {"priors": {"growth_factor": 2.0}}, {"num_starts": 2.5},
):
    try:
        pm.fit(pm.LeslieGower("a"), series, **arguments)
    except (TypeError, ValueError) as error:
        print(error)
try:
    pm.fit(pm.populations.LesliePredatorPrey([[0.5]], [[0.5]], [[0.1]], [[0.1]]), series)
except TypeError as error:
    print(error)
try:
    pm.fit(pm.LeslieGower("a"), series, num_starts=8).forecast([9], band="best")
except ValueError as error:
    print(error)
"""


def test_wrong_words_in_a_process_without_type_checks():
    done = subprocess.run([sys.executable, "-c", WRONG_WORDS], capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    assert said[0] == "optimiser must be one of 'levenberg_marquardt', 'bfgs', 'adam'; got 'newton'."
    assert said[1] == "initial must be one of 'free', 'counted'; got 'known'."
    assert said[2] == "observe must be one of 'totals', 'stages'; got 'ages'."
    assert said[3].startswith("loss must be SquaredError(), NegativeBinomial()")
    assert said[5].startswith("num_starts must be a whole number") and said[6].startswith("LesliePredatorPrey cannot")
    assert "popmath.populations.ModelFamily(species, parameters, build)" in said[6]
    assert said[7] == "band must be one of 'blocks', 'rolling', 'enbpi'; got 'best'."
    assert said[4].startswith("the prior of growth_factor must be a Normal, HalfNormal")
