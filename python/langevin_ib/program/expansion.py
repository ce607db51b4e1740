"""From the graph of a function to one of operations of the tape only: powers multiplied out, nothing unused left."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import sympy

from .algebra import Algebra
from .columns import Columns
from .constants import fraction_of
from .graph import Graph, Node
from .summation import total

__all__ = ["expanded"]

_LOG_2 = fraction_of(sympy.log(2))


def expanded(graph: Graph, columns: Columns, outputs: Sequence[Node]) -> tuple[Algebra, list[Node]]:
    """Return a new graph of what `outputs` need, in the order of the old one, and the outputs in it."""
    new = Algebra()
    new_columns = Columns(new, columns.data)
    known: dict[Node, Node] = {}
    for node in graph.reachable(tuple(outputs)):
        with new.origin(graph.origins[node]):
            args = [known[a] for a in graph.args[node]]
            if graph.ops[node] == "sum":
                known[node] = total(new, new_columns, args[0], graph.rows[graph.args[node][0]])
            else:
                known[node] = _rebuilt(new, graph.ops[node], args, graph.data[node])
    return new, [known[output] for output in outputs]


def _rebuilt(graph: Algebra, op: str, args: list[Node], data: object) -> Node:
    match op:
        case "constant" | "coordinate" | "column":
            return graph.node(op, (), data)
        case "hold":
            return args[0]
        case "power":
            assert isinstance(data, Fraction)
            return _multiplied(graph, args[0], data)
        case "log" if graph.ops[args[0]] == "cosh":
            return _log_cosh(graph, graph.args[args[0]][0])
        case "neg" | "add" | "sub" | "mul" | "div":
            rebuilt: Node = getattr(graph, op)(*args)
            return rebuilt
    return graph.apply(op, *args)


def _log_cosh(graph: Algebra, a: Node) -> Node:
    """Return |a| + log((1 + exp(-2 |a|)) / 2), which is finite where cosh(a) is not."""
    size = graph.apply("abs", a)
    rest = graph.apply("softplus", graph.mul(graph.constant(-2), size))
    return graph.add(size, graph.sub(rest, graph.constant(_LOG_2)))


def _multiplied(graph: Algebra, a: Node, exponent: Fraction) -> Node:
    """Return a positive power, from powers that others are likely to need as well: x², x⁴ = (x²)², x⁵ = x⁴ x."""
    if exponent == 1:
        return a
    if exponent == Fraction(1, 2):
        return graph.apply("sqrt", a)
    if exponent.denominator == 2:
        return graph.mul(_multiplied(graph, a, exponent - Fraction(1, 2)), graph.apply("sqrt", a))
    if exponent % 2:
        return graph.mul(_multiplied(graph, a, exponent - 1), a)
    half = _multiplied(graph, a, exponent / 2)
    return graph.mul(half, half)
