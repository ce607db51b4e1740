"""The law of g(x) where that of x is known: a sum over the pieces of the line on which g is monotone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .charts import Interval
from .distribution import Density
from .monotone import Function, Monotone, monotone_pieces

__all__ = ["TransformedLaw"]

FloatArray = NDArray[np.float64]

_CHUNK = 2**15
_NEWTON_STEPS = 100


@dataclass(frozen=True, eq=False)
class TransformedLaw:
    """A law on the line with the methods that a `Density` asks for; its probabilities are those of the inner law.

    Parameters
    ----------
    inner : Density
        The law of x.
    pieces : Monotone
        The function g, and where it is monotone.
    slope : callable
        g', as a function of arrays (n,).
    ends : (float, float)
        The support.
    """

    inner: Density
    pieces: Monotone
    slope: Function
    ends: Interval

    @classmethod
    def of(cls, inner: Density, function: Function, slope: Function, places: FloatArray) -> TransformedLaw:
        """Find the pieces.

        Parameters
        ----------
        inner, function, slope
            The law of x, g and g'.
        places : array
            Points at which g may turn or jump.

        Raises
        ------
        NotMonotoneError
            If there are too many, or g is constant or has no value with positive probability.
        """
        pieces = monotone_pieces(function, inner, places)
        return cls(inner, pieces, slope, pieces.range)

    @cached_property
    def _cuts(self) -> tuple[FloatArray, FloatArray]:
        """The probabilities left of and right of the ends of the pieces; all of it is in the pieces."""
        inner_edges = self.pieces.low[1:]
        below = np.concatenate([[0.0], self.inner.cdf(inner_edges), [1.0]])
        above = np.concatenate([[1.0], self.inner.sf(inner_edges), [0.0]])
        return below, above

    def cdf(self, t: FloatArray) -> FloatArray:
        """Return the probability of values <= t."""
        return self._chunked(lambda part: self._probability(part, upper=False), t)

    def sf(self, t: FloatArray) -> FloatArray:
        """Return the probability of values > t."""
        return self._chunked(lambda part: self._probability(part, upper=True), t)

    def _probability(self, t: FloatArray, *, upper: bool) -> FloatArray:
        below, above = self._cuts
        total = np.zeros(t.shape)
        for k, rises in enumerate(self.pieces.rising):
            x = self.pieces.inverse(k, t)
            at_below, at_above = self._inside(k, x)
            from_left = bool(rises) != upper
            # Whichever of the two differences is one of small numbers keeps its digits.
            left = np.where(at_below < 0.5, at_below - below[k], above[k] - at_above)
            right = np.where(at_below < 0.5, below[k + 1] - at_below, at_above - above[k + 1])
            total += np.maximum(left if from_left else right, 0.0)
        return np.clip(total, 0.0, 1.0)

    def _inside(self, k: int, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the probabilities on both sides of points of a piece; beyond the last ones there are none."""
        below, above = np.asarray(self.inner.cdf(x)), np.asarray(self.inner.sf(x))
        is_first, is_last = k == 0, k == self.pieces.low.size - 1
        at_start, at_end = is_first & (x <= self.pieces.low[k]), is_last & (x >= self.pieces.high[k])
        below, above = np.where(at_start, 0.0, below), np.where(at_start, 1.0, above)
        return np.where(at_end, 1.0, below), np.where(at_end, 0.0, above)

    def logpdf(self, t: FloatArray) -> FloatArray:
        """Return the log of the density."""
        return self._chunked(self._log_density, t)

    def _log_density(self, t: FloatArray) -> FloatArray:
        result, pieces = np.full(t.shape, -np.inf), self.pieces
        for k in range(pieces.low.size):
            smallest, largest = sorted((pieces.at_low[k], pieces.at_high[k]))
            inside = (t > smallest) & (t < largest)
            if inside.any():
                x = pieces.inverse(k, t[inside])
                with np.errstate(all="ignore"):
                    term = self.inner.logpdf(x) - np.log(np.abs(self.slope(x)))
                term = np.where(np.isnan(term), -np.inf, term)
                # Between the values on both sides of a jump there is nothing.
                term = np.where(self._is_met(x, t[inside]), term, -np.inf)
                result[inside] = np.logaddexp(result[inside], term)
        return result

    def _is_met(self, x: FloatArray, t: FloatArray) -> NDArray[np.bool_]:
        beside = np.stack([self.pieces.function(np.nextafter(x, end)) for end in (-np.inf, np.inf)])
        at = self.pieces.function(x)
        with np.errstate(all="ignore"):
            reach = 4.0 * np.abs(self.slope(x)) * np.spacing(np.abs(x)) + 1e-9 * np.abs(t)
            gap = np.fmin(np.abs(at - t), np.fmin(np.abs(beside[0] - t), np.abs(beside[1] - t)))
            return np.asarray(~(gap > reach))

    def ppf(self, q: FloatArray) -> FloatArray:
        """Return the quantile."""
        return self._chunked(lambda part: self._quantile(part, upper=False), q)

    def isf(self, q: FloatArray) -> FloatArray:
        """Return the upper quantile."""
        return self._chunked(lambda part: self._quantile(part, upper=True), q)

    def _quantile(self, q: FloatArray, *, upper: bool) -> FloatArray:
        ends = self.ends[::-1] if upper else self.ends
        result = np.where(q == 0.0, ends[0], np.where(q == 1.0, ends[1], np.nan))
        proper = (q > 0.0) & (q < 1.0)
        if self.pieces.low.size == 1:
            same_side = bool(self.pieces.rising[0]) != upper
            x = self.inner.ppf(q[proper]) if same_side else self.inner.isf(q[proper])
            result[proper] = self.pieces.function(x)
        else:
            result[proper] = self._inverted(q[proper], upper=upper)
        return np.clip(result, *self.ends)

    @cached_property
    def _knots(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Values of g in the bulk and far out, and the probabilities below and above them."""
        q = np.concatenate(
            [10.0 ** np.arange(-300.0, -16.0, 20.0), np.geomspace(1e-16, 1e-3, 53), np.linspace(0, 0.5, 400)[2:]]
        )
        x = np.concatenate([self.inner.ppf(q), self.inner.isf(q)])
        t = np.concatenate([self.pieces.function(x), self.pieces.at_low, self.pieces.at_high])
        t = np.unique(t[np.isfinite(t)])
        return t, self.cdf(t), self.sf(t)

    def _inverted(self, q: FloatArray, *, upper: bool) -> FloatArray:
        """Solve for quantiles between neighbouring knots by Newton's method and bisection."""
        t, below, above = self._knots
        last = t.size - 1
        if upper:
            right = t.size - np.searchsorted(above[::-1], q, side="right")
        else:
            right = np.searchsorted(below, q, side="left")
        low = np.where(right > 0, t[np.clip(right - 1, 0, last)], self.ends[0])
        high = np.where(right <= last, t[np.clip(right, 0, last)], self.ends[1])
        low, high = np.maximum(low, -1e300), np.minimum(high, 1e300)
        x = _middle(low, high)
        for _ in range(_NEWTON_STEPS):
            excess = self._probability(x, upper=upper) - q
            is_left = (excess > 0.0) if upper else (excess < 0.0)
            low, high = np.where(is_left, x, low), np.where(is_left, high, x)
            with np.errstate(all="ignore"):
                step = x - (-excess if upper else excess) / np.exp(self._log_density(x))
            proposal = np.where((step > low) & (step < high), step, _middle(low, high))
            moved, x = np.abs(proposal - x), proposal
            if not np.any((moved > 1e-15 * np.abs(x)) & (high > np.nextafter(low, np.inf))):
                break
        return x

    def draw(self, uniform: FloatArray) -> FloatArray:
        """Return independent values for numbers between 0 and 1: g of what is drawn from the inner law."""
        return np.asarray(self.pieces.function(self.inner.drawn(uniform)))

    def expect(self, func: Callable[[FloatArray], ArrayLike]) -> float:
        """Return the expectation of a function of g(x)."""
        return float(self.inner.expect(lambda x: np.asarray(func(self.pieces.function(x)))))

    def mean(self) -> float:
        """Return the expectation."""
        return self.expect(lambda t: t)

    def var(self) -> float:
        """Return the variance."""
        mean = self.mean()
        return self.expect(lambda t: (t - mean) ** 2)

    def support(self) -> Interval:
        """Return the ends of the support."""
        return self.ends

    def conditioned(self, intervals: Sequence[Interval]) -> TransformedLaw:
        """Return the law on the condition that g(x) is in one of some disjoint intervals."""
        found: list[Interval] = []
        for k in range(self.pieces.low.size):
            lo_end = -np.inf if k == 0 else self.pieces.low[k]
            hi_end = np.inf if k == self.pieces.low.size - 1 else self.pieces.high[k]
            for interval in intervals:
                first, last = np.sort(self.pieces.inverse(k, np.array(interval)))
                start = lo_end if first <= self.pieces.low[k] else first
                stop = hi_end if last >= self.pieces.high[k] else last
                if first < last and self.inner.cdf(stop) - self.inner.cdf(start) > 0.0:
                    found.append((float(start), float(stop)))
        inner = self.inner.conditioned(_joined(found))
        kept = sorted(intervals)
        ends = max(self.ends[0], kept[0][0]), min(self.ends[1], kept[-1][1])
        return TransformedLaw(inner, self.pieces, self.slope, ends)

    def _chunked(self, function: Callable[[FloatArray], FloatArray], x: FloatArray) -> FloatArray:
        parts = [function(x[k : k + _CHUNK]) for k in range(0, x.size, _CHUNK)]
        return np.concatenate(parts) if parts else np.zeros(0)


def _middle(low: FloatArray, high: FloatArray) -> FloatArray:
    """Halve an interval, on a logarithmic scale if it has several sizes."""
    with np.errstate(all="ignore"):
        geometric = np.sign(low) * np.sqrt(np.abs(low)) * np.sqrt(np.abs(high))
    is_wide = (low * high > 0.0) & (np.maximum(np.abs(low), np.abs(high)) > 4.0 * np.minimum(np.abs(low), np.abs(high)))
    return np.where(is_wide, geometric, low / 2.0 + high / 2.0)


def _joined(intervals: list[Interval]) -> list[Interval]:
    """Return disjoint intervals: what touches is one."""
    joined: list[Interval] = []
    for low, high in sorted(intervals):
        if joined and low <= np.nextafter(joined[-1][1], np.inf):
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return joined
