"""What is said to be had can be had: exact rows have the penalty, limits tend to it, and what cannot be says why."""

from __future__ import annotations

import pickle

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib import design
from langevin_ib.errors import InvalidArgumentError

Z = np.array([0.01, 0.3, 1.2, 4.0])
WANTED = {
    "l1": np.abs(Z),
    "lp": np.sqrt(Z),
    "log-sum": np.log1p(Z),
    "mcp": np.where(Z < 3, Z - Z**2 / 6, 1.5),
    "scad": np.where(Z < 1, Z, np.where(Z < 3.7, (2 * 3.7 * Z - Z**2 - 1) / 5.4, 2.35)),
    "huber": np.where(Z < 1, Z**2 / 2, Z - 0.5),
}
NAMES = [*WANTED, "log", "group", "nuclear", "schatten"]


@pytest.mark.parametrize("name", WANTED)
def test_the_first_row_is_exact(name) -> None:
    row = design.reach(name)[0]
    assert (row.how, row.mechanism, row.dial) == ("exact", "WeightDecay(lam)", "lam")
    assert np.allclose(row.recipe.penalty(Z[:, None], under=design.WeightDecay(1.7)), 1.7 * WANTED[name])


def test_of_groups_and_matrices_too() -> None:
    assert design.reach("group")[0].recipe.penalty([3.0, 4.0], under=design.WeightDecay(1.0)) == pytest.approx(5.0)
    assert design.reach("nuclear")[0].recipe.penalty([3.0, 0, 0, -4.0], under=design.WeightDecay(1)) == pytest.approx(7)


@pytest.mark.parametrize("name", ["l1", "group"])
def test_posteriors_are_exact_at_a_temperature(name) -> None:
    (row,) = (row for row in design.reach(name) if row.mechanism.startswith("Ambient"))
    z = [0.6] if name == "l1" else [0.36, 0.48]
    assert row.how == "exact"
    assert row.recipe.penalty(z, under=lib.Ambient(2.0), temperature=0.3) == pytest.approx(1.2)


def test_limits_tend_to_what_they_are_limits_of() -> None:
    """Of the potential that is its shape: the ratio of its values at 4 and 1 tends to that of l1."""
    (row,) = (row for row in design.reach("l1") if row.how == "limit")
    penalty, flows = row.recipe.penalty, [design.GradientFlow(scale) for scale in (1, 1e-3, 1e-12)]
    ratios = [penalty(4.0, under=flow) / penalty(1.0, under=flow) for flow in flows]
    assert 4.0 < ratios[2] < ratios[1] < ratios[0]
    assert ratios[2] < 4.2
    (row,) = (row for row in design.reach("log") if row.mechanism == "GaugeFixed(level=c)")
    slope = [row.recipe.penalty(z, under=lib.GaugeFixed(level=0.01), temperature=1.0) for z in (1.0, np.e)]
    assert slope[1] - slope[0] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_every_row_says_why(name) -> None:
    rows = design.reach(name)
    assert [row.how for row in rows] == sorted((row.how for row in rows), key=["exact", "limit", "no"].index)
    assert all(row.why for row in rows)
    assert all(bool(row.dial) or row.how != "exact" for row in rows)
    assert len(str(rows).splitlines()) == len(rows)


def test_a_ladder_has_rungs() -> None:
    rows = {row.mechanism: row.dial for row in design.reach("log", strength=1.4)}
    assert rows["GaugeFixed()"] == "no dial; the nearest rungs are 4/3 (depth 3) and 3/2 (depth 4)"
    assert rows["Constrained()"] == "no dial; the nearest rungs are 11/12 (depth 12)"
    assert design.reach("log", strength=1.5)[0].dial.startswith("a rung: 3/2 (depth 4)")
    assert "kappa = 1, 4/3, 3/2" in design.reach("log")[0].dial


def test_a_function_is_reached_if_it_is_concave() -> None:
    (row,) = design.reach(lambda t: sympy.sqrt(1 + t) - 1)
    assert row.recipe.penalty(2.0, under=design.WeightDecay(1.0)) == pytest.approx(np.sqrt(5) - 1)
    with pytest.raises(InvalidArgumentError, match="concave"):
        design.reach(lambda t: t**2)
    for unknown in ("l0", 3, None, b"l1"):
        with pytest.raises(InvalidArgumentError, match="choose one of l1"):
            design.reach(unknown)


@pytest.mark.parametrize("name", WANTED)
def test_rows_are_sent_to_other_processes(name) -> None:
    rows = design.reach(name)
    (row, *_) = pickle.loads(pickle.dumps(rows))
    there, here = (each.recipe.penalty(Z[:, None], under=design.WeightDecay(1.7)) for each in (row, rows[0]))
    np.testing.assert_array_equal(there, here)
