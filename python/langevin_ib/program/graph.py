"""The graph of a function: nodes with smaller nodes as arguments, each different expression exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

import sympy

__all__ = ["Column", "Graph", "Node", "Origin"]

Node: TypeAlias = int
"""A node of a graph: its number, larger than those of its arguments."""


class Column(NamedTuple):
    """A vector over the rows of a sum: entries (row + i row_step, column + i column_step) of an array, i < rows.

    `column` is -1 for an array with one axis. An empty `name` stands for the numbers row + i row_step themselves.
    """

    name: str
    row: int
    row_step: int
    column: int
    column_step: int
    rows: int


class Origin(NamedTuple):
    """Where a node comes from: a part of the user's expression, or the derivative of one."""

    expression: sympy.Basic
    derivative: bool


# Finite wherever their arguments are, and so are their derivatives. (A polynomial overflows far outside of any run.)
_TAME = frozenset(
    (
        *("coordinate", "constant", "column", "sum", "hold", "neg", "abs", "sign", "add", "sub", "mul", "min", "max"),
        *("sin", "cos", "tanh", "atan", "erf", "sigmoid", "softplus", "less", "less_equal", "select"),
    )
)


class Graph:
    """A growing set of nodes.

    Besides the operations of a tape a node may be a ``constant`` (data: a Fraction), a ``coordinate`` (its index), a
    ``column`` (a `Column`), ``sum`` (of its argument over the rows), ``power`` (to a fixed multiple of 1/2, a Fraction)
    and ``hold`` (its argument, whose derivative is taken to be zero).

    Attributes
    ----------
    ops, args, data : list
        What each node is, the nodes that it is made of, and what else tells it from others.
    rows : list of int
        The number of rows that a node has values for; 0 if it does not vary from row to row.
    level : list of int
        How many sums deep a node is: one whose rows need the result of another is one deeper.
    moving : list of bool
        Whether a node depends on the coordinates.
    tame : list of bool
        Whether a node and everything below it, derivatives included, are finite for all finite coordinates.
    origins : list of Origin or None
        Where a node was first met.
    """

    def __init__(self) -> None:
        self.ops: list[str] = []
        self.args: list[tuple[Node, ...]] = []
        self.data: list[Any] = []
        self.rows: list[int] = []
        self.level: list[int] = []
        self.moving: list[bool] = []
        self.tame: list[bool] = []
        self.origins: list[Origin | None] = []
        self._known: dict[tuple[str, tuple[Node, ...], Any], Node] = {}
        self._origin: Origin | None = None

    def __len__(self) -> int:
        return len(self.ops)

    def node(self, op: str, args: tuple[Node, ...] = (), data: Any = None) -> Node:
        """Return the node that is `op` of `args`; the same one whenever it is asked for again."""
        key = (op, args, data)
        known = self._known.get(key)
        if known is not None:
            return known
        new = self._known[key] = len(self.ops)
        self.ops.append(op)
        self.args.append(args)
        self.data.append(data)
        self.rows.append(self._rows(op, args, data))
        self.level.append(max((self.level[a] for a in args), default=0) + (op == "sum"))
        self.moving.append(op == "coordinate" or any(self.moving[a] for a in args))
        whole_power = op == "power" and data.denominator == 1
        self.tame.append((op in _TAME or whole_power) and all(self.tame[a] for a in args))
        self.origins.append(self._origin)
        return new

    def _rows(self, op: str, args: tuple[Node, ...], data: Any) -> int:
        if op == "column":
            return int(data.rows)
        if op == "sum":
            return 0
        counts = {self.rows[a] for a in args} - {0}
        assert len(counts) <= 1, "rows of different sums met in one node"
        return counts.pop() if counts else 0

    @contextmanager
    def origin(self, origin: Origin | None) -> Iterator[None]:
        """Enter `origin` for every node that is new inside the block."""
        before, self._origin = self._origin, origin
        try:
            yield
        finally:
            self._origin = before

    def constant_value(self, node: Node) -> Fraction | None:
        """Return the value of a constant, None for everything else."""
        return self.data[node] if self.ops[node] == "constant" else None

    def reachable(self, outputs: tuple[Node, ...]) -> list[Node]:
        """Return `outputs` and all nodes that they are made of, arguments first."""
        seen = set(outputs)
        todo = list(outputs)
        while todo:
            for a in self.args[todo.pop()]:
                if a not in seen:
                    seen.add(a)
                    todo.append(a)
        return sorted(seen)
