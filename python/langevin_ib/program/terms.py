"""Sums and products of many terms: numbers, data, what moves, each gathered first, to leave loops with little."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from .algebra import Algebra
from .graph import Node

__all__ = ["product_of", "sum_of"]


def sum_of(graph: Algebra, terms: Sequence[Node]) -> Node:
    """Return the sum of `terms`.

    What does not vary from row to row is added up first, and so is what does not move. Products come last, since each
    can be added by one fused multiplication. If most of the terms are subtracted, the negative of the sum is built.
    """
    plus, minus = _by_sign(graph, _stable_differences(graph, terms))
    weight = sum(graph.moving[t] for t in minus) - sum(graph.moving[t] for t in plus)
    if weight > 0:
        return graph.neg(_added(graph, minus, plus))
    return _added(graph, plus, minus)


def _by_sign(graph: Algebra, terms: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    plus: list[Node] = []
    minus: list[Node] = []
    for term in terms:
        number = graph.split(term) if graph.ops[term] == "mul" else None
        negative = graph.ops[term] == "neg" or (number is not None and graph.data[number[0]] < 0)
        (minus if negative else plus).append(graph.neg(term) if negative else term)
    return plus, minus


def _added(graph: Algebra, plus: list[Node], minus: list[Node]) -> Node:
    groups: dict[tuple[bool, bool], list[tuple[bool, Node]]] = {}
    for positive, term in [*((True, t) for t in plus), *((False, t) for t in minus)]:
        groups.setdefault(_kind(graph, term), []).append((positive, term))
    first = [
        _chain(graph, groups.pop(kind)) for kind in ((False, False), (False, True), (True, False)) if kind in groups
    ]
    start = reduce(graph.add, first) if first else None
    return _chain(graph, groups.get((True, True), []), start)


def _kind(graph: Algebra, term: Node) -> tuple[bool, bool]:
    return graph.rows[term] > 0, graph.moving[term]


def _chain(graph: Algebra, terms: list[tuple[bool, Node]], start: Node | None = None) -> Node:
    """Return start ± term ± term ..., products last."""
    total = graph.constant(0) if start is None else start
    if terms and graph.rows[terms[0][1]] == 0:
        # From the last to the first, as derivatives are taken: what both need of a term is then at hand.
        terms = terms[::-1]
    for positive, term in sorted(terms, key=lambda signed: graph.ops[signed[1]] in ("mul", "power")):
        total = graph.add(total, term) if positive else graph.sub(total, term)
    return total


def _stable_differences(graph: Algebra, terms: Sequence[Node]) -> list[Node]:
    """Return the same terms with c exp(a) - c as c expm1(a), and 1 - sigmoid(a) as sigmoid(-a)."""
    constants = [t for t in terms if graph.ops[t] == "constant"]
    others = [t for t in terms if graph.ops[t] != "constant"]
    total = reduce(graph.add, constants, graph.constant(0))
    if graph.data[total] == 0:
        return others
    for place, term in enumerate(others):
        factor, function = _scaled(graph, term)
        if graph.data[factor] + graph.data[total] != 0 or graph.ops[function] not in ("exp", "sigmoid"):
            continue
        argument = graph.args[function][0]
        if graph.ops[function] == "exp":
            others[place] = graph.mul(factor, graph.apply("expm1", argument))
        else:
            others[place] = graph.mul(total, graph.apply("sigmoid", graph.neg(argument)))
        return others
    return [total, *others]


def _scaled(graph: Algebra, term: Node) -> tuple[Node, Node]:
    if graph.ops[term] == "neg":
        return graph.constant(-1), graph.args[term][0]
    if graph.ops[term] == "mul" and (split := graph.split(term)):
        return split
    return graph.constant(1), term


def product_of(graph: Algebra, factors: Sequence[Node], divisors: Sequence[Node] = ()) -> Node:
    """Return the product of `factors` over that of `divisors`.

    What does not vary from row to row comes outermost, then what moves, then data: so a sum over rows can leave out the
    first, and the last is one fused operation with a column. Each kind is divided by its own divisors, outside of loops
    where that is possible.
    """
    above, below = _by_kind(graph, factors), _by_kind(graph, divisors)
    if (False, True) in below and (False, True) not in above and (False, False) in above:
        above[False, True] = above.pop((False, False))
    parts = {kind: _quotient(graph, above.get(kind, []), below.get(kind, [])) for kind in {**above, **below}}
    fixed = [parts[kind] for kind in ((False, False), (False, True)) if kind in parts]
    varying = [parts[kind] for kind in ((True, True), (True, False)) if kind in parts]
    return _product(graph, [_product(graph, part) for part in (fixed, varying) if part])


def _by_kind(graph: Algebra, nodes: Sequence[Node]) -> dict[tuple[bool, bool], list[Node]]:
    groups: dict[tuple[bool, bool], list[Node]] = {}
    for node in nodes:
        groups.setdefault(_kind(graph, node), []).append(node)
    return groups


def _quotient(graph: Algebra, above: list[Node], below: list[Node]) -> Node:
    product = _product(graph, above)
    return graph.div(product, _product(graph, below)) if below else product


def _product(graph: Algebra, factors: Sequence[Node]) -> Node:
    return reduce(graph.mul, factors) if factors else graph.constant(1)
