"""Values of expressions at many points at once, each with a bound on what rounding has changed in it.

That is running error analysis: along with each value goes a bound on its error, to first order, with the errors of its
parts and of the operation itself in it. So two values differ if they differ by more than their errors, and no share of
anything has to be chosen below which a difference is none. Where a comparison, a sign or a whole part is a matter of
rounding, both outcomes are within the error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from ...errors import InvalidArgumentError
from ..expressions import Data, function_of, index_factors, limits_of, parts_of

__all__ = ["Rounded", "rounded"]

FloatArray = NDArray[np.float64]

_UNIT = 2.0**-52
_FUNCTION = 8.0 * _UNIT
"""Relative error of a function of NumPy or SciPy."""

_NUMBER = 1e-13
"""Relative error of a number that is written in decimals: those who type or compute it do not mean all its digits."""

_TINY = 2.0**-1022
"""What is smaller may have been rounded to 0."""

_LARGEST = 0.1
"""With a larger error of its argument nothing is known of a function's value."""

_OF_RATIOS = (sympy.Pow, sympy.log, sympy.atan2)
"""Functions for which the error of an argument is small or large in comparison with that argument."""

_NOT_IN_NUMPY = (NameError, TypeError, ValueError, NotImplementedError)
"""What is raised for a function that NumPy and SciPy do not have, or a derivative that SymPy does not know."""

_STEP = 1e-6
_ENTRIES = 2**17
"""Sums go over so many rows at once that an array has about this many entries."""

_COMPARISONS: dict[type[sympy.Basic], Callable[..., Any]] = {
    sympy.Lt: np.less,
    sympy.Le: np.less_equal,
    sympy.Gt: np.greater,
    sympy.Ge: np.greater_equal,
    sympy.Eq: np.equal,
    sympy.Ne: np.not_equal,
}


class Rounded(NamedTuple):
    """Values, and bounds on their errors; infinite where nothing is known. Conditions are 1 or 0."""

    value: FloatArray
    error: FloatArray


def rounded(
    expressions: Sequence[sympy.Basic],
    points: Mapping[sympy.Symbol, Rounded],
    data: Data,
) -> list[Rounded]:
    """Return values with errors.

    Parameters
    ----------
    expressions : sequence of sympy.Expr
        Functions of the symbols of `points` and of `data`; what they have in common is evaluated once.
    points : mapping from symbol to Rounded, shape (n,)
        Where to evaluate, and how exactly that is known.
    data : mapping from str to array
        What `sympy.IndexedBase` of these names stands for; exact numbers.

    Returns
    -------
    list of Rounded
        With arrays of shape (n,). Where the value is not finite, or unknown, the error is infinite.

    Raises
    ------
    InvalidArgumentError
        If there is a part that this evaluation does not know.
    """
    shape = np.broadcast_shapes(*(np.shape(each.value) for each in points.values()))
    walk = _Walk(data, points)
    with np.errstate(all="ignore"):
        found = [walk.of(expression) for expression in expressions]
        return [_finite(each, shape) for each in found]


def _finite(found: Rounded, shape: tuple[int, ...]) -> Rounded:
    value, error = (np.broadcast_to(each, shape) for each in found)
    return Rounded(value, np.where(np.isfinite(value) & ~np.isnan(error), error, np.inf))


def _opened(part: sympy.Basic) -> Sequence[sympy.Basic]:
    return () if isinstance(part, (sympy.Sum, sympy.Indexed)) else part.args


@dataclass
class _Walk:
    """One walk through expressions; inside a sum arrays have a further leading axis for its rows."""

    data: Data
    points: Mapping[sympy.Symbol, Rounded]
    rows: Mapping[sympy.Basic, NDArray[np.int64]] = field(default_factory=dict)
    memo: dict[sympy.Basic, Rounded] = field(default_factory=dict)

    def of(self, expression: sympy.Basic) -> Rounded:
        for part in parts_of(expression, _opened):
            if part not in self.memo:
                self.memo[part] = self._evaluated(part)
        return self.memo[expression]

    def _evaluated(self, part: sympy.Basic) -> Rounded:  # noqa: PLR0911 - one for each kind of part
        if part in self.rows:
            return _exactly(self.rows[part].astype(np.float64))
        if part in self.points:
            return self.points[part]
        match part:
            case sympy.Number() | sympy.NumberSymbol():
                return _number(part)
            case sympy.Indexed():
                return _exactly(self.data[str(part.base.label)][tuple(self._index(i) for i in part.indices)])
            case sympy.Sum():
                return self._sum(part)
            case sympy.logic.boolalg.BooleanAtom():
                return _exactly(np.asarray(float(bool(part))))
            case sympy.functions.elementary.piecewise.ExprCondPair():
                return self.memo[part.args[0]]
            case sympy.Piecewise():
                return _piecewise([(self.memo[pair.args[0]], self.memo[pair.args[1]]) for pair in part.args])
        inner = [self.memo[each] for each in part.args]
        if isinstance(part, (Relational, Boolean)):
            return _condition(part, inner)
        if isinstance(part, (sympy.frac, sympy.Mod)):
            return _remainder(inner[0], inner[1] if len(inner) > 1 else _exactly(np.ones(())))
        if not isinstance(part, sympy.Expr):
            raise InvalidArgumentError(
                f"there are no values of {type(part).__name__} here, as in {part}; write it with other functions"
            )
        return _operation(part, inner)

    def _index(self, index: sympy.Expr) -> Any:
        factors = index_factors(index) or {}
        return sum(factor * self.rows.get(bound, 1) for bound, factor in factors.items())

    def _sum(self, part: sympy.Sum) -> Rounded:
        index, first, last = limits_of("a sum", part)[-1]
        inner = part.func(part.function, *part.limits[:-1]) if len(part.limits) > 1 else part.function
        width = max((np.size(each.value) for each in self.points.values()), default=1)
        for rows in self.rows.values():
            width *= rows.size
        count, axes = max(1, _ENTRIES // width), 1 + len(self.rows)
        totals = []
        for start in range(first, last + 1, count):
            numbers = np.arange(start, min(start + count, last + 1)).reshape(-1, *(1,) * axes)
            body = _Walk(self.data, self.points, {**self.rows, index: numbers}).of(inner)
            value, error = (_over_rows(each, numbers) for each in body)
            totals.append(Rounded(value, error + 4.0 * _UNIT * _over_rows(np.abs(body.value), numbers)))
        return reduce(_added, totals)


def _exactly(value: FloatArray) -> Rounded:
    return Rounded(value, np.zeros(()))


def _over_rows(part: FloatArray, numbers: NDArray[np.int64]) -> FloatArray:
    """Sum over the leading axis, along which what does not depend on the row is not as long as the rows."""
    if np.ndim(part) < numbers.ndim:
        return np.asarray(part * len(numbers))
    return np.asarray(part.sum(axis=0) if len(part) == len(numbers) else part[0] * len(numbers))


def _number(number: sympy.Expr) -> Rounded:
    try:
        value = float(number)
    except OverflowError:
        value = float("inf") if number.is_positive else float("-inf")
    exactly = number.is_Rational and math.isfinite(value) and Fraction(int(number.p), int(number.q)) == value
    error = _NUMBER if number.is_Float else 0.0 if exactly else _UNIT
    return Rounded(np.asarray(value), np.asarray(error * abs(value)))


def _operation(part: sympy.Expr, inner: list[Rounded]) -> Rounded:  # noqa: PLR0911 - one for each kind of part
    match part:
        case sympy.Add():
            return reduce(_added, inner)
        case sympy.Mul():
            return reduce(_multiplied, inner)
        case sympy.Max() | sympy.Min():
            pick = np.maximum if isinstance(part, sympy.Max) else np.minimum
            return Rounded(reduce(pick, [each.value for each in inner]), reduce(np.maximum, [e.error for e in inner]))
        case sympy.Abs():
            return Rounded(np.abs(inner[0].value), inner[0].error)
        case sympy.sign() | sympy.Heaviside():
            unsure = (np.abs(inner[0].value) <= inner[0].error) & (inner[0].error > 0.0)
            value = _value(part, inner)
            return Rounded(value, np.where(unsure, 2.0, 0.0))
        case sympy.floor() | sympy.ceiling():
            return _whole(part, inner[0])
        case sympy.KroneckerDelta():
            return _exactly(np.equal(inner[0].value, inner[1].value).astype(np.float64))
        case sympy.Pow() if part.exp.is_Integer and part.exp > 0:
            return _whole_power(inner[0], int(part.exp))
    return _function(part, inner)


def _added(one: Rounded, other: Rounded) -> Rounded:
    value = one.value + other.value
    return Rounded(value, one.error + other.error + _UNIT * np.abs(value))


def _multiplied(one: Rounded, other: Rounded) -> Rounded:
    value, (a, b) = one.value * other.value, (np.abs(one.value), np.abs(other.value))
    lost = np.where((np.abs(value) < _TINY) & (a > 0.0) & (b > 0.0), _TINY, 0.0)
    return Rounded(value, (a + one.error) * other.error + b * one.error + _UNIT * np.abs(value) + lost)


def _whole_power(base: Rounded, exponent: int) -> Rounded:
    value, largest = base.value**exponent, np.abs(base.value) + base.error
    # 0 * inf is no error where the base is exact.
    slope = np.where(base.error > 0.0, exponent * largest ** (exponent - 1), 0.0)
    lost = np.where((np.abs(value) < _TINY) & (base.value != 0.0), _TINY, 0.0)
    return Rounded(value, slope * base.error + _FUNCTION * np.abs(value) + lost)


def _whole(part: sympy.Expr, inner: Rounded) -> Rounded:
    value = np.floor(inner.value) if isinstance(part, sympy.floor) else np.ceil(inner.value)
    near = np.abs(inner.value - np.round(inner.value)) <= inner.error
    return Rounded(value, np.where(near & (inner.error > 0.0), 1.0 + inner.error, 0.0))


def _remainder(one: Rounded, other: Rounded) -> Rounded:
    value = np.mod(one.value, other.value)
    error = one.error + np.abs(one.value / other.value) * other.error
    jumps = (np.minimum(np.abs(value), np.abs(other.value - value)) <= error) & (error > 0.0)
    return Rounded(value, np.where(jumps, np.abs(other.value) + error, error))


def _value(part: sympy.Expr, inner: Sequence[Rounded], argument: int | None = None) -> FloatArray:
    """Return what a function, or its derivative by an argument, has for values."""
    values = [each.value for each in inner]
    try:
        return np.asarray(function_of(part, argument)(*values), dtype=np.float64)
    except _NOT_IN_NUMPY:
        if argument is not None:
            step = _STEP * (1.0 + np.abs(values[argument]))
            ends = [[v + sign * step if k == argument else v for k, v in enumerate(values)] for sign in (1.0, -1.0)]
            one, other = (_value(part, [Rounded(v, np.zeros(())) for v in end]) for end in ends)
            return np.asarray((one - other) / (2.0 * step))
        return np.asarray(np.vectorize(lambda *numbers: _by_sympy(part, numbers), otypes=[float])(*values))


def _by_sympy(part: sympy.Expr, numbers: Sequence[float]) -> float:
    """Return the value of a function that NumPy and SciPy do not have; not a number where it is not real."""
    found = sympy.N(part.func(*(sympy.Float(float(number), 17) for number in numbers)), 17)
    return float(found) if found.is_real else math.nan


def _function(part: sympy.Expr, inner: list[Rounded]) -> Rounded:
    value = _value(part, inner)
    error = np.asarray(_FUNCTION * np.abs(value) + np.where(np.abs(value) < _TINY, _TINY, 0.0))
    for k, argument in enumerate(inner):
        if not np.any(argument.error):
            continue
        # Twice, for what the slope changes within the error.
        slope = np.abs(_value(part, inner, k))
        moved = np.where(argument.error > 0.0, 2.0 * slope * argument.error, 0.0)
        scale = np.abs(argument.value) if isinstance(part, _OF_RATIOS) else 1.0
        error = error + np.where(argument.error > _LARGEST * scale, np.inf, moved)
    return Rounded(value, error)


def _condition(part: sympy.Basic, inner: list[Rounded]) -> Rounded:
    if type(part) in _COMPARISONS:
        one, other = inner
        gap, error = np.abs(one.value - other.value), one.error + other.error
        value = _COMPARISONS[type(part)](one.value, other.value).astype(np.float64)
        return Rounded(value, np.where((gap <= error) & (error > 0.0), 1.0, 0.0))
    values, errors = [each.value for each in inner], [each.error for each in inner]
    match part:
        case sympy.And():
            value = reduce(np.minimum, values)
            unsure = reduce(np.minimum, [v + e for v, e in inner]) > 0.0
            return Rounded(value, np.where(unsure & (reduce(np.maximum, errors) > 0.0), 1.0, 0.0))
        case sympy.Or():
            value = reduce(np.maximum, values)
            unsure = reduce(np.maximum, [v - e for v, e in inner]) < 1.0
            return Rounded(value, np.where(unsure & (reduce(np.maximum, errors) > 0.0), 1.0, 0.0))
        case sympy.Not():
            return Rounded(1.0 - values[0], errors[0])
        case sympy.ITE():
            return _piecewise([(inner[1], inner[0]), (inner[2], _exactly(np.ones(())))])
    raise InvalidArgumentError(f"the condition {part} cannot be evaluated")


def _piecewise(pairs: list[tuple[Rounded, Rounded]]) -> Rounded:
    """Choose the first value whose condition holds; where that is unsure, any later one is within the error."""
    result = Rounded(np.asarray(np.nan), np.zeros(()))
    for branch, condition in reversed(pairs):
        holds = condition.value != 0.0
        apart = np.where(condition.error > 0.0, np.abs(branch.value - result.value) + result.error + branch.error, 0.0)
        result = Rounded(
            np.where(holds, branch.value, result.value), np.maximum(np.where(holds, branch.error, result.error), apart)
        )
    return result
