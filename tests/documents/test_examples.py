"""Every example of the gallery finds its law confirmed and the naive one refuted, by what a user may use and no more.

The seeds are fixed. Under another seed a right law is called wrong (p < 0.001) once in a thousand runs of an example.
"""

from __future__ import annotations

import ast
import re
import runpy
import sys
from pathlib import Path

import langevin_ib as lib
import matplotlib as mpl
import pytest
from langevin_ib.studies import validation

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))
ALLOWED = {"dataclasses", "langevin_ib", "numba", "numpy", "sympy", "sys", "typing.Any"}

every_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


def modules_of(code: str) -> set[str]:
    """Return what a script imports; a name that it takes out of a module counts as that module and the name."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def private_names_of(code: str) -> set[str]:
    """Return the dotted names that a script takes from the package, `lib`, though no `__all__` has them."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Attribute)]
    chains = {ast.unparse(node) for node in nodes if re.fullmatch(r"lib(\.\w+)+", ast.unparse(node))}
    return {chain for chain in chains if not is_public(chain.split(".")[1:])}


def is_public(names: list[str]) -> bool:
    owner = lib
    for name in names:
        if name not in getattr(owner, "__all__", ()):
            return False
        owner = getattr(owner, name)
    return True


def test_the_gallery_is_complete() -> None:
    names = {path.stem for path in EXAMPLES}
    assert names == {
        "bayesian_lasso",
        "compiled_potential",
        "cp_tensor",
        "logistic_neuron",
        "lora_product",
        "normalised_weight",
        "softmax_head",
        "two_groups",
        "two_relu_neurons",
    }
    told = re.findall(r"\]\(([\w.]+\.py)\)", (FOLDER / "README.md").read_text(encoding="utf-8"))
    assert told == [path.name for path in EXAMPLES]


@every_example
def test_a_script_is_short_and_uses_public_names_alone(path) -> None:
    code = path.read_text(encoding="utf-8")
    assert len(code.splitlines()) <= 40
    assert modules_of(code) <= ALLOWED
    assert private_names_of(code) == set()


@pytest.mark.parametrize(
    "code", ["lib.laws.density(m)", "lib.sampling", "lib.plot.histograms", "lib.Model.trusted({})"]
)
def test_a_private_name_would_be_seen(code) -> None:
    assert private_names_of(code)


@pytest.mark.parametrize("code", ["from langevin_ib import sampling", "import langevin_ib.laws", "import scipy.stats"])
def test_a_private_import_would_be_seen(code) -> None:
    assert not modules_of(code) <= ALLOWED


def test_most_examples_go_on_to_a_slice() -> None:
    slices = ("GaugeFixed", "SoftSlice", "Constrained")
    assert sum(any(name in path.read_text(encoding="utf-8") for name in slices) for path in EXAMPLES) == 6


@pytest.mark.long
@every_example
def test_the_law_is_confirmed_and_the_naive_one_refuted(path, tmp_path, monkeypatch, capsys) -> None:
    if "numba" in modules_of(path.read_text(encoding="utf-8")):
        pytest.importorskip("numba")
    picture = tmp_path / "figure.png"
    mpl.use("Agg")
    monkeypatch.setattr(sys, "argv", [str(path), str(picture)])
    result = runpy.run_path(str(path))
    shown = [result[name] for name in ("found", "rival", "on_slice", "rival_on_slice") if name in result]
    for found, rival in zip(shown[::2], shown[1::2], strict=True):
        assert found.consistent(validation.ALPHA), str(found)
        assert found.effective_samples > 10_000
        assert rival.pvalue < validation.REJECTION, str(rival)
    assert capsys.readouterr().out == "\n\n".join(map(str, shown)) + "\n"
    assert picture.read_bytes().startswith(b"\x89PNG")
    (axes,) = mpl.pyplot.gcf().axes
    mpl.pyplot.close("all")
    assert axes.get_xlabel() == found.observable
    # Where no formula is known there are two runs, and no law that could name its measure.
    measure = f"d {found.observable}" if found.law_name.startswith("another run") else found.reference
    assert axes.get_ylabel() == f"density with respect to {measure}"
