"""How an expression scales: the proof by degrees that it is invariant under scalings x_i -> s**w_i x_i, s > 0.

A part f of an expression has a *grade* under a scaling if, for all s > 0 and everywhere,

    f(s x)  =  s**degree f(x) + shift log(s),

where one of the two numbers is zero. A parameter has its weight for a degree. Degrees of factors add up; terms need
equal ones, and so do the arguments of Max and Min and the sides of a comparison, which then holds or not all along an
orbit; the sign of anything with a degree does not change; logarithms turn degrees into shifts; any function of parts
whose grades are zero is itself invariant. Kinks, jumps and choices are no exceptions, wherever they are, and rows of
data are numbers. What has no grade by these rules may be invariant all the same: this is a proof, not a decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

import sympy
from sympy.concrete.expr_with_limits import ExprWithLimits
from sympy.core.relational import Relational

from ..expressions import parts_of, terms_of_product

__all__ = ["Grading", "Weights", "exact_number"]

Number: TypeAlias = Fraction | float
Weights: TypeAlias = Mapping[sympy.Symbol, Mapping[int, Number]]
"""The weights of each symbol in the scalings that move it, by their numbers."""

_CLOSE = 1e-12
"""Degrees that were computed in doubles are equal if they differ by no more."""

_WRITTEN_OUT = 400
"""A sum that becomes longer than this is not written out in order to find terms that cancel."""

_SIGN = (sympy.sign, sympy.Heaviside)
_EXTREME = (sympy.Max, sympy.Min)
_NUMBERS = (sympy.Indexed, sympy.IndexedBase, sympy.Idx)
_OPAQUE = (ExprWithLimits, sympy.Subs, sympy.Lambda, sympy.Derivative)
"""Parts with variables of their own; only sums are understood."""


@dataclass(frozen=True)
class _Grade:
    """Degree and shift under each scaling, by its number; 0 where one is missing, and none at all under `broken`."""

    degrees: Mapping[int, Number] = field(default_factory=dict)
    shifts: Mapping[int, Number] = field(default_factory=dict)
    broken: frozenset[int] = frozenset()
    is_zero: bool = False

    @property
    def moves(self) -> frozenset[int]:
        """The scalings under which the part is not known to be invariant."""
        return self.broken.union(self.degrees, self.shifts)


_CONSTANT = _Grade()


def exact_number(value: sympy.Expr) -> Number:
    """Return a real number as a fraction, or in double precision if it is none."""
    return Fraction(int(value.p), int(value.q)) if value.is_Rational else float(value)


class Grading:
    """The grades of one expression after the other; what they have in common is looked at once.

    Parameters
    ----------
    weights : mapping from symbol to mapping from int to number
        What each scaling does.

    Examples
    --------
    >>> u, v = sympy.symbols("u v", real=True)
    >>> sorted(Grading({u: {0: 1.0, 1: 1.0}, v: {0: -1.0, 1: 1.0}}).scalings_that_move(sympy.Max(0, u) * v - 1))
    [1]
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.everything = frozenset(number for each in weights.values() for number in each)
        self.memo: dict[sympy.Basic, _Grade] = {}

    def scalings_that_move(self, expression: sympy.Expr) -> frozenset[int]:
        """Return the numbers of the scalings under which an expression is *not* seen to be invariant."""
        return self.of(expression).moves

    def of(self, expression: sympy.Basic) -> _Grade:
        """Return the grade of an expression."""
        for part in parts_of(expression, lambda part: () if part in self.memo else part.args):
            if part not in self.memo:
                self.memo[part] = self._grade(part)
        return self.memo[expression]

    def _grade(self, part: sympy.Basic) -> _Grade:  # noqa: PLR0911, PLR0912 - one for each kind of part
        if part in self.weights:
            return _Grade(self.weights[part])
        if not part.args or isinstance(part, _NUMBERS):
            return _Grade(is_zero=part == 0)
        if isinstance(part, _OPAQUE):
            return self._with_limits(part)
        inner = [self.memo[each] for each in part.args]
        if not any(grade.moves for grade in inner):
            return _CONSTANT
        match part:
            case sympy.Add():
                grade = self._sum(inner)
                return self._written_out(part, grade) if grade.broken else grade
            case sympy.Mul():
                return self._product(part.args, inner)
            case sympy.Pow():
                return self._power(part.exp, inner)
            case sympy.exp():
                return _Grade(inner[0].shifts, {}, inner[0].broken.union(inner[0].degrees))
            case sympy.log() if len(inner) == 1:
                return _Grade({}, inner[0].degrees, inner[0].broken.union(inner[0].shifts))
            case sympy.Abs():
                return _Grade(inner[0].degrees, {}, inner[0].broken.union(inner[0].shifts))
            case sympy.sign() | sympy.Heaviside():
                return _Grade(broken=inner[0].broken.union(inner[0].shifts))
            case sympy.Max() | sympy.Min():
                return self._alike(inner)
            case sympy.Piecewise():
                values, conditions = ([self.memo[pair.args[k]] for pair in part.args] for k in (0, 1))
                return self._breaking(self._alike(values), frozenset().union(*(each.moves for each in conditions)))
            case Relational() | sympy.atan2():
                # Nothing but the sign of the difference, and the ratio, count.
                alike = self._alike(inner)
                return _Grade(broken=alike.broken)
        return _Grade(broken=frozenset().union(*(grade.moves for grade in inner)))

    def _with_limits(self, part: sympy.Basic) -> _Grade:
        """Return the grade of a sum over rows, which scales as they do, unless it goes over a symbol that moves."""
        if isinstance(part, sympy.Sum) and not any(limit[0] in self.weights for limit in part.limits):
            grade = self.memo[part.function]
            return self._breaking(_Grade(grade.degrees, {}, grade.broken), frozenset(grade.shifts))
        return _Grade(broken=self.everything) if part.has(*self.weights) else _CONSTANT

    def _breaking(self, grade: _Grade, more: frozenset[int]) -> _Grade:
        degrees, shifts = ({k: v for k, v in each.items() if k not in more} for each in (grade.degrees, grade.shifts))
        return _Grade(degrees, shifts, grade.broken | more)

    def _alike(self, inner: Sequence[_Grade]) -> _Grade:
        """Return the grade that all have; 0 scales in any way."""
        present = [grade for grade in inner if not grade.is_zero]
        broken = frozenset().union(*(grade.broken for grade in present))
        if len(present) < len(inner):
            broken = broken.union(*(grade.shifts for grade in present))
        for numbers in ([grade.degrees for grade in present], [grade.shifts for grade in present]):
            for k in frozenset().union(*numbers) - broken:
                values = [each.get(k, 0) for each in numbers]
                if not all(_same(values[0], value) for value in values[1:]):
                    broken |= {k}
        first = present[0] if present else _CONSTANT
        return self._breaking(_Grade(first.degrees, first.shifts), broken)

    def _sum(self, inner: Sequence[_Grade]) -> _Grade:
        present = [grade for grade in inner if not grade.is_zero]
        alike = self._alike([_Grade(grade.degrees, {}, grade.broken) for grade in present])
        shifts: dict[int, Number] = {}
        for grade in present:
            for k, shift in grade.shifts.items():
                shifts[k] = shifts.get(k, 0) + shift
        kept = {k: shift for k, shift in shifts.items() if not _same(shift, 0)}
        return self._breaking(_Grade(alike.degrees, kept, alike.broken), frozenset(alike.degrees) & frozenset(kept))

    def _product(self, factors: Sequence[sympy.Expr], inner: Sequence[_Grade]) -> _Grade:
        degrees: dict[int, Number] = {}
        for grade in inner:
            for k, degree in grade.degrees.items():
                degrees[k] = degrees.get(k, 0) + degree
        broken = frozenset().union(*(grade.broken for grade in inner))
        shifting = [grade for grade in inner if grade.shifts]
        kept = {k: degree for k, degree in degrees.items() if not _same(degree, 0)}
        if not shifting:
            return self._breaking(_Grade(kept), broken)
        # log(s) times a number is a shift; times anything else it is not.
        others = [factor for factor, grade in zip(factors, inner, strict=True) if not grade.shifts]
        if len(shifting) > 1 or not all(factor.is_number for factor in others):
            return self._breaking(_Grade(kept), broken.union(*(grade.shifts for grade in shifting)))
        number = exact_number(sympy.Mul(*others))
        return self._breaking(_Grade({}, {k: number * shift for k, shift in shifting[0].shifts.items()}), broken)

    def _power(self, exponent: sympy.Expr, inner: Sequence[_Grade]) -> _Grade:
        base, power = inner
        if not exponent.is_number or not exponent.is_real:
            return _Grade(broken=base.moves | power.moves)
        number = exact_number(exponent)
        return _Grade({k: number * v for k, v in base.degrees.items()}, {}, base.broken.union(base.shifts))

    def _written_out(self, part: sympy.Add, grade: _Grade) -> _Grade:
        """Return the grade of a sum that is written out, if that is better: terms may cancel."""
        if terms_of_product(part) > _WRITTEN_OUT:
            return grade
        expanded = sympy.expand(part)
        if expanded == part:
            return grade
        other = self.of(expanded)
        return other if other.broken < grade.broken else grade


def _same(one: Number, other: Number) -> bool:
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return one == other
    return abs(float(one) - float(other)) <= _CLOSE * (1.0 + abs(float(other)))
