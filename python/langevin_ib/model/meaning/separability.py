"""Whether an expression is a function of some of its symbols plus a function of the others."""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np
import sympy

from ..expressions import NO_DATA, Data, parts_of, terms_of_product
from .identities import compared_at, known_at, slack_of, values_at

__all__ = ["is_separable"]

_WRITTEN_OUT = 2000


def is_separable(
    expression: sympy.Expr, own: Set[sympy.Symbol], symbols: Sequence[sympy.Symbol], data: Data = NO_DATA
) -> bool:
    """Decide whether an expression f is g(x) + h(y), x being some of the symbols and y the others.

    That is so if each of its terms is a function of one of them alone, or else if f(x, y) - f(x, y') - f(x', y) +
    f(x', y') is zero for all pairs of points that were looked at.

    Parameters
    ----------
    expression : sympy.Expr
        A function of `symbols` and of `data`.
    own : set of sympy.Symbol
        Those that make x.
    symbols : sequence of sympy.Symbol
        All of them.
    data : mapping from str to array
        What the expression sums over.

    Raises
    ------
    InvalidArgumentError
        If the expression has a value at none of the points.
    """
    others = set(symbols) - set(own)
    if _splits(expression, set(own), others):
        return True
    if terms_of_product(expression) <= _WRITTEN_OUT and _splits(sympy.expand(expression), set(own), others):
        return True
    inside = np.array([x in own for x in symbols])[:, None]
    slack = slack_of(expression, data)
    for points in compared_at(expression, symbols, data):
        order = np.random.default_rng(20260109).permutation(points.shape[1])
        there = points[:, order]
        corners = [(points, 1.0), (np.where(inside, points, there), -1.0), (np.where(inside, there, points), -1.0)]
        found = [(sign, values_at(expression, symbols, at, data)) for at, sign in (*corners, (there, 1.0))]
        error = sum(each.error for _, each in found)
        with np.errstate(invalid="ignore"):
            mixed = np.abs(sum(sign * each.value for sign, each in found))
            if np.any(np.isfinite(error) & (mixed > slack * error)):
                return False
    known_at(expression, symbols, points[:, np.isfinite(error)])
    return True


def _splits(expression: sympy.Basic, own: Set[sympy.Basic], others: Set[sympy.Basic]) -> bool:
    """Return whether all terms are seen to be functions of one side alone."""
    parts = set(parts_of(expression))
    if parts.isdisjoint(own) or parts.isdisjoint(others):
        return True
    if isinstance(expression, sympy.Add):
        return all(_splits(term, own, others) for term in expression.args)
    if isinstance(expression, sympy.Sum):
        return _splits(expression.function, own, others)
    if isinstance(expression, sympy.Mul):
        moving = [factor for factor in expression.args if not set(parts_of(factor)).isdisjoint(own | others)]
        return len(moving) == 1 and _splits(moving[0], own, others)
    return False
