"""Every example in a docstring of the installed package runs and shows what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import langevin_ib
import pytest

MODULES = sorted(
    info.name
    for info in pkgutil.walk_packages(langevin_ib.__path__, "langevin_ib.")
    if not info.name.endswith("._core")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name) -> None:
    # A function of the package may hide the module of the same name, so the module is looked up by name.
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    examples = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(examples) >= 8
