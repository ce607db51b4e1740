"""The logarithm of a weight on the line that is costly to evaluate, kept as Chebyshev series in log|t|."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from .nested import LOOSE, STRIDE

__all__ = ["Costly", "Table", "tabulate"]

FloatArray = NDArray[np.float64]

Costly = Callable[[FloatArray, float, FloatArray], FloatArray]
"""Takes values t, a relative error, and the logs of negligible absolute errors; returns the logs of the weight."""

_FARTHEST = 60.0  # the largest log|t| that is looked at
_NEAR_SIDE, _FAR_SIDE = 25.0, 32.0
_ORDER = 14
_POINTS = np.cos(np.pi * (np.arange(_ORDER) + 0.5) / _ORDER)
_TO_SERIES = np.linalg.inv(chebyshev.chebvander(_POINTS, _ORDER - 1))
_ROUNDS = 45
_NARROW = 1e-3
_WILD = 1.0
_LOOKS = 2000
_POWER_LOOKS = 14.0, 24.0  # how far the weight per log|t| has fallen where a power is looked for
_POWER = 0.15
_MOST_BREAKS = 2000
_ROOM = 0.7  # in log|t|: so far from the last panel it is seen whether the weight stops
_SPARE = 10.0  # tails are right to exp(-10) of what would do


@dataclass(frozen=True)
class _Side:
    """Series for the log of the weight in y = log|t| between edges; where there is nothing the constant is -inf."""

    edges: FloatArray
    series: FloatArray
    begin: float = 0.0
    end: float = math.inf

    @classmethod
    def of(cls, pieces: list[tuple[float, float, FloatArray]]) -> _Side | None:
        """Join panels (low, high, series), with empty ones in the gaps; None if there is nothing in any."""
        pieces = sorted((piece for piece in pieces if np.isfinite(piece[2][0])), key=lambda piece: piece[0])
        if not pieces:
            return None
        edges, series = [pieces[0][0]], []
        for low, high, fitted in pieces:
            if low > edges[-1] + 1e-12:
                edges.append(low)
                series.append(_constant(-math.inf))
            edges.append(high)
            series.append(fitted)
        return cls(np.array(edges), np.array(series))

    def log_weight(self, y: FloatArray) -> FloatArray:
        """Return the series; below them a power of |t|, above them one, too, or an exponential."""
        near, far = self.edges[0], self.edges[-1]
        values = self._inside(np.clip(y, near, far))
        below, beyond = y < near, y > far
        slope = max(self._slopes[0], -0.999)
        values[below] += slope * (np.maximum(y[below], -1e4) - near)
        values[np.isneginf(y) & (slope < -1e-3)] = np.inf
        slope, distance = self._slopes[1], y[beyond] - far
        is_power = far > _FARTHEST - 1e-6
        values[beyond] += slope * distance if is_power else min(slope, -1.0) * np.expm1(np.minimum(distance, 600.0))
        if self._power is not None:
            start, level, slope = self._power
            values = np.where(y > start, level + slope * (y - start), values)
        return values

    def ended(self, log_weight: Callable[[float], float]) -> _Side:
        """Return it with the |t| between which there is something, if that stops near its first or last panel."""
        ends = [self.begin, self.end]
        for k, (inside, outside) in enumerate(((1, self.edges[0] - _ROOM), (-2, self.edges[-1] + _ROOM))):
            last, nothing = math.exp(self.edges[inside]), math.exp(outside)
            if log_weight(nothing) > -math.inf or log_weight(last) == -math.inf:
                continue
            while last != (middle := (last + nothing) / 2.0) != nothing:
                last, nothing = (middle, nothing) if log_weight(middle) > -math.inf else (last, middle)
            ends[k] = nothing
        return replace(self, begin=ends[0], end=ends[1])

    @cached_property
    def _power(self) -> tuple[float, float, float] | None:
        """Where a power law begins, the log of the weight there, and the exponent; None if the tail is none.

        Of a power the slope is the same far out, and hardly changes if a logarithm goes with it; of whatever decays
        faster it grows by half between the two places that are looked at. Farther out the table need not be right.
        """
        y = np.linspace(self.edges[0], self.edges[-1], _LOOKS)
        per_y = self._inside(y) + y
        (tail,) = np.nonzero(per_y > np.max(per_y) - _POWER_LOOKS[1])
        if tail[-1] == y.size - 1:
            return None
        end = float(y[tail[-1]])
        begin = float(y[np.nonzero(per_y > np.max(per_y) - _POWER_LOOKS[0])[0][-1]])
        # Means over a part of the way, since values this far out are known to some digits only.
        step = 0.2 * (end - begin)
        places = np.array([begin, begin + step, end - step, end])
        first, second, third, last = self._inside(places)
        slopes = (second - first) / step, (last - third) / step
        is_power = abs(slopes[1] - slopes[0]) < _POWER * abs(slopes[1])
        return (end, float(last), float(slopes[1])) if is_power and slopes[1] < -1.0 else None

    def _inside(self, y: FloatArray) -> FloatArray:
        k = np.clip(np.searchsorted(self.edges, y, side="right") - 1, 0, len(self.edges) - 2)
        left, right = self.edges[k], self.edges[k + 1]
        with np.errstate(invalid="ignore"):
            s = (2.0 * y - left - right) / (right - left)
            return np.asarray(chebyshev.chebval(s, self.series[k].T, tensor=False))

    @cached_property
    def _slopes(self) -> tuple[float, float]:
        return self._slope(0, -1.0), self._slope(-1, 1.0)

    def _slope(self, k: int, end: float) -> float:
        """Return the derivative at one end, -1 or 1, of panel k."""
        return float(chebyshev.chebval(end, chebyshev.chebder(self.series[k])) * 2.0 / np.diff(self.edges)[k])


@dataclass(frozen=True, eq=False)
class Table:
    """A weight on the line, for t < 0 and for t > 0."""

    negative: _Side | None
    positive: _Side | None
    shift: float = 0.0

    def shifted(self, shift: float) -> Table:
        """Return the same weight moved by so much."""
        return replace(self, shift=self.shift + shift)

    def log_weight(self, t: FloatArray) -> FloatArray:
        """Return the log of the weight at points, shape (n,)."""
        t = t - self.shift
        result = np.full(t.shape, -np.inf)
        size = np.abs(t)
        with np.errstate(divide="ignore"):
            y = np.log(size)
        for side, has_sign in ((self.negative, t < 0.0), (self.positive, t >= 0.0)):
            if side is not None:
                mine = has_sign & (size >= side.begin) & (size < side.end)
                result[mine] = side.log_weight(y[mine])
        return result

    @property
    def breaks(self) -> FloatArray:
        """The ends of the panels: series meet there up to the tolerance only, which further integrals would hunt.

        There are none if they would be thousands, as where the weight is known to fewer digits than were wanted.
        """
        sides = ((-1.0, self.negative), (1.0, self.positive))
        found = np.concatenate([[], *(sign * np.exp(side.edges) for sign, side in sides if side is not None)])
        return found + self.shift if found.size <= _MOST_BREAKS else found[:0]

    def support(self) -> tuple[float, float]:
        """Return the interval that holds everything, which may be a half-line or the line."""
        low = 0.0 if self.negative is None else -self.negative.end
        high = 0.0 if self.positive is None else self.positive.end
        if self.negative is None and self.positive is not None:
            low = self.positive.begin
        if self.positive is None and self.negative is not None:
            high = -self.negative.begin
        return low + self.shift, high + self.shift


def tabulate(costly: Costly, places: FloatArray, tolerance: float, nearest: float, *, has_ends: bool = False) -> Table:
    """Evaluate a weight where it has to be, and no more.

    Parameters
    ----------
    costly : callable
        See `Costly`.
    places : array
        Points at which to look for the weight.
    tolerance : float
        The error of the weight: as a share of it where it is large, and of a typical value where it is small.
    nearest : float
        The smallest |t| that is looked at is exp(-nearest) of the scale of the weight.
    has_ends : bool
        That it is zero nowhere but where the law has ended, so that its ends are found.
    """
    builder = _Builder(costly, tolerance, nearest)
    todo = [panel for sign in (-1.0, 1.0) for panel in builder.first_look(sign, places)]
    todo = [panel for panel in todo if builder.may_matter(panel)]
    done: dict[float, list[tuple[float, float, FloatArray]]] = {-1.0: [], 1.0: []}
    for remaining in range(_ROUNDS, 0, -1):
        if not todo:
            break
        todo = builder.fitted(todo, done, last=remaining == 1)

    def side(sign: float) -> _Side | None:
        found = _Side.of(done[sign])
        nothing = np.array([-np.inf])
        if found is None or not has_ends:
            return found
        return found.ended(lambda size: float(costly(np.array([sign * size]), LOOSE, nothing)[0]))

    return Table(side(-1.0), side(1.0))


@dataclass(frozen=True)
class _Open:
    """A panel to be looked at: its sign, its ends, and the log of the weight there as far as it is known."""

    sign: float
    low: float
    high: float
    known: tuple[float, ...] = ()

    def halves(self) -> list[_Open]:
        middle = (self.low + self.high) / 2.0
        return [_Open(self.sign, self.low, middle), _Open(self.sign, middle, self.high)]

    def seen_at_an_end(self) -> list[_Open]:
        """Return the halves next to ends at which there is something."""
        if not self.known:
            return []
        left, right = self.halves()
        low, high = self.known
        ends = [replace(left, known=(low, -math.inf)), replace(right, known=(-math.inf, high))]
        return [half for half in ends if max(half.known) > -math.inf]


@dataclass
class _Builder:
    """What is known so far: the log of the largest weight per unit of y, and that of the weight there."""

    costly: Costly
    tolerance: float
    nearest: float
    peak: float = -math.inf
    typical: float = -math.inf

    def first_look(self, sign: float, places: FloatArray) -> list[_Open]:
        """Return panels between evenly spaced edges and the places."""
        even = np.linspace(-_FARTHEST, _FARTHEST, 1 + math.ceil(2.0 * _FARTHEST / STRIDE))
        given = np.log(np.abs(places[sign * places > math.exp(-_FARTHEST)]))
        y = np.unique(np.concatenate([even, given[given < _FARTHEST]]))
        y = y[np.concatenate([[True], np.diff(y) > 1e-6])]
        values = self.costly(sign * np.exp(y), LOOSE, np.full(y.shape, -np.inf))
        self._note(values, y)
        padded = np.pad(values + y, 1, constant_values=-np.inf)
        is_peak = (padded[1:-1] >= padded[:-2]) & (padded[1:-1] >= padded[2:]) & (values > -np.inf)
        # A peak matters however low it looks: it may be sharp.
        values = np.where(is_peak, np.inf, values)
        return [_Open(sign, y[k], y[k + 1], (values[k], values[k + 1])) for k in range(y.size - 1)]

    def may_matter(self, panel: _Open) -> bool:
        value = max(panel.known)
        is_heavy = value + panel.high > self.peak - _FAR_SIDE or value > self.typical - _NEAR_SIDE
        return is_heavy and panel.high > self.peak - self.typical - self.nearest

    def fitted(
        self, todo: list[_Open], done: dict[float, list[tuple[float, float, FloatArray]]], *, last: bool
    ) -> list[_Open]:
        """Fit all panels, keep those that have converged, return the halves of the others."""
        y = np.array([(p.low + p.high) / 2.0 + (p.high - p.low) / 2.0 * _POINTS for p in todo])
        t = (np.array([[p.sign] for p in todo]) * np.exp(y)).ravel()
        negligible = np.minimum(self.peak - y.ravel(), self.typical) + math.log(self.tolerance / 5.0) - _SPARE
        values = self.costly(t, self.tolerance / 5.0, negligible).reshape(y.shape)
        self._note(values.ravel(), y.ravel())
        again: list[_Open] = []
        for panel, row, at in zip(todo, values, y, strict=True):
            series, error = _fit(row)
            width = panel.high - panel.low
            top, mass = float(row.max()), float((row + at).max()) + math.log(width)
            share = max(0.0, min(self.typical - top, self.peak - mass))
            # What is nearly nothing may be wrong by a factor, but a wild series would make something of it.
            settled = error <= min(self.tolerance * math.exp(min(share, 300.0)), _WILD)
            # A step, a pole or a corner is left in a panel whose mass does not matter.
            matters = mass + math.log(min(max(error, 1e-12), 1.0)) > self.peak + math.log(self.tolerance) - 5.0
            settled |= width < _NARROW and not matters
            if top == -math.inf and not last:  # so it ends between an end of the panel and the next point
                again += panel.seen_at_an_end()
                continue
            if mass < self.peak - _FAR_SIDE and top < self.typical - _FAR_SIDE:
                continue  # nothing that is known to some digits
            if settled or last:
                done[panel.sign].append((panel.low, panel.high, series))
            else:
                again += panel.halves()
        return again

    def _note(self, values: FloatArray, y: FloatArray) -> None:
        best = int(np.argmax(values + y))
        if values[best] + y[best] > self.peak:
            self.peak, self.typical = float(values[best] + y[best]), float(values[best])


def _fit(values: FloatArray) -> tuple[FloatArray, float]:
    """Return the series of a panel, and the error that its last terms speak of."""
    finite = np.isfinite(values)
    if finite.all():
        series = _TO_SERIES @ values
        return series, float(np.abs(series[-3:]).max())
    if finite.mean() > 0.5:
        return _constant(float(np.mean(values[finite]))), math.inf
    return _constant(-math.inf), math.inf if finite.any() else 0.0


def _constant(value: float) -> FloatArray:
    series = np.zeros(_ORDER)
    series[0] = value
    return series
