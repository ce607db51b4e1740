"""Laws of what a translation leaves alone, under weight decay, by sums over a plane without the translation."""

from __future__ import annotations

from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.laws.level_sets.gibbs import Gibbs
from langevin_ib.laws.level_sets.shears import sheared

A, B, C = lib.parameters("a b c")
S, T = sympy.symbols("s t", real=True)
TEMPERATURE, WEIGHT_DECAY = 0.3, 0.3
FUNCTIONS = (lambda f: f, np.cos, lambda f: 1.0 / (1.0 + (f - 1.0) ** 2))
GRID = np.linspace(-14.0, 14.0, 1601)

SOFTMAX = sympy.exp(A) / (sympy.exp(A) + sympy.exp(B) + sympy.exp(C))
COUNTS = 3 * sympy.log(sympy.exp(A) + sympy.exp(B) + sympy.exp(C)) - 2 * A - B
GATED = C * (2 + sympy.tanh(A - 2 * B))


def over_the_plane(f: Any, potential: Any) -> list[float]:
    """Return means of functions of f under exp(-V/T) ds dt."""
    s, t = np.meshgrid(GRID, GRID, indexing="ij")
    weight = np.exp(-sympy.lambdify((S, T), potential)(s, t) / TEMPERATURE)
    values = sympy.lambdify((S, T), f)(s, t)
    return [float(np.sum(weight * g(values)) / weight.sum()) for g in FUNCTIONS]


@pytest.mark.parametrize("symmetry", [lib.Translation({A: 1, B: 1, C: 1}), None], ids=["declared", "not"])
@pytest.mark.parametrize("f", [SOFTMAX, A - B, SOFTMAX**2, sympy.log(SOFTMAX)], ids=str)
def test_softmax_of_three(f: Any, symmetry: Any) -> None:
    """s = a - c, t = b - c: of a² + b² + c², integrated over c, s² + t² - (s + t)²/3 is left."""
    model = lib.Model(parameters=(A, B, C), predictor={"f": f}, loss=COUNTS, symmetry=symmetry)
    law = lib.density(model, "f", dynamics=lib.Ambient(weight_decay=WEIGHT_DECAY), temperature=TEMPERATURE)
    gone = {A: S, B: T, C: 0}
    potential = COUNTS.subs(gone) + sympy.Float(WEIGHT_DECAY) / 2 * (S**2 + T**2 - (S + T) ** 2 / 3)
    np.testing.assert_allclose([law.expect(g) for g in FUNCTIONS], over_the_plane(f.subs(gone), potential), atol=1e-7)
    assert law.error < 1e-7


def test_components_that_are_no_ones_and_a_parameter_that_stays() -> None:
    """s = a - 2 b has five times the variance of a."""
    loss = (GATED - 1) ** 2 / 2
    model = lib.Model(parameters=(A, B, C), predictor={"f": GATED}, loss=loss)
    law = lib.density(model, "f", dynamics=lib.Ambient(weight_decay=WEIGHT_DECAY), temperature=TEMPERATURE)
    gated = T * (2 + sympy.tanh(S))
    potential = (gated - 1) ** 2 / 2 + sympy.Float(WEIGHT_DECAY) / 2 * (S**2 / 5 + T**2)
    np.testing.assert_allclose([law.expect(g) for g in FUNCTIONS], over_the_plane(gated, potential), atol=1e-6)


def gibbs_of(loss: Any, f: Any, parameters: Any = (A, B, C)) -> Gibbs:
    return Gibbs(loss, sympy.Add(*(x**2 for x in parameters)), f, parameters, {}, TEMPERATURE)


def test_two_translations_are_both_taken_out() -> None:
    d = sympy.Symbol("d", real=True)
    for inner in (A - B, A - 2 * B + d, B + C - A / 3):
        loss = inner**4 + sympy.tanh(C - d)
        found = sheared(gibbs_of(loss, sympy.exp(inner) * (C - d), (A, B, C, d)))
        assert found is not None
        assert len((found.loss + found.observable).free_symbols) == 2


@pytest.mark.parametrize(
    ("loss", "f"),
    [(A**2 + B**4, A), ((A - B) ** 2, A), ((A - B) ** 2 + sympy.Float(1e-7) * B**3, A - B), (A * B * C, A * B)],
)
def test_there_is_none_where_loss_or_observable_change(loss: Any, f: Any) -> None:
    assert sheared(gibbs_of(loss, f)) is None
