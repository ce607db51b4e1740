"""Where a formula of one variable may jump, bend, or be narrow: what no look at finitely many of its values can tell.

Jumps and bends are where an argument of Abs, Max, Min, sign, Heaviside or of the condition of a Piecewise changes its
sign; poles and branch points where the base of a power or the argument of a logarithm is zero. A well such as
exp(-((x - a)/s)**2) is where what stands inside of it is zero, or does not change: that is where to look for it,
however small s may be. Inside of a sum over data there is one such place for each row.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from ...errors import InvalidArgumentError
from .data import Data, limits_of
from .jets import jet
from .parts import degree_of, has_part, parts_of
from .pieces import rough_parts

__all__ = ["landmarks"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]
Limits: TypeAlias = tuple[tuple[sympy.Basic, int, int], ...]
Rows: TypeAlias = Mapping[sympy.Basic, IndexArray]
_Evaluated: TypeAlias = Callable[[FloatArray, Rows], tuple[FloatArray, FloatArray | None]]
"""Takes points and the row of each; returns values, and slopes if they are known."""

_ONE_ARGUMENT = (sympy.Abs, sympy.sign, sympy.Heaviside)

_MOST_ROWS = 2000
"""Among more bends than these none matters by itself."""

_FEW_ROWS = 100
_MOST_STEPS = 100
_MOST_ARGUMENTS = 12  # of Max or Min: two by two, they are compared 66 times
_POLYNOMIAL = 16
_SIZES = np.geomspace(1e-8, 1e8, 321)
_LOOKS = np.concatenate([-_SIZES[::-1], [0.0], _SIZES])


def landmarks(expression: sympy.Expr, x: sympy.Symbol, data: Data) -> FloatArray:
    """Return points at which a function of x may jump or bend, or near which it may have narrow features.

    Parameters
    ----------
    expression : sympy.Expr
        A function of x and of data.
    x : sympy.Symbol
        The variable.
    data : mapping from str to array
        What the expression sums over.

    Returns
    -------
    array, shape (n,)
        Sorted. Those of affine and polynomial arguments are complete, up to rounding; of others, zeros that are closer
        together than a tenth of their size may be missed.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> landmarks(sympy.Max(0, 2 * x - 1) + sympy.exp(-((x - 3) ** 2) * 10**8), x, {})
    array([0.5, 3. ])
    """
    found = [
        _zeros(function, x, limits, data, of_slope=of_slope)
        for function, limits, of_slope in dict.fromkeys(_functions(expression, x))
    ]
    points = np.concatenate([np.zeros(0), *found])
    points = points[np.isfinite(points)]
    # What is found between 0 and the smallest number is 0.
    return np.unique(np.where(np.abs(points) < np.finfo(np.float64).tiny, 0.0, points))


def _functions(expression: sympy.Expr, x: sympy.Symbol) -> Iterator[tuple[sympy.Expr, Limits, bool]]:
    """Yield functions whose zeros, or the zeros of whose slopes, are wanted, each with the sums that it stands in."""
    todo: list[tuple[sympy.Basic, Limits]] = [(expression, ())]
    while todo:
        outer, limits = todo.pop()
        for part in parts_of(outer, lambda part: () if isinstance(part, sympy.Sum) else part.args):
            if not part.has(x):
                continue
            if isinstance(part, sympy.Sum):
                todo.append((part.function, (*limits, *limits_of("a sum", part))))
            else:
                yield from ((function, limits, of_slope) for function, of_slope in _of_node(part) if function.has(x))


def _of_node(node: sympy.Basic) -> Iterator[tuple[sympy.Expr, bool]]:
    match node:
        case sympy.Max() | sympy.Min():
            if len(node.args) <= _MOST_ARGUMENTS:
                yield from ((one - other, False) for one, other in itertools.combinations(node.args, 2))
        case sympy.Piecewise():
            for _, condition in node.args:
                yield from ((part.lhs - part.rhs, False) for part in _relations(condition))
        case sympy.Pow():
            is_whole = node.exp.is_Integer and node.exp.is_positive
            if node.base.free_symbols and not (node.base.is_Symbol and is_whole):
                yield node.base, False
            if node.exp.free_symbols:
                yield from _features(node.exp)
        case sympy.Function():
            for argument in node.args:
                yield argument, False
                if not isinstance(node, _ONE_ARGUMENT):
                    yield from _features(argument)


def _features(argument: sympy.Expr) -> Iterator[tuple[sympy.Expr, bool]]:
    yield argument, False
    if degree_of(argument) > 1.0 and not rough_parts(argument):
        yield argument, True


def _relations(condition: Boolean) -> list[Relational]:
    return [part for part in parts_of(condition) if isinstance(part, Relational)]


def _zeros(function: sympy.Expr, x: sympy.Symbol, limits: Limits, data: Data, *, of_slope: bool) -> FloatArray:
    """Return the zeros of a function, or of its slope, in all rows of the sums around it."""
    used = [limit for limit in limits if function.has(limit[0])]
    if math.prod(last - first + 1 for _, first, last in used) > _MOST_ROWS:
        return np.zeros(0)
    grids = np.meshgrid(*(np.arange(first, last + 1) for _, first, last in used), indexing="ij")
    rows = {index: grid.ravel() for (index, _, _), grid in zip(used, grids, strict=True)}
    degree = degree_of(function) - of_slope
    if degree <= _POLYNOMIAL and not rows and not has_part(function, sympy.Sum):
        return _polynomial_zeros(sympy.diff(function, x) if of_slope else function, x)

    def evaluated(points: FloatArray, which: Rows) -> tuple[FloatArray, FloatArray | None]:
        try:
            found = jet(function, {x: points}, data, {x: np.ones_like(points)}, rows=which)
        except InvalidArgumentError:  # a node that has no derivative here
            return np.full(points.shape, np.nan), None
        slope = np.zeros(points.shape) if found.slope is None else found.slope
        return (slope, None) if of_slope else (found.value, slope)

    if degree == 1.0 and not of_slope:
        value, slope = evaluated(np.zeros(max((grid.size for grid in grids), default=1)), rows)
        with np.errstate(all="ignore"):
            return np.zeros(0) if slope is None else np.asarray(-value / slope)
    return _sought(evaluated, rows)


def _polynomial_zeros(function: sympy.Expr, x: sympy.Symbol) -> FloatArray:
    try:
        coefficients = np.array([float(c) for c in sympy.Poly(function, x).all_coeffs()])
    except (sympy.PolynomialError, TypeError, OverflowError):
        return np.zeros(0)
    if coefficients.size == 2:
        return np.asarray(-coefficients[1:] / coefficients[0])
    roots = np.roots(coefficients)
    # Double roots come out a little beside the line.
    return np.asarray(roots.real[np.abs(roots.imag) <= 1e-6 * np.abs(roots)])


def _sought(evaluated: _Evaluated, rows: Rows) -> FloatArray:
    """Return the places where a function changes its sign between two of many points."""
    count = max((index.size for index in rows.values()), default=1)
    looks = _LOOKS[:: 1 if count <= _FEW_ROWS else 4]
    which = {index: np.repeat(numbers, looks.size) for index, numbers in rows.items()}
    signs = np.sign(evaluated(np.tile(looks, count), which)[0]).reshape(count, looks.size)
    row, k = np.nonzero(signs[:, 1:] * signs[:, :-1] < 0.0)
    met = looks[np.nonzero(signs == 0.0)[1]]
    if row.size + met.size > _MOST_ROWS:
        return np.zeros(0)
    here = {index: numbers[row] for index, numbers in rows.items()}
    return np.concatenate([met, _between(evaluated, here, looks[k], looks[k + 1], signs[row, k])])


def _between(evaluated: _Evaluated, which: Rows, low: FloatArray, high: FloatArray, left: FloatArray) -> FloatArray:
    """Solve for zeros between points by Newton steps that fall back to bisection; `left` is the sign at the lower."""
    t = (low + high) / 2.0
    for _ in range(_MOST_STEPS if t.size else 0):
        value, slope = evaluated(t, which)
        is_left = np.sign(value) == left
        low, high = np.where(is_left, t, low), np.where(is_left, high, t)
        with np.errstate(all="ignore"):
            step = np.full(t.shape, np.nan) if slope is None else t - value / slope
        proposal = np.where((step > low) & (step < high), step, (low + high) / 2.0)
        moved = np.abs(proposal - t)
        t = proposal
        if np.all(moved <= 2.0 * np.spacing(np.abs(t))):
            break
    return t
