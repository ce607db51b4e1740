"""From scheduled instructions to a tape: registers, constants, tables of data."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedModelError
from .columns import Columns
from .constants import to_double
from .expansion import expanded
from .formula import formula
from .functions import OPCODES, OPERATIONS
from .graph import Graph, Node, Origin
from .registers import Placed, allocated
from .schedule import Section, scheduled
from .selection import Instruction, Selection
from .tape import MOST_REGISTERS, Notes, Tape

__all__ = ["LARGEST_TABLE", "assembled"]

LARGEST_TABLE = 2**27
"""The largest number of entries of a table of data, 1 GiB."""

_tables: WeakValueDictionary[tuple[tuple[int, ...], bytes], NDArray[np.float64]] = WeakValueDictionary()
"""The tapes of a model use mostly the same data: once is enough."""


def assembled(graph: Graph, columns: Columns, outputs: Sequence[Node], names: Sequence[str]) -> Tape:
    """Return the tape that computes `outputs`.

    Parameters
    ----------
    graph : Graph
        What they are made of.
    columns : Columns
        Its data.
    outputs : sequence of int
        Nodes that do not vary from row to row.
    names : sequence of str
        The names of the coordinates.
    """
    flat, flat_outputs = expanded(graph, columns, outputs)
    flat_columns = Columns(flat, columns.data)
    selection = Selection(flat, flat_columns, flat_outputs)
    sections = scheduled(selection, flat_outputs)
    placed, places, count = allocated(sections, flat_outputs, selection.is_given)
    return _Assembly(selection, sections, len(names)).tape(placed, places, count, flat_outputs, names)


class _Assembly:
    def __init__(self, selection: Selection, sections: Sequence[Section], dim: int) -> None:
        self.selection = selection
        self.graph = selection.graph
        self.sections = sections
        self.dim = dim
        self.constants: dict[float, int] = {}
        self.tables = self._tables_of_blocks()

    def tape(
        self,
        placed: Sequence[Placed],
        places: dict[Node, int],
        count: int,
        outputs: Sequence[Node],
        names: Sequence[str],
    ) -> Tape:
        self._number_constants(outputs)
        registers = len(self.constants) + self.dim + count
        if registers > MOST_REGISTERS:
            raise UnsupportedModelError(
                f"the expression needs {registers} registers, {len(self.constants)} of them for different numbers, but "
                f"there are {MOST_REGISTERS}; write sums over data as sympy.Sum with data="
            )
        code: list[tuple[int, int, int, int, int]] = []
        origins: list[Origin | None] = []
        lines = iter(placed)
        for section in self.sections:
            if section.rows:
                code.append((OPCODES["loop"], 0, list(self.tables).index(section.rows), len(section.instructions), 0))
                origins.append(None)
            for instruction in section.instructions:
                code.append(self._row(instruction, next(lines), section.rows))
                origins.append(self.graph.origins[instruction.target])
        return Tape(
            code=np.array(code, dtype=np.int32).reshape(-1, 5),
            constants=np.array(list(self.constants), dtype=np.float64),
            dim=self.dim,
            registers=registers,
            outputs=np.array([self._register(n, places.get(n)) for n in outputs], dtype=np.int32),
            data=tuple(self._table(nodes, rows) for rows, nodes in self.tables.items()),
            notes=Notes(tuple(names), tuple(tuple(map(self._label, t)) for t in self.tables.values()), tuple(origins)),
        )

    def _label(self, node: Node) -> str:
        return formula(self.graph, node)

    def _number_constants(self, outputs: Sequence[Node]) -> None:
        read = (n for section in self.sections for i in section.instructions for n in i.reads)
        for node in (*read, *outputs):
            if self.graph.ops[node] == "constant":
                self.constants.setdefault(self._double(node), len(self.constants))

    def _double(self, node: Node) -> float:
        origin = self.graph.origins[node]
        return to_double(self.graph.data[node], None if origin is None else origin.expression)

    def _register(self, node: Node, place: int | None) -> int:
        if place is not None:
            return len(self.constants) + self.dim + place
        if self.graph.ops[node] == "constant":
            return self.constants[self._double(node)]
        return len(self.constants) + int(self.graph.data[node])

    def _row(self, instruction: Instruction, placed: Placed, rows: int) -> tuple[int, int, int, int, int]:
        code = OPCODES[instruction.op]
        operation = OPERATIONS[code]
        operands = [0, 0, 0]
        for index, node, place in zip(operation.reads, instruction.reads, placed.reads, strict=True):
            operands[index] = self._register(node, place)
        if operation.column is not None and instruction.column is not None:
            operands[operation.column] = self.tables[rows][instruction.column]
        return code, len(self.constants) + self.dim + placed.target, operands[0], operands[1], operands[2]

    def _tables_of_blocks(self) -> dict[int, dict[Node, int]]:
        """Return, for each number of rows, the columns of its table: what was given, then what is computed of it."""
        used: dict[int, set[Node]] = {}
        for section in self.sections:
            if section.rows:
                used.setdefault(section.rows, set()).update(
                    i.column for i in section.instructions if i.column is not None
                )
        return {rows: {n: j for j, n in enumerate(sorted(nodes, key=self._rank))} for rows, nodes in used.items()}

    def _rank(self, node: Node) -> tuple[bool, tuple[object, ...]]:
        given = self.graph.ops[node] == "column"
        return not given, tuple(self.graph.data[node]) if given else (node,)

    def _table(self, nodes: dict[Node, int], rows: int) -> NDArray[np.float64]:
        if len(nodes) * rows > LARGEST_TABLE:
            raise UnsupportedModelError(
                f"a sum over {rows} rows reads {len(nodes)} columns of data and of products of data, more than "
                f"{LARGEST_TABLE} numbers; use fewer rows, or write products of sums instead of sums of products"
            )
        table = np.empty((rows, len(nodes)))
        for node, column in nodes.items():
            table[:, column] = self.selection.columns.values(node)
        table.flags.writeable = False
        key = (table.shape, hashlib.blake2b(table.data, digest_size=16).digest())
        return _tables.setdefault(key, table)
