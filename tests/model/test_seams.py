"""Where an expression jumps or bends, and what laws make of it."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
import scipy.special
import sympy
from langevin_ib.laws.virial import identities
from langevin_ib.model.expressions.expressions import compiled
from langevin_ib.model.meaning import jumps_of

A, W = lib.parameters("a w")
X, Y = sympy.IndexedBase("X"), sympy.IndexedBase("y")
Piecewise = sympy.Piecewise


class TestJumps:
    @pytest.mark.parametrize(
        ("expression", "guards"),
        [
            (sympy.Heaviside(W - 4000) * A, {W - 4000}),
            (A * sympy.sign(A) + sympy.Max(W, A) + sympy.Abs(W - 3), set()),
            (Piecewise((A, A < 2), (2 + W, True)), {A - 2}),
            (Piecewise((A, A < 2), (2, True)), set()),
            (sympy.exp(A) + W**3, set()),
        ],
        ids=str,
    )
    def test_where_they_are(self, expression, guards) -> None:
        found = {seam.guard for seam in jumps_of(expression, (A, W))}
        assert {sympy.expand(guard) for guard in found} <= guards | {-guard for guard in guards}
        assert bool(found) == bool(guards)

    def test_identities_are_none_across_them(self) -> None:
        """E[a V'(a)] is T only if nothing is left out: a jump of V has a derivative that is not written down."""
        content = {"parameters": (A,), "predictor": {"z": A}}
        steps = {"jump": sympy.Heaviside(A - 1), "kink": sympy.Max(0, A - 1), "r sign(r)": A * sympy.sign(A)}
        grid = np.linspace(-12.0, 12.0, 240_001)
        for name, step in steps.items():
            built = lib.Model(**content, loss=A**2 / 2 + step)
            found = identities(built, dynamics=lib.Ambient(), temperature=1.0)
            assert len(found) == (0 if name == "jump" else 1)
            weight = np.exp(-compiled(built.loss, (A,))(grid))
            for each in found:
                mean = (compiled(each.expression, (A,))(grid) * weight).sum() / weight.sum()
                assert mean == pytest.approx(each.value, rel=1e-4)


def test_a_weight_is_even_only_if_it_is_so_far_out() -> None:
    """v is narrow where u > 20, and not where u < -20: the law of v, by a sum over a grid."""
    built = lib.Model(
        parameters=(A, W), predictor={"a": A}, loss=(A**2 + W**2) / 200 + sympy.Max(0, A - 20) * W**2 / 10
    )
    law = lib.density(built, "w", dynamics=lib.Ambient(), temperature=1.0)
    a = np.linspace(-80.0, 80.0, 160_001)[:, None]
    precision = 0.01 + 0.2 * np.maximum(0.0, a - 20.0)
    weight = np.exp(-(a**2) / 200) / np.sqrt(precision)
    inside = (weight * scipy.special.erf(np.sqrt(precision / 2.0))).sum() / weight.sum()
    assert law.cdf(1.0) - law.cdf(-1.0) == pytest.approx(inside, abs=1e-7)


ROW = sympy.Idx("i", 6)
DEVIATIONS = ((0.3, 0.2), (-1.2, 0.0), (0.8, 0.9), (1.5, 1.1), (-0.4, 0.1), (2.0, 1.7))


@pytest.mark.long
@pytest.mark.parametrize("by_data", [False, True])
def test_the_law_of_least_absolute_deviations(by_data) -> None:
    """The absolute value is written as a Piecewise, whose second derivative is 0; the mean, by a sum over a grid."""
    pairs = np.array(DEVIATIONS)
    residual = [X[ROW] * A + W - Y[ROW]] if by_data else [x * A + W - y for x, y in DEVIATIONS]
    pieces = [Piecewise((r, r > 0), (-r, True)) for r in residual]
    fit = sympy.Sum(pieces[0], (ROW, 0, 5)) if by_data else sum(pieces)
    data = {"X": pairs[:, 0], "y": pairs[:, 1]} if by_data else {}
    built = lib.Model(parameters=(A, W), predictor={"a": A}, loss=fit, confinement=(A**2 + W**2) / 5, data=data)
    law = lib.density(built, "a", dynamics=lib.Ambient(), temperature=0.3, timeout=60)
    grid = np.linspace(-8.0, 8.0, 1601)
    a, w = grid[:, None], grid[None, :]
    potential = sum(np.abs(x * a + w - y) for x, y in pairs) + (a**2 + w**2) / 5
    weight = np.exp(-potential / 0.3)
    assert law.mean() == pytest.approx((weight * a).sum() / weight.sum(), abs=1e-4)
    assert law.mean() == pytest.approx(0.53647, abs=1e-5)
