"""The examples of training end where they say: at the noise equilibrium, and at sparse weights."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "training"


@pytest.fixture
def ran(request, tmp_path, monkeypatch):
    path = FOLDER / f"{request.param}.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40
    mpl.use("Agg")
    monkeypatch.setattr(sys, "argv", [str(path), str(tmp_path / "figure.png")])
    names = runpy.run_path(str(path))
    mpl.pyplot.close("all")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    return names


def test_there_are_these() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == {"small_factors", "where_noise_rests"}


@pytest.mark.parametrize("ran", ["where_noise_rests"], indirect=True)
def test_sgd_comes_to_rest_at_the_noise_equilibrium(ran) -> None:
    assert ran["balanced"] == pytest.approx(1.0)
    assert ran["ends"] == pytest.approx([ran["rest"]] * 2, rel=0.01)
    assert abs(ran["rest"] - ran["balanced"]) > 0.1


@pytest.mark.parametrize("ran", ["small_factors"], indirect=True)
def test_smaller_factors_find_sparser_weights(ran) -> None:
    errors = [ran["errors"][size] for size in (1.0, 0.1, 0.01)]
    assert errors[0] > 1.0 > errors[1] > 0.1 > errors[2]
