"""The tape in NumPy: slow, plain, and what everything faster is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidArgumentError
from .functions import OPCODES, OPERATIONS
from .fused import fused_to_odd
from .tape import Tape

__all__ = ["evaluate", "operands", "steps"]


def evaluate(tape: Tape, points: NDArray[np.floating[Any]]) -> NDArray[Any]:
    """Return the outputs of a tape at many points.

    Parameters
    ----------
    tape : Tape
        The program.
    points : array, shape (n, dim)
        float64 or float32, which is also the arithmetic: in single precision every operation is rounded to it, and so
        are constants and data.

    Returns
    -------
    array, shape (n, outputs)
        Of the dtype of `points`. inf and NaN as IEEE 754 has them, without warnings.

    Raises
    ------
    InvalidArgumentError
        If `points` has another shape or dtype.

    Examples
    --------
    >>> tape = Tape(np.array([[21, 2, 1, 0, 0]]), np.array([2.0]), 1, 3, np.array([2]))
    >>> evaluate(tape, np.array([[1.5], [4.0]]))
    array([[3.],
           [8.]])
    """
    points = np.asarray(points)
    if points.dtype not in (np.float64, np.float32) or points.ndim != 2 or points.shape[1] != tape.dim:
        raise InvalidArgumentError(
            f"points must be a float64 or float32 array of shape (n, {tape.dim}), got {points.dtype} {points.shape}"
        )
    registers: list[Any] = [np.full(len(points), c, dtype=points.dtype) for c in tape.constants]
    registers += [points[:, index] for index in range(tape.dim)]
    registers += [None] * (tape.registers - len(registers))
    data = [table.astype(points.dtype, copy=False) for table in tape.data]
    apply = _double if points.dtype == np.float64 else _single
    with np.errstate(all="ignore"):
        for place, row in steps(tape):
            code, target, *_ = tape.code[place].tolist()
            registers[target] = apply(
                code, operands(tape, place, registers, None if row is None else data[row[0]][row[1]])
            )
    return np.stack([np.broadcast_to(registers[output], len(points)) for output in tape.outputs.tolist()], axis=1)


def steps(tape: Tape) -> Iterator[tuple[int, tuple[int, int] | None]]:
    """Yield the instructions of a tape in order of execution: place in the code, and (table, row) inside of a loop."""
    place = 0
    while place < len(tape):
        code, _, table, count, _ = tape.code[place].tolist()
        if code == OPCODES["loop"]:
            body = range(place + 1, place + 1 + count)
            for row in range(len(tape.data[table])):
                for inner in body:
                    yield inner, (table, row)
            place = body.stop
        else:
            yield place, None
            place += 1


def operands(tape: Tape, place: int, registers: Sequence[Any], row: NDArray[Any] | None) -> list[Any]:
    """Return what an instruction is applied to: registers, and a column of the row of data."""
    operation = OPERATIONS[tape.code[place, 0]]
    found = []
    for index, operand in enumerate(tape.code[place, 2:].tolist()):
        if index in operation.reads:
            found.append(registers[operand])
        elif index == operation.column and row is not None:
            found.append(row[operand])
    return found


def _double(code: int, arguments: list[Any]) -> Any:
    return OPERATIONS[code].apply(*arguments)


def _single(code: int, arguments: list[Any]) -> Any:
    """Apply an operation in double precision and round.

    That is correct rounding for + - * / and sqrt, and for a b + c if the double was rounded to odd.
    """
    doubles = [np.asarray(a, dtype=np.float64) for a in arguments]
    apply = fused_to_odd if OPERATIONS[code].name in ("fma", "fma_column") else OPERATIONS[code].apply
    return np.asarray(apply(*doubles)).astype(np.float32)
