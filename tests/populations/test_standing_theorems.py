"""Last species standing: times and shares in closed form, where no theorem speaks, and refusals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popmath.populations.leslie_competition import LinearLeslieCompetition
from popmath.populations.species_standing import last_species_standing
from popmath.populations.standing_guilds import dominant_pair
from popmath.populations.standing_regulation import common_regulation
from popmath.populations.standing_theorems import two_guilds

AB = ("a", "b")


def test_separatrix_and_time_near_it():
    n = np.array([[1.2, 0.1], [0.2, 1.1]])
    pair = dominant_pair(n)
    start = np.array([pair.left[1], pair.left[0]])
    signed = n * [[1, -1], [-1, 1]]
    on = two_guilds(signed, (1, 1), start, AB)
    assert on.winner is None and on.applies and on.decided_by == "theorem" and on.time == math.inf
    assert "separatrix" in on.verdict and on.shares == {} and abs(on.relative_margin) < 1e-14
    # doubling the distance saves log 2 / log(1 / rate) intervals
    times = [two_guilds(signed, (1, 1), start * [1 + d, 1], AB).time for d in (1e-6, 2e-6, 4e-6)]
    assert np.abs(np.diff(times) + math.log(2) / math.log(1 / on.rate)).max() <= 1 and times[0] > 40
    assert two_guilds(signed, (1, 1), start * [1, 1 + 1e-6], AB).winner == "b"


def test_time_in_closed_form():
    # one class, M = [[1, -k], [-k, 1]]: sum and difference are eigenvectors
    k, x, y = 0.05, 3.0, 2.0
    t = np.arange(200)
    total, lead = (1 - k) ** t * (x + y), (1 + k) ** t * (x - y)
    first, second = np.maximum((total + lead) / 2, 0), np.maximum((total - lead) / 2, 0)
    share = first / (first + second)
    for threshold in (0.5, 0.7, 0.99):
        expected = np.flatnonzero(share < threshold)[-1] + 1 if (share < threshold).any() else 0
        record = two_guilds([[1, -k], [-k, 1]], (1, 1), [x, y], AB, share=threshold)
        assert record.winner == "a" and record.time == expected
        np.testing.assert_allclose(record.project(100)[:, 0], share[:101], atol=1e-12)
    assert record.rate == pytest.approx((1 - k) / (1 + k), rel=1e-12)
    assert record.margin == pytest.approx((x - y), rel=1e-12)  # right sums to 1: (1/2, 1/2), left (1, 1)


@settings(max_examples=40)
@given(
    st.lists(st.floats(0.1, 3), min_size=12, max_size=12),
    st.lists(st.floats(0.1, 3), min_size=6, max_size=6),
    st.floats(0.5, 2),
)
def test_shares_of_a_tie(entries, start, rate):
    tables = np.array(entries).reshape(3, 2, 2)
    roots = np.abs(np.linalg.eigvals(tables)).max(axis=1)
    tables = rate * tables / roots[:, None, None]
    starts = np.array(start).reshape(3, 2)
    record = common_regulation(list(tables), list(starts), ("a", "b", "c"))
    assert record.winner is None and record.applies and record.time == math.inf and "tie" in record.verdict
    far = np.array([np.linalg.matrix_power(t / rate, 1 << 14) @ z for t, z in zip(tables, starts, strict=True)])
    expected = far.sum(axis=1) / far.sum()
    np.testing.assert_allclose(list(record.shares.values()), expected, atol=1e-9)
    assert record.relative_margin == pytest.approx(0, abs=1e-9) and record.rate == pytest.approx(1, abs=1e-9)
    # a small lead of the second breaks it
    tables[1] *= 1.01
    assert common_regulation(list(tables), list(starts), ("a", "b", "c")).winner == "b"


def test_theorem_b_whatever_the_regulation():
    tables = [np.array([[0.5, 1.5], [0.4, 0.3]]), np.array([[0.2, 2.0], [0.5, 0.1]]), np.array([[0.9]])]
    starts = [np.array([1.0, 2.0]), np.array([3.0, 1.0]), np.array([20.0])]
    record = last_species_standing(tables, starts, species=("a", "b", "c"), share=0.95)
    z, path = [s.copy() for s in starts], []
    for t in range(400):
        total = sum(s.sum() for s in z)
        path.append([s.sum() / total for s in z])
        factor = (1 + 0.5 * math.sin(t)) / (1 + 0.1 * total)
        z = [factor * table @ s for table, s in zip(tables, z, strict=True)]
    path = np.array(path)
    np.testing.assert_allclose(record.project(399), path, atol=1e-12)
    rho = [np.abs(np.linalg.eigvals(t)).max() for t in tables]
    best = int(np.argmax(rho))
    assert record.winner == "abc"[best] and record.growth_rate == pytest.approx(max(rho), rel=1e-12)
    assert record.time == np.flatnonzero(path[:, best] < 0.95)[-1] + 1
    second = sorted(rho)[-2]
    assert record.rate == pytest.approx(second / max(rho), rel=1e-12)
    assert record.margin == pytest.approx(math.log(max(rho) / second), rel=1e-9)
    assert record.relative_margin == pytest.approx((max(rho) - second) / (max(rho) + second), rel=1e-9)
    assert record.verify().agrees and record.verify(5).standing is None


def test_time_of_theorem_b_beyond_projection():
    # 1.0001^t / (1.0001^t + 50) is 0.99 at t = log(99 * 50) / log(1.0001)
    record = common_regulation([[[1.0001]], [[1.0]]], [[1.0], [50.0]], AB)
    assert record.time == math.ceil(math.log(99 * 50) / math.log(1.0001))
    leslie = np.array([[0.0, 1.5], [0.5, 0.3]])
    record = common_regulation([leslie * (1 + 1e-7), leslie], [[1.0, 0.0], [1.0, 0.0]], AB, share=0.6)
    assert record.time == pytest.approx(math.log(1.5) / math.log1p(1e-7), rel=1e-6)
    assert common_regulation([[[2.0]], [[1.0]]], [[999.0], [1.0]], AB).time == 0


def test_absent_species_and_what_a_start_reaches():
    alone = common_regulation([[[1.1]], [[2.0]]], [[5.0], [0.0]], AB)
    assert alone.winner == "a" and alone.rate == 0 and alone.time == 0 and "Absent: b" in alone.verdict
    gone = two_guilds([[1.2, -0.1], [-0.2, 1.1]], (1, 1), [0.0, 3.0], AB)
    assert (
        gone.winner == "b"
        and gone.time == 0
        and gone.relative_margin == -1
        and "At 0 from the start: a" in gone.verdict
    )
    # the old only: the faster life cycle is never entered
    old = np.array([[0.0, 3.0, 0.0], [0.6, 0.0, 0.0], [0.0, 0.5, 0.9]])
    record = common_regulation([old, [[1.0]]], [[0.0, 0.0, 5.0], [1.0]], AB)
    assert record.winner == "b" and record.rate == pytest.approx(0.9)
    assert common_regulation([old, [[1.0]]], [[0.1, 0.0, 5.0], [1.0]], AB).winner == "a"
    dying = common_regulation([[[0.0, 0.0], [0.5, 0.0]]], [[1.0, 1.0]], ("a",))
    assert dying.winner is None and not dying.applies and "dies out" in dying.verdict


def test_ties_without_shares():
    cycle = np.array([[0.0, 2.0], [0.5, 0.0]])
    record = common_regulation([cycle, [[1.0]]], [[1.0, 0.0], [1.0]], AB)
    assert record.winner is None and not record.applies and "no settled structure" in record.verdict
    slow = common_regulation([cycle, [[0.9]]], [[1.0, 0.0], [1.0]], AB)
    assert slow.winner == "a" and slow.applies and math.isnan(slow.time) and "does not settle" in slow.verdict


def test_past_reproduction_is_no_obstacle():
    # a third class that feeds nobody and hurts nobody makes N reducible
    signed = np.array([[1.1, -0.1, 0.0], [-0.2, 1.0, 0.0], [0.3, 0.0, 0.5]])
    signed = signed[np.ix_([0, 2, 1], [0, 2, 1])]
    record = two_guilds(signed, (2, 1), [1.0, 5.0, 1.0], AB)
    assert record.applies and record.left[1] == pytest.approx(0, abs=1e-15) and record.verify().agrees
    young = two_guilds(signed[np.ix_([0, 2], [0, 2])], (1, 1), [1.0, 1.0], AB)
    assert record.winner == young.winner and record.relative_margin == pytest.approx(young.relative_margin, rel=1e-12)


NO_GUILDS = [
    ([[1, -0.1, -0.1], [-0.1, 1, -0.1], [-0.1, -0.1, 1]], "odd number of harms"),
    ([[1, -0.1, 0.1], [-0.1, 1, 0.1], [0.1, 0.1, 1]], "odd number of harms"),
    ([[1, -0.1, 0], [0.1, 1, 0], [0, -1, 1]], "b gains from a and harms it: this is predation"),
    ([[1, -0.1, 0], [-0.1, 1, 0], [0, 0, 1]], "no chain of effects connects c and a"),
    ([[1, 0.1, 0], [0.1, 1, 0.1], [0, 0, 1]], "one guild"),
    ([[-0.1, -0.1, 0], [-0.1, 1, 0.1], [0, 0.1, 1]], "a takes from itself"),
]


@pytest.mark.parametrize(("matrix", "why"), NO_GUILDS)
def test_no_two_guilds(matrix, why):
    record = two_guilds(matrix, (1, 1, 1), [1.0, 1.2, 1.1], ("a", "b", "c"))
    assert not record.applies and record.winner is None and record.margin is None and record.guilds == ()
    assert why in record.verdict and record.time == math.inf and record.decided_by is None
    assert record.verify(50).standing is None and record.verify(50).agrees is None
    with pytest.raises(ValueError, match="two guilds"):
        record.plot_separatrix()


def test_effects_of_both_signs():
    matrix = [[1.0, 0.0, -0.1], [0.0, 1.0, 0.1], [-0.1, 0.0, 1.0]]
    assert "b both helps and harms classes of a" in two_guilds(matrix, (2, 1), [1.0, 1.0, 1.0], AB).verdict


def test_three_competitors_clipped():
    matrix = np.array([[1.02, -0.1, -0.1], [-0.1, 1, -0.1], [-0.1, -0.1, 1]])
    record = two_guilds(matrix, (1, 1, 1), [1.0, 1.0, 1.0], ("a", "b", "c"), mode="clipped")
    assert not record.applies and record.winner == "a" and record.decided_by == "projection"
    check = record.verify()
    assert check.standing == ("a",) and check.agrees and check.shares == {"a": 1.0, "b": 0.0, "c": 0.0}


def test_guilds_of_several_species():
    # a and c help each other and take from b: a chain in which only neighbours meet will do
    matrix = [[1.0, -0.1, 0.0], [-0.2, 1.0, -0.1], [0.0, -0.1, 1.0]]
    record = two_guilds(matrix, (1, 1, 1), [2.0, 1.0, 1.0], ("a", "b", "c"))
    assert record.guilds == (("a", "c"), ("b",)) and record.winner == ("a", "c")
    assert "a and c stand (theorem A" in record.verdict and sum(record.shares.values()) == pytest.approx(1)
    assert record.verify().standing == ("a", "c")
    # clipped, b is gone and each keeps to its own growth
    clipped = two_guilds([[1.0, -0.1, 0.2], [-0.2, 1.0, -0.1], [0.1, -0.1, 1.0]], (1, 1, 1), [2.0, 1.0, 1.0],
                         ("a", "b", "c"), mode="clipped")  # fmt: skip
    far = clipped.project(500)[-1]
    np.testing.assert_allclose(list(clipped.shares.values()), far, atol=1e-9)


def test_not_primitive():
    cycle = two_guilds([[0, -1], [-2, 0]], (1, 1), [1.0, 1.1], AB)
    assert not cycle.applies and "imprimitive" in cycle.verdict and cycle.winner is None and cycle.time == math.inf
    # the slower takes from the faster only: both last, the faster has the share
    one_way = two_guilds([[1.0, 0.0], [-0.1, 1.9]], (1, 1), [1.0, 1.0], AB)
    assert not one_way.applies and "reducible" in one_way.verdict and one_way.winner == "b"
    assert one_way.decided_by == "projection"
    # each block as fast as the other, one way
    equal = two_guilds([[1.5, 0.0], [-0.1, 1.5]], (1, 1), [1.0, 1.0], AB)
    assert not equal.applies and "not simple" in equal.verdict and equal.winner == "a"


def test_large_and_small_numbers():
    record = two_guilds([[30.0, -1.0], [-1.0, 20.0]], (1, 1), [1e-200, 1.0], AB)
    assert record.winner == "b" and record.relative_margin == pytest.approx(-1)
    big = two_guilds([[3e3, -1.0], [-1.0, 2e3]], (1, 1), [1e300, 1e300], AB)
    assert big.winner == "a" and np.isfinite(big.project(2000)).all()
    tiny = two_guilds([[1.0, -1e-9], [-1e-9, 1.0 - 1e-9]], (1, 1), [1.0, 1.0], AB)
    assert tiny.winner == "a" and math.isnan(tiny.time) and "beyond" in tiny.verdict


def test_refusals():
    good = [[1.0, -0.1], [-0.1, 1.0]]
    with pytest.raises(ValueError, match="0 for every species"):
        two_guilds(good, (1, 1), [0.0, 0.0], AB)
    with pytest.raises(ValueError, match="finite and at least 0"):
        two_guilds(good, (1, 1), [1.0, -1.0], AB)
    with pytest.raises(ValueError, match="finite and at least 0"):
        two_guilds(good, (1, 1), [1.0, np.nan], AB)
    with pytest.raises(ValueError, match=r"matrix\[0, 1\] is inf"):
        two_guilds([[1.0, np.inf], [-0.1, 1.0]], (1, 1), [1.0, 1.0], AB)
    with pytest.raises(ValueError, match=r"shape \(3, 3\)"):
        two_guilds(good, (1, 2), [1.0, 1.0], AB)
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        two_guilds(good, (1, 1), [1.0], AB)
    with pytest.raises(ValueError, match="one number of classes per species"):
        two_guilds(good, (2,), [1.0, 1.0], AB)
    with pytest.raises(ValueError, match=r"sizes\[1\]"):
        two_guilds(good, (2, 0), [1.0, 1.0], AB)
    with pytest.raises(ValueError, match="between 0 and 1"):
        two_guilds(good, (1, 1), [1.0, 1.0], AB, share=1.0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        common_regulation([[[1.0]]], [[1.0]], ("a",), share=0.0)
    with pytest.raises(ValueError, match="1 matrices, 2 starts"):
        common_regulation([[[1.0]]], [[1.0], [1.0]], AB)
    with pytest.raises(ValueError, match=r"initial of b must have shape \(1,\)"):
        common_regulation([[[1.0]], [[1.0]]], [[1.0], [1.0, 2.0]], AB)
    with pytest.raises(ValueError, match="0 for every species"):
        common_regulation([[[1.0]], [[1.0]]], [[0.0], [0.0]], AB)
    with pytest.raises(ValueError, match=r"matrices\[0\]\[0, 0\] must be finite and at least 0"):
        common_regulation([[[-1.0]]], [[1.0]], ("a",))
    with pytest.raises(ValueError, match="mode is for theorem A"):
        last_species_standing([[[1.0]]], [[1.0]], mode="clipped")
    model = LinearLeslieCompetition(AB, [[1.0], [1.0]], [[0.0], [0.0]], [[[0.1]], [[0.1]]])
    with pytest.raises(ValueError, match="Leave it out"):
        last_species_standing(model, [[1.0], [1.0]], species=AB)
    with pytest.raises(ValueError, match=r"shape \(2, 1\)"):
        last_species_standing(model, [1.0, 1.0])
    record = last_species_standing(model, [[1.0], [2.0]])
    with pytest.raises(ValueError, match="num_steps"):
        record.project(-1)
    with pytest.raises(ValueError, match="num_steps"):
        record.verify(0)
