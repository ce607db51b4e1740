"""The proof that an expression is constant along a linear vector field, by the rules for sums, products and functions.

A polynomial whose derivative along the field is zero has the same value on all of an orbit; so has anything that is
made of such polynomials, whatever its kinks, jumps and choices are. This takes no derivative of anything that has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import sympy
from sympy.concrete.expr_with_limits import ExprWithLimits

from ..expressions import parts_of, terms_of_product

__all__ = ["Derivation", "symbols_by_part"]

Held: TypeAlias = Mapping[sympy.Basic, frozenset[sympy.Basic]]

_WRITTEN_OUT = 2000
"""A derivative that becomes longer than this is not written out in order to find terms that cancel."""

_NUMBERS = (sympy.Indexed, sympy.Idx)
_OPAQUE = (ExprWithLimits, sympy.Subs, sympy.Lambda, sympy.Derivative)


def symbols_by_part(expression: sympy.Basic) -> Held:
    """Return all symbols in each part of an expression, those that a sum goes over among them."""
    held: dict[sympy.Basic, frozenset[sympy.Basic]] = {}
    for part in parts_of(expression):
        inner = [held[each] for each in part.args]
        held[part] = frozenset((part,)) if isinstance(part, sympy.Symbol) else frozenset().union(*inner)
    return held


class Derivation:
    """The derivative along a field of one expression after the other; what they have in common is derived once.

    Parameters
    ----------
    field : mapping from symbol to sympy.Expr
        The components of the field, those that are not zero.

    Examples
    --------
    >>> x, y = sympy.symbols("x y", real=True)
    >>> turn = Derivation({x: -y, y: x})
    >>> turn.vanishes_on(sympy.Min(1, sympy.sqrt(x**2 + y**2))), turn.vanishes_on(sympy.Min(1, x))
    (True, False)
    """

    def __init__(self, field: Mapping[sympy.Symbol, sympy.Expr]) -> None:
        self.field = field
        self.memo: dict[sympy.Basic, sympy.Expr] = {}

    def vanishes_on(self, expression: sympy.Expr, held: Held | None = None) -> bool:
        """Return whether the derivative is seen to vanish; rows of data, and symbols that do not move, are numbers.

        `held` are the `symbols_by_part` of the expression: parts without those that move are then left out.
        """
        still = held or {}

        def inside(part: sympy.Basic) -> Sequence[sympy.Basic]:
            if part not in self.memo and part in still and still[part].isdisjoint(self.field):
                self.memo[part] = sympy.S.Zero
            return () if part in self.memo else part.args

        for part in parts_of(expression, inside):
            if part not in self.memo:
                self.memo[part] = self._along(part)
        return _is_zero(self.memo[expression])

    def _along(self, part: sympy.Basic) -> sympy.Expr:  # noqa: PLR0911 - one for each kind of part
        """Return the derivative of a part; where no rule is known, a symbol of its own, which cancels with nothing."""
        if part in self.field:
            return self.field[part]
        slopes = [self.memo[each] for each in part.args]
        if isinstance(part, _NUMBERS) or not any(slope is not sympy.S.Zero for slope in slopes):
            return sympy.S.Zero
        match part:
            case sympy.Add():
                return sympy.Add(*slopes)
            case sympy.Mul():
                moving = [(i, slope) for i, slope in enumerate(slopes) if slope is not sympy.S.Zero]
                return sympy.Add(*(sympy.Mul(*part.args[:i], slope, *part.args[i + 1 :]) for i, slope in moving))
            case sympy.Pow() if part.exp.is_Integer and part.exp > 0:
                return part.exp * part.base ** (part.exp - 1) * slopes[0]
            case sympy.Sum() if any(limit[0] in self.field for limit in part.limits):
                return sympy.Dummy()
        is_composed = isinstance(part, sympy.Sum) or not isinstance(part, _OPAQUE)
        return sympy.S.Zero if is_composed and all(map(_is_zero, slopes)) else sympy.Dummy()


def _is_zero(derivative: sympy.Expr) -> bool:
    if derivative == 0:
        return True
    if derivative.is_Symbol or terms_of_product(derivative) > _WRITTEN_OUT:
        return False
    return bool(sympy.expand(derivative) == 0)
