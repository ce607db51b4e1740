"""Which register holds which value, and until when: as few as a straight scan can do with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import NamedTuple, TypeAlias

from .graph import Node
from .schedule import Section

__all__ = ["Placed", "allocated"]

_Value: TypeAlias = tuple[Node, int]
"""A node, and the loop in which it is computed: a node of a row is computed anew in every loop that needs it."""


class Placed(NamedTuple):
    """Where the values of an instruction are: registers counted from 0, or None for what is given from the start."""

    target: int
    reads: tuple[int | None, ...]


def allocated(
    sections: Sequence[Section], outputs: Sequence[Node], is_given: Callable[[Node], bool]
) -> tuple[list[Placed], dict[Node, int], int]:
    """Return where the values of each instruction are, where the outputs are, and how many registers that takes.

    Parameters
    ----------
    sections : sequence of Section
        The instructions, in order.
    outputs : sequence of int
        Nodes whose values are kept until the end.
    is_given : callable
        Whether a node is in a register from the start, not one of these.
    """
    lines = _lines(sections)
    last = _last_uses(lines, sections, outputs)
    ending: dict[float, list[_Value]] = {}
    for value, end in last.items():
        ending.setdefault(end, []).append(value)
    free: list[int] = []
    where: dict[_Value, int] = {}
    count = 0
    placed = []
    for position, (target, reads) in enumerate(lines):
        used = tuple(None if is_given(value[0]) else where[value] for value in reads)
        for value in ending.get(position, ()):
            if value in where:
                heappush(free, where[value])
        if target not in where:
            if not free:
                heappush(free, count)
                count += 1
            where[target] = heappop(free)
        placed.append(Placed(where[target], used))
    return placed, {node: where[node, 0] for node in outputs if not is_given(node)}, count


def _lines(sections: Sequence[Section]) -> list[tuple[_Value, list[_Value]]]:
    """Return target and reads of each instruction."""
    lines = []
    for number, section in enumerate(sections, start=1):
        # A target that is also read was there before the loop: a sum.
        own = {i.target for i in section.instructions if i.target not in i.reads} if section.rows else set()
        for i in section.instructions:
            values = [(node, number if node in own else 0) for node in (i.target, *i.reads)]
            lines.append((values[0], values[1:]))
    return lines


def _last_uses(
    lines: Sequence[tuple[_Value, list[_Value]]], sections: Sequence[Section], outputs: Sequence[Node]
) -> dict[_Value, float]:
    """Return the instruction at which the register of each value is free for others.

    What comes from outside of a loop must survive all of it, up to the instruction after.
    """
    last: dict[_Value, float] = {}
    position = 0
    for section in sections:
        after = position + len(section.instructions)
        for _ in section.instructions:
            for value in lines[position][1]:
                last[value] = after if section.rows and not value[1] else position
            position += 1
    last.update({(node, 0): math.inf for node in outputs})
    return last
