"""Gates that are closed keep their digits, however they are written and whatever is shared with them."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy
from langevin_ib.model.expressions import compiled_together

X, Y = sympy.symbols("x y", real=True)
ERF, TANH = sympy.erf(X), sympy.tanh(X)
PLACES = np.array([-20.0, -6.0, -0.3, 0.0, 1e-3, 0.8, 5.0, 12.0])


@pytest.mark.parametrize(
    "formula",
    [
        *(1 + ERF, 2 - 2 * ERF, -1 - TANH, Y / 2 + Y * TANH / 2, X * Y - X * Y * ERF),
        *(Y * (X / 2 + X * ERF / 2), 1 + sympy.erf(X + X**3) + Y**2 - Y**2 * sympy.tanh(X), (1 + ERF) ** 2),
        *(1 + TANH - X * sympy.tanh(Y), X + X * ERF - Y * sympy.erf(Y), X + X * sympy.tanh(Y) - Y * TANH),
        *(1 - TANH - X**2 * TANH * sympy.tanh(Y), 1 + TANH + 1 / sympy.tanh(Y), 1 + TANH + sympy.Max(TANH, -1)),
        *(ERF + 1.0, 1.0 - TANH, 0.5 * X * (1.0 + sympy.erf(X / 2**0.5)), 1 - TANH**2, Y**2 - Y**2 * ERF**2),
        *(X * Y + X + X * (Y + 1) * TANH, (X + Y) + (X + Y) * TANH, TANH + ERF + 2, 3 - 2 * TANH, 1 + 2 * TANH),
        *(sympy.sqrt(1 - TANH), sympy.exp(-1 / (X**2 + 1 + ERF)), ERF + X, ERF + TANH, 1 + ERF + TANH),
    ],
    ids=str,
)
def test_they_are_those_of_mpmath(formula: sympy.Expr) -> None:
    """Next to erf(x) itself, which is there too and could be taken for both."""
    found = compiled_together([formula, ERF * Y, TANH], [X, Y])(PLACES, 0.7)[0]
    with mpmath.workdps(900):  # 1 + erf(-20) is 1e-176
        exact = sympy.lambdify((X, Y), formula, "mpmath")
        expected = [float(exact(mpmath.mpf(x), mpmath.mpf(0.7))) for x in PLACES]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300)
