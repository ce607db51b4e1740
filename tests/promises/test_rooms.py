"""The order of the rooms: no import runs up, what crosses rooms goes through their faces, runs never reach laws."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import langevin_ib
import pytest

ROOT = Path(langevin_ib.__file__).parent

FLOORS = (
    ("errors", "checks", "schemes", "temperature", "deadline", "progress", "display", "_core"),
    ("model", "observe"),
    ("models", "geometry", "program", "comparison"),
    ("process", "plot"),
    ("laws", "sampling"),
    ("design",),
    ("studies",),
    ("commands",),
    ("__main__",),
)
"""Each uses what is on lower floors; nobody knows a neighbour on its own, but at the bottom, which stands in order."""

FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

HIDDEN = {
    "sampling": {"loop", "files"},
    "laws": {"line", "integrals", "families", "curves", "level_sets", "sampled"},
}
"""Rooms inside of rooms, which from outside are seen through the outer one alone."""

RUNS, LAWS = ("sampling", "process", "program", "observe"), {"laws", "comparison"}


def modules() -> dict[str, Path]:
    """Every module of the package by its absolute name without the package's."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the code of a module, taken apart."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def names_on(face: str) -> frozenset[str]:
    """Return the names that the face of a room exports: some are functions that are called like their module."""
    nodes = [node for node in ast.walk(tree_of(MODULES[face])) if isinstance(node, ast.ImportFrom)]
    return frozenset(alias.asname or alias.name for node in nodes if node.module for alias in node.names)


def imports(name: str, path: Path, code: str | None = None) -> Iterator[tuple[str, str]]:
    """Yield absolute module and name of everything that a module imports from this package, wherever it does."""
    inside = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    inside = [part for part in inside if part]
    for node in ast.walk(tree_of(path) if code is None else ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = inside[: len(inside) - node.level + 1]
            target = ".".join([*base, *(node.module or "").split(".")]).strip(".")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "langevin_ib":
            target = (node.module or "").removeprefix("langevin_ib").lstrip(".")
        elif isinstance(node, ast.Import):
            yield from (
                (alias.name.removeprefix("langevin_ib."), "") for alias in node.names if "langevin_ib" in alias.name
            )
            continue
        else:
            continue
        for alias in node.names:
            inner = f"{target}.{alias.name}".strip(".")
            is_module = alias.name == "_core" or (inner in MODULES and alias.name not in names_on(target))
            yield (inner, "") if is_module else (target, alias.name)


def room_of(module: str) -> str:
    """The room that a module is in: the first part of its name."""
    return module.partition(".")[0]


def runs_up(name: str, path: Path, code: str | None = None) -> list[str]:
    """Return the imports of a module that go to its own floor or up."""
    mine = room_of(name)
    return [
        f"{name} imports {target}"
        for target, what in imports(name, path, code)
        if room_of(target) != mine
        # The version is the one thing that the package's own face says to what is inside.
        and not (target == "" and what == "__version__")
        and (FLOOR.get(room_of(target), len(FLOORS)) >= FLOOR[mine] if FLOOR[mine] else not is_before(target, mine))
    ]


def is_before(target: str, mine: str) -> bool:
    """Whether a module at the bottom stands before another there."""
    order = ("_core", *FLOORS[0])
    return room_of(target) in order and order.index(room_of(target)) < order.index(mine)


def around_the_face(name: str, path: Path, code: str | None = None) -> list[str]:
    """Return the imports of a module that reach past the face of another room, into one of its files."""
    found = []
    mine = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for target, what in imports(name, path, code):
        path_of_target = MODULES.get(target)
        if path_of_target is None or FLOOR.get(room_of(target), 0) == 0:
            continue
        room = target if path_of_target.name == "__init__.py" else target.rpartition(".")[0]
        is_file = room != target
        is_inside = mine == room or mine.startswith(f"{room}.")
        is_hidden = room_of(name) != room_of(target) and any(
            target.startswith(f"{room_of(target)}.{inner}") for inner in HIDDEN.get(room_of(target), ())
        )
        # A whole module is a name like others on the face of a room inside of one's own.
        is_module = what == "" and room_of(name) == room_of(target)
        if (is_file and not is_inside and not is_module) or is_hidden:
            found.append(f"{name} imports from {target}")
    return found


class TestTheOrderOfRooms:
    def test_every_room_has_a_floor(self) -> None:
        assert {room_of(name) for name in MODULES if name} | {"_core"} == set(FLOOR)

    def test_no_import_runs_up(self) -> None:
        assert [each for name, path in MODULES.items() if name for each in runs_up(name, path)] == []

    def test_rooms_are_named_and_not_their_files(self) -> None:
        assert [each for name, path in MODULES.items() if name for each in around_the_face(name, path)] == []

    def test_no_file_takes_the_place_of_what_a_face_exports(self) -> None:
        """An import of `.tabulated` makes it an attribute of its package, whatever had that name before."""
        rooms = [name for name, path in MODULES.items() if name and path.name == "__init__.py"]
        faces = {room: importlib.import_module(f"langevin_ib.{room}") for room in rooms}
        exported = {
            f"{room}.{name}": getattr(face, name)
            for room, face in faces.items()
            for name in getattr(face, "__all__", ())
        }
        assert [name for name, what in exported.items() if isinstance(what, ModuleType)] == []

    def test_files_stand_in_rooms(self) -> None:
        loose = {path.stem for path in ROOT.glob("*.py")}
        faces = {"__init__", "__main__", "errors", "checks", "display"}
        assert loose == faces | {"schemes", "temperature", "deadline", "progress"}

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("model.model", "from ..laws import density"),
            ("sampling.run", "from ..laws import Density"),
            ("laws.density", "def f():\n    from ..sampling import sample"),
            ("checks", "from .model import Model"),
            ("errors", "from .checks import shown"),
            ("geometry.gram", "import langevin_ib.process"),
            ("process.dynamics", "from langevin_ib import sample"),
        ],
    )
    def test_an_import_that_runs_up_would_be_seen(self, name, code) -> None:
        assert runs_up(name, MODULES[name], code)

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("laws.density", "from ..model.model import Model"),
            ("studies.validation.row", "from ...sampling.loop import Settings"),
            ("sampling.run", "from .loop.settings import Settings"),
        ],
    )
    def test_a_reach_past_a_face_would_be_seen(self, name, code) -> None:
        assert around_the_face(name, MODULES[name], code)


def reached(start: str, extra: dict[str, str] | None = None) -> set[str]:
    """Return the rooms that a room's modules import, and the modules that these import, and so on."""
    seen: set[str] = set()
    todo = [name for name in MODULES if room_of(name) == start]
    while todo:
        name = todo.pop()
        if name in seen or name not in MODULES:
            continue
        seen.add(name)
        todo += [target for target, _ in imports(name, MODULES[name], (extra or {}).get(name))]
        # Whoever imports a file of a room opens the room's face, too.
        todo += [room for room in (name.rpartition(".")[0],) if room]
    return {room_of(name) for name in seen if name}


class TestRunsAndLawsAreStrangers:
    @pytest.mark.parametrize("room", RUNS)
    def test_what_moves_walkers_never_reaches_laws_or_comparison(self, room) -> None:
        assert not reached(room) & LAWS

    def test_laws_never_reach_what_moves_walkers(self) -> None:
        assert "sampling" not in reached("laws")

    def test_a_way_to_the_laws_would_be_seen(self) -> None:
        assert reached("sampling", {"program.tape": "from ..laws import density"}) & LAWS
