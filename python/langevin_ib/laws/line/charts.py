"""Where a weight on the line is: special points, charts in the logarithm of the distance from them, peaks, ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidArgumentError, NotNormalizableError, UnsupportedModelError

__all__ = ["INVISIBLE", "Chart", "Interval", "LogWeight", "Sweep", "guarded", "margin", "require_finite_mass", "survey"]

FloatArray = NDArray[np.float64]
LogWeight = Callable[[FloatArray], FloatArray]
Interval = tuple[float, float]

INVISIBLE = 700.0  # exp(-700) is the edge of the doubles
_NEAREST = 1e-150  # the smallest distance from the special point 0 that is looked at
_FARTHEST = 1e30  # the largest distance; a polynomial of degree 10 is still finite there
_SWEEP_STEP = 0.35  # of log d, when looking for peaks: seven points per decade
_FIT = 2.0  # the length in log d over which an exponent at an end is measured
_MAX_PEAKS = 64
_POLE_STEP = 30.0
_PARTS, _DIVISIONS = 16, 22  # of an interval, to 1e-19 of it
_FLAT = 1e-13
_STEEPER = 1.5  # of exponents at neighbouring stretches: a slope's grows by exp(2), a power's not at all


@dataclass(frozen=True)
class Chart:
    """The points origin + sign * exp(y) with near <= y <= far; open if x may go beyond far, up to infinity."""

    origin: float
    sign: int
    near: float
    far: float
    open: bool

    def x(self, y: FloatArray) -> FloatArray:
        """Return the points with the coordinates y = log d."""
        return self.origin + self.sign * np.exp(y)


@dataclass(frozen=True)
class Sweep:
    """A chart with the log of the weight on an even grid of y."""

    chart: Chart
    y: FloatArray
    values: FloatArray

    @property
    def integrand(self) -> FloatArray:
        """Log of the weight per unit of y."""
        return self.values + self.y

    def exponent(self, *, far: bool, stretch: int = 0) -> float:
        """Measure a in weight ~ d**-a over the last or first stretch of the chart; nan where the weight is zero.

        Stretch 1 is the next one, further inside.
        """
        count = min(self.y.size - 1, round(_FIT / (self.y[1] - self.y[0])))
        begin = min(stretch * count, self.y.size - 1 - count)
        first, last = (-1 - count - begin, -1 - begin) if far else (begin, begin + count)
        with np.errstate(invalid="ignore"):
            return float((self.values[first] - self.values[last]) / (self.y[last] - self.y[first]))


def survey(
    log_weight: LogWeight, intervals: Sequence[Interval], singularities: Sequence[float], breaks: FloatArray
) -> list[Sweep]:
    """Return sweeps of charts, from left to right, such that each feature of the weight is met at its own scale."""
    sweeps: list[Sweep] = []
    for interval in intervals:
        special = [*singularities, *_poles(log_weight, interval, breaks)]
        first_look = _sweeps(log_weight, _charts(interval, special, ()))
        if not first_look:
            raise UnsupportedModelError(
                f"a law between {interval[0]!r} and {interval[1]!r} is narrower than this quadrature resolves; raise "
                "the temperature"
            )
        peaks = _peaks(log_weight, first_look, _lookouts(interval, breaks))
        charts = _charts(interval, special, peaks) if peaks else []
        sweeps.extend(_sweeps(log_weight, charts) or first_look)
    return sweeps


def margin(point: FloatArray) -> FloatArray:
    """Return how far from a break the weight is looked at: where it is switched is known up to rounding only."""
    return np.asarray(8.0 * np.spacing(np.abs(point)))


def _inside(interval: Interval, points: FloatArray) -> FloatArray:
    return points[(points > interval[0]) & (points < interval[1])]


def _lookouts(interval: Interval, breaks: FloatArray) -> FloatArray:
    """Return points on both sides of breaks and between them: whatever is narrow lies between two of its ends."""
    points = _inside(interval, breaks)
    between = (points[1:] + points[:-1]) / 2.0
    looks = np.unique(np.concatenate([points - margin(points), between, points + margin(points)]))
    # Next to a break at 0 there may be a singularity, and no number that is far enough from it.
    return _inside(interval, looks[np.abs(looks) >= np.finfo(np.float64).tiny])


def _poles(log_weight: LogWeight, interval: Interval, breaks: FloatArray) -> FloatArray:
    """Return the breaks next to which the weight is a power of the distance, so that they need charts of their own.

    Of a power the exponent is the same at all small distances; of anything smooth it goes to 0.
    """
    points = _inside(interval, breaks)
    finest = np.where(points == 0.0, _NEAREST, 1e3 * np.spacing(np.abs(points)))
    is_pole = np.zeros(points.shape, dtype=bool)
    if not points.size:
        return points
    steps = finest * _POLE_STEP ** np.arange(3.0)[:, None]
    sides = np.stack([points - steps, points + steps])
    for logs in log_weight(sides.ravel()).reshape(sides.shape):
        with np.errstate(invalid="ignore"):
            near, far = np.diff(logs, axis=0) / math.log(_POLE_STEP)
            is_pole |= (np.abs(near) > 1e-3) & (np.abs(far - near) < 0.3 * np.abs(near))
    return points[is_pole]


def guarded(log_weight: LogWeight, singularities: Sequence[float]) -> LogWeight:
    """Return the same function, silent about overflow, but loud about wrong shapes and undeclared infinities."""
    singular = np.asarray(singularities, dtype=np.float64)

    def function(x: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            values = np.asarray(log_weight(x), dtype=np.float64)
        if values.shape != x.shape:
            raise InvalidArgumentError(f"the log-weight returned shape {values.shape} for points of shape {x.shape}")
        infinite = x[values == np.inf]
        if infinite.size and singular.size:
            # A pole is where the formula has it, which may be some roundings away.
            nearest = np.abs(infinite[:, None] - singular).min(axis=1)
            infinite = infinite[nearest > 8.0 * margin(infinite)]
        if infinite.size:
            raise InvalidArgumentError(
                f"the weight is infinite at {infinite[0]:g}: it overflows or has an undeclared "
                "singularity; write it so that it is finite there, or restrict the support"
            )
        return values

    return function


def _charts(interval: Interval, singularities: Sequence[float], peaks: Sequence[float]) -> list[Chart]:
    """Cover the interval by charts, ordered from left to right, that meet half-way between special points."""
    lo, hi = interval
    nearest: dict[float, float] = {}  # special points that leave room for charts between them, with their smallest d
    for rank, point in enumerate([lo, hi, *singularities, *peaks]):
        if not (lo <= point <= hi and math.isfinite(point)):
            continue
        near = _nearest(point, smooth=rank >= 2 + len(singularities))
        if all(abs(point - p) > 10.0 * max(near, d) for p, d in nearest.items()):
            nearest[point] = near
    places = [-math.inf, *(sorted(nearest) or [0.0]), math.inf]
    charts: list[Chart] = []
    for left, here, right in zip(places, places[1:], places[2:], strict=False):
        near = math.log(nearest.get(here, _NEAREST))
        sides = [(-1, here - left, here > lo), (+1, right - here, here < hi)]
        for sign, gap in [(sign, gap) for sign, gap, inside in sides if inside]:
            is_open = math.isinf(gap)
            far = math.log(_FARTHEST * (1.0 + abs(here))) if is_open else math.log(gap / 2.0)
            charts.append(Chart(here, sign, near, far, is_open))
    return charts


def _nearest(point: float, *, smooth: bool) -> float:
    """Return the smallest distance from a special point at which the weight is looked at."""
    # x = point + d is rounded: harmless where the weight is smooth, an error of relative size ulp / d of d elsewhere.
    return float((16.0 if smooth else 1e4) * np.spacing(abs(point))) if point != 0.0 else _NEAREST


def _sweeps(log_weight: LogWeight, charts: Sequence[Chart]) -> list[Sweep]:
    """Return a look at each chart; all together, as a call costs more than points."""
    grids = [np.linspace(each.near, each.far, 2 + math.ceil((each.far - each.near) / _SWEEP_STEP)) for each in charts]
    if not grids:
        return []
    places = [chart.x(y) for chart, y in zip(charts, grids, strict=True)]
    values = np.split(log_weight(np.concatenate(places)), np.cumsum([y.size for y in grids])[:-1])
    return [_sweep(*each) for each in zip(charts, grids, places, values, strict=True)]


def _sweep(chart: Chart, y: FloatArray, x: FloatArray, values: FloatArray) -> Sweep:
    known = np.flatnonzero(~np.isnan(values))
    if known.size and values[known[0]] < np.nanmax(values) - 1e3:
        # So it is beside a pole, 1/x**12 - 1/x**6 for instance, if the weight is dead already where it is known.
        values = np.where(np.arange(y.size) < known[0], -np.inf, values)
    undefined = np.flatnonzero(np.isnan(values))
    if undefined.size:
        first = undefined[0]
        # Far out, a difference of two overflows is nan; it is harmless where the weight has died long before.
        if first == 0 or values[first - 1] > np.max(values[:first]) - 1e3:
            raise InvalidArgumentError(
                f"the log-weight is nan at {x[first]:g}: its formula has no real value there; give it one (by Abs, Max "
                "or a default of Piecewise), or restrict the support"
            )
        values = np.where(np.arange(y.size) >= first, -np.inf, values)
    return Sweep(chart, y, values)


def _peaks(log_weight: LogWeight, sweeps: list[Sweep], lookouts: FloatArray) -> list[float]:
    """Find the maxima of the weight that stand out between neighbouring points, by sections."""
    order = slice(None), slice(None, None, -1)
    x = np.concatenate([s.chart.x(s.y)[order[s.chart.sign < 0]] for s in sweeps])
    values = np.concatenate([s.values[order[s.chart.sign < 0]] for s in sweeps])
    lookouts = _inside((float(x[0]), float(x[-1])), lookouts)
    seen = log_weight(lookouts)
    with np.errstate(invalid="ignore"):
        # Of neighbours that differ by rounding, as on both sides of a mere bend, one is enough.
        fresh = ~(np.abs(np.diff(seen, prepend=np.inf)) <= 1e-9 * (1.0 + np.abs(np.nan_to_num(seen, neginf=0.0))))
    lookouts, seen = lookouts[fresh], seen[fresh]
    place, grid = np.searchsorted(x, lookouts), values
    # The numbers of the points of the even grid to the left and to the right of each point that is inside.
    left = np.insert(np.arange(x.size) - 1, place, place - 1)[1:-1]
    right = np.insert(np.arange(x.size) + 1, place, place)[1:-1]
    x, values = np.insert(x, place, lookouts), np.insert(values, place, seen)
    with np.errstate(invalid="ignore"):
        inner = values[1:-1]
        rises = (inner >= values[:-2]) & (inner >= values[2:])
        stands_out = inner - np.minimum(grid[left], grid[right]) > 0.1
    found = 1 + np.flatnonzero(rises & stands_out)
    if not found.size:
        return []
    best = _highest(log_weight, x[found - 1], x[found + 1])
    heights = log_weight(best)
    best, heights = best[np.isfinite(heights)], heights[np.isfinite(heights)]  # a singularity is not a peak
    tallest = np.argsort(-heights)[:_MAX_PEAKS]
    return [float(best[i]) for i in tallest if heights[i] > heights[tallest[0]] - INVISIBLE]


def _highest(function: LogWeight, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return where the function is highest between ends, by division into many parts: a call costs more than points."""
    shares = np.linspace(0.0, 1.0, _PARTS + 1)
    for _ in range(_DIVISIONS):
        x = low[:, None] + (high - low)[:, None] * shares
        x[:, -1] = high
        values = function(x.ravel()).reshape(x.shape)
        values = np.where(np.isnan(values), -np.inf, values)
        best = np.argmax(values[:, 1:-1], axis=1)[:, None] + 1
        low, middle, high = (np.take_along_axis(x, best + k, axis=1)[:, 0] for k in (-1, 0, 1))
        left, top, right = (np.take_along_axis(values, best + k, axis=1)[:, 0] for k in (-1, 0, 1))
        # A chart needs no more than the top of a peak: where it is flat, or a corner is as near as matters.
        if (top - np.minimum(left, right) <= _FLAT * (1.0 + np.abs(top))).all():
            break
    return middle


def require_finite_mass(sweep: Sweep) -> None:
    """Check that the weight is integrable at the special point of the chart and, if the chart is open, at infinity.

    Raises
    ------
    NotNormalizableError
        If it is not; names the place and the exponent.
    InvalidArgumentError
        If it has a peak there that is narrower than doubles resolve.
    """
    chart = sweep.chart
    side = "above" if chart.sign > 0 else "below"
    power, next_one = (sweep.exponent(far=False, stretch=stretch) for stretch in (0, 1))
    # Where a weight jumps beside another point than 0 is known to rounding only, and looks like a power for a while.
    farther = power if chart.origin == 0.0 else next_one
    # Of what has no pole the exponent grows with the distance, and nothing is left where it is out of range.
    if power > 1.0 and not next_one < _STEEPER * power:
        raise InvalidArgumentError(
            f"the law is narrower at {chart.origin:g} than doubles resolve; raise the temperature, choose other units, "
            "or condition on another set"
        )
    if power > 1.0 - (1e-6 if chart.origin == 0.0 else 1e-4) and farther > 0.99:
        raise NotNormalizableError(
            f"the mass escapes at {chart.origin:g}: just {side} it the weight grows like (distance)**-a with "
            f"a = {power:.6g} >= 1, which cannot be integrated; condition on a set that excludes a neighbourhood of it"
        )
    power = sweep.exponent(far=True) if chart.open else math.nan
    if power <= 1.0 + 1e-6:
        place = "+infinity" if chart.sign > 0 else "-infinity"
        manner = (
            f"falls off only like |x|**-a with a = {power:.6g} <= 1" if power > -1e-6 else "grows or comes and goes"
        )
        raise NotNormalizableError(
            f"the mass escapes at {place}: the weight {manner} there, up to |x| = {math.exp(chart.far):.0e}, so its "
            "integral is infinite or its scale out of range; confine it (for instance by weight decay), condition on a "
            "bounded set, or choose units in which it ends nearer"
        )
