"""Where a tape leaves the finite numbers: the first instruction that does so and matters, its operands, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .functions import OPERATIONS
from .graph import Origin
from .interpreter import operands, steps
from .sketch import sketch
from .tape import Tape

__all__ = ["Failure", "first_failure"]


@dataclass(frozen=True)
class Failure:
    """An instruction whose result is not finite although all that it was given is.

    Parameters
    ----------
    place : int
        The instruction's place in the code.
    operation : str
        Its name.
    operands : tuple of float
        What it was given.
    result : float
        inf, -inf or NaN.
    row : int or None
        The row of data, inside of a loop.
    origin : Origin or None
        The part of the user's expression that it belongs to.
    """

    place: int
    operation: str
    operands: tuple[float, ...]
    result: float
    row: int | None
    origin: Origin | None

    @property
    def reason(self) -> str:
        """What is wrong, in a few words."""
        return _reason(self.operation, self.operands)

    def __str__(self) -> str:
        where = ""
        if self.origin is not None:
            where = f" in {'the derivative of ' if self.origin.derivative else ''}{sketch(self.origin.expression)}"
        row = "" if self.row is None else f", row {self.row} of the data"
        return f"{self.reason}{where}{row}: {self.operation}({', '.join(map(repr, self.operands))}) is {self.result}"


def first_failure(tape: Tape, point: Sequence[float]) -> Failure | None:
    """Return why some output of a tape is not finite at a point, None if all are finite.

    Branches that are not taken, and infinities that come to nothing (1 / inf), do not count.

    Parameters
    ----------
    tape : Tape
        The program.
    point : array_like, shape (dim,)
        Finite coordinates.
    """
    values = [float(c) for c in tape.constants] + [float(x) for x in point]
    registers: list[Any] = values + [0.0] * (tape.registers - len(values))
    causes: list[Failure | None] = [None] * tape.registers
    with np.errstate(all="ignore"):
        for place, row in steps(tape):
            code, target, *registers_read = tape.code[place].tolist()
            operation = OPERATIONS[code]
            given = operands(tape, place, registers, None if row is None else tape.data[row[0]][row[1]])
            result = float(operation.apply(*(np.float64(g) for g in given)))
            cause = None
            if not math.isfinite(result):
                read = [registers_read[index] for index in operation.reads]
                if operation.name == "select":
                    read = [read[1] if given[0] != 0 else read[2]]
                cause = next((causes[r] for r in read if causes[r] is not None), None) or Failure(
                    place,
                    operation.name,
                    tuple(map(float, given)),
                    result,
                    None if row is None else row[1],
                    None if tape.notes is None else tape.notes.origins[place],
                )
            registers[target], causes[target] = result, cause
    return next((causes[output] for output in tape.outputs.tolist() if causes[output] is not None), None)


def _reason(operation: str, given: Sequence[float]) -> str:
    first = given[0] if given else math.nan
    if operation == "div" and given[1] == 0:
        return "division by zero"
    if operation == "sqrt":
        return "the square root of a negative number is complex"
    if operation in ("log", "log1p"):
        argument = first + (operation == "log1p")
        return "logarithm of zero" if argument == 0 else "the logarithm of a negative number is complex"
    if operation == "pow" and first < 0 and not given[1].is_integer():
        return "a broken power of a negative number is complex"
    if operation == "pow" and first == 0:
        return "division by zero"
    return "overflow"
