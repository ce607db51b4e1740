"""The law of a quantity that is given branch by branch: on each a monotone polynomial, with the weight as another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from ..line import NODES, TO_COEFFICIENTS, Average, Function, antiderivative

__all__ = ["Branches", "crossings", "series_of"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_CHUNK = 4096
_DRAWN = 2**15
_FIRST_PIECES = 6
_RESOLVED = 1e-15
"""Of t, which is between -1 and 1."""

_GRID = np.concatenate([[-1.0], NODES, [1.0]])


def crossings(series: FloatArray, value: float = 0.0) -> tuple[IndexArray, FloatArray]:
    """Return where Legendre series, shape (n, terms), take a value in (-1, 1): the numbers of the series, and t."""
    points = np.unique(np.concatenate([_GRID, (_GRID[1:] + _GRID[:-1]) / 2.0]))
    excess = legendre.legval(points, series.T) - value
    row, left = np.nonzero((excess[:, :-1] < 0.0) != (excess[:, 1:] < 0.0))
    low, high = points[left], points[left + 1]
    t = _inverse(series[row], np.full(row.size, value), low, high)
    return row, t


def _inverse(series: FloatArray, target: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Solve p(t) = target for one t in each bracket by Newton steps that fall back to bisection."""
    columns = np.ascontiguousarray(series.T)
    slopes = legendre.legder(columns)
    rising = legendre.legval(low, columns, tensor=False) < legendre.legval(high, columns, tensor=False)
    result: FloatArray = 0.5 * (low + high)
    todo, t = np.arange(target.size), result.copy()
    for _ in range(100):
        excess = legendre.legval(t, columns, tensor=False) - target
        is_left = (excess < 0.0) == rising
        low, high = np.where(is_left, t, low), np.where(is_left, high, t)
        with np.errstate(all="ignore"):
            step = t - excess / legendre.legval(t, slopes, tensor=False)
        proposal = np.where((step >= low) & (step <= high), step, 0.5 * (low + high))
        result[todo] = proposal
        # At a turning point Newton's steps are halved each time, and at rounding they go to and fro.
        moved = np.abs(proposal - t) > _RESOLVED
        if not moved.any():
            break
        todo, t, target, rising = todo[moved], proposal[moved], target[moved], rising[moved]
        low, high, columns, slopes = low[moved], high[moved], columns[:, moved], slopes[:, moved]
    return result


@dataclass(frozen=True, eq=False)
class Branches:
    """A law on the line: the image of a weight on branches.

    On branch k, t goes from `low` to `high` within [-1, 1], the quantity is the monotone series `quantity`, and
    the mass is the integral of the series `weight` dt. It has the methods that a `Density` asks for. The distribution
    function adds up masses of branches and never integrates the density, which may be infinite at turning points.

    Parameters
    ----------
    quantity, weight : (n, terms) arrays
        Legendre series.
    low, high : (n,) arrays
        The ends of t.
    ends : (float, float)
        The support.
    """

    quantity: FloatArray
    weight: FloatArray
    low: FloatArray
    high: FloatArray
    ends: tuple[float, float]

    @cached_property
    def _integral(self) -> FloatArray:
        return antiderivative(self.weight)

    @cached_property
    def _at_ends(self) -> FloatArray:
        """The quantity at both ends of t, shape (2, n)."""
        columns = self.quantity.T
        return np.stack([legendre.legval(t, columns, tensor=False) for t in (self.low, self.high)])

    @cached_property
    def bottom(self) -> FloatArray:
        """The smallest value of the quantity on each branch."""
        return np.asarray(self._at_ends.min(axis=0))

    @cached_property
    def top(self) -> FloatArray:
        """The largest value."""
        return np.asarray(self._at_ends.max(axis=0))

    @cached_property
    def mass(self) -> FloatArray:
        """The mass of each branch."""
        return self._mass(np.arange(self.low.size), self.low, self.high)

    @cached_property
    def total(self) -> float:
        """The mass of all."""
        return float(self.mass.sum())

    def restricted(self, kept: NDArray[np.bool_]) -> Branches:
        """Return the same law on some of its branches."""
        part = (self.quantity[kept], self.weight[kept], self.low[kept], self.high[kept])
        return Branches(*part, self.ends)

    def between(self, lo: float, hi: float) -> Branches:
        """Return the law on the condition lo <= quantity < hi, as branches that are cut there."""
        edges = np.stack([self.low, *(self._solved(edge) for edge in (lo, hi)), self.high], axis=1)
        edges, count = np.sort(edges, axis=1), 3
        row = np.repeat(np.arange(self.low.size), count)
        split = Branches(self.quantity[row], self.weight[row], edges[:, :-1].ravel(), edges[:, 1:].ravel(), self.ends)
        middle = legendre.legval((split.low + split.high) / 2.0, split.quantity.T, tensor=False)
        inside = split.restricted((split.high > split.low) & (middle >= lo) & (middle < hi))
        ends = (max(lo, self.ends[0]), min(hi, self.ends[1]))
        return Branches(inside.quantity, inside.weight, inside.low, inside.high, ends)

    def _solved(self, edge: float) -> FloatArray:
        """Return the t of each branch at which the quantity is `edge`, or its lower end if it never is."""
        t = self.low.copy()
        rows = np.flatnonzero((self.bottom < edge) & (edge < self.top))
        t[rows] = _inverse(self.quantity[rows], np.full(rows.size, edge), self.low[rows], self.high[rows])
        return t

    def conditioned(self, intervals: Sequence[tuple[float, float]]) -> Branches:
        """Return the law on the condition that the quantity is in one of some disjoint intervals."""
        parts = [self.between(lo, hi) for lo, hi in sorted(intervals)]
        ends = (parts[0].ends[0], parts[-1].ends[1])
        q, w, low, high = (
            np.concatenate([getattr(p, name) for p in parts]) for name in ("quantity", "weight", "low", "high")
        )
        return Branches(q, w, low, high, ends)

    def _mass(self, row: IndexArray, a: FloatArray, b: FloatArray) -> FloatArray:
        columns = self._integral[row].T
        return np.asarray(legendre.legval(b, columns, tensor=False) - legendre.legval(a, columns, tensor=False))

    @cached_property
    def _knots(self) -> FloatArray:
        """All ends of branches, in order: between two of them the same branches are met."""
        return np.unique(self._at_ends)

    @cached_property
    def _between_knots(self) -> tuple[IndexArray, IndexArray]:
        """The branches that are met between each two knots, one list after the other, and where each list begins."""
        first, last = (np.searchsorted(self._knots, ends) for ends in (self.bottom, self.top))
        counts = last - first
        branch = np.repeat(np.arange(counts.size), counts)
        interval = np.arange(branch.size) - np.repeat(np.cumsum(counts) - counts, counts) + first[branch]
        order = np.argsort(interval, kind="stable")
        return branch[order], np.searchsorted(interval[order], np.arange(self._knots.size + 1))

    def _met(self, x: FloatArray) -> tuple[IndexArray, IndexArray, FloatArray]:
        """Return which values meet which branches, and at which t: where bottom <= x < top."""
        branch, begins = self._between_knots
        interval = np.searchsorted(self._knots, x, side="right") - 1
        inside = (interval >= 0) & (interval < self._knots.size - 1)
        safe = np.where(inside, interval, 0)
        counts = np.where(inside, begins[safe + 1] - begins[safe], 0)
        value = np.repeat(np.arange(x.size), counts)
        place = np.arange(value.size) - np.repeat(np.cumsum(counts) - counts, counts)
        row = branch[begins[safe[value]] + place]
        return value, row, _inverse(self.quantity[row], x[value], self.low[row], self.high[row])

    @cached_property
    def _whole(self) -> tuple[FloatArray, FloatArray]:
        """The masses of the branches with top <= knot, and of those with bottom > knot, for each knot."""
        below = np.bincount(np.searchsorted(self._knots, self.top), self.mass, minlength=self._knots.size)
        above = np.bincount(np.searchsorted(self._knots, self.bottom), self.mass, minlength=self._knots.size + 1)
        return np.cumsum(below), np.append(np.cumsum(above[::-1])[::-1], 0.0)[1:]

    def _chunked(self, function: Callable[[FloatArray], FloatArray], x: FloatArray) -> FloatArray:
        parts = [function(x[k : k + _CHUNK]) for k in range(0, x.size, _CHUNK)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def logpdf(self, x: FloatArray) -> FloatArray:
        """Return the log of the density."""
        return self._chunked(self._log_density, x)

    def _log_density(self, x: FloatArray) -> FloatArray:
        value, row, t = self._met(x)
        with np.errstate(all="ignore"):
            weight = np.maximum(legendre.legval(t, self.weight[row].T, tensor=False), 0.0)
            slope = np.abs(legendre.legval(t, legendre.legder(self.quantity[row].T), tensor=False))
            density = np.where(weight > 0.0, weight / slope, 0.0)
            return np.log(np.bincount(value, density, minlength=x.size) / self.total)

    def cdf(self, x: FloatArray) -> FloatArray:
        """Return the probability of values <= x."""
        return self._chunked(lambda part: self._probability(part, upper=False), x)

    def sf(self, x: FloatArray) -> FloatArray:
        """Return the probability of values > x."""
        return self._chunked(lambda part: self._probability(part, upper=True), x)

    def _probability(self, x: FloatArray, *, upper: bool) -> FloatArray:
        knot = np.searchsorted(self._knots, x, side="right")
        below, above = self._whole
        whole = above[np.maximum(knot - 1, 0)] if upper else np.append(0.0, below)[knot]
        whole = np.where(knot == 0, self.total, whole) if upper else whole
        value, row, t = self._met(x)
        falling = self._at_ends[0] > self._at_ends[1]
        from_left = falling[row] == upper
        ends = np.where(from_left, self.low[row], t), np.where(from_left, t, self.high[row])
        part = np.bincount(value, self._mass(row, *ends), minlength=x.size)
        return np.clip((whole + part) / self.total, 0.0, 1.0)

    def ppf(self, q: FloatArray) -> FloatArray:
        """Return the quantile."""
        return self._quantile(q, upper=False)

    def isf(self, q: FloatArray) -> FloatArray:
        """Return the upper quantile."""
        return self._quantile(q, upper=True)

    def _quantile(self, q: FloatArray, *, upper: bool) -> FloatArray:
        ends = self.ends[::-1] if upper else self.ends
        result = np.where(q == 0.0, ends[0], np.where(q == 1.0, ends[1], np.nan))
        proper = (q > 0.0) & (q < 1.0)
        result[proper] = self._chunked(lambda part: self._inverted(part, upper=upper), q[proper])
        return result

    def _inverted(self, q: FloatArray, *, upper: bool) -> FloatArray:
        """Solve for the quantile between neighbouring ends of branches, by Newton's method and bisection."""
        knots = self._knots
        reached = self._chunked(lambda part: self._probability(part, upper=upper), knots)
        right = knots.size - np.searchsorted(reached[::-1], q, side="right") if upper else np.searchsorted(reached, q)
        right = np.clip(right, 1, knots.size - 1)
        low, high = knots[right - 1], knots[right]
        x = 0.5 * (low + high)
        result, todo = x.copy(), np.arange(q.size)
        for _ in range(80):
            excess = self._probability(x, upper=upper) - q
            is_left = (excess > 0.0) if upper else (excess < 0.0)
            low, high = np.where(is_left, x, low), np.where(is_left, high, x)
            with np.errstate(all="ignore"):
                step = x - (-excess if upper else excess) / np.exp(self._log_density(x))
            proposal = np.where((step >= low) & (step <= high), step, 0.5 * (low + high))
            result[todo] = proposal
            moved = np.abs(proposal - x) > 1e-15 * (np.abs(x) + 1e-300)
            # What is left of the error is below that of the sums.
            moved &= (np.abs(excess) > 2e-16) & (high > low)
            if not moved.any():
                break
            todo, x, q, low, high = todo[moved], proposal[moved], q[moved], low[moved], high[moved]
        return result

    def expect(self, func: Function) -> float:
        """Return the expectation of a function of the quantity."""

        def weighted(row: IndexArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
            values, weights = (
                legendre.legval(t.T, series[row].T[:, None, :], tensor=False).T
                for series in (self.quantity, self.weight)
            )
            return np.asarray(values), np.maximum(weights, 0.0) / self.total

        edges = self.low + (self.high - self.low) * np.linspace(0.0, 1.0, _FIRST_PIECES + 1)[:, None]
        average = Average(func)
        rows = np.tile(np.arange(self.low.size), _FIRST_PIECES)
        average.add(weighted, rows, edges[:-1].ravel(), edges[1:].ravel())
        return average.value()

    def draw(self, uniform: FloatArray) -> FloatArray:
        """Return independent values for numbers between 0 and 1: the branches one after the other, each by inversion.

        That is as good as the quantile, but not monotone.
        """
        below = np.cumsum(self.mass)
        reached = uniform * below[-1]
        row = np.minimum(np.searchsorted(below, reached), below.size - 1)
        parts = []
        for start in range(0, uniform.size, _DRAWN):
            k = row[start : start + _DRAWN]
            from_low = legendre.legval(self.low[k], self._integral[k].T, tensor=False)
            target = from_low + reached[start : start + _DRAWN] - (below[k] - self.mass[k])
            t = _inverse(self._integral[k], target, self.low[k], self.high[k])
            parts.append(legendre.legval(t, self.quantity[k].T, tensor=False))
        return np.concatenate([np.zeros(0), *parts])

    def mean(self) -> float:
        """Return the expectation."""
        return self.expect(lambda x: x)

    def var(self) -> float:
        """Return the variance."""
        mean = self.mean()
        return self.expect(lambda x: (x - mean) ** 2)

    def support(self) -> tuple[float, float]:
        """Return the ends of the support."""
        return self.ends


def series_of(values: FloatArray) -> FloatArray:
    """Return the Legendre series through values at the nodes, shape (n, nodes)."""
    return np.asarray(values @ TO_COEFFICIENTS.T)
