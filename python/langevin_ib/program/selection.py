"""Which instruction computes a node: products are fused with their sums, columns are read where they are used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .algebra import Algebra
from .columns import Columns
from .graph import Node

__all__ = ["Instruction", "Selection"]


class Instruction(NamedTuple):
    """An operation on nodes.

    Parameters
    ----------
    op : str
        Its name.
    target : int
        The node whose value it computes.
    reads : tuple of int
        The nodes that it reads from registers.
    column : int or None
        The node that it reads from the data.
    """

    op: str
    target: Node
    reads: tuple[Node, ...]
    column: Node | None = None


class Selection:
    """Chooses instructions for the nodes that `outputs` need.

    Parameters
    ----------
    graph : Algebra
        Holds operations of the tape only; grows by the negatives of some nodes.
    columns : Columns
        Its data.
    outputs : sequence of int
        What will be computed.
    """

    def __init__(self, graph: Algebra, columns: Columns, outputs: Sequence[Node]) -> None:
        self.graph = graph
        self.columns = columns
        self._is_column: dict[Node, bool] = {}
        self._known: dict[Node, Instruction] = {}
        self.needed = self._reachable(outputs)
        self._uses = Counter(a for node in self.needed if not self.is_column(node) for a in graph.args[node])
        self._uses.update(outputs)

    def _reachable(self, outputs: Sequence[Node]) -> list[Node]:
        seen = set(outputs)
        todo = list(outputs)
        while todo:
            node = todo.pop()
            new = [] if self.is_column(node) else [a for a in self.graph.args[node] if a not in seen]
            seen.update(new)
            todo.extend(new)
        return sorted(seen)

    def is_column(self, node: Node) -> bool:
        """Whether the values of a node can be stored with the data: it has nothing else in it, and they are finite."""
        known = self._is_column.get(node)
        if known is None:
            fixed = self.graph.rows[node] > 0 and not self.graph.moving[node]
            known = fixed and bool(np.isfinite(self.columns.values(node)).all())
            self._is_column[node] = known
        return known

    def is_given(self, node: Node) -> bool:
        """Whether a node is a number or a coordinate, which are in registers before anything runs."""
        return self.graph.ops[node] in ("constant", "coordinate")

    def instruction(self, node: Node) -> Instruction:
        """Return what computes a node."""
        known = self._known.get(node)
        if known is None:
            known = self._known[node] = self._chosen(node)
        return known

    def _chosen(self, node: Node) -> Instruction:
        op, args = self.graph.ops[node], self.graph.args[node]
        if self.is_column(node):
            return Instruction("column", node, (), node)
        if op == "mul":
            return self._product(node, args)
        if op == "neg" and self._is_lone_product(args[0]) and (factors := self._cheaply_negated(node, args[0])):
            return self._product(node, factors)
        if op in ("add", "sub"):
            return self._fused(node, op, *args) or self._shifted(node, op, *args) or Instruction(op, node, args)
        return Instruction(op, node, args)

    def accumulation(self, sum_: Node) -> Instruction:
        """Return what adds one row to a sum."""
        (body,) = self.graph.args[sum_]
        if self._is_lone_product(body):
            return self._fma(sum_, self.graph.args[body], sum_)
        return Instruction("add", sum_, (sum_, body))

    def _product(self, node: Node, args: tuple[Node, ...]) -> Instruction:
        for a, b in (args, args[::-1]):
            if self._is_lone_reciprocal(b):
                return Instruction("div", node, (a, self.graph.args[b][1]))
        a, column = self._with_column(*args)
        return Instruction("mul", node, args) if column is None else Instruction("mul_column", node, (a,), column)

    def _fma(self, target: Node, factors: tuple[Node, ...], c: Node) -> Instruction:
        a, column = self._with_column(*factors)
        if column is None:
            return Instruction("fma", target, (*factors, c))
        return Instruction("fma_column", target, (a, c), column)

    def _with_column(self, a: Node, b: Node) -> tuple[Node, Node | None]:
        """Return the factors with the column, if one is, second."""
        if self.is_column(b):
            return a, b
        return (b, a) if self.is_column(a) else (a, None)

    def _is_lone_product(self, node: Node) -> bool:
        return self.graph.ops[node] == "mul" and self._uses[node] == 1 and not self.is_column(node)

    def _is_lone_reciprocal(self, node: Node) -> bool:
        graph = self.graph
        if graph.ops[node] != "div" or self._uses[node] > 1 or self.is_column(node):
            return False
        return graph.constant_value(graph.args[node][0]) == 1

    def _shifted(self, node: Node, op: str, x: Node, y: Node) -> Instruction | None:
        """Return what adds or subtracts a column without loading it first, if one of the two is a column."""
        if op == "add" and self.is_column(x):
            x, y = y, x
        if not self.is_column(y) or self.is_column(x):
            return None
        return Instruction("fma_column", node, (self.graph.constant(1 if op == "add" else -1), x), y)

    def _fused(self, node: Node, op: str, x: Node, y: Node) -> Instruction | None:
        # Of two products the younger is fused: the other is more likely to be there already.
        if op == "add":
            product = next((p for p in sorted((x, y), reverse=True) if self._is_lone_product(p)), None)
            if product is None:
                return None
            return self._fma(node, self.graph.args[product], y if product == x else x)
        if self._is_lone_product(y) and (factors := self._cheaply_negated(node, y)):
            return self._fma(node, factors, x)
        if self._is_lone_product(x) and self._is_cheaply_negated(node, y):
            return self._fma(node, self.graph.args[x], self.graph.neg(y))
        return None

    def _cheaply_negated(self, user: Node, product: Node) -> tuple[Node, Node] | None:
        """Return the factors of the negative of a product, if that costs nothing."""
        a, b = self.graph.args[product]
        for factor, other in ((b, a), (a, b)) if self.is_column(a) else ((a, b), (b, a)):
            if self._is_cheaply_negated(user, factor):
                return self.graph.neg(factor), other
        return None

    def _is_cheaply_negated(self, user: Node, node: Node) -> bool:
        """Whether the negative of a node costs nothing, or something outside of the loop only."""
        outside = self.graph.rows[user] > 0 and self.graph.rows[node] == 0
        return self.graph.ops[node] == "constant" or outside or self.is_column(node)
