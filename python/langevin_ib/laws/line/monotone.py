"""A function of one variable cut into pieces on which it is monotone, and its inverse on each of them.

Points are halved by their number among all doubles, of which there are less than 2**64: so a zero at 1e-200, a jump and
a turning point are found to the last digit after as many steps, whatever their scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .charts import Interval
from .distribution import Density

__all__ = ["Function", "Monotone", "NotMonotoneError", "in_order", "monotone_pieces"]

FloatArray = NDArray[np.float64]
Ordinals = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Function = Callable[[FloatArray], FloatArray]
"""Takes points, shape (n,); returns values, nan where there are none."""

_MOST_PIECES = 64
_STEPS = 64
_VISIBLE = 1e-6
"""A smaller probability may be that of values that are equal to rounding only."""

_NOTHING = 1e-18
"""Where less than this probability lies, turns are not followed."""

_ROUNDING = 1e-12
"""Reversals by so small a share of the values are rounding."""

_LARGEST = 1e308

_TAILS = np.concatenate([10.0 ** np.arange(-300.0, -16.0, 12.0), np.geomspace(1e-16, 1e-3, 80)])
_QUANTILES = np.linspace(1e-3, 0.5, 400)
_SCALES = np.concatenate([10.0 ** np.arange(-150.0, -20.0, 10.0), np.geomspace(1e-20, 1e20, 321), [1e40, 1e80, 1e130]])
_NEAR = np.geomspace(1e-16, 1e-5, 34)
_NEAR_ENDS = 2.0 ** -np.arange(1.0, 50.0)


class NotMonotoneError(Exception):
    """A function that turns too often, is constant on a set of positive probability, or has no value there."""


def in_order(x: FloatArray) -> Ordinals:
    """Return the numbers of doubles in their order; 0 for 0.0."""
    bits = np.ascontiguousarray(x + 0.0).view(np.int64)
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)


def _by_order(number: Ordinals) -> FloatArray:
    bits = np.where(number < 0, np.int64(-(2**63)) - number, number)
    return np.ascontiguousarray(bits).view(np.float64)


def _middle(low: Ordinals, high: Ordinals) -> Ordinals:
    return np.asarray((low >> 1) + (high >> 1) + (low & high & 1))


@dataclass(frozen=True, eq=False)
class Monotone:
    """Pieces from left to right, each of shape (k,): their ends, the values there, and whether they rise.

    Parameters
    ----------
    function : callable
        The function.
    low, high : (k,) arrays
        The ends of the pieces.
    at_low, at_high : (k,) arrays
        The values at the ends, as limits from inside.
    range : (float, float)
        The smallest and the largest value.
    blur : float
        About the largest probability of arguments whose values are equal to rounding.
    """

    function: Function
    low: FloatArray
    high: FloatArray
    at_low: FloatArray
    at_high: FloatArray
    range: Interval
    blur: float

    @property
    def rising(self) -> BoolArray:
        """Whether a piece rises."""
        return self.at_high > self.at_low

    def inverse(self, piece: int, value: FloatArray) -> FloatArray:
        """Return the largest x of a piece with values up to the given ones if it rises, else the smallest; or its end.

        So values <= `value` are those left of it on a rising piece, and those right of it on a falling one.
        """
        rises = bool(self.rising[piece])
        low = np.full(value.shape, in_order(self.low[piece : piece + 1])[0])
        high = np.full(value.shape, in_order(self.high[piece : piece + 1])[0])
        for _ in range(_STEPS):
            middle = _middle(low, high)
            # What has no value, inf - inf far out, is beyond what has one.
            is_below = self.function(_by_order(middle)) <= value
            goes_right = is_below == rises
            low, high = np.where(goes_right, middle, low), np.where(goes_right, high, middle)
        found = _by_order(low if rises else high)
        smallest, largest = sorted((self.at_low[piece], self.at_high[piece]))
        ends = (self.low[piece], self.high[piece])
        start, end = ends if rises else ends[::-1]
        return np.where(value < smallest, start, np.where(value >= largest, end, found))


def monotone_pieces(function: Function, law: Density, places: FloatArray) -> Monotone:
    """Cut a function into monotone pieces, wherever a law has mass.

    Parameters
    ----------
    function : callable
        See `Function`.
    law : Density
        That of the argument.
    places : array
        Points at which the function may turn or jump; it is looked at beside them.

    Raises
    ------
    NotMonotoneError
        If there are too many pieces, or the function is constant or has no value with positive probability; says which.
    """
    x = _grid(law, places)
    values = function(x)
    known = ~np.isnan(values)
    _require_values(law, x, known)
    x, values = x[known], values[known]
    blur = _constant(law, x, values)
    extent = float(values.min()), float(values.max())
    outermost = x[[0, -1]]
    x, values, turns = _where_mass_is(law, x, values)
    if len(turns) > _MOST_PIECES:
        raise NotMonotoneError(f"it turns more than {_MOST_PIECES} times where it was looked at")
    found = [_extreme(function, x[max(k - 1, 0)], x[after], top=values[k] > values[after]) for k, after in turns]
    edges = np.concatenate([x[:1], np.sort(found), x[-1:]])
    low, high = (end[edges[:-1] < edges[1:]] for end in (edges[:-1], edges[1:]))
    at_low, at_high = np.array(function(low)), np.array(function(high))
    # The limits at the ends of the support are those of the last pieces, unless they end at a turn before.
    ends, is_whole = function(np.array(law.support())), x[[0, -1]] == outermost
    at_low[:1] = np.where(is_whole[0] & ~np.isnan(ends[0]), ends[0], at_low[:1])
    at_high[-1:] = np.where(is_whole[1] & ~np.isnan(ends[1]), ends[1], at_high[-1:])
    blur = max(blur, *(_blur(function, law, turn) for turn in found)) if found else blur
    extent = min(*extent, *at_low, *at_high), max(*extent, *at_low, *at_high)
    return Monotone(function, low, high, at_low, at_high, extent, blur)


def _grid(law: Density, places: FloatArray) -> FloatArray:
    """Return points on all scales of the law, of the line, and of the distances from the places and the ends."""
    lo, hi = law.support()
    q = np.concatenate([_TAILS, _QUANTILES])
    near, far = law.ppf(q), law.isf(q)
    quantiles = np.concatenate([near, far[::-1]])
    quantiles = np.unique(quantiles[np.isfinite(quantiles)])
    between = (quantiles[1:] + quantiles[:-1]) / 2.0
    centres = np.concatenate([[0.0, float(law.ppf(0.5))], places[np.isfinite(places)]])
    width = float(law.isf(0.25) - law.ppf(0.25))
    around = [np.concatenate([c - _SCALES, [c], c + _SCALES]) for c in centres]
    ends = [end + sign * width * _NEAR_ENDS for end, sign in ((lo, 1.0), (hi, -1.0)) if math.isfinite(end)]
    points = np.concatenate([quantiles, between, *around, *ends, [lo, hi]])
    return np.unique(points[(points >= lo) & (points <= hi) & np.isfinite(points)])


def _require_values(law: Density, x: FloatArray, known: BoolArray) -> None:
    cdf = law.cdf(x)
    masses = np.where(known[1:] | known[:-1], 0.0, np.diff(cdf))
    if masses.sum() > _VISIBLE:
        at = x[1:][np.argmax(masses)]
        raise NotMonotoneError(
            f"it has no real value with the probability {masses.sum():.3g}, for instance at {at:.6g}"
        )


def _constant(law: Density, x: FloatArray, values: FloatArray) -> float:
    """Return the largest probability of one value, which has to be small."""
    cdf = law.cdf(x)
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    ends = np.append(starts[1:], values.size) - 1
    masses = cdf[ends] - cdf[starts]
    heaviest = int(np.argmax(masses))
    if masses[heaviest] > _VISIBLE:
        raise NotMonotoneError(
            f"it takes the value {values[starts[heaviest]]:g} with positive probability ({masses[heaviest]:.3g})"
        )
    return float(masses[heaviest])


def _where_mass_is(
    law: Density, x: FloatArray, values: FloatArray
) -> tuple[FloatArray, FloatArray, list[tuple[int, int]]]:
    """Return the points without those beyond turns so far out that nothing lies there, and the turns that are left."""
    turns = _turns(values)
    lo, hi = law.ppf(_NOTHING), law.isf(_NOTHING)
    first = max((after for k, after in turns if x[after] < lo), default=0)
    last = min((k for k, _ in turns if x[k] > hi), default=x.size - 1)
    inside = slice(first, last + 1)
    kept = [(k - first, after - first) for k, after in turns if k >= first and after <= last]
    return x[inside], values[inside], kept


def _turns(values: FloatArray) -> list[tuple[int, int]]:
    """Return where the values turn by more than rounding: the extreme value, and one that is past the turn."""
    # Of infinity no rounding error could be told.
    values = np.clip(values, -_LARGEST, _LARGEST)
    turns: list[tuple[int, int]] = []
    best, direction = 0, 0
    for k in range(1, values.size):
        here, there = float(values[k]), float(values[best])
        if here == there:
            continue
        step = 1 if here > there else -1
        if direction in {step, 0}:
            direction, best = step, k
        elif not abs(here - there) <= _ROUNDING * max(abs(here), abs(there)):
            turns.append((best, k))
            direction, best = step, k
    return turns


def _extreme(function: Function, low: float, high: float, *, top: bool) -> float:
    """Return where the largest or smallest value between two points is, which may be beside a jump."""
    ends = in_order(np.array([low, high]))
    for _ in range(_STEPS):
        numbers = np.unique(_between(ends[0], ends[1]))
        values = function(_by_order(numbers))
        values = np.where(np.isnan(values), -np.inf, values if top else -values)
        best = int(np.argmax(values))
        ends = numbers[[max(best - 1, 0), min(best + 1, numbers.size - 1)]]
        if ends[1] - ends[0] <= 2:
            break
    return float(_by_order(numbers[best : best + 1])[0])


def _blur(function: Function, law: Density, turn: float) -> float:
    """Return the probability of what rounding does not tell from an extreme value."""
    beside = turn + np.concatenate([[0.0], _NEAR * max(abs(turn), 1.0), -_NEAR * max(abs(turn), 1.0)])
    values = function(beside)
    if not np.isfinite(values[0]):
        return 0.0
    same = beside[np.abs(values - values[0]) <= 4.0 * np.spacing(np.abs(values[0]))]
    return float(law.cdf(same.max()) - law.cdf(same.min())) if same.size else 0.0


def _between(low: int, high: int) -> Ordinals:
    """Return nine numbers from one to another, whose difference may be too large for 64 bits."""
    low, width = int(low), int(high) - int(low)
    return np.array([low + width * k // 8 for k in range(9)], dtype=np.int64)
