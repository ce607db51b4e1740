"""A straight program for a function of the coordinates: what crosses into the core, checked, compared by content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidArgumentError
from .functions import OPCODES, OPERATIONS
from .graph import Origin

__all__ = ["MOST_REGISTERS", "Notes", "Tape"]

MOST_REGISTERS = 2**16
"""The largest number of registers of a tape."""


@dataclass(frozen=True)
class Notes:
    """What a tape is about, for people; no part of what it computes.

    Parameters
    ----------
    coordinates : tuple of str
        The names of the coordinates.
    columns : tuple of tuple of str
        What each column of each table of data holds.
    origins : tuple of Origin or None
        For each instruction, the part of the user's expression that it belongs to.
    """

    coordinates: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    origins: tuple[Origin | None, ...]


@dataclass(frozen=True, eq=False)
class Tape:
    """A program that maps x, shape (dim,), to its outputs, all real; immutable, equal by content.

    Parameters
    ----------
    code : array of int32, shape (instructions, 5)
        Rows (op, dst, a, b, c): the operation's place in `OPERATIONS`, the register that is written, the operands,
        which are registers except for columns of data and for ``loop``, whose a is a place in `data`, and whose b is
        the number of instructions after it that are executed for each row. Unused operands are 0.
    constants : array of float64, shape (m,)
        The contents of registers 0 to m - 1, which are never written.
    dim : int
        The number of coordinates: registers m to m + dim - 1 hold x and are never written.
    registers : int
        The number of registers, at most 65536.
    outputs : array of int32
        The registers that hold the results at the end.
    data : tuple of arrays of float64, each of shape (rows, columns)
        What loops go over.
    notes : Notes
        What it is about; ignored in comparisons.

    Raises
    ------
    InvalidArgumentError
        If something refers to what is not there, or a register is read before it is written.
    """

    code: NDArray[np.int32]
    constants: NDArray[np.float64]
    dim: int
    registers: int
    outputs: NDArray[np.int32]
    data: tuple[NDArray[np.float64], ...] = ()
    notes: Notes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, kind in (("code", np.int32), ("constants", np.float64), ("outputs", np.int32)):
            object.__setattr__(self, name, _frozen(np.ascontiguousarray(getattr(self, name), dtype=kind)))
        if self.code.ndim != 2 or self.code.shape[1] != 5:
            raise InvalidArgumentError(f"code must have shape (instructions, 5), got {self.code.shape}")
        object.__setattr__(self, "data", tuple(_frozen(np.ascontiguousarray(d, dtype=np.float64)) for d in self.data))
        _Check(self).run()

    def request(self) -> dict[str, Any]:
        """Return the tape as the core takes it: plain arrays and numbers, nothing copied."""
        names = ("code", "constants", "dim", "registers", "outputs")
        return {**{name: getattr(self, name) for name in names}, "data": list(self.data)}

    @cached_property
    def digest(self) -> str:
        """A hash of all that is computed, the same in every process; names and origins have no part in it."""
        state = hashlib.blake2b(digest_size=16)
        state.update(repr((self.dim, self.registers, [table.shape for table in self.data])).encode())
        arrays: list[NDArray[Any]] = [self.code, self.outputs, self.constants, *self.data]
        for array in arrays:
            state.update(len(array).to_bytes(8, "little"))
            state.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
        return state.hexdigest()

    def __len__(self) -> int:
        """Return the number of instructions, those inside of loops counted once."""
        return len(self.code)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tape) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[Any, ...]:
        return Tape, (self.code, self.constants, self.dim, self.registers, self.outputs, self.data, self.notes)

    def __repr__(self) -> str:
        return (
            f"<Tape of {len(self)} instructions, {self.registers} registers, {self.dim} coordinates, "
            f"{len(self.outputs)} outputs, data {[table.shape for table in self.data]}>"
        )


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


class _Check:
    """Follows a tape from its first instruction to its last and refuses whatever the core would."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.pinned = len(tape.constants) + tape.dim
        self.written = np.zeros(max(tape.registers, 0), dtype=bool)
        self.loop_end = -1
        self.table: NDArray[np.float64] | None = None
        self.before = self.written

    def run(self) -> None:
        tape = self.tape
        if tape.dim < 1 or tape.registers < self.pinned:
            raise InvalidArgumentError(f"a tape of {tape.dim} coordinates can't have {tape.registers} registers")
        if tape.registers > MOST_REGISTERS:
            raise InvalidArgumentError(f"a tape has at most {MOST_REGISTERS} registers, not {tape.registers}")
        if any(table.ndim != 2 for table in tape.data):
            raise InvalidArgumentError("every table of data must have two axes")
        self.written[: self.pinned] = True
        for place, row in enumerate(tape.code.tolist()):
            self._leave_loop(place)
            self._instruction(place, row)
        self._leave_loop(len(tape))
        if self.loop_end > len(tape):
            raise InvalidArgumentError(f"the last loop has {self.loop_end - len(tape)} instructions too few")
        for output in tape.outputs.tolist():
            self._read(len(tape), output)

    def _leave_loop(self, place: int) -> None:
        if place == self.loop_end:
            self.written, self.table, self.loop_end = self.before, None, -1

    def _instruction(self, place: int, row: Sequence[int]) -> None:
        code, target, *operands = row
        if not 0 <= code < len(OPERATIONS):
            raise InvalidArgumentError(f"instruction {place} has the unknown operation {code}")
        if code == OPCODES["loop"]:
            self._enter_loop(place, operands[0], operands[1])
            return
        operation = OPERATIONS[code]
        for index in operation.reads:
            self._read(place, operands[index])
        if operation.column is not None:
            columns = 0 if self.table is None else self.table.shape[1]
            if not 0 <= operands[operation.column] < columns:
                raise InvalidArgumentError(
                    f"instruction {place} reads column {operands[operation.column]} of {columns}"
                )
        if not self.pinned <= target < self.tape.registers:
            raise InvalidArgumentError(f"instruction {place} writes register {target}, which is not for writing")
        self.written[target] = True

    def _enter_loop(self, place: int, table: int, count: int) -> None:
        if self.table is not None:
            raise InvalidArgumentError(f"instruction {place} begins a loop inside of a loop")
        if not 0 <= table < len(self.tape.data) or count < 0:
            raise InvalidArgumentError(
                f"instruction {place} loops {count} instructions over data {table}, which is not there"
            )
        if count:
            self.table, self.loop_end, self.before = self.tape.data[table], place + 1 + count, self.written.copy()

    def _read(self, place: int, register: int) -> None:
        if not (0 <= register < self.tape.registers and self.written[register]):
            raise InvalidArgumentError(
                f"instruction {place} reads register {register} before anything is written there"
            )
