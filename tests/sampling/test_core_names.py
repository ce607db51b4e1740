"""Whatever the core shows is found again under the module and name that it says it has: pickles carry nothing else."""

from __future__ import annotations

import pickle
import subprocess
import sys
from importlib import import_module

import pytest
from langevin_ib import _core

PUBLIC = {name: getattr(_core, name) for name in dir(_core) if not name.startswith("_")}
CLASSES = [thing for thing in PUBLIC.values() if isinstance(thing, type)]
ERRORS = [thing for thing in CLASSES if issubclass(thing, Exception)]


def found(thing) -> object:
    """What another process finds where this one's thing says it is."""
    return getattr(import_module(thing.__module__), thing.__qualname__)


def test_there_are_classes_and_functions_to_be_found() -> None:
    assert _core.DivergedError in CLASSES
    assert len(PUBLIC) > len(CLASSES)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_name_leads_back_to_what_it_names(name: str) -> None:
    assert PUBLIC[name].__module__ == _core.__name__
    assert found(PUBLIC[name]) is PUBLIC[name]
    assert pickle.loads(pickle.dumps(PUBLIC[name])) is PUBLIC[name]


def test_a_class_that_names_another_module_is_not_found() -> None:
    stray = type("DivergedError", (ArithmeticError,), {"__module__": "_core"})
    with pytest.raises(ModuleNotFoundError):
        found(stray)


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_of_the_core_reaches_a_process_that_has_not_imported_it(error: type[Exception]) -> None:
    sent = pickle.dumps(error("walker 3 diverged", 3, 7, "out of range"))
    script = "import pickle, sys; e = pickle.load(sys.stdin.buffer); print(type(e).__module__, e.args)"
    came = subprocess.run([sys.executable, "-c", script], input=sent, capture_output=True, check=True, timeout=60)
    assert came.stdout.decode().strip() == f"{_core.__name__} ('walker 3 diverged', 3, 7, 'out of range')"
