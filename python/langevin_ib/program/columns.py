"""Parts of an expression that hold nothing but data: evaluated once, before anything runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .constants import to_double
from .data import Data
from .functions import OPCODES, OPERATIONS
from .graph import Graph, Node

__all__ = ["Columns"]


class Columns:
    """The values of the nodes of a graph that do not move.

    Parameters
    ----------
    graph : Graph
        May grow meanwhile.
    data : Data
        What its columns are taken from.
    """

    def __init__(self, graph: Graph, data: Data) -> None:
        self.graph = graph
        self.data = data
        self._known: dict[Node, Any] = {}

    def values(self, node: Node) -> NDArray[np.float64]:
        """Return the value of a node that does not move, for each row: shape (rows,), or () if it is a number.

        Raises
        ------
        InvalidArgumentError
            If there is a number in it that is out of the range of doubles.
        """
        with np.errstate(all="ignore"):
            for part in self.graph.reachable((node,)):
                if part not in self._known:
                    self._known[part] = self._value(part)
        return np.asarray(self._known[node], dtype=np.float64)

    def _value(self, node: Node) -> Any:
        op, data = self.graph.ops[node], self.graph.data[node]
        args = [self._known[a] for a in self.graph.args[node]]
        if op == "constant":
            origin = self.graph.origins[node]
            return np.float64(to_double(data, None if origin is None else origin.expression))
        if op == "column":
            return self.data.values(data)
        if op == "power":
            return np.power(args[0], float(data))
        return OPERATIONS[OPCODES[op]].apply(*args)
