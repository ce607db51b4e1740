"""Where an integrand is not smooth: kinks, poles and branch points, coordinate by coordinate.

An integral over r_1, ..., r_m is done from the last coordinate outwards. For the last one the places of trouble are roots
of formulas in the others; for the one before it those at which such roots merge, run away or become complex; and so on
(a projection, as in cylindrical algebraic decomposition). What is left at the end depends on t alone: its roots are the
values at which the law itself may be singular. Formulas that cannot be solved are left out, so this is a guide for a
quadrature that checks itself, and not a proof.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sympy

from .roots import solutions

__all__ = ["Walls", "walls_in"]

_MOST_ROOTS = 6
_MOST_OPERATIONS = 80


@dataclass(frozen=True)
class Walls:
    """Places of trouble.

    Parameters
    ----------
    order : tuple of sympy.Symbol
        The coordinates, from the outermost to the innermost.
    roots : tuple of tuples of sympy.Expr
        For each of them the places, as functions of t and the coordinates before it.
    special : tuple of float
        The values of t that deserve attention.
    unsolved : int
        How many formulas were left out.
    """

    order: tuple[sympy.Symbol, ...]
    roots: tuple[tuple[sympy.Expr, ...], ...]
    special: tuple[float, ...]
    unsolved: int

    @classmethod
    def of(cls, sources: Iterable[sympy.Expr], coordinates: Sequence[sympy.Symbol], t: sympy.Symbol) -> Walls:
        """Find the walls of the formulas that an integrand is made of, in the order that gives the fewest."""
        sources = [source for source in sources if source != 0]
        found = [cls._in_order(sources, order, t) for order in itertools.permutations(coordinates)]
        return min(found, key=Walls._cost)

    @classmethod
    def _in_order(cls, sources: list[sympy.Expr], order: tuple[sympy.Symbol, ...], t: sympy.Symbol) -> Walls:
        formulas = _factors(sources)
        per_coordinate: list[tuple[sympy.Expr, ...]] = []
        unsolved = 0
        for x in reversed(order):
            mine = [formula for formula in formulas if formula.has(x)]
            roots: list[sympy.Expr] = []
            for formula in mine:
                solved = solutions(formula, x, sympy.S.Zero) if formula.count_ops() <= _MOST_OPERATIONS else None
                unsolved += solved is None
                roots += solved or []
            further = [w for root in roots for w in (*walls_in(root), *_imaginary_parts(root))]
            real = sorted(dict.fromkeys(map(_real_part, roots)), key=lambda root: (root.count_ops(), str(root)))
            merging = [a - b for a, b in itertools.combinations(real[:_MOST_ROOTS], 2)]
            outer = [formula for formula in formulas if not formula.has(x)]
            formulas = list(dict.fromkeys([*outer, *_factors([*further, *merging])]))
            per_coordinate.append(tuple(real[:_MOST_ROOTS]))
        return cls(order, tuple(reversed(per_coordinate)), _values(formulas, t), unsolved)

    def _cost(self) -> tuple[int, float, int]:
        charts = math.prod(max(1, len(roots)) for roots in self.roots)
        return self.unsolved, charts, sum(root.count_ops() for roots in self.roots for root in roots)


def walls_in(expression: sympy.Expr) -> list[sympy.Expr]:
    """Return formulas at whose zeros an expression has a kink, a pole or a branch point."""
    found: list[sympy.Expr] = []
    for node in sympy.preorder_traversal(expression):
        match node:
            case sympy.Abs() | sympy.sign() | sympy.Heaviside() | sympy.log():
                found.append(node.args[0])
            case sympy.Max() | sympy.Min():
                found += [a - b for a, b in itertools.combinations(node.args, 2)]
            case sympy.Pow() if not (node.exp.is_Integer and node.exp.is_nonnegative):
                found.append(node.base)
            case sympy.core.relational.Relational():
                found.append(node.lhs - node.rhs)
    return list(dict.fromkeys(found))


def _factors(formulas: Iterable[sympy.Expr]) -> list[sympy.Expr]:
    """Return what has to vanish for one of the formulas, or its denominator, to do so."""
    found: list[sympy.Expr] = []
    for formula in formulas:
        for part in sympy.fraction(sympy.together(formula)):
            for factor in sympy.Mul.make_args(_factored(part)):
                base = factor
                while isinstance(base, (sympy.Pow, sympy.Abs, sympy.sign)):
                    base = base.base if isinstance(base, sympy.Pow) else base.args[0]
                if isinstance(base, sympy.Mul):
                    found += _factors([base])
                elif not base.is_number and not base.is_positive:
                    found.append(base)
    return list(dict.fromkeys(found))


def _factored(formula: sympy.Expr) -> sympy.Expr:
    if formula.count_ops() > _MOST_OPERATIONS or not formula.is_polynomial(*formula.free_symbols):
        return sympy.factor_terms(formula)
    return sympy.factor(formula)


def _values(formulas: Iterable[sympy.Expr], t: sympy.Symbol) -> tuple[float, ...]:
    values: set[float] = set()
    for formula in formulas:
        if formula.free_symbols == {t}:
            for root in solutions(formula, t, sympy.S.Zero) or []:
                number = complex(root)
                if abs(number.imag) <= 1e-12 * abs(number) and math.isfinite(number.real):
                    values.add(number.real)
    return tuple(sorted(values))


def _real_part(root: sympy.Expr) -> sympy.Expr:
    """Return where a root is, or where it is nearest to while it is complex."""
    real = root.as_real_imag()[0] if root.has(sympy.I) else root
    half = [power for power in real.atoms(sympy.Pow) if power.exp.is_Rational and power.exp.q == 2]
    return real.xreplace({power: sympy.Max(power.base, 0) ** power.exp for power in half if power.exp > 0})


def _imaginary_parts(root: sympy.Expr) -> list[sympy.Expr]:
    return [root.as_real_imag()[1]] if root.has(sympy.I) else []
