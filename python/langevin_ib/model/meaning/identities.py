"""Whether an expression is zero, is another one, or stays what it is under a linear map: at all points, on all pieces.

A proof settles it where there is one. Where there is none, values decide, at points of all sizes and on both sides of
wherever pieces meet, each with a bound on its rounding error: values that differ by more refute, and of what is left
the digits behind the sixteenth are looked at where the formula has exact numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import sympy
from numpy.typing import NDArray

from ...checks import shown
from ...errors import InvalidArgumentError
from ..expressions import NO_DATA, Data, has_part, parts_of, terms_of_product, uses_data
from .precise import UndefinedError, are_equal
from .probing import spread, telling_points
from .rounding import Rounded, rounded

__all__ = [
    "Change",
    "LinearMap",
    "compared_at",
    "first_change",
    "is_unchanged",
    "known_at",
    "same_function",
    "slack_of",
    "values_at",
    "vanishes",
]

FloatArray = NDArray[np.float64]

_SLACK = 4.0
"""Values are the same if they differ by no more than so many times the bound on their errors."""

_DATA_SLACK = 1e5
"""The same with data, which are the results of measurements and computations: 1e-11 of what the terms add up to."""

_TINY = 1e-290
"""What is smaller may be rounding at the end of the range of doubles."""

_CLOSE = 1e-3
_WRITTEN_OUT = 5000
_EXACT_PARTS, _EXACT_POINTS = 150, 8
_FEW_ROWS, _ROWS = 1e6, 3e5
"""Points times rows of data, at first and in all: with many rows, fewer points are looked at."""

_FEWEST, _FEW = 3, 12


@dataclass(frozen=True, eq=False)
class LinearMap:
    """A map x -> M x + a of all parameters.

    Parameters
    ----------
    matrix : array, shape (dim, dim) or (dim,)
        M, or its diagonal.
    exact : tuple of Fraction, optional
        The diagonal in exact numbers.
    is_rounded : bool
        Whether the entries of M have rounding errors.
    offset : tuple of Fraction, optional
        a, in exact numbers; None for 0.
    """

    matrix: FloatArray
    exact: tuple[Fraction, ...] | None = None
    is_rounded: bool = True
    offset: tuple[Fraction, ...] | None = None

    @classmethod
    def shift(cls, offset: Sequence[Fraction], *, is_exact: bool) -> LinearMap:
        """Return the map that adds a vector, whose entries are exact or nearest doubles."""
        ones = (Fraction(1),) * len(offset)
        return cls(np.ones(len(offset)), exact=ones if is_exact else None, is_rounded=False, offset=tuple(offset))

    @classmethod
    def reflection(cls, dim: int, places: Sequence[int]) -> LinearMap:
        """Return the map that changes the signs of some coordinates."""
        signs = [-1 if place in set(places) else 1 for place in range(dim)]
        return cls(np.array(signs, dtype=np.float64), exact=tuple(map(Fraction, signs)), is_rounded=False)

    def keeps_formula(self, expression: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> bool:
        """Return whether an expression is written afterwards as it was; if not, its values may still be the same."""
        if self.exact is None or self.offset is not None:
            return False
        moved = {x: sympy.Rational(factor) * x for x, factor in zip(symbols, self.exact, strict=True) if factor != 1}
        return bool(expression.xreplace(moved) == expression)

    def applied(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the images of points, shape (dim, n), and bounds on their errors."""
        if self.matrix.ndim == 1:
            moved = self.matrix[:, None] * points
            errors = 4.0 * np.finfo(float).eps * np.abs(moved) if self.is_rounded else np.zeros_like(moved)
            if self.offset is not None:
                step = np.array([float(each) for each in self.offset])[:, None]
                moved = moved + step
                # Of the sum, and of the step that was rounded to a double.
                errors = np.where(step == 0.0, errors, errors + np.finfo(float).eps * (np.abs(moved) + np.abs(step)))
            return moved, errors
        size = np.abs(self.matrix) @ np.abs(points)
        return self.matrix @ points, (16.0 if self.is_rounded else 2.0) * np.finfo(float).eps * size


@dataclass(frozen=True)
class Change:
    """Where an expression is not what it should be.

    Parameters
    ----------
    number : int
        Which map moved the point.
    point, image : array, shape (dim,)
        The point, and where the map takes it.
    before, after : float
        The values at both.
    """

    number: int
    point: FloatArray
    image: FloatArray
    before: float
    after: float


def vanishes(expression: sympy.Expr, symbols: Sequence[sympy.Symbol], data: Data = NO_DATA) -> bool:
    """Decide whether an expression is zero for (almost) all real values of the symbols.

    Parameters
    ----------
    expression : sympy.Expr
        A function of `symbols` and of `data`.
    symbols : sequence of sympy.Symbol
        The coordinates.
    data : mapping from str to array
        What the expression sums over.

    Raises
    ------
    InvalidArgumentError
        If the expression has a value at none of the points where it was looked at.
    """
    if expression == 0 or _expands_to_zero(expression):
        return True
    slack = slack_of(expression, data)
    for points in compared_at(expression, symbols, data):
        found = values_at(expression, symbols, points, data)
        known = np.isfinite(found.error)
        unsure = np.isfinite(found.value) & (found.value != 0.0) & ~known
        if np.any(np.abs(found.value) > slack * found.error + _TINY) or unsure.sum() > known.sum():
            return False
        known = points[:, known]
    known_at(expression, symbols, known)
    zero = sympy.S.Zero
    return all(
        _holds_exactly((expression, point), (zero, point)) for point in _exact_points(expression, symbols, known, data)
    )


def same_function(one: sympy.Expr, other: sympy.Expr, symbols: Sequence[sympy.Symbol], data: Data = NO_DATA) -> bool:
    """Decide whether two expressions have the same value for (almost) all real values of the symbols.

    Raises
    ------
    InvalidArgumentError
        As `vanishes`.
    """
    return vanishes(one - other, symbols, data)


def is_unchanged(
    expression: sympy.Expr, maps: Sequence[LinearMap], symbols: Sequence[sympy.Symbol], data: Data = NO_DATA
) -> bool:
    """Decide whether an expression has the same value before and after linear maps, by its formula or its values.

    Raises
    ------
    InvalidArgumentError
        As `vanishes`.
    """
    # Formulas are seen at once.
    return all(each.keeps_formula(expression, symbols) for each in maps) or (
        first_change(expression, maps, symbols, data) is None
    )


def first_change(
    expression: sympy.Expr, maps: Sequence[LinearMap], symbols: Sequence[sympy.Symbol], data: Data = NO_DATA
) -> Change | None:
    """Return a point at which a map changes the value of an expression; None if none does so.

    Raises
    ------
    InvalidArgumentError
        As `vanishes`.
    """
    slack = slack_of(expression, data)
    for points in compared_at(expression, symbols, data):
        here = values_at(expression, symbols, points, data)
        compared = np.zeros(points.shape[1], dtype=bool)
        for number, each in enumerate(maps):
            moved, errors = each.applied(points)
            there = values_at(expression, symbols, moved, data, errors)
            error = here.error + there.error
            compared |= np.isfinite(error)
            worst = _worst(here.value, there.value, slack * error + _TINY)
            if worst is not None:
                ends = points[:, worst], moved[:, worst]
                return Change(number, *ends, float(here.value[worst]), float(there.value[worst]))
        known = points[:, compared]
    known_at(expression, symbols, known)
    return _exact_change(expression, maps, symbols, _exact_points(expression, symbols, known, data))


def _worst(one: FloatArray, other: FloatArray, error: FloatArray) -> int | None:
    """Return where values differ most, if they do anywhere by more than an error.

    They are also taken to differ if they look so at more points than they are known to be close at.
    """
    with np.errstate(all="ignore"):
        gap, size = np.abs(other - one), np.abs(one) + np.abs(other) + _TINY
        share = np.where(np.isfinite(gap), gap / size, 0.0)
        differ, looks, close = gap > error, share > _CLOSE, share + error / size <= _CLOSE
    if differ.any():
        return int(np.argmax(np.where(differ, share, -1.0)))
    return int(np.argmax(share)) if looks.sum() > close.sum() else None


def _exact_change(
    expression: sympy.Expr,
    maps: Sequence[LinearMap],
    symbols: Sequence[sympy.Symbol],
    points: Sequence[Mapping[sympy.Symbol, Fraction]],
) -> Change | None:
    """Return a point at which a map changes the value of an expression by less than doubles can tell."""
    for number, each in enumerate(maps):
        if each.exact is None:
            continue
        for point in points:
            steps = (Fraction(0),) * len(symbols) if each.offset is None else each.offset
            moved = {s: f * point[s] + step for s, f, step in zip(symbols, each.exact, steps, strict=True)}
            if not _holds_exactly((expression, point), (expression, moved)):
                start, end = (np.array([[float(at[s])] for s in symbols]) for at in (point, moved))
                values = [float(values_at(expression, symbols, p, NO_DATA).value[0]) for p in (start, end)]
                return Change(number, start[:, 0], end[:, 0], *values)
    return None


def _expands_to_zero(expression: sympy.Expr) -> bool:
    return terms_of_product(expression) <= _WRITTEN_OUT and bool(sympy.expand(expression) == 0)


def slack_of(expression: sympy.Expr, data: Data) -> float:
    """Return by how many times the bounds on their errors values may differ that are the same."""
    return _DATA_SLACK if uses_data(expression) else _SLACK


def values_at(
    expression: sympy.Expr,
    symbols: Sequence[sympy.Symbol],
    points: FloatArray,
    data: Data,
    errors: FloatArray | None = None,
) -> Rounded:
    """Return the values of an expression at points, shape (dim, n), which are known but for errors."""
    return rounded([expression], _at(symbols, points, errors), data)[0]


def _at(
    symbols: Sequence[sympy.Symbol], points: FloatArray, errors: FloatArray | None = None
) -> dict[sympy.Symbol, Rounded]:
    off = np.zeros_like(points) if errors is None else errors
    return {symbol: Rounded(row, error) for symbol, row, error in zip(symbols, points, off, strict=True)}


def compared_at(expression: sympy.Expr, symbols: Sequence[sympy.Symbol], data: Data) -> Iterator[FloatArray]:
    """Yield points to compare values at: some of all sizes, which refute most of what is wrong, then telling ones."""
    rows = max((len(array) for array in data.values()), default=1) if uses_data(expression) else 1
    count = max(_FEWEST, min(_FEW, int(_FEW_ROWS / rows)))
    few = spread(len(symbols), np.random.default_rng(20260107), count=count)
    yield few
    telling = telling_points([expression], symbols, data)
    most = max(count, int(_ROWS / rows))
    if telling.shape[1] > most:
        telling = telling[:, np.random.default_rng(20260108).choice(telling.shape[1], most, replace=False)]
    yield np.concatenate([few, telling], axis=1)


def _exact_points(
    expression: sympy.Expr, symbols: Sequence[sympy.Symbol], known: FloatArray, data: Data
) -> list[dict[sympy.Symbol, Fraction]]:
    """Return some of the points as fractions, if the expression has nothing but exact numbers and is not large."""
    if uses_data(expression) or has_part(expression, sympy.Float) or len(parts_of(expression)) > _EXACT_PARTS:
        return []
    chosen = np.linspace(0, known.shape[1] - 1, min(_EXACT_POINTS, known.shape[1])).astype(int)
    return [
        {s: Fraction(float(x)).limit_denominator(10**6) for s, x in zip(symbols, known[:, k], strict=True)}
        for k in chosen
    ]


def _holds_exactly(
    one: tuple[sympy.Expr, Mapping[sympy.Symbol, Fraction]], other: tuple[sympy.Expr, Mapping[sympy.Symbol, Fraction]]
) -> bool:
    try:
        return are_equal(one, other)
    except UndefinedError:
        return True


def known_at(expression: sympy.Expr, symbols: Sequence[sympy.Symbol], points: FloatArray) -> None:
    """Check that there are points at which an expression has a value.

    Raises
    ------
    InvalidArgumentError
        If there are none.
    """
    if not points.shape[1]:
        raise InvalidArgumentError(
            f"cannot evaluate {shown(expression)} at any real values of {', '.join(map(str, symbols))}"
        )
