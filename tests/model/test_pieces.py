"""What joins several pieces is seen to, and nothing is concluded from its derivatives."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.laws.level_sets.fibres import Gibbs, _largest_block
from langevin_ib.laws.level_sets.roots import is_affine
from langevin_ib.model.expressions.pieces import rough_parts

U, V, W = lib.parameters("u v w")
X, I = sympy.IndexedBase("X"), sympy.Idx("i", 3)  # noqa: E741 - an index
DATA = {"X": np.array([0.5, -1.0, 2.0])}

ABSOLUTE = {
    "Abs": sympy.Abs,
    "Piecewise": lambda r: sympy.Piecewise((r, r > 0), (-r, True)),
    "Max": lambda r: sympy.Max(r, -r),
    "Min": lambda r: -sympy.Min(r, -r),
    "sign": lambda r: r * sympy.sign(r),
    "Heaviside": lambda r: r * (2 * sympy.Heaviside(r) - 1),
}
STEPS = {
    "Piecewise": lambda r: sympy.Piecewise((2, r > 7), (3, True)),
    "sign": sympy.sign,
    "floor": sympy.floor,
    "ceiling": sympy.ceiling,
    "frac": sympy.frac,
    "Mod": lambda r: sympy.Mod(r, 3),
    "choice": lambda r: sympy.Piecewise((2, sympy.ITE(r > 0, r < 1, r < -1)), (3, True)),
}
ROUGH = {**{f"|r| by {k}": f for k, f in ABSOLUTE.items()}, **{f"steps by {k}": f for k, f in STEPS.items()}}


@pytest.mark.parametrize("name", ROUGH)
def test_they_are_found_wherever_they_stand(name) -> None:
    rough = ROUGH[name](U + 2 * V)
    inside = [sympy.exp(rough) * W, sympy.Sum((X[I] * ROUGH[name](X[I] * U) - W) ** 2, (I, 0, 2)), (rough + 1) ** 2 / W]
    for expression in (rough, *inside):
        assert any(part.has(U) for part in rough_parts(expression))
    assert not rough_parts(sympy.exp(U) * sympy.sqrt(V) + sympy.Sum(X[I] * W, (I, 0, 2)) + sympy.besselk(0, U))


@pytest.mark.parametrize("name", ROUGH)
@pytest.mark.parametrize("by_data", [False, True])
def test_a_potential_is_quadratic_only_in_what_has_one_piece(name, by_data) -> None:
    """W in all of them; U and V, which the pieces depend on together, never."""
    f = ROUGH[name]
    fit = sympy.Sum(f(X[I] * U + V), (I, 0, 2)) if by_data else sum(f(x * U + V) for x in DATA["X"])
    data = DATA if by_data else {}
    potential = fit + U**2 + V**2 + (W - U) ** 2
    gibbs = Gibbs(potential, sympy.S.Zero, W, (U, V, W), data, 1.0)
    assert _largest_block(gibbs, (U, V, W), 3) == (W,)
    # Pieces that depend on one of them leave the others.
    gibbs = Gibbs(f(U) + U**2 + V**2 + (W - V) ** 2, sympy.S.Zero, V + W, (U, V, W), {}, 1.0)
    assert _largest_block(gibbs, (U, V, W), 3) == (V, W)


@pytest.mark.parametrize("name", ROUGH)
def test_an_observable_is_affine_only_in_what_has_one_piece(name) -> None:
    f = ROUGH[name](V) + U
    gibbs = Gibbs(U**2 + V**2, sympy.S.Zero, f, (U, V), {}, 1.0)
    assert _largest_block(gibbs, (U, V), 2) == (U,)
    assert is_affine(f, U)
    assert not is_affine(f, V)


def test_least_absolute_deviations() -> None:
    """The block that is integrated in closed form is the same for all ways to write |r|: none."""
    deviations = [(0.3, 0.2), (-1.2, 0.0), (0.8, 0.9), (1.5, 1.1), (-0.4, 0.1), (2, 1.7)]
    for absolute in ABSOLUTE.values():
        loss = sum(absolute(x * U + V - y) for x, y in deviations) + (U**2 + V**2) / 5
        assert _largest_block(Gibbs(loss, sympy.S.Zero, U, (U, V), {}, 0.3), (U, V), 2) == ()
