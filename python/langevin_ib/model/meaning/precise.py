"""The value of an expression at one rational point: a fraction where it has one, else in as many digits as wanted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, TypeAlias

import mpmath
import sympy
from sympy.logic.boolalg import BooleanAtom

from ..expressions import parts_of

__all__ = ["UndefinedError", "are_equal"]

Value: TypeAlias = Any
"""A Fraction, or an mpmath number; True or False for conditions."""

_DIGITS = (50, 80)
_LONG = 4096
"""Fractions of more bits go on as numbers of so many digits."""


class UndefinedError(ArithmeticError):
    """The expression has no real value at the point."""


_RELATIONS: dict[type[sympy.Basic], Callable[[Value, Value], bool]] = {
    sympy.Lt: lambda a, b: a < b,
    sympy.Le: lambda a, b: a <= b,
    sympy.Gt: lambda a, b: a > b,
    sympy.Ge: lambda a, b: a >= b,
    sympy.Eq: lambda a, b: a == b,
    sympy.Ne: lambda a, b: a != b,
}


def are_equal(
    one: tuple[sympy.Expr, Mapping[sympy.Symbol, Fraction]], other: tuple[sympy.Expr, Mapping[sympy.Symbol, Fraction]]
) -> bool:
    """Return whether two expressions without data have the same value, each at a point of its own.

    Fractions are compared as they are. Of other numbers the difference is computed in 50 and in 80 digits: if it is
    nothing but rounding it becomes smaller by many orders of magnitude, and if it is not it stays.

    Raises
    ------
    UndefinedError
        If one of them has no real value there.
    """
    gaps = []
    for digits in _DIGITS:
        a, b = _value(*one, digits), _value(*other, digits)
        if isinstance(a, Fraction) and isinstance(b, Fraction):
            return a == b
        with mpmath.workdps(digits):
            gaps.append(abs(_real(a) - _real(b)))
    return bool(gaps[0] == 0 or gaps[1] <= mpmath.mpf(10) ** (-(_DIGITS[1] - _DIGITS[0]) // 2) * gaps[0])


def _value(expression: sympy.Expr, point: Mapping[sympy.Symbol, Fraction], digits: int) -> Value:
    memo: dict[sympy.Basic, Value] = {}
    with mpmath.workdps(digits):
        for part in parts_of(expression):
            try:
                memo[part] = point[part] if part in point else _evaluated(part, [memo[each] for each in part.args])
            except (ArithmeticError, ValueError, TypeError, AttributeError):
                # It may be in a piece that is not chosen.
                memo[part] = None
        value = memo[expression]
        if value is None or not (isinstance(value, Fraction) or mpmath.isfinite(value)):
            raise UndefinedError
        return value


def _evaluated(part: sympy.Basic, inner: list[Value]) -> Value:  # noqa: PLR0911, PLR0912 - one for each kind of part
    if isinstance(part, BooleanAtom):
        return bool(part)
    if isinstance(part, sympy.Rational):
        return Fraction(int(part.p), int(part.q))
    if isinstance(part, sympy.functions.elementary.piecewise.ExprCondPair):
        return tuple(inner)
    if isinstance(part, sympy.Piecewise):
        for value, condition in inner:
            if condition is None or condition:
                return value if condition is not None else None
        return None
    if any(each is None for each in inner):
        return None
    if type(part) in _RELATIONS:
        return _RELATIONS[type(part)](*inner)
    match part:
        case sympy.And():
            return all(inner)
        case sympy.Or():
            return any(inner)
        case sympy.Not():
            return not inner[0]
        case sympy.ITE():
            return inner[1] if inner[0] else inner[2]
        case sympy.Add():
            return _short(sum(inner[1:], inner[0]) if _fractions(inner) else mpmath.fsum(map(_real, inner)))
        case sympy.Mul():
            return _short(math.prod(inner) if _fractions(inner) else mpmath.fprod(map(_real, inner)))
        case sympy.Pow() if part.exp.is_Integer and isinstance(inner[0], Fraction) and abs(part.exp) < 64:
            return _short(inner[0] ** int(part.exp))
        case sympy.Abs():
            return abs(inner[0])
        case sympy.Max() | sympy.Min():
            return (max if isinstance(part, sympy.Max) else min)(inner)
        case sympy.sign():
            return Fraction((inner[0] > 0) - (inner[0] < 0))
        case sympy.Heaviside():
            return inner[1] if inner[0] == 0 else Fraction(int(inner[0] > 0))
        case sympy.floor() | sympy.ceiling():
            return Fraction(int((mpmath.floor if isinstance(part, sympy.floor) else mpmath.ceil)(_real(inner[0]))))
    return _by_sympy(part, inner)


def _fractions(inner: list[Value]) -> bool:
    return all(isinstance(each, Fraction) for each in inner)


def _short(value: Value) -> Value:
    is_long = isinstance(value, Fraction) and value.denominator.bit_length() + value.numerator.bit_length() > _LONG
    return _real(value) if is_long else value


def _real(value: Value) -> Value:
    return mpmath.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else mpmath.mpf(value)


def _by_sympy(part: sympy.Basic, inner: list[Value]) -> Value:
    """Return what SymPy's own evaluation has; it takes decimals, since of fractions it would look for exact results."""
    digits = mpmath.mp.dps
    found = part.func(*(sympy.Float(_real(each), digits) for each in inner)) if inner else part
    number = sympy.N(found, digits)
    if not number.is_real or not number.is_finite:
        return None
    return mpmath.mpf(number._to_mpmath(mpmath.mp.prec))
