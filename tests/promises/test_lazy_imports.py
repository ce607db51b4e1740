"""Small: a room of the package opens when one of its names is asked for, and not before."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import langevin_ib as lib
import pytest

HEAVY = ("sympy", "scipy", "matplotlib", "numpy")


def loaded_after(code: str) -> set[str]:
    """Return the top-level modules that a new process has after some code."""
    report = "import sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], check=True, capture_output=True, encoding="utf-8"
    )
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not loaded_after("import langevin_ib") & set(HEAVY)


def test_that_it_would_be_seen() -> None:
    assert {"numpy", "sympy"} <= loaded_after("import langevin_ib; langevin_ib.Model")


def test_the_first_law_does_without_the_slow_rooms_of_scipy() -> None:
    """They took half of the time that the first law of a process takes."""
    code = """import langevin_ib as lib, sys
for dynamics in (lib.Ambient(0.1), lib.GaugeFixed(0.5)):
    lib.density(lib.models.scalar_product(), "theta", dynamics=dynamics, temperature=0.1)
lib.density(lib.models.harmonic(stiffness=2.0, dim=3), "x0", dynamics=lib.Ambient(), temperature=0.1)
assert not {"scipy.stats", "scipy.optimize", "scipy.interpolate"} & set(sys.modules)"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_errors_are_known_without_anything_else() -> None:
    assert not loaded_after("import langevin_ib; langevin_ib.errors.LangevinError") & set(HEAVY)


# One of each room; a process for each of them, as a circle of imports depends on where it is entered.
FIRST = ("compare", "balance", "density", "levels", "Model", "Histogram", "plot", "GaugeFixed", "sample", "models")


@pytest.mark.parametrize("name", FIRST)
def test_every_room_can_be_opened_first(name) -> None:
    code = f"import langevin_ib as lib; assert {name!r} in dir(lib); lib.{name}; from langevin_ib import {name}"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_every_public_name_is_there() -> None:
    assert [name for name in lib.__all__ if not hasattr(lib, name)] == []


def test_an_unknown_name_is_refused_as_ever() -> None:
    with pytest.raises(AttributeError, match="desity"):
        lib.desity  # noqa: B018 - to ask is enough


def test_values_pickle_under_names_that_can_be_imported() -> None:
    for value in (lib.Ambient(0.1), lib.Histogram(bins=3, range=(0.0, 1.0)), lib.models.scalar_product()):
        assert pickle.loads(pickle.dumps(value)) == value


def test_faces_can_be_read_in_every_locale() -> None:
    """`lazy_loader` opens the stub of a face with the encoding of the user's locale."""
    stubs = [*Path(lib.__file__).parent.rglob("__init__.pyi")]
    assert stubs
    assert all(stub.read_bytes().isascii() for stub in stubs)
