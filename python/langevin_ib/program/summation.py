"""Sums over the rows of data: their bounds, what can be taken out of them, and which of nested sums to write out."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import sympy

from ..errors import InvalidArgumentError, UnsupportedModelError
from ..model.expressions import sketch
from .algebra import Algebra
from .columns import Columns
from .graph import Node
from .indexing import Scope

__all__ = ["depends", "nested", "scope_of", "total", "written_out"]

_WRITTEN_OUT = 100
_MOST_ROWS = 2**27


def scope_of(sum_: sympy.Sum) -> tuple[sympy.Expr, Scope]:
    """Return the body of the outermost sum of `sum_`, and what that goes over.

    Raises
    ------
    InvalidArgumentError
        If it does not go from one whole number to another.
    """
    *inner, (index, first, last) = sum_.limits
    body = sum_.func(sum_.function, *inner) if inner else sum_.function
    if not (first.is_Integer and last.is_Integer):
        raise InvalidArgumentError(
            f"{sketch(sum_)} goes from {first} to {last}; both must be whole numbers, so give symbols in them a value"
        )
    rows = int(last) - int(first) + 1
    if rows < 0:
        raise InvalidArgumentError(f"{sketch(sum_)} ends before it begins; write ({index}, {last}, {first})")
    if rows > _MOST_ROWS:
        raise UnsupportedModelError(f"{sketch(sum_)} goes over {rows} rows; a sum may have {_MOST_ROWS}")
    return body, Scope(index, int(first), rows)


def nested(body: sympy.Expr, scope: Scope) -> list[Scope]:
    """Return what the sums inside `body` go over that can't be computed beforehand, since they depend on its index."""
    found: list[Scope] = []
    todo = [body]
    while todo:
        part = todo.pop()
        if not isinstance(part, sympy.Sum):
            todo.extend(part.args)
            continue
        inner, inner_scope = scope_of(part)
        if depends(part, scope):
            found.append(inner_scope)
        todo.append(inner)
    return found


def depends(sum_: sympy.Sum, scope: Scope) -> bool:
    """Whether a sum inside of another has a value for each row of that one."""
    return bool(sum_.has(scope.index)) and all(index != scope.index for index, _, _ in sum_.limits)


def written_out(sum_: sympy.Sum, body: sympy.Expr, scope: Scope) -> list[sympy.Expr]:
    """Return the terms of a sum.

    Raises
    ------
    UnsupportedModelError
        If there are more than a hundred, or a sum inside has the same index.
    """
    if scope.rows > _WRITTEN_OUT:
        raise UnsupportedModelError(
            f"{sketch(sum_)} is a sum within a sum; one of the two must have at most {_WRITTEN_OUT} terms, or must not "
            "depend on the index of the other"
        )
    if any(index == scope.index for inner in body.atoms(sympy.Sum) for index, _, _ in inner.limits):
        raise UnsupportedModelError(f"{sketch(sum_)} and a sum inside both use the index {scope.index}; rename one")
    return [body.xreplace({scope.index: sympy.Integer(scope.first + k)}) for k in range(scope.rows)]


def total(graph: Algebra, columns: Columns, body: Node, rows: int) -> Node:
    """Return the sum of `body` over the rows, with signs and factors that are the same in all rows outside.

    Raises
    ------
    InvalidArgumentError
        If it is a sum of data that is not finite.
    """
    op, args = graph.ops[body], graph.args[body]
    if graph.rows[body] == 0:
        return graph.mul(graph.constant(rows), body)
    if not graph.moving[body]:
        return _sum_of_data(graph, columns, body)
    if op == "neg":
        return graph.neg(total(graph, columns, args[0], rows))
    if op == "mul" and 0 in (graph.rows[args[0]], graph.rows[args[1]]):
        fixed, varying = args if graph.rows[args[0]] == 0 else args[::-1]
        return graph.mul(fixed, total(graph, columns, varying, rows))
    if op == "div" and graph.rows[args[1]] == 0:
        return graph.div(total(graph, columns, args[0], rows), args[1])
    return graph.node("sum", (body,))


def _sum_of_data(graph: Algebra, columns: Columns, body: Node) -> Node:
    values = columns.values(body)
    if not np.isfinite(values).all():
        origin = graph.origins[body]
        row = int(np.argmin(np.isfinite(values)))
        raise InvalidArgumentError(
            f"{sketch(origin.expression) if origin else 'the sum'} is {values[row]} in row {row} of the data; "
            "the sum has no finite value"
        )
    try:
        return graph.constant(Fraction(math.fsum(values)))
    except OverflowError:
        raise InvalidArgumentError("a sum of data is out of the range of doubles; rescale the data") from None
