"""Points on all pieces of an expression, at all scales: where one has to look before saying what it is.

Lines go through space, from 1e-9 to 1e9 in each direction. On them the zeros of all guards are found, by changes of
sign and by local minima, and there are points on both sides of each zero and between neighbouring ones. A guard that
had the same sign everywhere is followed downhill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import InvalidArgumentError
from ..expressions import NO_DATA, Data, parts_of, uses_data, values_together
from .guards import guards_of
from .rounding import Rounded, rounded

__all__ = ["Seam", "seams_of", "spread", "telling_points"]

FloatArray = NDArray[np.float64]

_REACH, _STEPS = 9.0, 55
"""Lines go from 10**-9 to 10**9 on either side, in so many steps of the same ratio."""

_RAYS, _MOST_AXES, _STARTS = 6, 12, 2
_EFFORT = 3e6
"""Of parts times points in one evaluation: with many guards there are fewer lines."""

_PER_GUARD, _MOST_ROOTS, _HALVINGS, _SECTIONS = 6, 500, 44, 40
_OFFSETS = (-1e-3, -1e-8, 1e-8, 1e-3)
_BESIDE = (-1e-8, 1e-8)
_FLAT = 1e-7
_SLOWLY = (RecursionError, NameError, TypeError, ValueError, NotImplementedError, InvalidArgumentError)
"""What is raised where parts are nested deeply, or NumPy does not have a function."""

_HUNTS, _ROUNDS = 40, 10
_GOLDEN = (5.0**0.5 - 1.0) / 2.0


def telling_points(expressions: Sequence[sympy.Basic], symbols: Sequence[sympy.Symbol], data: Data) -> FloatArray:
    """Return points at which expressions show what they are, always the same.

    Parameters
    ----------
    expressions : sequence of sympy.Basic
        Functions of the symbols and of data.
    symbols : sequence of sympy.Symbol
        The coordinates.
    data : mapping from str to array
        What the expressions sum over.

    Returns
    -------
    array, shape (len(symbols), n)
        Points of all sizes, and points on both sides of wherever pieces were found to meet.
    """
    return _looked_at(tuple(expressions), tuple(symbols), data)[0]


class Seam(NamedTuple):
    """A place where pieces meet: the function that changes its sign there, and points on both sides, shape (dim,)."""

    guard: sympy.Expr
    before: FloatArray
    after: FloatArray


def seams_of(expressions: Sequence[sympy.Basic], symbols: Sequence[sympy.Symbol], data: Data) -> list[Seam]:
    """Return places where pieces of expressions were found to meet, always the same.

    Parameters
    ----------
    expressions, symbols, data
        As for `telling_points`.
    """
    return _looked_at(tuple(expressions), tuple(symbols), data)[1]


Looked: TypeAlias = tuple[FloatArray, list[Seam]]


def _looked_at(expressions: tuple[sympy.Basic, ...], symbols: tuple[sympy.Symbol, ...], data: Data) -> Looked:
    used = any(uses_data(expression) for expression in expressions)
    return _searched(expressions, symbols, data) if used else _without_data(expressions, symbols)


@lru_cache(maxsize=64)
def _without_data(expressions: tuple[sympy.Basic, ...], symbols: tuple[sympy.Symbol, ...]) -> Looked:
    return _searched(expressions, symbols, NO_DATA)


def _searched(expressions: tuple[sympy.Basic, ...], symbols: tuple[sympy.Symbol, ...], data: Data) -> Looked:
    drawn = np.random.default_rng(20260106)
    points = [spread(len(symbols), drawn)]
    guards = guards_of(expressions, symbols, data)
    functions = (*guards.edges, *guards.turns)
    if not functions:
        return points[0], []
    search = _Search(functions, tuple(symbols), data, drawn)
    points += search.along_lines()
    points += search.hunted(len(guards.edges), points[0])
    edges = set(guards.edges)
    return np.concatenate(points, axis=1), [seam for seam in search.seams if seam.guard in edges]


def spread(dim: int, drawn: np.random.Generator, count: int = 48) -> FloatArray:
    """Return points of all sizes, shape (dim, count): coordinates alike, coordinates apart, positive ones."""
    normal = drawn.normal(size=(dim, count))
    size = 10.0 ** drawn.uniform(-3.0, 3.0, size=count)
    apart = 10.0 ** drawn.uniform(-2.0, 2.0, size=(dim, count))
    kind = np.arange(count) % 4
    points = np.where(
        kind == 0, normal, np.where(kind == 1, normal * size, np.where(kind == 2, normal * apart, normal))
    )
    return np.where(kind == 3, np.abs(points) * size, points)


class _Span(NamedTuple):
    """Where on a line a guard goes through zero, or comes near to it, in steps."""

    guard: int
    low: float
    high: float
    line: int


class _Spans(NamedTuple):
    """The same, many of them."""

    guards: NDArray[np.int64]
    low: FloatArray
    high: FloatArray
    lines: NDArray[np.int64]

    @classmethod
    def of(cls, spans: Sequence[_Span]) -> _Spans:
        guards, low, high, lines = map(np.array, zip(*spans, strict=True))
        return cls(guards, low, high, lines)

    def some(self, chosen: NDArray[np.bool_]) -> _Spans:
        return _Spans(self.guards[chosen], self.low[chosen], self.high[chosen], self.lines[chosen])


@dataclass
class _Lines:
    """Points in rows, shape (lines, dim, steps), and the guards there, shape (lines, guards, steps)."""

    points: FloatArray
    values: FloatArray

    def at(self, line: Any, place: FloatArray) -> FloatArray:
        """Return points of lines, shape (dim, n), at whole and broken numbers of steps."""
        low = np.clip(np.floor(place).astype(int), 0, self.points.shape[2] - 2)
        share = (place - low)[:, None]
        return np.asarray((self.points[line, :, low] * (1.0 - share) + self.points[line, :, low + 1] * share).T)


class _Search:
    def __init__(
        self,
        functions: tuple[sympy.Expr, ...],
        symbols: tuple[sympy.Symbol, ...],
        data: Data,
        drawn: np.random.Generator,
    ) -> None:
        self.functions, self.symbols, self.data, self.drawn = functions, symbols, data, drawn
        used: set[sympy.Basic] = set().union(*(guard.free_symbols for guard in functions))
        self.places = [place for place, symbol in enumerate(symbols) if symbol in used]
        self.parts = len({part for guard in functions for part in parts_of(guard)})
        self.seen = np.zeros((2, len(functions)), dtype=bool)
        self.seams: list[Seam] = []

    def values(self, points: FloatArray) -> FloatArray:
        """Return all guards at points, shape (guards, n)."""
        at = dict(zip(self.symbols, points, strict=True))
        try:
            return np.array(values_together(self.functions, at, self.data))
        except _SLOWLY:
            exactly = {symbol: Rounded(row, np.zeros(())) for symbol, row in at.items()}
            return np.array([found.value for found in rounded(self.functions, exactly, self.data)])

    def along_lines(self) -> list[FloatArray]:
        """Return points around the zeros of guards on lines."""
        points = self._lines()
        count, dim, steps = points.shape
        values = self.values(points.transpose(1, 0, 2).reshape(dim, -1)).reshape(-1, count, steps).swapaxes(0, 1)
        lines = _Lines(points, values)
        for sign, row in ((1.0, 0), (-1.0, 1)):
            self.seen[row] |= (sign * values > 0.0).any(axis=(0, 2))
        crossings, dips = self._some(_crossings(values)), self._some(_dips(values))
        deepest = self._deepest(lines, dips)
        for dip, (best, crosses, sign) in zip(dips, deepest, strict=True):
            if crosses:
                self.seen[1 if sign > 0 else 0, dip.guard] = True
                crossings += [dip._replace(high=best), dip._replace(low=best)]
        met = self._roots(lines, crossings)
        met += [(dip.line, best) for dip, (best, _, _) in zip(dips, deepest, strict=True)]
        return [_around(lines, k, [place for line, place in met if line == k]) for k in range(count)]

    def _lines(self) -> FloatArray:
        half = np.logspace(-_REACH, _REACH, _STEPS)
        steps = np.concatenate([-half[::-1], half])
        dim = len(self.symbols)
        apart = 10.0 ** self.drawn.uniform(-2.0, 2.0, size=(_RAYS // 2, dim))
        rays = self.drawn.normal(size=(_RAYS, dim))
        rays[: _RAYS // 2] *= apart
        lines = [ray[:, None] * steps for ray in rays]
        axes = self.places
        if len(axes) > _MOST_AXES:
            axes = sorted(self.drawn.choice(axes, _MOST_AXES, replace=False))
        for axis in axes:
            for start in self.drawn.normal(size=(_STARTS, dim)) * 10.0 ** self.drawn.uniform(-1.0, 1.0, (_STARTS, 1)):
                line = np.repeat(start[:, None], len(steps), axis=1)
                line[axis] = steps
                lines.append(line)
        most = max(4, int(_EFFORT / (self.parts * len(steps))))
        kept = range(len(lines)) if len(lines) <= most else sorted(self.drawn.choice(len(lines), most, False))
        return np.array([lines[k] for k in kept])

    def _some(self, found: list[_Span]) -> list[_Span]:
        """Return some of what was found for each guard, on different lines, if there is much."""
        kept: list[_Span] = []
        counts = np.zeros(len(self.functions), dtype=int)
        for k in self.drawn.permutation(len(found)):
            if counts[found[k].guard] < _PER_GUARD:
                counts[found[k].guard] += 1
                kept.append(found[k])
        return kept[:_MOST_ROOTS]

    def _of_guards(self, lines: _Lines, spans: _Spans, places: FloatArray) -> FloatArray:
        """Return the value of the guard of each span at a place on its line."""
        values = self.values(lines.at(spans.lines, places))
        return np.asarray(values[spans.guards, np.arange(len(places))])

    def _deepest(self, lines: _Lines, dips: list[_Span]) -> list[tuple[float, bool, float]]:
        """Return where guards are nearest to 0, by golden sections, whether they change sign, and which they had."""
        if not dips:
            return []
        all_spans = _Spans.of(dips)
        low, high = all_spans.low, all_spans.high
        sign = np.sign(self._of_guards(lines, all_spans, 0.5 * (low + high)))
        inner, outer = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        f_inner, f_outer = (sign * self._of_guards(lines, all_spans, place) for place in (inner, outer))
        active = np.ones(len(dips), dtype=bool)
        for _ in range(_SECTIONS):
            left = f_inner < f_outer
            low, high = np.where(left, low, inner), np.where(left, outer, high)
            new = np.where(left, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
            # What does not change any more will not come to 0.
            with np.errstate(invalid="ignore"):  # both may be infinite
                is_flat = np.abs(f_inner - f_outer) < _FLAT * np.abs(f_inner)
            active &= (np.minimum(f_inner, f_outer) > 0.0) & ~is_flat
            if not active.any():
                break
            f_new = np.full(new.shape, np.inf)
            f_new[active] = sign[active] * self._of_guards(lines, all_spans.some(active), new[active])
            f_new = np.where(np.isnan(f_new), np.inf, f_new)
            inner, outer = (
                np.where(active, np.where(left, new, outer), inner),
                np.where(active, np.where(left, inner, new), outer),
            )
            f_inner, f_outer = (
                np.where(active, np.where(left, f_new, f_outer), f_inner),
                np.where(active, np.where(left, f_inner, f_new), f_outer),
            )
        best, least = np.where(f_inner < f_outer, inner, outer), np.minimum(f_inner, f_outer)
        return list(zip(best.tolist(), (least < 0.0).tolist(), sign.tolist(), strict=True))

    def _roots(self, lines: _Lines, found: list[_Span]) -> list[tuple[int, float]]:
        """Return zeros between places where a guard has different signs, as the number of the line and the place."""
        if not found:
            return []
        spans = _Spans.of(found)
        low, high = spans.low, spans.high
        first = np.sign(self._of_guards(lines, spans, low))
        for _ in range(_HALVINGS if self.parts * len(found) < _EFFORT / 10 else _HALVINGS // 2):
            middle = 0.5 * (low + high)
            same = np.sign(self._of_guards(lines, spans, middle)) == first
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        places = 0.5 * (low + high)
        before, after = (lines.at(spans.lines, places + offset) for offset in _BESIDE)
        for k, span in enumerate(found):
            self.seams.append(Seam(self.functions[span.guard], before[:, k], after[:, k]))
        return list(zip(spans.lines.tolist(), places.tolist(), strict=True))

    def hunted(self, edges: int, starts: FloatArray) -> list[FloatArray]:
        """Return points on both sides of edges of which the lines saw one only."""
        found = []
        missing = [k for k in range(edges) if not self.seen[:, k].all()][:_HUNTS]
        for k in missing:
            hunt = _Search((self.functions[k],), self.symbols, self.data, self.drawn)
            pair = hunt._downhill(starts)
            if pair is not None:
                lines = _Lines(np.stack(pair, axis=1)[None], np.zeros((1, 1, 2)))
                found.append(_around(lines, 0, [place for _, place in hunt._roots(lines, [_Span(0, 0.0, 1.0, 0)])]))
                found.append(np.stack(pair, axis=1))
                self.seams += hunt.seams
        return found

    def _downhill(self, starts: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        """Return neighbouring points at which the guard has different signs; None if it was not made to change it."""
        values = self.values(starts)[0]
        known = np.isfinite(values) & (values != 0.0)
        if not known.any():
            return None
        sign = float(np.sign(values[known][0]))
        best = int(np.argmin(np.where(known, sign * values, np.inf)))
        here, least = starts[:, best], sign * values[best]
        for _ in range(_ROUNDS):
            tried = self._neighbours(here)
            values = sign * self.values(tried)[0]
            values = np.where(np.isfinite(values), values, np.inf)
            lowest = int(np.argmin(values))
            if values[lowest] < 0.0:
                return here, tried[:, lowest]
            if not values[lowest] < least:
                return None
            here, least = tried[:, lowest], values[lowest]
        return None

    def _neighbours(self, here: FloatArray) -> FloatArray:
        sizes = np.concatenate([10.0 ** np.arange(-6.0, 4.0, 0.5), [0.0]])
        places = self.places if len(self.places) <= _MOST_AXES else self.drawn.choice(self.places, _MOST_AXES, False)
        tried = []
        for place in places:
            moved = np.repeat(here[:, None], 2 * len(sizes), axis=1)
            moved[place] = here[place] + (1.0 + np.abs(here[place])) * np.concatenate([sizes, -sizes])
            tried.append(moved)
        directions = self.drawn.normal(size=(8, len(here)))
        steps = (1.0 + np.abs(here).max()) * np.concatenate([sizes, -sizes])
        tried += [here[:, None] + direction[:, None] * steps for direction in directions]
        return np.concatenate([*tried, 0.0 * here[:, None]], axis=1)


def _around(lines: _Lines, line: int, places: list[float]) -> FloatArray:
    """Return points on both sides of places on a line, and between neighbouring ones."""
    if not places:
        return np.zeros((lines.points.shape[1], 0))
    roots = np.unique(np.array(places))
    beside = [roots + offset for offset in _OFFSETS]
    return lines.at(line, np.concatenate([roots, *beside, 0.5 * (roots[1:] + roots[:-1])]))


def _crossings(values: FloatArray) -> list[_Span]:
    """Return where guards, shape (lines, guards, steps), change their sign."""
    signs = np.sign(values)
    before, after = signs[..., :-1], signs[..., 1:]
    changed = (before * after < 0.0) | ((after == 0.0) & (before != 0.0))
    return [_Span(int(guard), float(k), float(k + 1), int(line)) for line, guard, k in np.argwhere(changed)]


def _dips(values: FloatArray) -> list[_Span]:
    """Return where guards come nearer to 0 without a change of sign that was seen."""
    size, signs = np.abs(values), np.sign(values)
    middle = signs[..., 1:-1]
    alike = (middle == signs[..., 2:]) & (middle == signs[..., :-2]) & (middle != 0.0)
    dips = alike & (size[..., 1:-1] < size[..., 2:]) & (size[..., 1:-1] < size[..., :-2])
    return [_Span(int(guard), float(k), float(k + 2), int(line)) for line, guard, k in np.argwhere(dips)]
