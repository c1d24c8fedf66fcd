"""The networks that travel along: what they say, of what, and how it is summarised."""

import math

import numpy as np
import pytest
from typer.testing import CliRunner

import popmath.dynamicformer as df
from popmath.cli import app
from popmath.dynamicformer.baselines import LinearFit, log_aggarwal, log_closed_form
from popmath.dynamicformer.encoding import log_double_factorials
from popmath.dynamicformer.joint import tensors_of
from popmath.intersections import amplitude, asymptotic, degree_tuples, log_correlator

REQUESTS = [
    (g, d) for g, n in [(2, 1), (3, 5), (8, 4), (11, 3), (15, 3)] for d in list(degree_tuples(3 * g - 3 + n, n))[::7]
]
EXACT = np.array([log_correlator(g, d) for g, d in REQUESTS])


@pytest.fixture(scope="module")
def residual():
    return df.load_pretrained("psi-residual")


def test_it_is_near_the_exact_numbers(residual):
    found = residual.predict_log(*zip(*REQUESTS, strict=True))
    assert isinstance(found, df.NetworkPrediction) and isinstance(residual, df.TrainedNetwork)
    error = np.abs(found.log_value - EXACT)
    assert error[0] < 1e-2  # genus 2, one point: the smallest level of all
    assert np.max(error[1:]) < 5e-3
    assert np.median(error) < 2e-4


def test_one_request_and_the_flag_of_the_range(residual):
    alone = residual.predict_log(15, (15, 15, 15))
    assert len(alone) == 1 and not alone.in_range[0]
    assert "outside of the training range" in alone.summary() and "genus 0 to 13" in alone.summary()
    assert residual.predict_log(13, (37, 1, 1)).in_range[0]
    assert list(alone.to_dataframe().columns) == ["genus", "num_points", "log_value", "in_range"]


def test_ones_are_exact(residual):
    more = residual.predict_log([5, 5], [(4, 10), (1, 4, 1, 10)])
    assert more.log_value[1] - more.log_value[0] == pytest.approx(np.log(10 * 11), abs=1e-12)


def test_nothing_but_ones_is_exact(residual):
    found = residual.predict_log([1, 1, 1], [(1,), (1, 1, 1), (0, 1, 2)])
    exact = [log_correlator(1, d) for d in [(1,), (1, 1, 1)]]
    np.testing.assert_allclose(found.log_value[:2], exact, atol=1e-12)
    assert found.in_range.all()


def test_the_level_is_part_of_the_range(residual):
    far = (2,) * 23 + (36 + 24 - 46,)
    assert not residual.predict_log(13, far).in_range[0]  # level 48
    assert residual.predict_log(13, (37, 1, 1)).in_range[0]


def test_narrow_integers_do_not_overflow(residual):
    assert np.isfinite(residual.predict_log(np.array([50], np.int8), [np.array([74, 75], np.int8)]).log_value).all()
    with pytest.raises(TypeError, match="must be integers"):
        residual.predict_log(True, (1,))


def test_order_and_company_do_not_matter(residual):
    whole = residual.predict_log(*zip(*REQUESTS, strict=True)).log_value
    for row in (0, 9, len(REQUESTS) - 1):
        g, d = REQUESTS[row]
        assert residual.predict_log(g, d[::-1]).log_value[0] == pytest.approx(whole[row], abs=1e-5)


def test_other_names():
    assert "psi-residual" in df.pretrained_names()
    with pytest.raises(ValueError, match="name must be one of psi"):
        df.load_pretrained("psi")


def test_baselines_are_what_they_say():
    samples = df.exact_samples(31, range(16), max_points=3)
    one = df.encode([15], [(10, 15, 20)])
    for order in (0, 3, 6):
        value = log_closed_form(one, order)[0] - log_double_factorials(one)[0]
        assert value == pytest.approx(asymptotic(15, (10, 15, 20), order).log_value, abs=1e-11)
    one_point = samples.take(np.flatnonzero((samples.requests.num_points == 1) & (samples.requests.genus > 0)))
    np.testing.assert_allclose(log_aggarwal(one_point.requests), one_point.log_scaled, rtol=1e-12)
    zeros = samples.requests.times(0)
    bare = samples.take(np.flatnonzero((zeros == 0) & (samples.requests.genus >= 7)))
    fit = LinearFit.to(bare, 4)
    assert len(fit.weights) == 13
    assert df.summarise(fit.log_value(bare.requests), bare.log_scaled).maximum < 1e-4


def test_a_summary_of_errors():
    truth = np.linspace(-3, 5, 400)
    found = df.summarise(truth + np.where(np.arange(400) % 20 == 0, 1.0, 1e-3), truth)
    assert isinstance(found, df.ErrorSummary)
    assert (found.num_points, found.maximum, found.median) == (400, pytest.approx(1.0), pytest.approx(1e-3))
    assert found.relative_maximum == pytest.approx(np.e - 1) and found.mean == pytest.approx(0.05 + 0.00095)
    assert found.r_squared == pytest.approx(1 - (20 + 380e-6) / np.sum((truth - 1) ** 2))
    with pytest.raises(ValueError, match="not finite"):
        df.summarise(np.array([np.nan]), np.array([1.0]))
    with pytest.raises(ValueError, match="at least one"):
        df.summarise(np.array([]), np.array([]))


def test_the_command_trains_and_says_what_is_wrong(tmp_path):
    config = tmp_path / "run.toml"
    config.write_text(
        'name = "tiny"\nnum_steps = 20\nbatch_size = 16\nvalidate_every = 10\nvalidation_size = 50\n'
        "[network]\nwidth = 4\nhidden = 8\norder = 1\n[data]\nmax_level = 9\n"
        "[split]\nmax_train_genus = 3\nmax_train_points = 6\nvalidation_share = 0.2\ntest_share = 0.2\n"
    )
    ended = CliRunner().invoke(app, ["train", str(config), "--out", str(tmp_path / "run")])
    assert ended.exit_code == 0 and "tiny: mean absolute error" in ended.stdout and "20 of 20" in ended.stderr
    trained = df.TrainedNetwork.read(tmp_path / "run" / "weights.safetensors")
    assert trained.settings == df.read_settings(config)
    result = df.train(trained.settings, tmp_path / "run")
    assert isinstance(result, df.TrainingResult) and result.record["steps"] == 20
    config.write_text("layers = 3")
    ended = CliRunner().invoke(app, ["train", str(config)])
    assert ended.exit_code == 2 and "layers is not a setting" in ended.stderr


def test_reports_and_requests_are_records():
    assert (
        df.Report._fields[0] == "step" and df.Requests._fields[0] == "genus" and df.Samples._fields[1] == "log_scaled"
    )


def test_the_correction_is_never_worse_than_the_form_it_corrects():
    samples = df.exact_samples(33, range(16), 5)
    beyond = samples.take(np.flatnonzero(samples.requests.genus >= 14))
    plain = log_double_factorials(beyond.requests)
    says = df.load_pretrained("psi-corrected").predict_requests(beyond.requests).log_value + plain
    mine, form = (df.summarise(value, beyond.log_scaled) for value in (says, log_closed_form(beyond.requests, 6)))
    assert mine.median < form.median and mine.percentile_95 < form.percentile_95 and mine.maximum < form.maximum


def test_where_the_form_has_broken_down_the_correction_has_no_say():
    request = df.encode([0], [(0,) * 5 + (3,)])
    says = df.load_pretrained("psi-corrected").predict_requests(request).log_value[0]
    assert says == pytest.approx(log_closed_form(request, 6)[0] - log_double_factorials(request)[0], abs=1e-12)


def test_raw_sees_ones_and_goes_on_beyond_its_genera():
    raw = df.load_pretrained("psi-raw")
    assert raw.sees_ones and "besides" not in raw.range
    found = raw.predict_log(*zip(*REQUESTS, strict=True))
    assert df.summarise(found.log_value, EXACT).r_squared > 0.999
    grown = raw.predict_log([5, 5], [(4, 10), (1, 4, 1, 10)]).log_value
    assert abs(grown[1] - grown[0] - np.log(10 * 11)) < 0.1  # learned, not given


def test_contexts_are_far_from_where_rounding_turns():
    branch = df.load_pretrained("psi-multi").network.tensor
    steps = 256 * np.asarray(branch.exactly(tensors_of(tuple(df.THEORIES))), float)
    assert (np.abs(steps - np.round(steps)) < 0.49).all()  # programs differ by a thousandth of a step


@pytest.mark.parametrize("name", df.THEORIES)
def test_four_theories_from_one_network(name):
    network = df.load_pretrained("psi-multi")
    samples = df.theory_samples(name, 9, 4)
    says = network.predict_requests(samples.requests, name).log_value + log_double_factorials(samples.requests)
    assert df.summarise(says, samples.log_scaled).median < (1e-4 if name == "Bessel" else 0.02)
    if name == "Masur-Veech":  # shown the tensor of Weil-Petersson it is wrong
        alone = network.predict_log([2, 3], [(1,), (1,)], name).log_value
        exact = [math.log(amplitude(df.THEORIES[name].structure(), g, (1,))) for g in (2, 3)]
        assert np.max(np.abs(alone - exact)) < 0.5
        other = network.predict_requests(samples.requests, "Weil-Petersson").log_value
        assert np.median(np.abs(other + log_double_factorials(samples.requests) - samples.log_scaled)) > 0.5
