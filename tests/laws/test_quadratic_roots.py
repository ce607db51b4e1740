"""Laws of functions that are quadratic in a parameter: both roots keep their digits, however near to zero one is."""

from __future__ import annotations

from typing import Any

import langevin_ib as lib
import mpmath
import numpy as np
import pytest
import sympy
from langevin_ib.laws.level_sets.roots import solutions

U, V = lib.parameters("u v")
TEMPERATURE, WEIGHT_DECAY = 0.3, 0.3
GRID = np.linspace(-11.0, 11.0, 2201)


def product_loss(f: Any) -> Any:
    return (U * V - 1) ** 2 / 2


def own_loss(f: Any) -> Any:
    return (f - 1) ** 2 / 2


def over_the_plane(function: Any, loss: Any) -> np.ndarray:
    """Return means of some functions of `function` under exp(-V/T) du dv, by the trapezoidal rule on a grid."""
    u, v = np.meshgrid(GRID, GRID, indexing="ij")
    potential = sympy.lambdify((U, V), loss + sympy.Float(WEIGHT_DECAY) / 2 * (U**2 + V**2))(u, v)
    weight = np.exp(-(potential - potential.min()) / TEMPERATURE)
    f = sympy.lambdify((U, V), function)(u, v)
    return np.array([np.sum(weight * g(f)) for g in FUNCTIONS]) / weight.sum()


FUNCTIONS = (lambda f: f, np.cos, lambda f: np.exp(-(f**2)), lambda f: 1.0 / (1.0 + (f - 1.0) ** 2))


@pytest.mark.parametrize("loss", [product_loss, own_loss])
@pytest.mark.parametrize(
    "function", [U**2 + U * V, U**2 + V, U**2 * V + V + U, U * V - U**2 * V**2, U**2 - U * V + V**2]
)
def test_means_are_those_over_the_plane(function: Any, loss: Any) -> None:
    """The grid's own error is below 1e-9, as the weight is smooth and gone at its edge."""
    potential = loss(function)
    model = lib.Model(parameters=(U, V), predictor={"z": function}, loss=potential)
    dynamics = lib.Ambient(weight_decay=WEIGHT_DECAY)
    law = lib.density(model, "z", dynamics=dynamics, temperature=TEMPERATURE)
    found = [law.expect(g) for g in FUNCTIONS]
    np.testing.assert_allclose(found, over_the_plane(function, potential), rtol=0.0, atol=1e-7)
    assert law.error < 1e-7


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("size", [1e-3, 1e-12, 1e-25, 1e-60])
def test_a_root_next_to_zero_keeps_its_digits(size: float, sign: int) -> None:
    x, t, b = sympy.symbols("x t b", real=True)
    roots = solutions(x**2 + b * x, x, t)
    assert roots is not None
    compiled = sympy.lambdify((t, b), roots)
    for slope in (0.7, -0.7):
        with mpmath.workdps(150):
            exact = mpmath.polyroots([1, mpmath.mpf(slope), -mpmath.mpf(sign * size)], maxsteps=500, extraprec=1000)
            exact = sorted(float(mpmath.re(root)) for root in exact)
        np.testing.assert_allclose(sorted(compiled(sign * size, slope)), exact, rtol=1e-14)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("function", [U + V * sympy.sign(U), U * V * sympy.sign(V) + V])
def test_a_jump_along_a_parameter_is_no_obstacle(function: Any) -> None:
    """u -> u sign(v) takes the first to u + v and the second to u v + v, with the same weight decay."""
    smooth = function.replace(sympy.sign, lambda _: sympy.S.One)
    dynamics = lib.Ambient(weight_decay=0.5)
    laws = [
        lib.density(
            lib.Model(parameters=(U, V), predictor={"z": f}, loss=(f - 1) ** 2 / 2),
            "z",
            dynamics=dynamics,
            temperature=0.3,
        )
        for f in (function, smooth)
    ]
    x = np.linspace(-2.0, 3.0, 41)
    np.testing.assert_allclose(laws[0].cdf(x), laws[1].cdf(x), rtol=0.0, atol=1e-8)
