"""Nodes of a graph as formulas, for labels and listings."""

from __future__ import annotations

from .graph import Column, Graph, Node

__all__ = ["formula"]

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_DEPTH = 4


def formula(graph: Graph, node: Node, depth: int = _DEPTH) -> str:  # noqa: PLR0911 - one for each kind of node
    """Return a node as text; what lies deeper than `depth` is left out."""
    op, args, data = graph.ops[node], graph.args[node], graph.data[node]
    if op == "column":
        return _column(data)
    if op == "constant":
        return f"{float(data):.6g}"
    if op == "coordinate":
        return f"x{data}"
    if depth == 0:
        return "..."
    inner = [formula(graph, a, depth - 1) for a in args]
    if op == "neg":
        return f"-{inner[0]}"
    if op in _INFIX:
        return f"({inner[0]} {_INFIX[op]} {inner[1]})"
    return f"{op}({', '.join(inner)})"


def _column(column: Column) -> str:
    row = _affine(column.row, column.row_step)
    if not column.name:
        return row
    if column.column < 0:
        return f"{column.name}[{row}]"
    return f"{column.name}[{row}, {_affine(column.column, column.column_step)}]"


def _affine(start: int, step: int) -> str:
    if step == 0:
        return str(start)
    return ("i" if step == 1 else f"{step}*i") + (f" + {start}" if start else "")
