"""Descriptions that nobody here wrote: nonsense and attacks are refused in order, and nothing of them is executed."""

from __future__ import annotations

import json

import langevin_ib as lib
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from langevin_ib.errors import ArchiveError
from langevin_ib.model.expressions.formulas import read_tree
from langevin_ib.sampling.files.description import describe, restore
from langevin_ib.sampling.loop.settings import Settings

MODEL = lib.models.scalar_product()
SETTINGS = Settings(
    step_size=1 / 3,
    steps=9,
    burn_in=3,
    walkers=(0, 3),
    key=1,
    scheme="mala",
    dtype="float32",
    noise="native",
    observe=(("a", lib.Moments(order=4)),),
)


NAMES = st.sampled_from(
    ("Add", "Symbol", "Integer", "Rational", "Float", "Pow", "exp", "Piecewise", "ExprCondPair", "Pi")
)
ATOMS = st.none() | st.booleans() | st.integers(-3, 100) | st.floats() | NAMES | st.text(max_size=5)
NONSENSE = st.recursive(
    ATOMS,
    lambda part: (
        st.lists(part, max_size=4)
        | st.builds(lambda name, parts: [name, *parts], NAMES, st.lists(part, max_size=3))
        | st.dictionaries(
            st.sampled_from(("kind", "fields", "formula", "mapping", "pairs", "integer")), part, max_size=2
        )
    ),
    max_leaves=12,
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(NONSENSE)
def test_nonsense_is_refused_in_order(nonsense) -> None:
    for read in (read_tree, lambda value: restore(value, lib.Model), lambda value: restore(value, Settings)):
        try:
            read(nonsense)
        except ArchiveError:
            continue
        assert read is read_tree  # nonsense is no model, but may be a number


ATTACKS = [
    ["__import__", ["Symbol", "os"]],
    ["Function", "f"],
    ["lambdify", ["Symbol", "x"]],
    ["Lambda", ["Symbol", "x"], ["Symbol", "x"]],
    ["Symbol", "x", {"real": True, "__class__": True}],
    ["Symbol", "x", {"positive": "__import__('os').system('true')"}],
    ["Integer", "__import__('os').system('true')"],
    ["Float", "__import__('os')", 1, 1],
    ["Float", 53, 2, 0],
    ["Rational", 1, 0],
    ["Add", ["true"], ["Symbol", "x"]],
    ["exp"],
    ["exp", ["Integer", 1], ["Integer", 1]],
    ["srepr", "x"],
    ["Str", "x"],
    [],
    ["os.system", "true"],
]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_what_is_not_listed_is_not_built(attack) -> None:
    with pytest.raises(ArchiveError):
        read_tree(attack)


def test_a_symbol_with_code_for_a_name_makes_no_model() -> None:
    described = describe(MODEL)
    text = json.dumps(described).replace('["Symbol", "u"]', '["Symbol", "__import__(\'os\')"]')
    with pytest.raises(ArchiveError, match="must be a Python identifier"):
        restore(json.loads(text), lib.Model)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"walkers": [3, 3]}, "walkers"),
        ({"walkers": 3}, "Settings"),
        ({"key": -1}, "key"),
        ({"key": {"integer": "0x1" + 32 * "0"}}, "key"),
        ({"observe": [[1, None]]}, "observe"),
        ({"substeps": 0}, "substeps"),
        ({"color": "red"}, "color"),
        ({"scheme": "verlet"}, "scheme"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, complaint) -> None:
    described = describe(SETTINGS)
    described["fields"] |= change
    with pytest.raises(ArchiveError, match=complaint):
        restore(described, Settings)


@pytest.mark.parametrize(
    "parts",
    [
        ["Parts"],
        ["Parts", ["Part", 0]],
        ["Parts", ["exp", ["Symbol", "u"]], ["exp", ["Part", 1]]],
        ["Parts", ["exp", ["Symbol", "u"]], ["exp", ["Part", -1]]],
        ["Parts", ["exp", ["Symbol", "u"]], ["exp", ["Parts", ["Symbol", "u"]]]],
        ["Part", 0],
        ["Parts", ["Eq", ["Symbol", "u"], ["Integer", 0]], ["exp", ["Part", 0]]],
    ],
    ids=str,
)
def test_parts_that_are_not_there_are_refused(parts) -> None:
    with pytest.raises(ArchiveError):
        restore({"formula": parts}, sympy.Expr)


def test_depth_is_an_error_and_no_crash() -> None:
    tree: list = ["Symbol", "u"]
    for _ in range(100_000):
        tree = ["exp", tree]
    with pytest.raises(ArchiveError, match="nested too deeply"):
        restore({"formula": tree}, sympy.Expr)
    del tree


def test_a_model_is_not_settings() -> None:
    with pytest.raises(ArchiveError, match="should describe a Settings"):
        restore(describe(MODEL), Settings)
