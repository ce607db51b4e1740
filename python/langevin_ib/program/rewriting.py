"""Functions that a tape does not have, in terms of those that it has, where that costs no accuracy."""

from __future__ import annotations

from collections.abc import Callable

import sympy

__all__ = ["HINTS", "REWRITTEN"]


def _side(x: sympy.Expr) -> sympy.Expr:
    """Return the sign of x as a number that is never 0 and has no derivative: x side(x) then has the right one at 0."""
    return sympy.Piecewise((-1, x < 0), (1, True))


def _asinh(x: sympy.Expr) -> sympy.Expr:
    size = _side(x) * x
    return _side(x) * _log_of_one_plus(size, size**2 / (1 + sympy.sqrt(1 + size**2)))


def _atanh(x: sympy.Expr) -> sympy.Expr:
    # By the size: near x = -1 the logarithm of nearly 0 would see little but rounding.
    size = _side(x) * x
    return _side(x) * _log_of_one_plus(2 * size / (1 - size)) / 2


def _log_of_one_plus(*terms: sympy.Expr) -> sympy.Expr:
    # 1 must not be joined with a number in the terms: the logarithm of nearly 1 wants to see what is beyond 1.
    return sympy.log(sympy.Add(1, *terms, evaluate=False))


def _acosh(x: sympy.Expr) -> sympy.Expr:
    return _log_of_one_plus(x - 1, sympy.sqrt((x - 1) * (x + 1)))


def _csch(x: sympy.Expr) -> sympy.Expr:
    size = _side(x) * x
    return 2 * _side(x) * sympy.exp(-size) / (1 - sympy.exp(-2 * size))


def _atan2(y: sympy.Expr, x: sympy.Expr) -> sympy.Expr:
    straight = _side(y) * sympy.pi
    above = (straight / 2 - sympy.atan(x / y), sympy.Ne(y, 0))
    return sympy.Piecewise((sympy.atan(y / x), x > 0), (straight + sympy.atan(y / x), x < 0), above)


REWRITTEN: dict[type[sympy.Basic], Callable[..., sympy.Expr]] = {
    # All is real here; but SymPy does not know that of entries of an IndexedBase, unless it is told.
    sympy.re: lambda x: x,
    sympy.im: lambda x: sympy.S.Zero,
    sympy.conjugate: lambda x: x,
    sympy.UnevaluatedExpr: lambda x: x,
    sympy.KroneckerDelta: lambda a, b, *_: sympy.Piecewise((1, sympy.Eq(a, b)), (0, True)),
    sympy.sec: lambda x: 1 / sympy.cos(x),
    sympy.csc: lambda x: 1 / sympy.sin(x),
    sympy.sech: lambda x: 2 * sympy.exp(-sympy.Abs(x)) / (1 + sympy.exp(-2 * sympy.Abs(x))),
    sympy.csch: _csch,
    sympy.cot: lambda x: sympy.cos(x) / sympy.sin(x),
    sympy.coth: lambda x: 1 / sympy.tanh(x),
    sympy.sinc: lambda x: sympy.Piecewise((sympy.sin(x) / x, sympy.Ne(x, 0)), (1, True)),
    sympy.asin: lambda x: sympy.atan(x / sympy.sqrt((1 - x) * (1 + x))),
    sympy.acos: lambda x: 2 * sympy.atan(sympy.sqrt((1 - x) / (1 + x))),
    sympy.acot: lambda x: sympy.atan(1 / x),
    sympy.atan2: _atan2,
    sympy.asinh: _asinh,
    sympy.acosh: _acosh,
    sympy.atanh: _atanh,
}
"""What stands for what. The formulas are lowered like anything else, so idioms in them are recognised."""

HINTS: dict[str, str] = {
    "erfc": "write 1 - erf(x) if an accuracy of 1e-16 in absolute terms is enough",
    "floor": "steps have no gradient; use Heaviside or Piecewise",
    "ceiling": "steps have no gradient; use Heaviside or Piecewise",
    "MatrixElement": "use sympy.IndexedBase, and give the array as data",
    "Product": "write exp(Sum(log(...)))",
    "Integral": "integrate it first, or replace it by a Sum",
    **dict.fromkeys(("Derivative", "Determinant", "Limit", "Subs", "Trace"), "call .doit() on it first"),
    **dict.fromkeys(("Contains", "Equivalent", "Implies", "Xor"), "write it with comparisons, And, Or and Not"),
    **dict.fromkeys(("Mod", "frac"), "it jumps; write it with Piecewise"),
}
"""What to do instead, for functions that are asked for and can't be had."""
