"""Quasi-extinction: deterministic decline, an exact random walk, thresholds on classes, and refusals."""

import json
from pathlib import Path

import numpy as np
import pytest

from popmath.populations.extinction_risk import quasi_extinction

REFERENCE = json.loads((Path(__file__).parent.parent / "reference" / "matrices.json").read_text())
HUDSONIA = np.array(list(REFERENCE["_stochastic_hudsonia"]["matrices"].values()))
START = np.array([4264.0, 3.0, 30.0, 16.0, 25.0, 5.0])


def walk_probability(up, start, steps):
    """Exact P(a walk of +-1 from `start` has reached 0 by each step), by its whole distribution."""
    law, reached = np.zeros(start + steps + 2), [0.0]
    law[start] = 1.0
    for _ in range(steps):
        after = np.zeros_like(law)
        after[0] = law[0]
        after[2:] += up * law[1:-1]
        after[:-1] += (1 - up) * law[1:]
        law = after
        reached.append(law[0])
    return np.array(reached)


def test_a_doubling_walk_has_its_exact_probabilities():
    # Abundance doubles or halves: its log2 is a walk. Each time is a binomial count of 20,000.
    replicates, steps = 20_000, 40
    risk = quasi_extinction(
        [[[2.0]], [[0.5]]], [8.0], 1.0, steps, probabilities=[0.55, 0.45], num_replicates=replicates, seed=1
    )
    exact = walk_probability(0.55, 3, steps)
    error = np.sqrt(exact * (1 - exact) / replicates)
    # 40 times at 4.5 errors: fails for at most 3 seeds in 10,000
    assert (np.abs(risk.probability - exact) <= 4.5 * error).all()
    np.testing.assert_allclose(
        risk.standard_error, np.sqrt(risk.probability * (1 - risk.probability) / replicates), rtol=1e-12
    )
    wrong = walk_probability(0.5, 3, steps)  # negative control: other odds are seen
    assert (np.abs(risk.probability - wrong) > 4.5 * error)[10:].any()


def test_the_interval_covers_as_often_as_it_says():
    exact = walk_probability(0.5, 2, 10)[-1]
    runs = [
        quasi_extinction([[[2.0]], [[0.5]]], [4.0], 1.0, 10, num_replicates=50, confidence_level=0.8, seed=seed)
        for seed in range(200)
    ]
    covered = np.mean([risk.lower[-1] <= exact <= risk.upper[-1] for risk in runs])
    assert covered >= 0.8 - 4 * np.sqrt(0.8 * 0.2 / 200)  # exact intervals cover at least 0.8: 3 seeds in 100,000


def test_markov_environments_are_riskier_than_independent_ones_of_the_same_frequency():
    pair = np.exp([0.3, -0.3])[:, None, None]
    sticky = np.array([[0.9, 0.1], [0.1, 0.9]])
    chain = quasi_extinction(pair, [10.0], 1.0, 30, transition=sticky, num_replicates=5000, seed=0)
    alone = quasi_extinction(pair, [10.0], 1.0, 30, num_replicates=5000, seed=0)
    # exact by enumeration of the walk with its last step: 30 steps of +-1 from 8 (10 exp(-0.3 * 8) < 1 < exp(-0.3 * 7))
    law = np.zeros((2, 60))
    law[:, 8] = 0.5
    dead = 0.0
    for _ in range(30):
        moved = np.zeros_like(law)
        moved[0, 1:] = law[0, :-1]
        moved[1, :-1] = law[1, 1:]
        dead += moved[:, 0].sum()
        moved[:, 0] = 0
        law = sticky @ moved
    assert abs(chain.probability[-1] - dead) < 4 * np.sqrt(dead * (1 - dead) / 5000)  # 6 seeds in 100,000
    assert chain.lower[-1] > alone.upper[-1]


def test_weights_choose_what_is_counted():
    decline = np.diag([1.0, 0.5])
    kept = quasi_extinction([decline], [1.0, 8.0], 1.0, 5, num_replicates=3)
    assert (kept.probability == 0).all()  # the first class stays at 1, the sum never reaches it
    second = quasi_extinction([decline], [1.0, 8.0], 1.0, 5, weights=[0, 1], num_replicates=3)
    assert second.probability.tolist() == [0, 0, 0, 1, 1, 1]
    assert quasi_extinction([decline], [1.0, 8.0], 9.0, 1, num_replicates=3).probability.tolist() == [1, 1]


def test_hudsonia_falls_and_nothing_underflows():
    adults = [0, 0, 1, 1, 1, 1]
    risk = quasi_extinction(HUDSONIA, START, 10.0, 100, weights=adults, num_replicates=1000, seed=0)
    assert (np.diff(risk.probability) >= 0).all() and risk.probability[0] == 0 and risk.probability[-1] > 0.5
    assert (risk.lower <= risk.probability).all() and (risk.probability <= risk.upper).all()
    assert risk.to_dataframe().shape == (101, 4) and "1000 replicates, seed 0" in risk.summary()
    far = quasi_extinction(0.1 * HUDSONIA, START, 0.0, 2000, num_replicates=2)  # 1e-2000 is not zero
    assert (far.probability == 0).all()
    same = quasi_extinction(HUDSONIA, START, 10.0, 100, weights=adults, num_replicates=1000, seed=0)
    assert np.array_equal(same.probability, risk.probability)


def test_zero_is_reached_where_the_product_is_zero():
    risk = quasi_extinction([[[1.0]], [[0.0]]], [5.0], 0.0, 6, num_replicates=4000, seed=0)
    exact = 1 - 0.5 ** np.arange(7)
    assert (np.abs(risk.probability - exact) <= 4.5 * np.sqrt(exact * (1 - exact) / 4000)).all()  # 4 in 100,000


def test_refusals():
    with pytest.raises(ValueError, match="threshold must be finite"):
        quasi_extinction(HUDSONIA, START, -1.0, 10)
    with pytest.raises(ValueError, match=r"initial must have one number per class, shape \(6,\)"):
        quasi_extinction(HUDSONIA, START[:5], 1.0, 10)
    with pytest.raises(ValueError, match=r"weights must have one number per class, shape \(6,\)"):
        quasi_extinction(HUDSONIA, START, 1.0, 10, weights=[1.0])
    with pytest.raises(ValueError, match="weights must be finite, at least 0"):
        quasi_extinction(HUDSONIA, START, 1.0, 10, weights=np.zeros(6))
    with pytest.raises(ValueError, match="num_steps must be a whole number"):
        quasi_extinction(HUDSONIA, START, 1.0, 0)
    with pytest.raises(ValueError, match="confidence_level"):
        quasi_extinction(HUDSONIA, START, 1.0, 10, confidence_level=95.0)
    with pytest.raises(ValueError, match="not all 0"):
        quasi_extinction(HUDSONIA, 0 * START, 1.0, 10)
