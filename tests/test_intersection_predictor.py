"""Closest method with its band: the shipped calibration covers, its choices are sound, what cannot be is refused."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

import popmath as pm
from popmath.conformal import binomial_interval
from popmath.dynamicformer.encoding import encode
from popmath.dynamicformer.samples import exact_samples
from popmath.dynamicformer.splits import Split
from popmath.intersections import correlator, log_correlator
from popmath.predictor import (
    IntersectionPredictor,
    LogPrediction,
    MethodBand,
    calibrated_bands,
    part_of,
    read_bands,
    write_bands,
)
from popmath.predictor.asymptotic import expected_error
from popmath.predictor.bands import expected_errors, last_genus
from popmath.predictor.calibration import MAX_LEVEL, plain_logs
from popmath.predictor.methods import METHODS, NETWORKS, network, said_by
from popmath.predictor.storage import SHIPPED

PREDICTOR = IntersectionPredictor()
ALL = exact_samples(MAX_LEVEL, range(14))


def held_out():
    """A thousand families that neither networks nor bands have seen."""
    part = part_of(ALL, "coverage")
    return part.take(np.random.default_rng(0).permutation(len(part.log_scaled))[:1000])


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95, 0.99])
def test_what_was_held_back_is_covered(level):
    """A thousand families of the coverage part: a new calibration fails once in some thousand.

    Negative control: with bands 0.4 times as wide, too few are covered at every level.
    """
    part = held_out()
    degrees = [np.repeat(d, m) for d, m in zip(part.requests.degrees, part.requests.multiplicity, strict=True)]
    found = PREDICTOR.predict_many(part.requests.genus, degrees, level, allow_exact=False)
    truth = plain_logs(part)
    low, high = binomial_interval(level, len(truth), 0.9999)
    assert low <= np.mean([each.covers(log) for each, log in zip(found, truth, strict=True)]) <= high
    half = np.array([each.log_upper - each.log_value for each in found])
    error = np.abs(np.array([each.log_value for each in found]) - truth)
    assert np.mean(error <= 0.4 * half) < low


def test_no_part_is_seen_by_a_network_or_shared():
    for name in NETWORKS:
        assert network(name).settings.split == Split()
    train = {tuple(row) for row in rows_of(ALL.take(Split().rows(ALL.requests, "train")))}
    parts = [{tuple(row) for row in rows_of(part_of(ALL, name))} for name in ("scale", "calibration", "coverage")]
    for number, part in enumerate(parts):
        assert part and not part & train
        assert all(not part & other for other in parts[:number])
    assert 3 < len(parts[1]) / len(parts[2]) < 5.5
    with pytest.raises(ValueError, match="part must be"):
        part_of(ALL, "test")  # ty: ignore


def rows_of(samples):
    return np.column_stack([samples.requests.genus, samples.requests.degrees, samples.requests.multiplicity]).tolist()


def test_exact_where_it_is_cheap_and_it_says_so():
    found = PREDICTOR.predict(3, (2, 5, 2))
    assert isinstance(found, LogPrediction)
    assert (found.method, found.calibrated_genera, found.num_calibration) == ("exact", None, 0)
    assert found.log_lower == found.log_value == found.log_upper == pytest.approx(log_correlator(3, (2, 5, 2)))
    assert "less than 1 ms" in found.reason and "exact" in found.summary()
    formula = PREDICTOR.predict(40, (1, 50, 69, 1), allow_exact=False)
    assert (formula.method, formula.reason) == ("exact", "exact: there is a closed formula")
    assert formula.log_value == pytest.approx(log_correlator(40, (1, 50, 69, 1)), rel=1e-14)
    assert PREDICTOR.predict(1, (1,) * 20_000).log_value == pytest.approx(math.lgamma(20_000) - math.log(24))


def test_the_budget_is_spent_from_the_cheapest_on():
    requests = [(5, (2, 3, 10)), (24, (7, 8, 8, 8, 8, 9, 9, 10, 11)), (8, (3, 4, 5, 13))]
    found = dataclasses.replace(PREDICTOR, exact_seconds=0.1).predict_many(*zip(*requests, strict=True))
    assert [each.method for each in found] == ["exact", "psi-corrected", "exact"]
    none = dataclasses.replace(PREDICTOR, exact_seconds=0.0)
    assert "exact" not in [each.method for each in none.predict_many(*zip(*requests, strict=True))]


def test_ones_are_removed_exactly():
    """The error, and so the band, is that of the number without ones."""
    bare, with_ones = (PREDICTOR.predict(9, d, allow_exact=False) for d in ((6, 9, 12), (1, 6, 1, 9, 12)))
    assert with_ones.log_value == pytest.approx(bare.log_value + math.log(19 * 20))
    assert with_ones.log_upper - with_ones.log_value == pytest.approx(bare.log_upper - bare.log_value)


def test_every_method_may_be_asked_for():
    truth = log_correlator(12, (5, 9, 10, 13))
    for method in METHODS:
        found = PREDICTOR.predict(12, (13, 5, 9, 10), 0.99, allow_exact=False, method=method)
        assert (found.method, found.reason) == (method, "as asked for") and found.covers(truth)
    closest = PREDICTOR.predict(12, (5, 9, 10, 13), allow_exact=False)
    assert "the closest with a say here" in closest.reason and "times for psi-residual" in closest.reason
    alone = PREDICTOR.predict(12, (5, 9, 10, 13), allow_exact=False, method="psi-corrected")
    assert (alone.log_lower, alone.log_upper) == pytest.approx((closest.log_lower, closest.log_upper), rel=1e-12)
    table = pd.DataFrame({"genus": [12], "degrees": ["5 9 10 13"]})
    assert PREDICTOR.predict_frame(table, method="psi-residual")["method"][0] == "psi-residual"
    with pytest.raises(ValueError, match="method must be one of this predictor's bands: closest"):
        PREDICTOR.predict(12, (5, 9, 10, 13), method="order 6")


def test_a_closed_form_says_what_asymptotic_says():
    requests = [(8, (0, 12, 12)), (11, (2, 3, 15, 14)), (14, (0, 0, 20, 23))]
    said = said_by("closed form, order 3", encode(*zip(*requests, strict=True)))
    for row, (genus, degrees) in enumerate(requests):
        expected = pm.intersections.asymptotic(genus, degrees, 3)
        assert said.log_value[row] == pytest.approx(expected.log_value, rel=1e-12)
        assert said.size[row] == pytest.approx(expected_error(expected), rel=1e-6)


def test_beyond_the_calibrated_genera_it_warns_and_does_not_narrow():
    near, far = (PREDICTOR.predict(g, (4, 5, 6, 7, 3 * g - 20), allow_exact=False) for g in (13, 40))
    assert near.warnings == ()
    assert "calibrated for 5 points besides ones: coverage not guaranteed" in far.warnings[0] and len(far.warnings) == 1
    many = PREDICTOR.predict(13, (0,) * 18 + (27, 29), allow_exact=False)  # level 44: calibrated to 35
    assert many.calibrated_genera[1] < 13 and "genera" in many.warnings[0] and "many zeros" in many.warnings[1]


def test_beyond_its_reach_the_learned_factor_does_not_fall():
    chosen = PREDICTOR.bands["closest"]
    assert isinstance(chosen, MethodBand)
    genera = np.arange(8, 60)
    requests = encode(genera, [(4, 5, 6, 7, 3 * int(g) - 20) for g in genera])
    said = {m: said_by(m, requests) for m in METHODS}
    free = expected_errors(requests, said, chosen.scales, genera)
    held = expected_errors(requests, said, chosen.scales, last_genus(requests, 13, 35))
    assert (held.size >= free.size).all() and (held.size == free.size)[genera <= 13].all()
    edge = held.size[genera == 13] / said["psi-corrected"].size[genera == 13]
    beyond = held.size[genera > 13] / said["psi-corrected"].size[genera > 13]
    assert (beyond >= edge * (1 - 1e-6)).all()
    assert last_genus(encode([5, 5], [(0,) * 18 + (15, 17), (4, 5, 6)]), 13, 35).tolist() == [8, 13]


def test_neighbours_that_are_joined_are_said():
    found = PREDICTOR.predict(10, (4, 6, 20), 0.99, allow_exact=False)
    assert "too few calibration numbers with 3 points" in found.warnings[0]


def test_rounding_is_part_of_the_band():
    for genus in (10_000, 1_000_000):
        degrees = (genus - 3, genus, genus + 3)
        found = PREDICTOR.predict(genus, degrees, allow_exact=False)
        assert found.covers(pm.intersections.asymptotic(genus, degrees, 6).log_value)
        assert found.log_upper - found.log_lower < 1e-5


def test_a_table_of_requests():
    table = pd.DataFrame(
        {"genus": [5, 30.0, 15], "degrees": ["2 3 10", [20, 30, 40], "1,2,20,23"], "name": list("abc")}, index=[7, 8, 9]
    )
    found = PREDICTOR.predict_frame(table, allow_exact=False)
    assert found.index.tolist() == [7, 8, 9] and found["name"].tolist() == list("abc")
    assert (found["log_lower"] < found["log_value"]).all() and found["value"][9].startswith(
        f"{float(correlator(15, (1, 2, 20, 23))):.4e}"[:6]
    )
    assert found["calibrated_to"].tolist() == [13] * 3 and "outside" in found["warnings"][8]
    exact = PREDICTOR.predict_frame(table)
    assert exact["method"].tolist() == ["exact"] * 3 and exact["calibrated_to"].isna().all()
    assert float(exact["value"][7]) == pytest.approx(float(correlator(5, (2, 3, 10))), rel=1e-7)


def test_the_plain_value_beyond_the_range_of_floats():
    found = PREDICTOR.predict(200, (199, 200, 201), allow_exact=False)
    mantissa, exponent = found.value.split("e")
    assert int(exponent) < -308 and math.exp(found.log_value) == 0.0
    truth = pm.intersections.asymptotic(200, (199, 200, 201), 8).log_value
    assert math.log(float(mantissa)) + int(exponent) * math.log(10) == pytest.approx(truth, abs=1e-7)
    assert found.covers(truth)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((2, (2, 3), 1.5), ValueError, "between 0 and 1"),
        ((2, (2, 3), "0.9"), TypeError, "must be a number"),
        ((8, (7, 8, 9), 0.999_99, False), ValueError, "needs at least 100001 calibration points"),
        ((0, (0, 0)), ValueError, "request 0: genus 0 .* not a stable type"),
        ((5, (4, 5)), ValueError, "exactly 0"),
        ((2, (2.0, 3)), TypeError, "must be integers"),
        ((12, {5, 9, 10, 13}), TypeError, "request 0: degrees must be a sequence"),
        ((12, 5), TypeError, "request 0: degrees must be a sequence"),
        ((10**10, (3 * 10**10 - 2,)), ValueError, "genus and number of points may be 1,000,000 at most"),
        ((3, (0,) * 40 + (47,), 0.9, False), pm.UnableError, "no method has a calibrated band .* with 41 points"),
    ],
)
def test_what_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        PREDICTOR.predict(*arguments)


def test_tables_that_are_refused():
    with pytest.raises(ValueError, match="'degrees' is not among genus"):
        PREDICTOR.predict_frame(pd.DataFrame({"genus": [2]}))
    for genus, degrees, message in (
        (2, "2 x", "row 0: each degree in '2 x' must be an integer; got 'x'"),
        (2, "1_0", "must be an integer"),
        (2, "", "row 0: degrees are empty"),
        (2.5, "2 3", "row 0: genus must be an integer; got 2.5"),
        ("--5", "2 3", "row 0: genus must be an integer"),
        (2, None, "row 0: each degree in None must be an integer"),
        (2, float("nan"), "row 0: each degree in nan must be an integer"),
    ):
        with pytest.raises(ValueError, match=message):
            PREDICTOR.predict_frame(pd.DataFrame({"genus": [genus], "degrees": [degrees]}))
    with pytest.raises(ValueError, match="more than one column 'genus'"):
        PREDICTOR.predict_frame(pd.DataFrame([[2, 2, "2 3"]], columns=["genus", "genus", "degrees"]))
    with pytest.raises(ValueError, match="bands is empty"):
        IntersectionPredictor({})
    with pytest.raises(ValueError, match="exact_seconds must be"):
        IntersectionPredictor(PREDICTOR.bands, -1.0)


def test_a_row_without_a_method_does_not_lose_the_others():
    table = pd.DataFrame({"genus": [3, 9], "degrees": [" ".join(["0"] * 40 + ["47"]), "[6, 9, 12]"]})
    found = PREDICTOR.predict_frame(table, allow_exact=False)
    assert found["method"].tolist() == ["none", "psi-corrected"] and found["log_value"].isna().tolist() == [True, False]
    assert "no method has a calibrated band" in found["warnings"][0]
    empty = PREDICTOR.predict_frame(table.iloc[:0])
    assert len(empty) == 0 and empty["log_value"].dtype == float


def test_where_no_network_has_a_say_the_closed_form_does():
    found = PREDICTOR.predict(40, (0, 2, 2) + (5,) * 22 + (29,), allow_exact=False)
    assert (found.method, found.reason) == ("closed form, order 6", "no closer method has a say here")
    assert "26 points besides ones are more than the calibrated" in " ".join(found.warnings)


def test_bands_are_written_and_read_back(tmp_path):
    small = calibrated_bands(exact_samples(16, range(14)), ["closed form, order 6", "psi-residual"])
    path = write_bands(tmp_path / "bands.safetensors", small, {"seed": 0})
    again, about = read_bands(path)
    assert about["seed"] == 0 and set(again) == set(small)
    requests = encode([6, 7], [(0, 8, 10), (4, 5, 12)])
    said = {m: said_by(m, requests) for m in METHODS}
    for name, band in small.items():
        np.testing.assert_allclose(
            again[name].on(requests, said, 0.8).half, band.on(requests, said, 0.8).half, rtol=1e-5
        )
    read = IntersectionPredictor.read(path).predict(6, (0, 8, 10), 0.8, allow_exact=False)
    assert read.method in ("closed form, order 6", "psi-residual")


def test_files_that_are_refused(tmp_path, monkeypatch):
    with pytest.raises(pm.DataError, match="there is no file none"):
        read_bands(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(SHIPPED.read_bytes()[:5000])
    with pytest.raises(pm.DataError, match="bad.safetensors is no file of calibrated bands"):
        read_bands(tmp_path / "bad.safetensors")
    monkeypatch.setattr("popmath.predictor.storage.weights_digest", lambda name: "other")
    with pytest.raises(pm.DataError, match="calibrated for other weights of psi-"):
        read_bands()
