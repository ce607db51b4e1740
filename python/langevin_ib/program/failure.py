"""Where a tape leaves the finite numbers: the first instruction that does so and matters, its operands, and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from ..model.expressions import sketch
from .graph import Origin
from .interpreter import Step, steps
from .tape import Tape

__all__ = ["Failure", "first_failure"]


# Rounding decides nothing here, and a large loop has millions of these.
_APPLY: dict[str, Callable[..., Any]] = {name: lambda a, b, c: a * b + c for name in ("fma", "fma_column")}


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
        if self.operation == "sqrt" and self.origin is not None and isinstance(self.origin.expression, sympy.Piecewise):
            return "no condition holds (end it with a pair (value, True))"
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
    registers: list[Any] = [*tape.constants, *np.asarray(point, dtype=np.float64)]
    registers += [np.float64(0)] * (tape.registers - len(registers))
    causes: list[Failure | None] = [None] * tape.registers
    executed = [0] * len(tape)
    with np.errstate(all="ignore"):
        for step, row in steps(tape):
            given = step.operands(registers, row)
            result = registers[step.target] = _APPLY.get(step.operation.name, step.operation.apply)(*given)
            cause = None
            if not math.isfinite(result):
                number = executed[step.place] if len(row) else None
                cause = _inherited(step, given, causes) or _failure(tape, step, given, result, number)
            causes[step.target] = cause
            executed[step.place] += 1
    return next((causes[output] for output in tape.outputs.tolist() if causes[output] is not None), None)


def _failure(tape: Tape, step: Step, given: Sequence[Any], result: Any, row: int | None) -> Failure:
    origin = None if tape.notes is None else tape.notes.origins[step.place]
    return Failure(step.place, step.operation.name, tuple(map(float, given)), float(result), row, origin)


def _inherited(step: Step, given: Sequence[Any], causes: Sequence[Failure | None]) -> Failure | None:
    """Return why an operand was not finite already, None if all were."""
    read = step.operation.reads
    if step.operation.name == "select":
        read = (1,) if given[0] != 0 else (2,)
    return next((cause for index in read if (cause := causes[step.fields[index]]) is not None), None)


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
