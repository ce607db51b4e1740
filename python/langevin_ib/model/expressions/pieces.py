"""The pieces that an expression is made of: its kinks, jumps and choices.

SymPy's derivatives hold inside of a piece and leave out what happens between them: the second derivative of
Piecewise((r, r > 0), (-r, True)) is 0. So nothing may be concluded from a derivative where there is more than one
piece.
"""

from __future__ import annotations

import sympy
from sympy.logic.boolalg import Boolean

from .parts import parts_of

__all__ = ["SMOOTH", "is_rough", "rough_parts"]

SMOOTH = (
    *(sympy.exp, sympy.log, sympy.LambertW, sympy.gamma, sympy.loggamma, sympy.digamma, sympy.polygamma),
    *(sympy.sin, sympy.cos, sympy.tan, sympy.cot, sympy.sec, sympy.csc, sympy.sinc),
    *(sympy.asin, sympy.acos, sympy.atan, sympy.acot, sympy.asec, sympy.acsc),
    *(sympy.sinh, sympy.cosh, sympy.tanh, sympy.coth, sympy.sech, sympy.csch),
    *(sympy.asinh, sympy.acosh, sympy.atanh, sympy.acoth, sympy.asech, sympy.acsch),
    *(sympy.erf, sympy.erfc, sympy.erfi, sympy.erfinv, sympy.erfcinv),
    *(sympy.besselj, sympy.bessely, sympy.besseli, sympy.besselk, sympy.airyai, sympy.airybi),
)
"""Functions that have one piece: all their derivatives are those that SymPy has, wherever they have a value."""

_ONE_PIECE = (sympy.Add, sympy.Mul, sympy.Pow, sympy.Sum, sympy.Product, sympy.Tuple, *SMOOTH)


def is_rough(part: sympy.Basic) -> bool:
    """Return whether a part joins several pieces (Max, Abs, sign, Piecewise, floor, a condition), or is unknown."""
    return bool(part.args) and not isinstance(part, (*_ONE_PIECE, sympy.Indexed, sympy.IndexedBase, sympy.Idx))


def rough_parts(expression: sympy.Basic) -> list[sympy.Basic]:
    """Return the outermost parts of an expression that join several pieces, each once.

    Examples
    --------
    >>> x, y = sympy.symbols("x y", real=True)
    >>> rough_parts(x**2 * sympy.Max(0, sympy.Abs(y) - 1) + sympy.exp(x))
    [Max(0, Abs(y) - 1)]
    """
    parts = parts_of(expression, lambda part: () if is_rough(part) else part.args)
    return [part for part in parts if is_rough(part) and not isinstance(part, Boolean)]
