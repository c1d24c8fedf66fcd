"""Statistics of an ensemble that are gathered block by block and merged, with nothing kept of the replicates."""

from __future__ import annotations

import dataclasses

import numpy as np

from popmath._errors import UnableError

_SHIFT = 46  # 52 bits of mantissa, of which 6 choose the bin: 64 bins for each doubling
_MOST_BINS = 2**26  # half a GiB of counts
QUANTILE_ERROR = 1 / 128  # half the width of a bin, relative to its lower end


@dataclasses.dataclass(frozen=True, eq=False)
class EnsembleStatistics:
    r"""What is known of an ensemble at each time, over replicates; arrays have shape `(num_steps + 1, species)`.

    A species is extinct while its total is below `extinct_below`, or 0 or less whatever that is. With $T$ the first
    such time and $H$ the last time simulated, $E[\min(T, H)] = \sum_{t<H} P(T > t)$.

    Attributes:
        num_replicates: how many replicates.
        mean: of the abundances.
        variance: with denominator `num_replicates - 1`; NaN for one replicate.
        minimum: smallest abundance.
        maximum: largest abundance.
        levels: of the quantiles, shape `(levels,)`.
        quantiles: shape `(levels, num_steps + 1, species)`, by linear interpolation between order statistics.
        quantile_error: largest relative error of the quantiles: 0 if all abundances were kept, else 1/128.
        extinct_below: threshold of each species, shape `(species,)`.
        extinct: share of the replicates that are extinct at this time.
        ever_extinct: share of the replicates that are, or have been at an earlier time, extinct.
    """

    num_replicates: int
    mean: np.ndarray
    variance: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    levels: np.ndarray
    quantiles: np.ndarray
    quantile_error: float
    extinct_below: np.ndarray
    extinct: np.ndarray
    ever_extinct: np.ndarray

    @property
    def standard_error(self) -> np.ndarray:
        """Standard error of `mean`."""
        return np.sqrt(self.variance / self.num_replicates)

    @property
    def censored(self) -> np.ndarray:
        """Share of the replicates in which the species had not died out by the last time, shape `(species,)`."""
        return 1.0 - self.ever_extinct[-1]

    @property
    def mean_extinction_time(self) -> np.ndarray:
        """Mean first time of extinction among the replicates with one, shape `(species,)`; NaN where there is none.

        The censored ones are left out, so that the mean over all replicates is larger: see `censored`, and
        `restricted_extinction_time` for a mean that is not biased by them.
        """
        new = np.diff(self.ever_extinct, axis=0, prepend=0.0)
        share = self.ever_extinct[-1]
        total = np.arange(len(new)) @ new
        return np.where(share > 0, total / np.where(share > 0, share, 1.0), np.nan)

    @property
    def restricted_extinction_time(self) -> np.ndarray:
        """Mean of the time of extinction or of the last time, whichever is first, shape `(species,)`."""
        return np.sum(1.0 - self.ever_extinct[:-1], axis=0)


class _Histogram:
    """Counts of positive numbers by row (time and species) in 64 bins for each doubling; a window of bins per row."""

    def __init__(self, low: np.ndarray, width: np.ndarray, counts: np.ndarray) -> None:
        self.low, self.width, self.counts = low, width, counts

    @classmethod
    def of(cls, values: np.ndarray, smallest: np.ndarray, largest: np.ndarray) -> _Histogram:
        """Of positive `values`, shape `(rows, replicates)`, whose least and greatest by row are known."""
        low = _bins(smallest)
        width = _bins(largest) - low + 1
        flat = _bins(values)
        flat += (np.cumsum(width) - width - low)[:, None]
        return cls(low, width, np.bincount(flat.ravel(), minlength=int(width.sum())))

    @classmethod
    def of_some(cls, values: np.ndarray, chosen: np.ndarray) -> _Histogram:
        """Of those `values` that are `chosen` (positive); a row may have none."""
        rows = np.broadcast_to(np.arange(len(values))[:, None], values.shape)[chosen]
        bins = _bins(values[chosen])
        low, high = np.full(len(values), np.iinfo(np.int64).max), np.zeros(len(values), np.int64)
        np.minimum.at(low, rows, bins)
        np.maximum.at(high, rows, bins)
        width = np.where(high >= low, high - low + 1, 0)
        low = np.where(width > 0, low, 0)
        flat = bins + (np.cumsum(width) - width - low)[rows]
        return cls(low, width, np.bincount(flat, minlength=int(width.sum())))

    @classmethod
    def joined(cls, parts: list[_Histogram]) -> _Histogram:
        """The rows of several, one after the other."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("low", "width", "counts")))

    def merged(self, other: _Histogram) -> _Histogram:
        """The counts of both."""
        low = np.minimum(np.where(self.width > 0, self.low, other.low), np.where(other.width > 0, other.low, self.low))
        width = np.maximum(self.low + self.width, other.low + other.width) - low
        width = np.where((self.width > 0) | (other.width > 0), width, 0)
        if width.sum() > _MOST_BINS:
            raise UnableError(
                f"the histograms for the quantiles need {int(width.sum()):,} bins at {len(width):,} times and species: "
                "pass quantiles=() to do without, or fewer steps."
            )
        start = np.cumsum(width) - width
        counts = np.zeros(int(width.sum()), np.int64)
        for part in (self, other):
            within = np.arange(len(part.counts)) - np.repeat(np.cumsum(part.width) - part.width, part.width)
            counts[within + np.repeat(start + part.low - low, part.width)] += part.counts
        return _Histogram(low, width, counts)

    def rows(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each row, the middles of its bins and their counts."""
        ends = np.cumsum(self.width)
        edges = [(np.arange(w + 1) + low) << _SHIFT for low, w in zip(self.low, self.width, strict=True)]
        values = [edge.view(np.float64) for edge in edges]
        middles = [value[:-1] + (value[1:] - value[:-1]) / 2 for value in values]
        return list(zip(middles, np.split(self.counts, ends[:-1]), strict=True))


class BlockStatistics:
    """Statistics of some replicates: filled over time by `add`, and merged with those of other replicates.

    Args:
        num_times: `num_steps + 1`.
        below: extinction threshold by species, shape `(species,)`.
        replicates: how many.
        sketched: whether to count histograms for the quantiles.
    """

    def __init__(self, num_times: int, below: np.ndarray, replicates: int, sketched: bool) -> None:
        """Nothing added yet."""
        shape = (num_times, len(below))
        self.below, self.replicates, self.sketched = below, replicates, sketched
        self.mean, self.squares, self.low, self.high = (np.zeros(shape) for _ in range(4))
        self.now, self.ever = (np.zeros(shape, np.int64) for _ in range(2))
        self.bad, self.bad_since = np.zeros(replicates, bool), num_times
        self._gone = np.zeros((len(below), replicates), bool)
        self._parts: list[tuple[_Histogram, _Histogram]] = []
        self._histograms: tuple[_Histogram, _Histogram] | None = None

    def add(self, first: int, totals: np.ndarray) -> None:
        """Take the abundances at times `first`, `first + 1`, ..., shape `(times, species, replicates)`."""
        rows = slice(first, first + len(totals))
        with np.errstate(all="ignore"):
            mean = totals.mean(axis=-1)
            if not np.isfinite(mean).all():
                wrong = np.any(~np.isfinite(totals), axis=1)
                self.bad |= np.any(wrong, axis=0)
                if np.any(wrong):
                    self.bad_since = min(self.bad_since, first + int(np.argmax(np.any(wrong, axis=1))))
            if self.bad.any():
                return
            away = totals - mean[..., None]
            self.squares[rows] = np.einsum("tsr,tsr->ts", away, away)
        low, high = totals.min(axis=-1), totals.max(axis=-1)
        self.mean[rows], self.low[rows], self.high[rows] = mean, low, high
        if self._gone.any() or ((low < self.below) | (low <= 0)).any():
            self._count_extinct(rows, totals)
        if self.sketched:
            self._parts.append(_sketch(totals, low, high))

    def _count_extinct(self, rows: slice, totals: np.ndarray) -> None:
        gone = (totals < self.below[None, :, None]) | (totals <= 0)
        self.now[rows] = np.count_nonzero(gone, axis=-1)
        for t, now in enumerate(gone, start=rows.start):
            self._gone |= now
            self.ever[t] = np.count_nonzero(self._gone, axis=-1)

    @property
    def histograms(self) -> tuple[_Histogram, _Histogram]:
        """Of the positive abundances, and of minus the negative ones."""
        if self._histograms is None:
            parts, self._parts = self._parts, []
            self._histograms = _Histogram.joined([p for p, _ in parts]), _Histogram.joined([n for _, n in parts])
        return self._histograms

    def merge(self, other: BlockStatistics) -> None:
        """Take in the statistics of other replicates."""
        mine, theirs = self.replicates, other.replicates
        both = mine + theirs
        with np.errstate(all="ignore"):
            apart = other.mean - self.mean
            self.mean = self.mean + apart * (theirs / both)
            self.squares = self.squares + other.squares + apart**2 * (mine * theirs / both)
        self.low, self.high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        self.now, self.ever = self.now + other.now, self.ever + other.ever
        self.bad, self.bad_since = np.concatenate([self.bad, other.bad]), min(self.bad_since, other.bad_since)
        if self.sketched and not self.bad.any():
            pairs = zip(self.histograms, other.histograms, strict=True)
            positive, negative = (one.merged(another) for one, another in pairs)
            self._histograms = positive, negative
        self.replicates = both

    def statistics(self, levels: np.ndarray, quantiles: np.ndarray | None) -> EnsembleStatistics:
        """The record; `quantiles` if they are known exactly, else they are read from the histograms."""
        many = self.replicates > 1
        variance = self.squares / (self.replicates - 1) if many else np.full(self.mean.shape, np.nan)
        if many and not np.isfinite(variance).all():
            raise UnableError(
                f"the variance of the abundances is beyond float64: they reach {self.high.max():.3g}. Take fewer "
                "steps, or check the growth of the model."
            )
        error = 0.0
        if quantiles is None:
            quantiles, error = self._quantiles(levels), QUANTILE_ERROR if len(levels) else 0.0
        shares = (counts / self.replicates for counts in (self.now, self.ever))
        return EnsembleStatistics(
            self.replicates, self.mean, variance, self.low, self.high, levels, quantiles, error, self.below, *shares
        )

    def _quantiles(self, levels: np.ndarray) -> np.ndarray:
        found = np.zeros((len(levels), self.mean.size))
        if len(levels):
            place, share = order_statistics(levels, self.replicates)
            for row, ((up, many), (down, few)) in enumerate(zip(*(h.rows() for h in self.histograms), strict=True)):
                zeros = self.replicates - many.sum() - few.sum()
                middles = np.concatenate([-down[::-1], [0.0], up])
                ends = np.cumsum(np.concatenate([few[::-1], [zeros], many]))
                lower, upper = (
                    middles[np.searchsorted(ends, np.minimum(rank, self.replicates - 1), side="right")]
                    for rank in (place, place + 1)
                )
                found[:, row] = lower + share * (upper - lower)
        shape = (len(levels), *self.mean.shape)
        return np.clip(found.reshape(shape), self.low, self.high)


def order_statistics(levels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Between which sorted numbers each quantile lies: the place of the lower one, and the share of the way up."""
    exact = levels * (count - 1)
    place = np.floor(exact).astype(np.int64)
    return place, exact - place


def _sketch(totals: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[_Histogram, _Histogram]:
    values, least, most = totals.reshape(-1, totals.shape[-1]), low.ravel(), high.ravel()
    if (least >= np.finfo(float).tiny).all():
        nothing = np.zeros(len(values), np.int64)
        return _Histogram.of(values, least, most), _Histogram(nothing, nothing, np.zeros(0, np.int64))
    tiny = np.finfo(float).tiny
    return _Histogram.of_some(values, values >= tiny), _Histogram.of_some(-values, values <= -tiny)


def _bins(values: np.ndarray) -> np.ndarray:
    """The exponent and the first six bits of the mantissa of positive numbers, as one whole number."""
    return np.ascontiguousarray(values).view(np.int64) >> _SHIFT
