"""A law ends where V is infinite, and not where V ceases to be a real number."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import sympy
from langevin_ib.errors import NotNormalizableError, UnsupportedModelError

U, V = lib.parameters("u v")
THIRD = sympy.Rational(1, 3)
T = 0.3


def law_of(loss: sympy.Expr, **asked):
    model = lib.Model(parameters=(U, V), predictor={"p": U}, loss=loss + U**2 / 10 + V**2)
    return lib.density(model, "p", dynamics=lib.Ambient(), temperature=T, **asked)


@pytest.mark.parametrize("method", ["auto", "sampling"])
@pytest.mark.parametrize("loss", [U ** (2 * THIRD) / 2, sympy.sqrt(U + V), U * sympy.log(U), sympy.asin(U)], ids=str)
def test_a_potential_that_stops_at_a_finite_weight_has_no_law(loss, method) -> None:
    with pytest.raises(UnsupportedModelError, match=r"ends at u = .* beyond which it has no real value"):
        law_of(loss, method=method)


@pytest.mark.parametrize(
    ("loss", "support"),
    [
        (-sympy.log(1 - U**2) / 2 + U, (-1, 1)),
        (-sympy.log(1 - U**2) / 5 + U, (-1, 1)),
        ((1 - U**2) ** -THIRD + U, (-1, 1)),
        (sympy.log(U) ** 2, (0, 40)),
        (sympy.Abs(U) ** (2 * THIRD), (-30, 30)),
    ],
    ids=str,
)
def test_barriers_end_it(loss, support) -> None:
    def moment(power: int) -> float:
        weight = sympy.lambdify(U, U**power * sympy.exp(-(loss + U**2 / 10) / T))
        return scipy.integrate.quad(weight, *support, points=[0.0], limit=500)[0]

    assert law_of(loss).mean() == pytest.approx(moment(1) / moment(0), abs=1e-6)


def test_under_a_condition_it_is_what_the_condition_leaves() -> None:
    mean = law_of(U ** (2 * THIRD) / 2, given=("p", 0.0, float("inf"))).mean()
    weight = sympy.lambdify(U, sympy.exp(-(U ** (2 * THIRD) / 2 + U**2 / 10) / T))
    above, mass = (scipy.integrate.quad(lambda u, k=k: u**k * weight(u), 0.0, 30.0, limit=500)[0] for k in (1, 0))
    assert mean == pytest.approx(above / mass, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.3, 100.0, 1e4])
def test_a_loss_that_falls_for_ever_needs_a_confinement(temperature: float) -> None:
    """V = log(1/(1 + exp(-x))) goes to -infinity; with weight decay the law is exp(-x²/20T) (1 + exp(-x))^(1/T)."""
    model = lib.Model(parameters=(U,), predictor={"p": U}, loss=sympy.log(1 / (1 + sympy.exp(-U))))
    with pytest.raises(NotNormalizableError, match=r"escapes at -infinity: the weight grows"):
        lib.density(model, "p", dynamics=lib.Ambient(), temperature=temperature)
    law = lib.density(model, "p", dynamics=lib.Ambient(weight_decay=0.1), temperature=temperature)
    x = np.linspace(-10.0, 10.0, 40_001) * np.sqrt(10.0 * temperature) - 5.0
    weight = np.exp(-(x**2) / (20.0 * temperature) + np.logaddexp(0.0, -x) / temperature)
    assert law.mean() == pytest.approx((weight @ x) / weight.sum(), rel=1e-9)


@pytest.mark.parametrize("temperature", [1.0, 100.0, 1e6])
def test_wide_laws_of_logs_of_cosh(temperature: float) -> None:
    """Of cosh(x)^(-1/T) the variance is T² (2 + small): psi'(1/2T)/2; cosh² is out of range where the law is."""
    model = lib.Model(parameters=(U,), predictor={"p": U}, loss=sympy.log(sympy.cosh(U) ** 2) / 2)
    law = lib.density(model, "p", dynamics=lib.Ambient(), temperature=temperature)
    assert law.var() == pytest.approx(scipy.special.polygamma(1, 0.5 / temperature) / 2.0, rel=1e-9)
