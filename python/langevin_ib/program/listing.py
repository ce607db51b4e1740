"""A tape as text, one instruction a line."""

from __future__ import annotations

from .functions import OPERATIONS
from .tape import Tape

__all__ = ["listing"]


def listing(tape: Tape) -> str:
    """Return a tape for reading: numbers and coordinates in place of their registers, other registers as r0, r1, ...

    Parameters
    ----------
    tape : Tape
        The tape.
    """
    lines = []
    end = -1
    columns: tuple[str, ...] = ()
    for place, (code, target, *operands) in enumerate(tape.code.tolist()):
        operation = OPERATIONS[code]
        if operation.name == "loop":
            end, table = place + 1 + operands[1], operands[0]
            columns = _columns(tape, table)
            lines.append(f"for each of {len(tape.data[table])} rows:")
            continue
        parts = [
            columns[operand] if index == operation.column else _register(tape, operand)
            for index, operand in enumerate(operands)
            if index in operation.reads or index == operation.column
        ]
        indent = "    " if place < end else ""
        lines.append(f"{indent}{_register(tape, target)} = {operation.name}({', '.join(parts)})")
    lines.append(f"-> {', '.join(_register(tape, output) for output in tape.outputs.tolist())}")
    return "\n".join(lines)


def _columns(tape: Tape, table: int) -> tuple[str, ...]:
    if tape.notes is not None:
        return tape.notes.columns[table]
    return tuple(f"data{table}[:, {j}]" for j in range(tape.data[table].shape[1]))


def _register(tape: Tape, register: int) -> str:
    constants = len(tape.constants)
    if register < constants:
        return repr(float(tape.constants[register]))
    if register < constants + tape.dim:
        index = register - constants
        return tape.notes.coordinates[index] if tape.notes is not None else f"x{index}"
    return f"r{register - constants - tape.dim}"
