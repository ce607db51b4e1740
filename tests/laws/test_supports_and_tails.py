"""Laws of observables know where they end, and which of their moments exist."""

import math
from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
import scipy.stats
import sympy
from langevin_ib import Density
from langevin_ib.errors import InfiniteMomentError

U, V, W = lib.parameters("u v w")
INF = math.inf


def law_of(observable: Any, temperature: float = 1.0) -> Density:
    """The law of a function of independent normal parameters of variance T."""
    parameters = tuple(x for x in (U, V, W) if observable.has(x))
    loss = sum(x**2 for x in parameters) / 2
    model = lib.Model(parameters=parameters, predictor={"f": observable}, loss=loss)
    return lib.density(model, "f", dynamics=lib.Ambient(), temperature=temperature)


@pytest.mark.parametrize(
    ("observable", "ends"),
    [
        (sympy.atan(W), (-math.pi / 2, math.pi / 2)),
        (1 / (1 + sympy.exp(-U * V)), (0.0, 1.0)),
        (3 - 2 * sympy.tanh(U + V), (1.0, 5.0)),
        (W / (1 + W**2), (-0.5, 0.5)),
        (sympy.sqrt(1 + W**2), (1.0, INF)),
        (1 / (1 + W**2), (0.0, 1.0)),
        (W**2 - 1, (-1.0, INF)),
        (U * V, (-INF, INF)),
        (sympy.exp(U), (0.0, INF)),
    ],
    ids=str,
)
def test_supports(observable: Any, ends: tuple[float, float]) -> None:
    law = law_of(observable)
    assert law.support() == pytest.approx(ends, rel=1e-14, abs=0)
    np.testing.assert_allclose(law.ppf([0.0, 1.0]), ends, rtol=1e-14)
    np.testing.assert_allclose(law.isf([0.0, 1.0]), ends[::-1], rtol=1e-14)
    np.testing.assert_allclose(law.cdf(ends), [0.0, 1.0], rtol=0, atol=law.error)
    x = law.rvs(5000, rng=1)
    assert x.min() >= ends[0]
    assert x.max() <= ends[1]


def test_a_bounded_law_is_that_of_the_transformed_values() -> None:
    x = np.linspace(-1.5, 1.5, 31)
    np.testing.assert_allclose(law_of(sympy.atan(W)).cdf(x), scipy.stats.norm.cdf(np.tan(x)), rtol=1e-10)


@pytest.mark.parametrize(
    ("observable", "exponent", "existing", "missing"),
    [
        (1 / W, 2.0, [], [1, 2, 3]),
        (U / V, 2.0, [], [1, 2]),
        (U * V / W, 2.0, [], [1, 2]),
        (1 / W**2, 1.5, [], [1]),
        (U / sympy.sqrt(sympy.Abs(V)), 3.0, [1], [2, 3]),
        (U**3 * V, INF, [1, 2, 4], []),
        (U / (1 + V**2), INF, [1, 2], []),
    ],
    ids=str,
)
def test_moments_that_exist_and_those_that_do_not(
    observable: Any, exponent: float, existing: list[int], missing: list[int]
) -> None:
    law = law_of(observable)
    for order in existing:
        assert math.isfinite(law.moment(order))
    for order in missing:
        with pytest.raises(InfiniteMomentError, match=rf"falls off only like \|x\|\*\*-a with a = {exponent:.2g}"):
            law.moment(order)
    if 1 in missing:
        with pytest.raises(InfiniteMomentError, match=r"the mean does not exist: .* it needs a > 2; median\(\)"):
            law.mean()
    if missing:
        # Inside of a bounded interval everything exists.
        assert math.isfinite(law.conditioned([(0.1, 3.0)]).var())


def test_the_quotient_of_normals_is_cauchy_far_out_too() -> None:
    law, cauchy = law_of(U / V), scipy.stats.cauchy()
    x = 10.0 ** np.arange(-3.0, 12.0)
    np.testing.assert_allclose(law.sf(x), cauchy.sf(x), rtol=1e-5)
    np.testing.assert_allclose(law.cdf(-x), cauchy.cdf(-x), rtol=1e-5)
    assert law.error < 1e-7


@pytest.mark.parametrize("function", [1 / W**2, 1 / W**3, 1 / sympy.Abs(W), 1 / (W - 1) ** 2, 1 / (W**2 - 1)], ids=str)
def test_what_goes_to_infinity_at_a_pole_turns_there(function: Any) -> None:
    """Against the values of a million normals; a deviation of 5 standard errors at one of 9 places is a false alarm."""
    values = sympy.lambdify(W, function, "numpy")(np.random.default_rng(0).normal(size=10**6))
    law = law_of(function)
    t = np.quantile(values, np.linspace(0.1, 0.9, 9))
    np.testing.assert_allclose(law.cdf(t), [(values <= place).mean() for place in t], atol=2.5e-3)
