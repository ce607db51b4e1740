"""Writes the API reference, docs/api: a page for each room, whose contents are those of the room's face."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import langevin_ib as lib
from plain_docstrings import escaped
from sphinx.application import Sphinx

# In the order of docs/architecture.md. Of the studies the experiments of the paper are public, of the errors all.
ROOMS = (
    "model",
    "models",
    "geometry",
    "process",
    "laws",
    "observe",
    "sampling",
    "comparison",
    "plot",
    "design",
    "studies.experiments",
    "errors",
    "program",
)


def short(room: str) -> str:
    """Return the name of a room without those that it is in."""
    return room.rpartition(".")[2]


def first_sentence(obj: object) -> str:
    """Return what a docstring begins with, or nothing for values."""
    text = (inspect.getdoc(obj) or "") if inspect.isclass(obj) or inspect.isroutine(obj) else ""
    return escaped(" ".join(text.split("\n\n")[0].split()))


def names_of(face: ModuleType) -> list[str]:
    """Return what a face has, a module without `__all__` included."""
    own = [name for name, obj in vars(face).items() if getattr(obj, "__module__", None) == face.__name__]
    return sorted(getattr(face, "__all__", own), key=str.lower)


def entry(owner: str, name: str, obj: object) -> str:
    """Return the lines that make autodoc document a name."""
    kind = "autoclass" if inspect.isclass(obj) else "autofunction" if inspect.isroutine(obj) else "autodata"
    # What scikit-learn puts into classes refers to pages of its own.
    members = "   :members:\n   :exclude-members: set_fit_request, set_score_request\n" if inspect.isclass(obj) else ""
    return f".. {kind}:: {owner}.{name}\n{members}"


def page(room: str) -> str:
    """Return a room's page: what users call, under the name by which they do; then what its neighbours use."""
    face = importlib.import_module(f"langevin_ib.{room}")
    names = names_of(face)
    if room in lib.__all__:
        public, owner = names, face.__name__
    else:
        public, owner = [name for name in names if name in lib.__all__], "langevin_ib"
    title = short(room)
    parts = [title, "=" * len(title), "", f".. automodule:: {face.__name__}\n", ".. currentmodule:: langevin_ib\n"]
    parts += [entry(owner, name, getattr(face, name)) for name in public]
    if inner := [name for name in names if name not in public]:
        parts += ["For other rooms", "---------------", "", "No part of the public surface; they may change.", ""]
        parts += [f"``{name}``\n   {first_sentence(getattr(face, name)) or 'A value or a type.'}\n" for name in inner]
    return "\n".join(parts)


def write(app: Sphinx) -> None:
    """Write the pages, and leave those alone that have not changed."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    pages = {short(room): page(room) for room in ROOMS}
    listed = "\n".join(f"   {name}" for name in pages)
    intro = (
        "A page for each room of :doc:`the house </architecture>`, in the order in which one may use the other. "
        "What has an entry is public: ``import langevin_ib as lib``, then ``lib.sample`` or ``lib.models.hadamard``."
    )
    pages["index"] = f"API reference\n=============\n\n{intro}\n\n.. toctree::\n   :maxdepth: 1\n\n{listed}\n"
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write them before Sphinx looks for pages."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
