"""Independent values of a law that is stored as panels, a million in a fraction of a second: inversion by a table.

The table holds the coordinate t of a cell at knots of the probability p, with dt/dp = 1 / density, and cubic
polynomials between them. There are so many knots that the probability up to a drawn value is that which was asked for
within 1e-11, and in the tails within 1e-8 of itself; what the table does not know is inverted by Newton's method.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from ...checks import checked_int, checked_rng, shown
from ...errors import InvalidArgumentError
from .panels import Panels

__all__ = ["Inversion", "uniforms"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]
_Columns: TypeAlias = tuple[FloatArray, FloatArray, IndexArray, FloatArray]

_KNOTS, _MOST_HALVINGS = 16, 12
_ABSOLUTE, _RELATIVE = 1e-11, 1e-8
_LEAST = 1e-18  # a cell of smaller probability is hardly met by uniform numbers of 53 bits
_MOST = 10**9  # values at once, 8 GB
_CHECKED_AT = np.array([[0.2], [0.5], [0.8]])


@dataclass(frozen=True, eq=False)
class _Quantiles:
    """One half of a law, p being the probability below x, or that above it.

    Parameters
    ----------
    start, end : (n,) arrays
        Intervals of p, in order.
    cell : (n,) array
        The cell of each.
    cubic : (4, n) array
        The coefficients of t, in powers of the share of the interval.
    """

    start: FloatArray
    end: FloatArray
    cell: IndexArray
    cubic: FloatArray

    @classmethod
    def of(cls, cells: Panels, *, upper: bool) -> _Quantiles:
        """Halve intervals until a cubic polynomial does in each; those in which it never does are left out."""
        outside = cells.above[1:] if upper else cells.below[:-1]
        (which,) = np.nonzero((cells.half > 0.0) & (cells.probability > _LEAST) & (outside < 0.5))
        t = np.linspace(-1.0, 1.0, _KNOTS + 1)[:: -1 if upper else 1]
        cell, first, second = np.repeat(which, _KNOTS), np.tile(t[:-1], which.size), np.tile(t[1:], which.size)
        kept: list[_Columns] = [(np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.intp), np.zeros((4, 0)))]
        for _ in range(_MOST_HALVINGS):
            columns, good = _interpolated(cells, cell, first, second, outside, upper=upper)
            kept.append((columns[0][good], columns[1][good], columns[2][good], columns[3][:, good]))
            # Of an interval that is hardly longer than the spacing of doubles nothing better can be had.
            again = ~good & (columns[1] - columns[0] > 1e-14 * columns[1])
            cell, first, second = cell[again], first[again], second[again]
            middle = (first + second) / 2.0
            cell = np.concatenate([cell, cell])
            first, second = np.concatenate([first, middle]), np.concatenate([middle, second])
        start, end, cell, cubic = (np.concatenate(column, axis=-1) for column in zip(*kept, strict=True))
        order = np.argsort(start)
        return cls(start[order], end[order], cell[order], np.ascontiguousarray(cubic[:, order]))

    def solved(self, p: FloatArray) -> tuple[IndexArray, FloatArray, BoolArray]:
        """Return cells, coordinates in them, and for which p they are known."""
        if not self.start.size:
            return np.zeros(p.shape, dtype=np.intp), p, np.zeros(p.shape, dtype=bool)
        k = np.searchsorted(self.start, p, side="right") - 1
        known = (k >= 0) & (p <= self.end[k])
        start = self.start[k]
        share = (p - start) / (self.end[k] - start)
        a, b, c, d = self.cubic
        return self.cell[k], a[k] + share * (b[k] + share * (c[k] + share * d[k])), known


def _interpolated(
    cells: Panels, cell: IndexArray, first: FloatArray, second: FloatArray, outside: FloatArray, *, upper: bool
) -> tuple[_Columns, BoolArray]:
    """Return the cubic polynomials between two values of t in each of some cells, and which of them are good enough."""
    density, integral = cells.density_series[:, cell], cells.integral_series[:, cell]

    def reached(t: FloatArray) -> FloatArray:
        share = legendre.legval(t, integral, tensor=False)
        return np.asarray(outside[cell] + cells.probability[cell] * (1.0 - share if upper else share))

    start, end = reached(first), reached(second)
    with np.errstate(all="ignore"):
        rate = (-1.0 if upper else 1.0) * (end - start) / cells.probability[cell]
        slopes = [rate / legendre.legval(t, density, tensor=False) for t in (first, second)]
        step = second - first
        cubic = np.stack([first, slopes[0], 3.0 * step - 2.0 * slopes[0] - slopes[1], sum(slopes) - 2.0 * step])
        share = _CHECKED_AT
        t = cubic[0] + share * (cubic[1] + share * (cubic[2] + share * cubic[3]))
        asked = start + share * (end - start)
        missed = np.abs(np.stack([reached(row) for row in t]) - asked)
        inside = (t > np.minimum(first, second)) & (t < np.maximum(first, second))
        good = inside & (missed <= np.minimum(_ABSOLUTE, _RELATIVE * asked))
    return (start, end, cell, cubic), good.all(axis=0) & (end > start)


@dataclass(frozen=True, eq=False)
class Inversion:
    """The quantile function of a law, as tables for its two halves."""

    cells: Panels
    lower: _Quantiles
    upper: _Quantiles

    @classmethod
    def of(cls, cells: Panels) -> Inversion:
        """Make the tables."""
        return cls(cells, _Quantiles.of(cells, upper=False), _Quantiles.of(cells, upper=True))

    def __call__(self, uniform: FloatArray) -> FloatArray:
        """Return the values with so much probability below them; it is strictly between 0 and 1, shape (n,)."""
        result = np.empty(uniform.shape)
        is_upper = uniform > 0.5
        for table, mine, upper in ((self.lower, ~is_upper, False), (self.upper, is_upper, True)):
            p = 1.0 - uniform[mine] if upper else uniform[mine]
            cell, t, known = table.solved(p)
            x = self.cells.at(cell, t)
            x[~known] = self.cells.quantile(p[~known], upper=upper)
            result[mine] = x
        return result


def uniforms(size: Any, rng: Any, random_state: Any) -> FloatArray:
    """Draw odd multiples of 2**-53: never 0 or 1, so that an infinite end of the support is never drawn.

    Raises
    ------
    InvalidArgumentError
        If `size` is no shape, or of more numbers than memory holds, a generator is none, or both are given.
    """
    lengths = list(size) if np.iterable(size) and not isinstance(size, str) else [size]
    shape = tuple(checked_int("size", length, minimum=0, maximum=_MOST) for length in lengths)
    if math.prod(shape) > _MOST:
        raise InvalidArgumentError(f"size={shown(size)} is {math.prod(shape)} values; draw at most {_MOST} at once")
    if rng is not None and random_state is not None:
        raise InvalidArgumentError("rng and random_state are two names for one thing; give one of them")
    if isinstance(random_state, (int, np.integer)):
        try:
            random_state = np.random.RandomState(random_state)
        except ValueError as error:
            raise InvalidArgumentError(f"random_state={shown(random_state)}: {error}; give another seed") from None
    if isinstance(random_state, np.random.RandomState):
        whole = random_state.randint(0, 2**52, size=shape, dtype=np.int64)
    else:
        whole = checked_rng(rng if random_state is None else random_state).integers(0, 2**52, size=shape)
    return (np.asarray(whole, dtype=np.float64) + 0.5) / 2.0**52
