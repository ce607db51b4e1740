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
        self._sums: dict[tuple[int, int], dict[Node, Node]] = {}

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
        """Pass everything back as far as this sweep goes: users of a node have larger numbers, so they come first.

        Sums wait for others to share a loop with, until a node comes that is less deep: they may depend on that. What
        the deepest of them pass back may come next, and may be less deep than others: so these are looked at again.
        """
        while self._waiting or self._sums:
            level = self.graph.level[-self._waiting[0]] if self._waiting else -1
            deepest = max(self._sums, default=(-1, 0))
            if deepest[0] > level:
                self._into_sums(self._sums.pop(deepest), None, None)
            else:
                self._pass_back(-heappop(self._waiting))

    def _pass_back(self, node: Node) -> None:
        graph = self.graph
        adjoint, mask = self._joined(node)
        if graph.ops[node] != "sum":
            with graph.origin(self._origin(node)):
                for share in shares(graph, node, adjoint):
                    self.add(share.argument, share.value, self._both(mask, share.mask))
        elif mask is None and graph.ops[adjoint] == "constant":
            (body,) = graph.args[node]
            self._sums.setdefault((graph.level[node], graph.rows[body]), {})[node] = adjoint
        else:
            self._into_sums({node: graph.constant(1)}, adjoint, mask)

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

    def _into_sums(self, weights: dict[Node, Node], factor: Node | None, mask: Node | None) -> None:
        """Pass back through a weighted sum of sums over the same rows, times a factor that is the same in all rows.

        The weights are numbers and go into the loop, where they meet other numbers. The factor moves: what is added up
        is multiplied by it once, afterwards.
        """
        graph = self.graph
        rows = graph.rows[graph.args[next(iter(weights))][0]]
        sweep = _Sweep(graph, self.columns, rows)
        for node, weight in weights.items():
            sweep.add(graph.args[node][0], weight, None)
        sweep.run()
        with graph.origin(self._origin(next(iter(weights)))):
            for outer in sorted(n for n in sweep.parts if graph.rows[n] == 0):
                for inner_mask, value in sweep.parts[outer].items():
                    summed = total(graph, self.columns, value, rows)
                    product = summed if factor is None else graph.mul(factor, summed)
                    self.add(outer, product, self._both(mask, inner_mask))

    def _both(self, first: Node | None, second: Node | None) -> Node | None:
        if first is None or second is None:
            return second if first is None else first
        return self.graph.both(first, second)

    def _origin(self, node: Node) -> Origin | None:
        origin = self.graph.origins[node]
        return None if origin is None else Origin(origin.expression, derivative=True)
