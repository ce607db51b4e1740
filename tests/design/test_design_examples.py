"""Four problems in 40 lines each at most: what they print is better than without the design, and certified."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from pathlib import Path

import langevin_ib as lib
import matplotlib as mpl
import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "design"
BEST = {
    "deblurring": (0.005, "of_ridge"),
    "spectrum": (0.05, None),
    "groups": (0.03, "alone"),
    "completion": (0.9, "of_means"),
}


def test_there_are_these() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(BEST)


@pytest.mark.long
@pytest.mark.parametrize("name", BEST)
def test_an_example_does_what_it_says(name, tmp_path, monkeypatch, capsys) -> None:
    path = FOLDER / f"{name}.py"
    code = path.read_text(encoding="utf-8")
    assert len(code.splitlines()) <= 40
    chains = {ast.unparse(node) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Attribute)}
    used = {chain.split(".")[2] for chain in chains if re.fullmatch(r"lib\.design\.\w+", chain)}
    assert used <= set(lib.design.__all__)
    if "sklearn" in code:
        pytest.importorskip("sklearn")
    mpl.use("Agg")
    monkeypatch.setattr(sys, "argv", [str(path), str(tmp_path / "figure.png")])
    result = runpy.run_path(str(path))
    mpl.pyplot.close("all")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    most, other = BEST[name]
    assert result["error"] < most
    assert other is None or result["error"] < result[other]
    fit = result.get("fit", result.get("by_groups"))
    assert fit.gap <= 1e-6
    assert repr(fit) in capsys.readouterr().out
    if name in ("spectrum", "groups"):
        assert result["found"] == {"spectrum": [5, 19], "groups": [3, 17, 30]}[name]
