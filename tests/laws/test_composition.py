"""Laws of functions of a known quantity against distribution functions worked out by hand; and what is refused."""

from __future__ import annotations

import itertools
import math
from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
import scipy.stats
import sympy
from langevin_ib.errors import UnsupportedModelError
from scipy.stats import norm

U, V, W = lib.parameters("u v w")
INF = math.inf


def law_of(f: Any, loss: Any = W**2 / 2, parameters: Any = (W,), temperature: float = 1.0, **more: Any) -> Any:
    model = lib.Model(parameters=parameters, predictor={"f": sympy.sympify(f)}, loss=loss)
    return lib.density(model, "f", dynamics=lib.Ambient(), temperature=temperature, **more)


CASES: list[tuple[Any, Any, tuple[float, float]]] = [
    (sympy.sqrt(1 + W**2), lambda t: 2 * norm.cdf(np.sqrt(t**2 - 1)) - 1, (1, INF)),
    (sympy.cosh(W), lambda t: 2 * norm.cdf(np.arccosh(t)) - 1, (1, INF)),
    (sympy.exp(sympy.Abs(W)), lambda t: 2 * norm.cdf(np.log(t)) - 1, (1, INF)),
    (sympy.log(1 + W**2), lambda t: 2 * norm.cdf(np.sqrt(np.expm1(t))) - 1, (0, INF)),
    (sympy.sign(W) * W**2, lambda t: norm.cdf(np.sign(t) * np.sqrt(np.abs(t))), (-INF, INF)),
    (sympy.real_root(W, 3), lambda t: norm.cdf(t**3), (-INF, INF)),
    (sympy.atan(W), lambda t: norm.cdf(np.tan(t)), (-math.pi / 2, math.pi / 2)),
    (sympy.tanh(W), lambda t: norm.cdf(np.arctanh(t)), (-1, 1)),
    (1 / (1 + sympy.exp(-W)), lambda t: norm.cdf(np.log(t / (1 - t))), (0, 1)),
    (1 / W, lambda t: np.where(t < 0, norm.cdf(0) - norm.cdf(1 / t), 0.5 + norm.sf(1 / t)), (-INF, INF)),
    (W + sympy.sign(W), lambda t: norm.cdf(np.where(np.abs(t) < 1, 0, t - np.sign(t))), (-INF, INF)),
    (-sympy.Abs(W), lambda t: 2 * norm.cdf(t), (-INF, 0)),
    (
        (W**2 - 1) ** 2,
        lambda t: 2 * (norm.cdf(np.sqrt(1 + np.sqrt(t))) - norm.cdf(np.sqrt(np.maximum(1 - np.sqrt(t), 0)))),
        (0, INF),
    ),
    (W**3 - W, None, (-INF, INF)),
    (
        sympy.sin(W),
        lambda t: sum(
            norm.cdf(2 * math.pi * (k + 1) + np.arcsin(t)) - norm.cdf(2 * math.pi * k + math.pi - np.arcsin(t))
            for k in range(-3, 3)
        ),
        (-1, 1),
    ),
    (sympy.Piecewise((W, W < 0), (-3 * W, True)), lambda t: norm.cdf(t) + norm.sf(-t / 3), (-INF, 0)),
    # Turns where there is no mass: the piece that is left goes on to the end of the support.
    (sympy.Abs(W - 60), lambda t: norm.sf(60 - t), (0, INF)),
    ((W + 50) ** 2, lambda t: norm.cdf(np.sqrt(t) - 50), (0, INF)),
    (sympy.Max(W, 2 * W - 1), lambda t: norm.cdf(np.where(t < 1, t, (t + 1) / 2)), (-INF, INF)),
]


def folded(f: Any, t: float) -> float:
    """P(f(w) <= t) by looking for all crossings on a fine grid."""
    w = np.linspace(-9, 9, 2_000_001)
    excess = sympy.lambdify(W, f)(w) - t
    at = np.flatnonzero((excess[1:] > 0) != (excess[:-1] > 0))
    roots = w[at] - excess[at] * (w[at + 1] - w[at]) / (excess[at + 1] - excess[at])
    edges = np.concatenate([[-INF], roots, [INF]])
    inside = np.concatenate([[excess[0] <= 0], excess[at + 1] <= 0])
    return float(np.sum(np.diff(norm.cdf(edges))[inside]))


@pytest.mark.long
@pytest.mark.parametrize(("f", "cdf", "support"), CASES, ids=[str(case[0])[:25] for case in CASES])
def test_functions_of_a_normal_variable(f: Any, cdf: Any, support: tuple[float, float]) -> None:
    law = law_of(f)
    assert law.support() == support
    q = np.array([1e-6, 0.02, 0.3, 0.4999, 0.77, 0.97, 1 - 1e-6])
    t = law.ppf(q)
    expected = cdf(t) if cdf is not None else np.array([folded(f, each) for each in t])
    assert law.error <= 2e-7
    allowed = law.error + 1e-13 if cdf is not None else 1e-8
    np.testing.assert_allclose(law.cdf(t), expected, rtol=0, atol=allowed)
    np.testing.assert_allclose(law.cdf(t), q, rtol=0, atol=allowed)
    np.testing.assert_allclose(law.sf(t), 1 - q, rtol=0, atol=allowed)
    np.testing.assert_allclose(law.isf(1 - q), t, rtol=1e-6, atol=1e-9)
    middle = law.ppf(np.linspace(0.05, 0.95, 10)) * (1 + 1e-7)
    step = 1e-5 * np.abs(middle)
    slope = (law.cdf(middle + step) - law.cdf(middle - step)) / (2 * step)
    if f != W + sympy.sign(W):
        np.testing.assert_allclose(law.pdf(middle), slope, rtol=1e-4)
    else:
        assert law.pdf(0.5) == 0.0
    assert law.pdf([support[0] - 1.0, support[1] + 1.0]).tolist() == [0.0, 0.0]


@pytest.mark.long
def test_moments_are_those_of_the_inner_law() -> None:
    assert law_of(sympy.cosh(W)).mean() == pytest.approx(math.exp(0.5), rel=1e-12)
    assert law_of(sympy.exp(sympy.Abs(W))).mean() == pytest.approx(2 * math.exp(0.5) * norm.cdf(1), rel=1e-12)
    assert law_of(sympy.sin(W)).var() == pytest.approx((1 - math.exp(-2)) / 2, rel=1e-12)
    assert law_of(sympy.sign(W) * W**2).std() == pytest.approx(math.sqrt(3), rel=1e-12)
    with pytest.raises(lib.errors.InfiniteMomentError, match="does not exist"):
        law_of(1 / W).mean()


@pytest.mark.long
def test_draws_follow_the_law() -> None:
    """A Kolmogorov test at the level 1e-4 on 10**5 draws; a law with another scale fails it."""
    for f in (sympy.sin(W), 1 / W, sympy.sqrt(1 + W**2)):
        law = law_of(f)
        drawn = law.rvs(100_000, rng=5)
        assert scipy.stats.kstest(drawn, law.cdf).pvalue > 1e-4
        assert scipy.stats.kstest(1.03 * drawn, law.cdf).pvalue < 1e-4


@pytest.mark.parametrize("f", [sympy.tanh(U * V), 1 / (1 + sympy.exp(-U * V)), sympy.log(1 + (U * V) ** 2)])
@pytest.mark.parametrize("method", ["auto", "quadrature"])
def test_functions_of_a_product(f: Any, method: str) -> None:
    """P(f <= t) by the law of u v, which is 2 K0(lam |theta| / T) exp(-l / T)."""
    model = lib.Model(
        parameters=(U, V),
        predictor={"theta": U * V, "f": f},
        loss=(U * V - 1) ** 2 / 2,
        symmetry=lib.Scaling({U: 1, V: -1}),
    )
    system = {"dynamics": lib.Ambient(0.3), "temperature": 0.2}
    law, inner = lib.density(model, "f", method=method, **system), lib.density(model, "theta", **system)
    theta = np.linspace(-0.7, 2.2, 7)
    value = sympy.lambdify(U, f.subs(V, 1))(theta)
    size, is_even = np.abs(theta), f.has(sympy.log)
    expected = inner.cdf(size) - inner.cdf(-size) if is_even else inner.cdf(theta)
    np.testing.assert_allclose(law.cdf(value), expected, atol=1e-9)


@pytest.mark.parametrize("g", [(1, 1, 0), (1, -1, 0), (1, -2, 0, 0), (1, 0, 0, 1, 0), (-2, 0, 3, 0, 1, 0)])
def test_a_polynomial_in_a_product_however_it_is_written(g: tuple[int, ...]) -> None:
    """P(g(u v) <= t) is the mass of u v between the roots of g - t; g(u v) has powers of u and v apart."""
    f = sympy.Add(*(c * U**power * V**power for power, c in enumerate(reversed(g))))
    model = lib.Model(parameters=(U, V), predictor={"theta": U * V}, loss=(U * V - 1) ** 2 / 2, observables={"f": f})
    system = {"dynamics": lib.Ambient(0.3), "temperature": 0.2}
    law, inner = lib.density(model, "f", **system), lib.density(model, "theta", **system)
    for t in (-1.7, -0.2, 0.1, 0.9, 3.3):
        roots = np.roots([*g[:-1], g[-1] - t])
        edges = [-50.0, *np.sort(roots[np.abs(roots.imag) < 1e-9].real), 50.0]
        inside = [(a, b) for a, b in itertools.pairwise(edges) if np.polyval(g, (a + b) / 2) <= t]
        mass = sum(inner.cdf(b) - inner.cdf(a) for a, b in inside)
        assert law.cdf(t) == pytest.approx(mass, abs=1e-6)


def test_a_condition_on_the_function_is_one_on_the_quantity() -> None:
    law = law_of(W**2)
    given = law.conditioned([(0.25, 1.0), (4.0, 9.0)])
    mass = 2 * (norm.cdf(1) - norm.cdf(0.5) + norm.cdf(3) - norm.cdf(2))
    assert given.cdf(2.0) == pytest.approx(2 * (norm.cdf(1) - norm.cdf(0.5)) / mass, rel=1e-12)
    assert given.support() == (0.25, 9.0)
    assert given.pdf(2.0) == 0.0
    asked = law_of(1 / W, given=("f", 0.5, 2.0))
    assert asked.cdf(1.0) == pytest.approx((norm.cdf(2) - norm.cdf(1)) / (norm.cdf(2) - norm.cdf(0.5)), rel=1e-12)


def test_on_a_slice_and_in_a_shell() -> None:
    model = lib.models.scalar_product()
    content = {name: getattr(model, name) for name in ("parameters", "predictor", "loss", "symmetry")}
    theta = model.predictor["theta"]
    model = lib.Model(**content, observables={**model.observables, "f": sympy.exp(theta / 2)})
    imbalance = ("imbalance", -0.2, 0.5)
    for dynamics, given in itertools.product([lib.GaugeFixed(0.5), lib.Ambient()], [None, imbalance]):
        if isinstance(dynamics, lib.Ambient) == (given is None):
            continue
        system = {"dynamics": dynamics, "temperature": 0.3, "given": given}
        law, inner = lib.density(model, "f", **system), lib.density(model, "theta", **system)
        t = np.array([-0.4, 0.3, 1.2])
        np.testing.assert_allclose(law.cdf(np.exp(t / 2)), inner.cdf(t), atol=1e-9)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (sympy.Max(W, 0), "takes the value 0 with positive probability .0.5"),
        (sympy.floor(W), "with positive probability"),
        (sympy.tanh(10**9 * W), "with positive probability"),
        (sympy.log(W), "no real value with the probability 0.5"),
        (sympy.sqrt(1 - W**2), "no real value with the probability 0.317"),
        (sympy.sin(1 / W), "turns more than 64 times"),
    ],
)
def test_what_has_no_law_on_the_line_is_refused(f: Any, words: str) -> None:
    with pytest.raises(UnsupportedModelError, match=words):
        law_of(f)


SIZE = sympy.sqrt(U**2 + V**2 + W**2)


@pytest.mark.parametrize("loss", [(U**2 + V**2 + W**2 - 1) ** 2 / 2, U**2 / 2 + V**2 + W**2])
def test_cosines_have_their_poles_at_the_ends(loss: Any) -> None:
    """In three dimensions a cosine is even without a direction; on an ellipsoid it is that of scaled normal ones."""
    model = lib.Model(parameters=(U, V, W), predictor={"f": loss}, loss=loss, observables={"cosine": 2 * U / SIZE})
    law = lib.density(model, "cosine", dynamics=lib.Ambient(), temperature=0.3)
    at = np.array([-1.9, -1.0, -0.1, 0.4, 1.5, 1.99])
    tangent = at / np.sqrt(4.0 - at**2)  # u / |(v, w)|, a ratio of a normal variable and a length
    spread = math.sqrt(2.0) if loss.is_Add else 1.0
    np.testing.assert_allclose(law.cdf(at), 0.5 + 0.5 * tangent / np.sqrt(tangent**2 + spread**2), atol=2e-8)
    assert law.support() == (-2.0, 2.0)


def test_a_cosine_in_the_plane_under_weight_decay() -> None:
    """Against a rule over angles, each with its integral over the radius."""
    model = lib.Model(
        parameters=(U, V),
        predictor={"z": U * V},
        loss=(U * V - 1) ** 2 / 2,
        observables={"cosine": U / sympy.sqrt(U**2 + V**2)},
    )
    law = lib.density(model, "cosine", dynamics=lib.Ambient(weight_decay=0.5), temperature=0.3)
    angles, r = (np.arange(4096) + 0.5) * math.pi / 2048, np.linspace(0.0, 12.0, 2001)
    v = (np.cos(angles) * np.sin(angles))[:, None] * r**2
    weight = (r * np.exp(-((v - 1) ** 2 / 2 + 0.25 * r**2) / 0.3)).sum(axis=1)
    for at in (-0.9, -0.3, 0.5, 0.95):
        below = weight[np.cos(angles) < at].sum() / weight.sum()
        assert float(law.cdf(at)) == pytest.approx(below, abs=5e-4)
