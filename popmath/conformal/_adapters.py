"""What MAPIE is given in place of a model: predictions made elsewhere, passed through as columns."""

from __future__ import annotations

from typing import Any

import numpy as np


class ColumnRegressor:
    """Predicts column 0 of its input: the predictions are made already, and MAPIE only calibrates."""

    is_fitted = True

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        """Refuse: there is nothing to fit."""
        raise RuntimeError("there is nothing to fit: predictions are made elsewhere.")

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Column 0."""
        return np.asarray(x)[:, 0]


class MemberRegressor:
    """Predicts the column of one member; which one, MAPIE tells it by the number of rows of the training set.

    MAPIE clones one estimator per resampling and fits each on its training rows. As all members are fitted already, the
    splits of `given_splits` hand member `b` a training set of `b + 1` rows, and fitting is counting them.
    """

    def __init__(self, num_members: int) -> None:
        self.num_members = num_members
        self.member = 0

    def __sklearn_clone__(self) -> MemberRegressor:
        return MemberRegressor(self.num_members)

    def fit(self, x: np.ndarray, y: np.ndarray) -> MemberRegressor:
        """Become member `len(x) - 1`; the whole calibration set, which MAPIE fits besides, stands for any member."""
        self.member = (len(x) - 1) % self.num_members
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The member's column."""
        return np.asarray(x)[:, self.member]


def given_splits(out_of_bag: np.ndarray) -> Any:
    """A MAPIE `BlockBootstrap` whose resamplings are given: member `b` is tested where `out_of_bag[b]` is True."""
    from mapie.subsample import BlockBootstrap

    class GivenBootstrap(BlockBootstrap):
        def split(self, X: Any, y: Any = None, groups: Any = None) -> Any:  # noqa: N803
            for b, out in enumerate(out_of_bag):
                yield np.arange(b + 1) % len(X), np.flatnonzero(out)

    return GivenBootstrap(n_resamplings=len(out_of_bag), length=1)


def signed_quantiles(standardised: np.ndarray, confidence_level: float) -> tuple[float, float]:
    r"""The conformal $\alpha/2$ and $1 - \alpha/2$ quantiles of signed scores, from MAPIE's asymmetric score."""
    from mapie.conformity_scores import AbsoluteConformityScore
    from mapie.regression import SplitConformalRegressor

    regressor: Any = ColumnRegressor()
    mapie = SplitConformalRegressor(
        regressor, confidence_level=confidence_level, prefit=True, conformity_score=AbsoluteConformityScore(sym=False)
    )
    mapie.conformalize(np.zeros((standardised.size, 1)), standardised)
    _, interval = mapie.predict_interval(np.zeros((1, 1)))
    return float(interval[0, 0, 0]), float(interval[0, 1, 0])
