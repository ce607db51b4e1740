"""Chains on slices are confirmed sheet by sheet, and laws with another measure, level or temperature are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.laws.confirmation import OnSlice, SheetBySheet
from langevin_ib.laws.confirmation.quick import _agrees
from langevin_ib.laws.confirmation.sheets import _Sheets
from langevin_ib.laws.confirmation.walk import walk
from langevin_ib.laws.density import _density, _target
from langevin_ib.laws.request import LawRequest
from langevin_ib.model.expressions import values_of
from langevin_ib.process import Process

PLACES = np.linspace(0.02, 0.98, 97)
X = lib.parameters("a b c")


def asked(levels: Any, kind: Any = lib.GaugeFixed, T: float = 0.4, target: float = 1.0) -> LawRequest:
    """Return the request of a chain's product on a slice."""
    model = lib.models.scalar_product(depth=1 + np.size(levels), target=target)
    return LawRequest(process=Process(model, kind(levels), T), observable="theta")


def sheets_of(request: LawRequest, seed: int = 1) -> tuple[OnSlice, SheetBySheet]:
    """Return what the law should be one of, and lattices on its sheets."""
    target = _target(request)
    assert isinstance(target, OnSlice)
    found = SheetBySheet.of(target, np.random.default_rng(seed))
    assert found is not None
    return target, found


@pytest.mark.parametrize("kind", [lib.GaugeFixed, lib.Constrained])
@pytest.mark.parametrize(
    "levels", [0.7, (0.5, -1.5), (0.1, 2.0, 0.3), (0.4, 0.3, -0.2, 0.1), (0.5, 0.4, 0.3, 0.2, 0.1)]
)
def test_right_laws_are_confirmed_and_planted_errors_are_not(levels: Any, kind: Any) -> None:
    """Another exponent of det G, levels and a temperature that are off; all that is off by 1.5 % is seen."""
    request = asked(levels, kind)
    law = _density(request)
    target, sheets = sheets_of(request)
    rng = np.random.default_rng(2)
    assert _agrees(law, target.wanted, sheets, rng)
    other = lib.Constrained if kind is lib.GaugeFixed else lib.GaugeFixed
    more = tuple(1.5 * np.atleast_1d(levels).tolist()[k] for k in range(np.size(levels)))
    seen = 0
    for wrong in (asked(levels, other), asked(more if len(more) > 1 else more[0], kind), asked(levels, kind, T=0.5)):
        law_ = _density(wrong)
        if np.abs(law_.cdf(law.ppf(PLACES)) - PLACES).max() > 0.015:
            seen += 1
            assert not _agrees(law_, target.wanted, sheets, rng)
    assert seen >= 2


def test_missing_sheets_are_seen() -> None:
    """A loss that tells signs apart: the law of one sheet is not that of all."""
    u, v = lib.parameters("u v")
    model = lib.Model(
        parameters=(u, v), predictor={"theta": u * v}, loss=(u * v - 1) ** 2 / 2, symmetry=lib.Scaling({u: 1, v: -1})
    )
    request = LawRequest(process=Process(model, lib.GaugeFixed(0.5), 0.4), observable="theta")
    target, sheets = sheets_of(request)
    law = _density(request)
    one_sided = replace(target, potential=target.potential + sympy.Max(0, u) * sympy.Rational(1, 2))
    rng = np.random.default_rng(3)
    assert _agrees(law, target.wanted, sheets, rng)
    other = SheetBySheet.of(one_sided, rng)
    assert other is not None
    assert not _agrees(law, target.wanted, other, rng)


def test_points_are_on_the_slice_and_measures_are_those_of_its_surface() -> None:
    """The length of the curve above an interval, from differences of the points themselves."""
    target, sheets = sheets_of(asked((0.4, -0.3), lib.Constrained))
    assert sheets.sheets.bound == (0, 2)
    flat = _Sheets.of(replace(target, potential=sympy.S.Zero))
    assert flat is not None
    x, h = np.array([[0.3], [-1.7], [0.01]]), 1e-6
    points, logs = flat.points(x)
    squares = points**2
    for a, level in enumerate(target.levels):
        assert np.allclose(squares @ target.weights[a] / 2.0, level)
    lengths = np.linalg.norm(flat.points(x + h)[0] - flat.points(x - h)[0], axis=1) / (2.0 * h)
    ratio = np.exp(logs.ravel()) / lengths
    assert np.allclose(ratio, ratio[0], rtol=1e-6)
    assert len(np.unique(np.sign(points), axis=0)) == 8


def test_where_there_are_no_sheets() -> None:
    """A vector on both sides, more than three free parameters, and conditions."""
    neuron = lib.models.relu_neuron(3, loss=lambda z: sum(each**2 for each in z) / 2)
    request = LawRequest(process=Process(neuron, lib.GaugeFixed(0.1), 0.3), observable="strength")
    target = _target(request)
    assert isinstance(target, OnSlice)
    assert not SheetBySheet.suits(target)
    chain = _target(asked((0.4, 0.3)))
    assert isinstance(chain, OnSlice)
    assert SheetBySheet.suits(chain)
    assert not SheetBySheet.suits(replace(chain, condition=(chain.parameters[0], 0.0, 1.0)))


def test_a_walk_has_the_values_of_the_expression() -> None:
    """Sums, products, powers of both signs and constants; other functions are left to others."""
    a, b, c = X
    x = np.random.default_rng(4).standard_normal((50, 3))
    points = dict(zip(X, x.T, strict=True))
    for each in (
        a,
        sympy.S(3),
        sympy.pi * a**3 - b * c**2 / 7,
        (a * b * c - 1) ** 2 / 2 + 0.1 * (a**2 + b**2),
        a / b**5,
    ):
        found = walk(each, X)
        assert found is not None
        assert np.allclose(found(x), values_of(each, points, {}), rtol=1e-13, atol=0.0)
    for each in (sympy.Abs(a), sympy.sqrt(a), sympy.Max(a, b), a**b):
        assert walk(each, X) is None
