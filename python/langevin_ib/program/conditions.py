"""Piecewise, Heaviside, comparisons and what joins them: conditions are 1.0 or 0.0."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce

import sympy

from .algebra import Algebra
from .graph import Node

__all__ = ["CONDITIONS", "heaviside", "piecewise", "relation"]

CONDITIONS = (sympy.And, sympy.Or, sympy.Not, sympy.ITE)
"""What may join comparisons."""


def relation(graph: Algebra, condition: sympy.Basic, args: Sequence[Node]) -> Node:  # noqa: PLR0911 - one each
    """Return a comparison, or conditions joined by And, Or, Not or ITE, as 1.0 or 0.0."""
    match condition:
        case sympy.StrictLessThan():
            return graph.apply("less", *args)
        case sympy.LessThan():
            return graph.apply("less_equal", *args)
        case sympy.StrictGreaterThan():
            return graph.apply("less", *reversed(args))
        case sympy.GreaterThan():
            return graph.apply("less_equal", *reversed(args))
        case sympy.Equality():
            return _equal(graph, *args)
        case sympy.Unequality() | sympy.Not():
            return graph.opposite(args[0] if len(args) == 1 else _equal(graph, *args))
        case sympy.And():
            return reduce(graph.both, args)
        case sympy.Or():
            return reduce(lambda a, b: graph.apply("max", a, b), args)
    return graph.select(*args)


def _equal(graph: Algebra, a: Node, b: Node) -> Node:
    return graph.both(graph.apply("less_equal", a, b), graph.apply("less_equal", b, a))


def piecewise(graph: Algebra, pairs: Sequence[tuple[Node, Node]]) -> Node:
    """Return the value of the first pair (value, condition) whose condition holds; NaN if none does."""
    *others, (value, condition) = pairs
    missing = graph.apply("sqrt", graph.constant(-1))
    result = graph.select(condition, value, missing)
    for value, condition in reversed(others):
        result = graph.select(condition, value, result)
    return result


def heaviside(graph: Algebra, argument: Node, at_zero: Node) -> Node:
    """Return 1 for a positive argument, 0 for a negative one, `at_zero` at zero, NaN for NaN."""
    half = graph.constant(Fraction(1, 2))
    step = graph.add(graph.mul(half, graph.apply("sign", argument)), half)
    return step if at_zero == half else graph.select(argument, step, at_zero)
