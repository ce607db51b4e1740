"""Parameters may have the names of constants and functions, such as pi: what a formula means does not depend on it."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
import scipy.integrate
import sympy
from langevin_ib.model.expressions.expressions import compiled
from langevin_ib.model.expressions.jets import jet

CONSTANTS = ["pi", "E", "I", "nan", "inf", "EulerGamma"]
FUNCTIONS = ["sin", "cos", "exp", "log", "sqrt", "gamma", "select", "amax", "maximum", "less", "where", "sign", "Max"]
OTHERS = ["numpy", "scipy", "range", "builtins", "x0", "x1", "_x", "argument_0", "argument_1", "Dummy_1", "β"]
NAMES = [*CONSTANTS, *FUNCTIONS, *OTHERS]


def everything(x, y):
    """Return a formula whose code has constants, functions, a choice, and parts that occur twice."""
    return (
        sympy.cos(sympy.pi * x)
        + sympy.exp(x * y) * sympy.sin(x * y + sympy.E)
        + sympy.Max(0, x * y, sympy.sqrt(1 + x * x))
        + sympy.gamma(2 + y**2)
        + sympy.Piecewise((sympy.log(1 + x * x), x > 0), (sympy.EulerGamma, True))
        + sympy.sign(y) * sympy.erf(x)
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_formula_does_not_depend_on_names(name) -> None:
    x, y = lib.parameters(f"{name} {name}_1")
    u, v = lib.parameters("u v")
    points = np.random.default_rng(1).normal(size=(2, 20))
    wanted = compiled(everything(u, v), (u, v))(*points)
    np.testing.assert_array_equal(compiled(everything(x, y), (x, y))(*points), wanted)
    found = jet(everything(x, y), {x: points[0], y: points[1]}, {}, {x: np.ones(20)})
    np.testing.assert_allclose(found.value, wanted, rtol=1e-13)


@pytest.mark.parametrize("name", ["pi", "cos", "w"])
def test_a_law_does_not_depend_on_names(name) -> None:
    """The variance under exp(-x²/2 - cos(pi x)), by a sum over a fine grid."""
    (x,) = lib.parameters(name)
    loss = x**2 / 2 + sympy.cos(sympy.pi * x)
    model = lib.Model(parameters=(x,), predictor={"z": x}, loss=loss)
    law = lib.density(model, name, dynamics=lib.Ambient(), temperature=1.0)
    grid = np.linspace(-12.0, 12.0, 40_001)
    weight = np.exp(-(grid**2) / 2 - np.cos(np.pi * grid))
    wanted = scipy.integrate.trapezoid(grid**2 * weight) / scipy.integrate.trapezoid(weight)
    assert law.var() == pytest.approx(wanted, rel=1e-9)
    assert law.var() == pytest.approx(1.06378, abs=1e-5)


def test_a_predictor_called_pi() -> None:
    """The loss of the product model as a function of its predictor has a symbol of that name."""
    u, v = lib.parameters("u v")
    laws = []
    for name in ("theta", "pi"):
        loss = (u * v - 1) ** 2 / 2 + sympy.cos(sympy.pi * u * v)
        model = lib.Model(parameters=(u, v), predictor={name: u * v}, loss=loss)
        laws.append(lib.density(model, name, dynamics=lib.Ambient(weight_decay=0.1), temperature=1.0))
    assert laws[0].mean() == laws[1].mean()


def test_sums_over_long_data_that_become_polynomials() -> None:
    """The coefficients are numbers such as pi, in code of its own."""
    (x,) = lib.parameters("pi")
    y, k = sympy.IndexedBase("y"), sympy.Idx("k", 1000)
    data = {"y": np.linspace(-1.0, 1.0, 1000)}
    values = compiled(sympy.Sum((sympy.pi * x - y[k]) ** 2, (k, 0, 999)), (x,), data)(np.array([0.3, -2.0]))
    wanted = [((np.pi * at - data["y"]) ** 2).sum() for at in (0.3, -2.0)]
    np.testing.assert_allclose(values, wanted, rtol=1e-12)


def test_nested_steps() -> None:
    """SymPy's own code for them is none that NumPy can run."""
    u, v = lib.parameters("u v")
    inner = sympy.Heaviside(sympy.Abs(u) * sympy.Abs(v) - sympy.Rational(1, 3))
    values = compiled(u * v * sympy.Heaviside(u * v * inner - 5, 0) + inner, (u, v))(
        *np.array([[1.0, 3.0], [2.0, 2.0]])
    )
    assert values.tolist() == [1.0, 7.0]
    assert compiled(sympy.Heaviside(u), (u,))(np.array([-1.0, 0.0, 2.0])).tolist() == [0.0, 0.5, 1.0]


def test_choices_among_conditions() -> None:
    """SymPy's own code for them begins with a simplification that fails here."""
    u, v = lib.parameters("u v")
    chosen = sympy.ITE(v > 0, sympy.Max(0, u * v * sympy.Heaviside(u * v)) > 1, sympy.Max(0, u * v / 2) > 1)
    function = compiled(sympy.Piecewise((u * v, chosen), (u * v + 10, True)), (u, v))
    assert function(np.array([2.0, 0.5, -3.0, -1.0]), np.array([1.0, 1.0, -1.0, -1.0])).tolist() == [
        2.0,
        10.5,
        3.0,
        11.0,
    ]
    assert function(2.0, 1.0) == 2.0
