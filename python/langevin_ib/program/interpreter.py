"""The tape in NumPy: slow, plain, and what everything faster is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidArgumentError
from .functions import OPERATIONS, Operation
from .fused import fused_to_odd
from .tape import Tape

__all__ = ["Step", "evaluate", "steps"]


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
    apply = _double if points.dtype == np.float64 else _single
    with np.errstate(all="ignore"):
        for step, row in steps(tape, points.dtype):
            registers[step.target] = apply(step.operation, step.operands(registers, row))
    return np.stack([np.broadcast_to(registers[output], len(points)) for output in tape.outputs.tolist()], axis=1)


class Step(NamedTuple):
    """An instruction, decoded: its place, its operation, the register that it writes, its three operands."""

    place: int
    operation: Operation
    target: int
    fields: tuple[int, ...]

    def operands(self, registers: Sequence[Any], row: Sequence[Any]) -> list[Any]:
        """Return what the operation is applied to: registers, and an entry of the row of data in its place."""
        column = self.operation.column
        found = [registers[self.fields[index]] for index in self.operation.reads]
        return found if column is None else [*found[:column], row[self.fields[column]], *found[column:]]


def steps(tape: Tape, dtype: Any = np.float64) -> Iterator[tuple[Step, Sequence[Any]]]:
    """Yield the instructions of a tape in the order of execution, inside of a loop with the row of data."""
    code = [Step(p, OPERATIONS[op], target, tuple(abc)) for p, (op, target, *abc) in enumerate(tape.code.tolist())]
    place = 0
    while place < len(code):
        step = code[place]
        place += 1
        if step.operation.name != "loop":
            yield step, ()
            continue
        body = code[place : place + step.fields[1]]
        place += len(body)
        for row in tape.data[step.fields[0]].astype(dtype, copy=False):
            for inner in body:
                yield inner, row


def _double(operation: Operation, arguments: list[Any]) -> Any:
    return operation.apply(*arguments)


def _single(operation: Operation, arguments: list[Any]) -> Any:
    """Apply an operation in double precision and round.

    That is correct rounding for + - * / and sqrt, and for a b + c if the double was rounded to odd.
    """
    doubles = [np.asarray(a, dtype=np.float64) for a in arguments]
    apply = fused_to_odd if operation.name in ("fma", "fma_column") else operation.apply
    return np.asarray(apply(*doubles)).astype(np.float32)
