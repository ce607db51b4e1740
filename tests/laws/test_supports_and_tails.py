"""Laws of observables know where they end, and which of their moments exist."""

import math
from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import sympy
from langevin_ib import Density
from langevin_ib.errors import InfiniteMomentError, InvalidArgumentError

U, V, W = lib.parameters("u v w")
INF = math.inf


def law_of(observable: Any, temperature: float = 1.0) -> Density:
    """The law of a function of independent normal parameters of variance T."""
    parameters = tuple(x for x in (U, V, W) if observable.has(x))
    loss = sum(x**2 for x in parameters) / 2
    model = lib.Model(parameters=parameters, predictor={"f": observable}, loss=loss)
    return lib.density(model, "f", dynamics=lib.Ambient(), temperature=temperature)


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.parametrize("strength", [3.0, 1.0, 0.02, 0.001])
@pytest.mark.parametrize("more", [0, V**2, V**2 + U * V], ids=str)
def test_a_barrier_ends_the_law_however_weak(strength: float, more: Any) -> None:
    """exp(-V/T) = (1 - u²)^(strength/T), a Beta law, times exp(u²/4T) if there is u v, which QUADPACK integrates."""
    T, coupled = 0.3, bool(sympy.sympify(more).has(U))
    parameters = (U, V) if more != 0 else (U,)
    loss = -sympy.Float(strength) * sympy.log(1 - U**2) + more
    model = lib.Model(parameters=parameters, predictor={"f": U}, loss=loss)
    law = lib.density(model, "f", dynamics=lib.Ambient(), temperature=T)
    assert law.support() == (-1.0, 1.0)
    assert law.cdf(1.0) == law.sf(-1.0) == 1.0
    a = strength / T

    def mass(end: float) -> float:
        def rest(u: float) -> float:
            return (1.0 - u) ** a * math.exp(u * u / (4.0 * T) if coupled else 0.0)

        return float(scipy.integrate.quad(rest, -1.0, end, weight="alg", wvar=(a, 0.0), epsabs=1e-14)[0])

    total = 2.0 * mass(0.0)
    for x in (-0.9999999, -0.9, -0.3, 0.5):
        assert law.cdf(x) == pytest.approx(mass(x) / total, abs=1e-11)
    if not coupled:
        x = np.array([-0.99999, -0.6, 0.2, 0.97])
        np.testing.assert_allclose(law.cdf(x), scipy.stats.beta(1 + a, 1 + a).cdf((1 + x) / 2), rtol=0, atol=1e-11)


@pytest.mark.parametrize("temperature", [0.3, 3.0])
def test_in_a_disc_whose_predictor_is_no_function_of_the_loss(temperature: float) -> None:
    """exp(-V/T) = (1 - u² - v²)^(1/T): u has the law (1 - u²)^(1/T + 1/2), a Beta law again."""
    model = lib.Model(parameters=(U, V), predictor={"p": U * V}, loss=-sympy.log(1 - U**2 - V**2))
    law = lib.density(model, "u", dynamics=lib.Ambient(), temperature=temperature)
    x, a = np.array([-0.97, -0.6, 0.2, 0.8]), 1.0 / temperature + 1.5
    np.testing.assert_allclose(law.cdf(x), scipy.stats.beta(a, a).cdf((1 + x) / 2), rtol=0, atol=1e-7)


def test_of_two_wells_beyond_barriers_there_is_no_law() -> None:
    """Walkers stay in the one that they start in."""
    model = lib.Model(parameters=(U,), predictor={"f": U}, loss=U**2 - sympy.log(U**2 - 1))
    with pytest.raises(InvalidArgumentError, match="no real value there"):
        lib.density(model, "f", dynamics=lib.Ambient(), temperature=0.3)
