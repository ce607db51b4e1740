"""Where formulas jump, bend or are narrow is found from the formula, in closed form or by solving, rows of data too."""

import numpy as np
import pytest
import sympy
from langevin_ib.model.expressions.landmarks import landmarks

x = sympy.Symbol("x", real=True)

CASES = [
    (x**2 / 2 + 50 * sympy.Max(0, x - sympy.Float(1.55425693)), [1.55425693]),
    (sympy.Piecewise((2.3, x < -0.10952988), (0, True)), [-0.10952988]),
    (sympy.Piecewise((1, (x > 1) & (x < 2)), (3, sympy.Or(x < -1, sympy.Not(x < 5))), (0, True)), [-1, 1, 2, 5]),
    (sympy.Abs(x**2 - 3 * x + 1), [(3 - 5**0.5) / 2, (3 + 5**0.5) / 2]),
    (sympy.sign(x**3 - 2) + sympy.Heaviside(2 * x + 1), [-0.5, 2 ** (1 / 3)]),
    (sympy.Max(x, x**2, 3 - x), [-(1 + 13**0.5) / 2, 0, 1, (13**0.5 - 1) / 2, 1.5]),
    (sympy.Abs(sympy.exp(x) - 7), [0, np.log(7)]),
    (sympy.log(sympy.Abs(x - 1.5)) + sympy.sqrt(sympy.Abs(x + 2)), [-2, 1.5]),
    (sympy.exp(-((x - 3) ** 2) * 10**12), [3]),
    (1 / (1 + 10**8 * (x - 7) ** 2), [7]),
    (sympy.exp(-(x**2) * 100 + 400 * x), [0, 2, 4]),
    (x**4 / 4 - x, []),
]


@pytest.mark.parametrize(("formula", "places"), CASES, ids=[str(formula) for formula, _ in CASES])
def test_places_are_found(formula: sympy.Expr, places: list[float]) -> None:
    np.testing.assert_allclose(landmarks(formula, x, {}), places, rtol=4e-16, atol=1e-300)


def test_every_row_of_data_has_its_own() -> None:
    rng = np.random.default_rng(0)
    data = {"X": rng.normal(size=(300, 2)), "y": rng.normal(size=300)}
    X, y, i, j = sympy.IndexedBase("X"), sympy.IndexedBase("y"), sympy.Idx("i"), sympy.Idx("j")
    absolute = sympy.Sum(sympy.Abs(X[i, 0] * x - y[i]), (i, 0, 299))
    np.testing.assert_allclose(landmarks(absolute, x, data), np.sort(data["y"] / data["X"][:, 0]), rtol=4e-16)
    saturated = sympy.Sum(sympy.Abs(sympy.tanh(X[i, 0] * x) - y[i]), (i, 0, 299))
    with np.errstate(invalid="ignore"):
        right = np.arctanh(data["y"]) / data["X"][:, 0]
    found = landmarks(saturated, x, data)
    near = right[np.isfinite(right) & (np.abs(right) < 1e7)]
    assert np.abs(found[:, None] - near).min(axis=0).max() < 1e-12
    pairs = sympy.Sum(sympy.Max(X[i, 0] * x, X[j, 1]), (i, 0, 9), (j, 0, 9))
    right = (data["X"][:10, 1] / data["X"][:10, :1]).ravel()
    np.testing.assert_allclose(landmarks(pairs, x, data), np.unique(right), rtol=4e-16)


def test_too_many_rows_are_left_to_bisection() -> None:
    y, i = sympy.IndexedBase("y"), sympy.Idx("i")
    data = {"y": np.arange(5000.0)}
    assert landmarks(sympy.Sum(sympy.Abs(x - y[i]), (i, 0, 4999)), x, data).size == 0
