"""How each operation passes a derivative back to its arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import NamedTuple, TypeAlias

import sympy

from .algebra import Algebra
from .constants import fraction_of
from .graph import Node

__all__ = ["Share", "shares"]


class Share(NamedTuple):
    """What an operation passes back to one argument: `value` where `mask` is not zero (or None), nothing elsewhere."""

    argument: Node
    value: Node
    mask: Node | None = None


_Slope: TypeAlias = Callable[[Algebra, Node, Node], Node]
"""From (graph, argument x, result z) the derivative dz/dx."""

_TWO_OVER_ROOT_PI = fraction_of(2 / sympy.sqrt(sympy.pi))


def _one_minus_square(graph: Algebra, _: Node, z: Node) -> Node:
    return graph.sub(graph.constant(1), graph.power(z, Fraction(2)))


def _gaussian(graph: Algebra, x: Node, _: Node) -> Node:
    decay = graph.apply("exp", graph.neg(graph.power(x, Fraction(2))))
    return graph.mul(graph.constant(_TWO_OVER_ROOT_PI), decay)


_SLOPES: dict[str, _Slope] = {
    "abs": lambda g, x, z: g.apply("sign", x),
    "exp": lambda g, x, z: z,
    "expm1": lambda g, x, z: g.apply("exp", x),
    "sin": lambda g, x, z: g.apply("cos", x),
    "cos": lambda g, x, z: g.neg(g.apply("sin", x)),
    "tan": lambda g, x, z: g.add(g.constant(1), g.power(z, Fraction(2))),
    "sinh": lambda g, x, z: g.apply("cosh", x),
    "cosh": lambda g, x, z: g.apply("sinh", x),
    "tanh": _one_minus_square,
    "erf": _gaussian,
    "sigmoid": lambda g, x, z: g.sub(z, g.power(z, Fraction(2))),
    "softplus": lambda g, x, z: g.apply("sigmoid", x),
}
_DIVISORS: dict[str, _Slope] = {
    "log": lambda g, x, z: x,
    "log1p": lambda g, x, z: g.add(g.constant(1), x),
    "atan": lambda g, x, z: g.add(g.constant(1), g.power(x, Fraction(2))),
}
"""Where it is 1 / (dz/dx) that is simple."""

_FLAT = frozenset({"sign", "less", "less_equal", "hold", "constant", "coordinate", "column"})


def shares(graph: Algebra, node: Node, adjoint: Node) -> Iterable[Share]:
    """Yield what `node` passes back to its arguments, given the derivative of the whole by `node`.

    Every argument that moves appears at least once, unless the derivative by it is zero everywhere.
    """
    op, args = graph.ops[node], graph.args[node]
    if op in _FLAT:
        return ()
    if op == "log" and graph.ops[args[0]] == "cosh":
        (inner,) = graph.args[args[0]]
        return [Share(inner, graph.mul(adjoint, graph.apply("tanh", inner)))]
    if op in _SLOPES:
        return [Share(args[0], graph.mul(adjoint, _SLOPES[op](graph, args[0], node)))]
    if op in _DIVISORS:
        return [Share(args[0], graph.div(adjoint, _DIVISORS[op](graph, args[0], node)))]
    return _RULES[op](graph, node, adjoint)


def _neg(graph: Algebra, node: Node, adjoint: Node) -> list[Share]:
    return [Share(graph.args[node][0], graph.neg(adjoint))]


def _add(graph: Algebra, node: Node, adjoint: Node) -> list[Share]:
    return [Share(a, adjoint) for a in graph.args[node]]


def _sub(graph: Algebra, node: Node, adjoint: Node) -> list[Share]:
    a, b = graph.args[node]
    return [Share(a, adjoint), Share(b, graph.neg(adjoint))]


def _mul(graph: Algebra, node: Node, adjoint: Node) -> list[Share]:
    a, b = graph.args[node]
    return [Share(x, graph.mul(adjoint, y)) for x, y in ((a, b), (b, a)) if graph.moving[x]]


def _div(graph: Algebra, node: Node, adjoint: Node) -> list[Share]:
    a, b = graph.args[node]
    quotient = graph.div(adjoint, b)
    return [Share(a, quotient), Share(b, graph.neg(graph.mul(quotient, node)))]


def _sqrt(graph: Algebra, node: Node, adjoint: Node) -> list[Share]:
    return [Share(graph.args[node][0], graph.div(graph.mul(graph.constant(Fraction(1, 2)), adjoint), node))]


def _power(graph: Algebra, node: Node, adjoint: Node) -> list[Share]:
    (a,), exponent = graph.args[node], graph.data[node]
    slope = graph.mul(graph.constant(exponent), graph.power(a, exponent - 1))
    return [Share(a, graph.mul(adjoint, slope))]


def _pow(graph: Algebra, node: Node, adjoint: Node) -> list[Share]:
    a, b = graph.args[node]
    found = []
    if graph.moving[a]:
        below = graph.apply("pow", a, graph.sub(b, graph.constant(1)))
        found.append(Share(a, graph.mul(adjoint, graph.mul(b, below))))
    if graph.moving[b]:
        # 0**b is 0 for all b > 0: there is nothing to pass back from there, where log a is infinite.
        found.append(Share(b, graph.mul(adjoint, graph.mul(node, graph.apply("log", a))), mask=graph.apply("abs", a)))
    return found


def _extremum(graph: Algebra, node: Node, adjoint: Node) -> list[Share]:
    """Give all to the argument that was taken; in a tie to a number, or to the argument that was met first."""
    first, second = graph.args[node]
    if graph.moving[first] and not graph.moving[second]:
        first, second = second, first
    low, high = (first, second) if graph.ops[node] == "max" else (second, first)
    wins = graph.apply("less", low, high)
    return [Share(first, adjoint, graph.opposite(wins)), Share(second, adjoint, wins)]


def _select(graph: Algebra, node: Node, adjoint: Node) -> list[Share]:
    condition, chosen, other = graph.args[node]
    return [Share(chosen, adjoint, condition), Share(other, adjoint, graph.opposite(condition))]


_RULES: dict[str, Callable[[Algebra, Node, Node], list[Share]]] = {
    "neg": _neg,
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "sqrt": _sqrt,
    "power": _power,
    "pow": _pow,
    "min": _extremum,
    "max": _extremum,
    "select": _select,
}
