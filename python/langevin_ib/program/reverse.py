"""Derivatives by all coordinates at once, from the result backwards; through a sum over rows in one pass over them."""

from __future__ import annotations

from functools import reduce
from heapq import heappop, heappush

from .algebra import Algebra
from .columns import Columns
from .derivatives import shares
from .graph import Node, Origin
from .summation import total

__all__ = ["gradient"]


def gradient(graph: Algebra, columns: Columns, output: Node, dim: int) -> list[Node]:
    """Return the derivatives of a node by each coordinate.

    A sum S = Σ g(row, p) has dS/dp = Σ dg/dp, which is a sum over the same rows: so one loop computes S and all of its
    derivatives by the p, which is whatever the body uses that is the same in all rows. The rest of the chain rule, from
    S to the result and from the p to the coordinates, is done once.

    Parameters
    ----------
    graph : Algebra
        Grows by the derivatives.
    columns : Columns
        The data of the sums.
    output : int
        The node, which must not vary from row to row.
    dim : int
        The number of coordinates.
    """
    sweep = _Sweep(graph, columns, rows=0)
    sweep.add(output, graph.constant(1), None)
    sweep.run()
    return [sweep.adjoint(graph.coordinate(index)) for index in range(dim)]


class _Sweep:
    """The derivatives of one result by everything below it that has values for `rows` rows.

    A derivative is kept in parts, one for each mask (None: everywhere), and 0 outside of the masks. Where a mask says
    no, its part may be NaN: it comes from the branch of a Piecewise that was not taken, which need not even exist
    there. So a mask is applied, which costs an operation, not before something is met that is finite everywhere.
    """

    def __init__(self, graph: Algebra, columns: Columns, rows: int) -> None:
        self.graph = graph
        self.columns = columns
        self.rows = rows
        self.parts: dict[Node, dict[Node | None, Node]] = {}
        self._waiting: list[int] = []

    def add(self, node: Node, value: Node, mask: Node | None) -> None:
        """Add a part to the derivative by `node`."""
        graph = self.graph
        if not graph.moving[node] or graph.constant_value(value) == 0:
            return
        if mask is not None and (graph.tame[node] or graph.rows[mask] > graph.rows[node]):
            value, mask = graph.select(mask, value, graph.constant(0)), None
        if node not in self.parts:
            self.parts[node] = {}
            if graph.rows[node] == self.rows:
                heappush(self._waiting, -node)
        parts = self.parts[node]
        parts[mask] = graph.add(parts[mask], value) if mask in parts else value

    def run(self) -> None:
        """Pass everything back as far as this sweep goes: users of a node have larger numbers, so they come first."""
        while self._waiting:
            node = -heappop(self._waiting)
            adjoint, mask = self._joined(node)
            with self.graph.origin(self._origin(node)):
                if self.graph.ops[node] == "sum":
                    self._into_sum(node, adjoint, mask)
                    continue
                for share in shares(self.graph, node, adjoint):
                    self.add(share.argument, share.value, self._both(mask, share.mask))

    def adjoint(self, node: Node) -> Node:
        """Return the derivative by `node`, with all masks applied."""
        if node not in self.parts:
            return self.graph.constant(0)
        value, mask = self._joined(node)
        return value if mask is None else self.graph.select(mask, value, self.graph.constant(0))

    def _joined(self, node: Node) -> tuple[Node, Node | None]:
        parts = self.parts[node]
        if len(parts) == 1:
            ((mask, value),) = parts.items()
            return value, mask
        graph, zero = self.graph, self.graph.constant(0)
        values = [v if m is None else graph.select(m, v, zero) for m, v in parts.items()]
        masks = [m for m in parts if m is not None]
        anywhere = None if None in parts else reduce(lambda a, b: graph.apply("max", a, b), masks)
        return reduce(graph.add, values), anywhere

    def _into_sum(self, node: Node, adjoint: Node, mask: Node | None) -> None:
        graph = self.graph
        (body,) = graph.args[node]
        rows = graph.rows[body]
        # A number goes into the loop, where it meets other numbers; what moves is multiplied once, afterwards.
        inside = graph.constant_value(adjoint) is not None
        sweep = _Sweep(graph, self.columns, rows)
        sweep.add(body, adjoint if inside else graph.constant(1), None)
        sweep.run()
        for outer in sorted(n for n in sweep.parts if graph.rows[n] == 0):
            for inner_mask, value in sweep.parts[outer].items():
                summed = total(graph, self.columns, value, rows)
                self.add(outer, summed if inside else graph.mul(adjoint, summed), self._both(mask, inner_mask))

    def _both(self, first: Node | None, second: Node | None) -> Node | None:
        if first is None or second is None:
            return second if first is None else first
        return self.graph.both(first, second)

    def _origin(self, node: Node) -> Origin | None:
        origin = self.graph.origins[node]
        return None if origin is None else Origin(origin.expression, derivative=True)
