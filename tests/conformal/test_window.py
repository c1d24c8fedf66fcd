"""Bands from the nearest calibration points, by group: against MAPIE, and coverage that follows the errors."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popmath.conformal import WindowBand, WindowInterval, calibrate_split, calibrate_window


def grown(seed, size=4000):
    """Errors that grow with the position, in two groups; the second is ten times as wrong."""
    rng = np.random.default_rng(seed)
    position, group = rng.random(size), rng.integers(0, 2, size)
    return position, group, (0.1 + position) * np.where(group == 1, 10.0, 1.0) * rng.normal(size=size)


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95, 0.99])
def test_a_window_is_what_mapie_makes_of_its_points(level):
    position, group, error = grown(0, 1000)
    band = calibrate_window(
        np.zeros(1000), error, positions=position[:, None], groups=group, confidence_level=level, smallest=150
    )
    for place, label in ((0.1, 0), (0.6, 1)):
        own = np.flatnonzero(group == label)
        size = max(150, int(np.ceil(0.25 * len(own))))
        near = own[np.argsort(np.abs(position[own] - place))[:size]]
        expected = calibrate_split(np.zeros(size), error[near], confidence_level=level).predict_interval(np.zeros(1))
        found = band.predict_interval(np.zeros(1), np.array([[place]]), [label])
        assert isinstance(band, WindowBand) and isinstance(found, WindowInterval)
        assert (found.upper[0], found.num_scores[0], found.num_joined[0]) == (expected[1][0], size, 0)


def test_without_a_window_it_is_the_band_of_the_group():
    position, group, error = grown(1)
    band = calibrate_window(np.zeros(4000), error, positions=position[:, None], groups=group, share=1.0)
    mondrian = calibrate_split(np.zeros(4000), error, groups=group.tolist())
    lower, upper = mondrian.predict_interval(np.zeros(4000), groups=group.tolist())
    found = band.predict_interval(np.zeros(4000), position[:, None], group)
    np.testing.assert_array_equal(found.lower, lower)
    np.testing.assert_array_equal(found.upper, upper)


def test_the_window_covers_everywhere_and_the_group_does_not():
    """4,000 new points, about 400 in each tenth: chance alone moves a share by 0.015, and the ends are one-sided."""
    (position, group, error), (place, label, truth) = grown(2, 20_000), grown(3)
    arguments = {"positions": position[:, None], "groups": group}
    shares = {}
    for name, share in (("window", 0.05), ("group", 1.0)):
        band = calibrate_window(np.zeros(20_000), error, share=share, **arguments)
        found = band.predict_interval(np.zeros(4000), place[:, None], label)
        hit = (found.lower <= truth) & (truth <= found.upper)
        shares[name] = [hit[(place * 10).astype(int) == tenth].mean() for tenth in range(10)]
    assert np.abs(np.array(shares["window"]) - 0.9).max() < 0.07
    assert min(shares["group"]) < 0.85


def test_small_groups_are_joined_to_their_neighbours_and_it_is_said():
    labels = np.repeat([2, 3, 4, 7], [5, 6, 200, 3])
    error = np.repeat([1.0, 2.0, 3.0, 4.0], [5, 6, 200, 3])
    band = calibrate_window(np.zeros(214), error, positions=np.zeros((214, 1)), groups=labels, smallest=10)
    found = band.predict_interval(np.zeros(4), np.zeros((4, 1)), [2, 4, 7, 9])
    assert found.num_joined.tolist() == [1, 0, 3, 5]
    assert found.upper.tolist() == [2.0, 3.0, 3.0, 3.0]
    wider = dataclasses.replace(band, smallest=20, _known={})
    assert wider.predict_interval(np.zeros(1), np.zeros((1, 1)), [2]).num_joined[0] == 2
    near = dataclasses.replace(band, max_joined=1, _known={})
    with pytest.raises(ValueError, match="group 7 and what it may be joined to have 3"):
        near.predict_interval(np.zeros(1), np.zeros((1, 1)), [7])
    with pytest.raises(ValueError, match="group 9 has no calibration points within 1"):
        near.predict_interval(np.zeros(1), np.zeros((1, 1)), [9])


@settings(deadline=None, max_examples=30)
@given(
    levels=st.tuples(st.floats(0.5, 0.995), st.floats(0.5, 0.995)), share=st.floats(0.01, 1.0), seed=st.integers(0, 9)
)
def test_a_higher_level_is_never_narrower(levels, share, seed):
    """Also where windows must grow and groups be joined: four groups of very different sizes and errors."""
    rng = np.random.default_rng(seed)
    group = np.repeat([1, 2, 3, 4], [15, 40, 200, 45])
    position, error = rng.random((300, 1)), rng.normal(size=300) * np.repeat([9.0, 1.0, 3.0, 0.2], [15, 40, 200, 45])
    band = calibrate_window(np.zeros(300), error, positions=position, groups=group, share=share, smallest=12)
    narrow, wide = (band.at_level(each).predict_interval(np.zeros(300), position, group) for each in sorted(levels))
    assert (wide.upper >= narrow.upper).all()


def test_equal_positions_are_drawn_from():
    """200 points at one place, half of them wrong by 1: the nearest are a fair sample, in whatever order they came."""
    band = calibrate_window(
        np.zeros(200), np.repeat([0.0, 1.0], 100), positions=np.zeros((200, 1)), groups=np.zeros(200, int), smallest=60
    )
    assert band.predict_interval(np.zeros(1), np.zeros((1, 1)), [0]).upper[0] == 1.0
    with pytest.raises(ValueError, match="must have the 1 coordinates"):
        band.predict_interval(np.zeros(1), np.zeros((1, 2)), [0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"confidence_level": 1.0}, "between 0 and 1"),
        ({"confidence_level": 0.99}, "needs at least 100 calibration points; there are 50"),
        ({"share": 0.0}, "share above 0"),
        ({"weights": (1.0, 2.0)}, "weights must be 1 positive"),
        ({"smallest": 0}, "smallest must be an integer of at least 1"),
        ({"positions": np.zeros(50)}, "positions must have the shape"),
        ({"positions": np.full((50, 1), np.nan)}, "positions must be finite"),
        ({"groups": np.zeros(50)}, "groups must be 50 integers"),
        ({"truth": np.full(50, np.inf)}, r"truth\[0\] is inf"),
        ({"truth": np.zeros(49)}, "one shape"),
        ({"scale": 0.0}, "scale must be positive"),
    ],
)
def test_what_is_refused(change, message):
    given = {"truth": np.ones(50), "positions": np.zeros((50, 1)), "groups": np.zeros(50, int)} | change
    with pytest.raises(ValueError, match=message):
        calibrate_window(np.zeros(50), **given)


def test_a_heavy_coordinate_decides():
    grid = np.array([[x, y] for x in range(20) for y in range(20)], float)
    errors = np.abs(grid[:, 1] - 10)
    arguments = {"positions": grid, "groups": np.zeros(400, int), "smallest": 20, "share": 0.05}
    for weights, ends in (((1.0, 50.0), [7.0, 0.0]), ((50.0, 1.0), [9.0, 9.0])):
        band = calibrate_window(np.zeros(400), errors, weights=weights, **arguments)
        found = band.predict_interval(np.zeros(2), np.array([[10.0, 3.0], [10.0, 10.0]]), [0, 0])
        assert found.upper.tolist() == ends


def test_nothing_uncalibrated_predicts():
    band = calibrate_window(np.zeros(50), np.ones(50), positions=np.zeros((50, 1)), groups=np.zeros(50, int))
    with pytest.raises(ValueError, match=r"predictions\[0\] is nan"):
        band.predict_interval(np.array([np.nan]), np.zeros((1, 1)), [0])
    with pytest.raises(ValueError, match="needs at least 100"):
        band.at_level(0.99)
