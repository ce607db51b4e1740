"""Singular values on a tape: one-sided Jacobi rotations, so many sweeps of them that nothing is left, and no branch.

Columns are rotated in pairs until they are orthogonal (Hestenes); their lengths are then the singular values. Of the
angles that do it the one is taken that leaves the longer column first: so columns get sorted, and sweeps converge
quadratically also where columns differ by many orders of magnitude (de Rijk, SIAM J. Sci. Stat. Comput. 10 (1989) 359).
One sweep less than `_SWEEPS` leaves errors of 1e-13 of the largest value; tests/program/test_singular.py measures it.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce

from .algebra import Algebra
from .graph import Node

__all__ = ["singular_values"]

_SWEEPS = (0, 0, 1, 5, 6, 6, 6, 7, 7)
"""By the number of columns."""

Column = list[Node]


def singular_values(graph: Algebra, rows: int, columns: int, entries: Sequence[Node]) -> list[Node]:
    """Return the singular values of a matrix whose entries stand row by row, the largest first."""
    matrix = [list(entries[i * columns : (i + 1) * columns]) for i in range(rows)]
    sides: list[Column] = [list(side) for side in (zip(*matrix, strict=True) if columns <= rows else matrix)]
    count = len(sides)
    for _ in range(_SWEEPS[count]):
        for i in range(count):
            for j in range(i + 1, count):
                sides[i], sides[j] = _rotated(graph, sides[i], sides[j])
    values = [graph.apply("sqrt", _product(graph, side, side)) for side in sides]
    # Odd-even transpositions sort so many values in as many rounds.
    for round_ in range(count):
        for i in range(round_ % 2, count - 1, 2):
            pair = values[i], values[i + 1]
            values[i], values[i + 1] = graph.apply("max", *pair), graph.apply("min", *pair)
    return values


def _rotated(graph: Algebra, p: Column, q: Column) -> tuple[Column, Column]:
    """Return two columns rotated so that they are orthogonal, and the first is the longer one.

    With a = |p|² - |q|² and c = 2 p.q the tangent of the smaller angle is t = c / (a ± sqrt(a² + c²)), with the sign of
    a; where that is negative the other angle is a quarter turn away.
    """
    a = graph.sub(_product(graph, p, p), _product(graph, q, q))
    c = graph.mul(graph.constant(2), _product(graph, p, q))
    zero, one = graph.constant(0), graph.constant(1)
    size = graph.add(graph.apply("abs", a), _length(graph, a, c))
    is_shorter = graph.apply("less", a, zero)
    t = graph.div(c, graph.select(graph.apply("less", zero, size), size, one))
    near = graph.div(one, graph.apply("sqrt", graph.add(one, graph.power(t, Fraction(2)))))
    far = graph.mul(t, near)
    cosine, sine = graph.select(is_shorter, far, near), graph.select(is_shorter, near, far)
    pairs = list(zip(p, q, strict=True))
    return (
        [graph.add(graph.mul(cosine, x), graph.mul(sine, y)) for x, y in pairs],
        [graph.sub(graph.mul(cosine, y), graph.mul(sine, x)) for x, y in pairs],
    )


def _length(graph: Algebra, a: Node, c: Node) -> Node:
    """Return sqrt(a² + c²), where the squares may be out of range."""
    one = graph.constant(1)
    sizes = graph.apply("abs", a), graph.apply("abs", c)
    larger = graph.apply("max", *sizes)
    ratio = graph.div(
        graph.apply("min", *sizes), graph.select(graph.apply("less", graph.constant(0), larger), larger, one)
    )
    return graph.mul(larger, graph.apply("sqrt", graph.add(one, graph.power(ratio, Fraction(2)))))


def _product(graph: Algebra, p: Column, q: Column) -> Node:
    terms = (graph.power(x, Fraction(2)) if x == y else graph.mul(x, y) for x, y in zip(p, q, strict=True))
    return reduce(graph.add, terms)
