"""The order of instructions: what a loop needs, the loop, what comes of it; each value used up as soon as possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .graph import Node
from .selection import Instruction, Selection

__all__ = ["Section", "scheduled"]


@dataclass
class Section:
    """Instructions that are executed once, or, if `rows` is positive, once for each of so many rows of data."""

    rows: int
    instructions: list[Instruction] = field(default_factory=list)


def scheduled(selection: Selection, outputs: Sequence[Node]) -> list[Section]:
    """Return the instructions that compute `outputs`.

    Sums over equally many rows share a loop, unless one of them needs the result of another.
    """
    graph = selection.graph
    sections: list[Section] = []
    there: set[Node] = set()
    for sums in _loops(selection):
        body = _Order(selection, [selection.accumulation(s) for s in sums], there, inside=True)
        zero = graph.constant(0)
        copies = [Instruction("copy", s, (zero,)) for s in sums]
        sections.append(Section(0, _straight(selection, body.outside, there) + copies))
        sections.append(Section(graph.rows[graph.args[sums[0]][0]], body.instructions))
        there.update(sums)
    sections.append(Section(0, _straight(selection, outputs, there)))
    return [section for section in sections if section.instructions]


def _straight(selection: Selection, nodes: Iterable[Node], there: set[Node]) -> list[Instruction]:
    """Return the instructions outside of loops that compute `nodes`, as far as they are not `there`."""
    missing = [n for n in dict.fromkeys(nodes) if n not in there and not selection.is_given(n)]
    return _Order(selection, [selection.instruction(n) for n in missing], there, inside=False).instructions


def _loops(selection: Selection) -> list[list[Node]]:
    """Return the sums of each loop, in an order in which every loop finds what it needs."""
    graph = selection.graph
    groups: dict[tuple[int, int], list[Node]] = {}
    for node in selection.needed:
        if graph.ops[node] == "sum":
            groups.setdefault((graph.level[node], graph.rows[graph.args[node][0]]), []).append(node)
    return [groups[key] for key in sorted(groups, key=lambda key: (key[0], groups[key][0]))]


class _Order:
    """Orders the instructions that `roots` need, beyond what is `there`.

    Derivatives come in the order in which they were taken, and before each what it needs, first what takes most
    registers (Ershov). But whatever can be computed at once, and leaves no more values waiting than before, is: so a
    residual meets all of its uses while it is at hand.

    Parameters
    ----------
    selection : Selection
        Tells the instructions.
    roots : sequence of Instruction
        What must be computed; in a loop, what is added to its sums.
    there : set of int
        Nodes that were computed before; grows, unless this is a loop, by those that are computed.
    inside : bool
        Whether this is a loop, which leaves alone what is the same in all rows: that is collected in `outside`.
    """

    def __init__(self, selection: Selection, roots: Sequence[Instruction], there: set[Node], *, inside: bool) -> None:
        self.selection = selection
        self.inside = inside
        self.there = set(there) if inside else there
        self.outside: dict[Node, None] = {}
        self.instructions: list[Instruction] = []
        self._wanted = {root.target: root for root in roots}
        self._known_needs: dict[Node, list[Node]] = {}
        self._depth: dict[Node, int] = {}
        self._collect()
        self._users: dict[Node, list[Instruction]] = {}
        for instruction in self._wanted.values():
            for node in self._needs(instruction):
                self._users.setdefault(node, []).append(instruction)
        self._left = Counter({node: len(users) for node, users in self._users.items()})
        self._left.update(root.target for root in roots)
        for instruction in [*self._derivatives(), *roots]:
            self._compute(instruction)

    def _needs(self, instruction: Instruction) -> list[Node]:
        """Return what an instruction reads of what is computed here."""
        known = self._known_needs.get(instruction.target)
        if known is not None:
            return known
        found = self._known_needs[instruction.target] = []
        for node in dict.fromkeys(instruction.reads):
            if node == instruction.target or self.selection.is_given(node):
                continue
            if self.inside and self.selection.graph.rows[node] == 0:
                self.outside.setdefault(node)
            elif node not in self.there:
                found.append(node)
        return found

    def _collect(self) -> None:
        """Find all instructions, and how many registers each takes."""
        todo = list(reversed(self._wanted.values()))
        while todo:
            instruction = todo[-1]
            needs = self._needs(instruction)
            new = [n for n in needs if n not in self._depth]
            if new:
                self._wanted.update({n: self.selection.instruction(n) for n in new})
                todo.extend(self._wanted[n] for n in reversed(new))
            else:
                todo.pop()
                below = sorted((self._depth[n] for n in needs), reverse=True)
                self._depth[instruction.target] = max([1, *(d + i for i, d in enumerate(below))])

    def _derivatives(self) -> list[Instruction]:
        """Return what belongs to derivatives, in the order in which they were taken."""
        graph = self.selection.graph
        wanted = [n for n in sorted(self._wanted) if (origin := graph.origins[n]) is not None and origin.derivative]
        return [self._wanted[n] for n in wanted if graph.moving[n]]

    def _compute(self, root: Instruction) -> None:
        todo = [root]
        while todo:
            instruction = todo[-1]
            if instruction.target in self.there:
                todo.pop()
                continue
            missing = [n for n in self._needs(instruction) if n not in self.there]
            if missing:
                todo.extend(self._wanted[n] for n in sorted(missing, key=self._depth.__getitem__))
            else:
                todo.pop()
                self._append(instruction)

    def _append(self, instruction: Instruction) -> None:
        """Append an instruction, and those that can now follow at no cost."""
        todo = [instruction]
        while todo:
            now = todo.pop(0)
            if now.target in self.there:
                continue
            self.instructions.append(now)
            self.there.add(now.target)
            needs = self._needs(now)
            self._left.subtract(needs)
            # Who reads the result may follow; so may the last to read something that was read just now.
            for node in (now.target, *(n for n in needs if self._left[n] == 1)):
                todo.extend(user for user in self._users.get(node, ()) if self._is_free(user))

    def _is_free(self, user: Instruction) -> bool:
        needs = self._needs(user)
        if user.target in self.there or not all(n in self.there for n in needs):
            return False
        return user.target in user.reads or any(self._left[n] == 1 for n in needs)
