"""Every family of laws against brute force: no distribution function is off by more than the law says of itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
import scipy.stats
import sympy
from brute_laws import cumulative, over
from langevin_ib import models
from langevin_ib.laws.density import _density
from langevin_ib.laws.request import LawRequest
from langevin_ib.process import Process
from scipy.special import ellipkm1, kve

Weight = Callable[[np.ndarray], np.ndarray]

LAM, C, KAPPA = 0.2, 0.3, 3.0
UV = models.scalar_product()
ROWS, LABELS = np.array([[1.0, 0.5], [0.3, -1.0], [0.7, 0.2]]), np.array([1.0, 0.2, -0.4])
S, LOG = np.linspace(-52.0, 52.0, 2601), np.linspace(-55.0, 5.0, 3001)
"""Even grids: of t where integrands die out like exp(-e^|t|), and of log s."""

FINE = np.linspace(-48.0, 48.0, 9601)


def loss(theta: Any) -> Any:
    return (theta - 1) ** 2 / 2


def bessel(nu: float, T: float) -> Weight:
    return lambda s: kve(nu, LAM * s / T) * np.exp(-LAM * s / T)


def soft_bessel(T: float) -> Weight:
    return lambda theta: kve(0, KAPPA * theta**2 / 4 / T)


def imbalance(T: float) -> Weight:
    return over(
        lambda q, t: np.exp(-loss(np.abs(q) / 2 * np.sinh(t)) / T - LAM * np.abs(q) * np.cosh(t) / 2 / T), FINE
    )  # theta = |q| sinh(t)/2


def between_weights(T: float) -> Weight:
    """Soft slice and weight decay at once: (u, v) = |theta|^(1/2) (e^(t/2), +-e^(-t/2))."""
    return over(
        lambda z, t: np.exp(-(KAPPA / 2 * (z * np.sinh(t)) ** 2 + LAM * np.abs(z) * np.cosh(t) + loss(z)) / T), S
    )


def component_of_two(T: float) -> Weight:
    """z_0 of a neuron in the plane, whose weight is e^(-lam |z|/T)/|z|; z_1 = |z_0| sinh t."""

    def both(z: np.ndarray, t: np.ndarray) -> np.ndarray:
        other, length = np.abs(z) * np.sinh(t), np.abs(z) * np.cosh(t)
        return np.exp(-(LAM * length + ((z - 0.6) ** 2 + (other - 0.6) ** 2) / 2) / T)

    return over(both, S)


def strength_of_two(T: float) -> Weight:
    angles = (np.arange(300) + 0.5) / 300 * 2 * math.pi
    ring = over(lambda s, a: np.exp(-((s * np.cos(a) - 0.6) ** 2 + (s * np.sin(a) - 0.6) ** 2) / 2 / T), angles)
    return lambda s: np.where(s > 0, np.exp(-LAM * s / T) * ring(s), 0.0)


def imbalance_of_three(T: float) -> Weight:
    """|w|^2 - v^2 of a neuron with three inputs and the loss (|z|^2 - 1)^2/2: s = e^t, nu = 1, (m + n - 2)/2 = 1."""

    def at(q: np.ndarray, t: np.ndarray) -> np.ndarray:
        s = np.exp(t)
        r = np.hypot(q, 2 * s)
        tilt = np.sign(q) * np.log((np.abs(q) + r) / (2 * s))
        return s**2 * np.exp(-((s**2 - 1) ** 2) / 2 / T + tilt - LAM * r / 2 / T) / r

    return over(at, LOG)


def pair(T: float, own: Weight, other: Weight) -> Weight:
    """theta_0 of two products that a loss over three rows does not separate."""

    def at(z: np.ndarray, t: np.ndarray) -> np.ndarray:
        size, total = np.exp(t), 0.0
        for second in (size, -size):
            misses = [(a * z + b * second - y) ** 2 for (a, b), y in zip(ROWS, LABELS, strict=True)]
            total = total + np.exp(-sum(misses) / 6 / T)
        return total * other(size) * size

    inner = over(at, LOG)
    return lambda z: inner(z) * own(np.abs(z))


def chain(T: float, power: float) -> Weight:
    """u_1 u_2 u_3 with the squares t, t + .6, t + 1.4: bisection for t, and e_2**-power."""

    def weight(z: np.ndarray) -> np.ndarray:
        low, high = np.full(z.shape, -120.0), np.full(z.shape, 20.0)
        for _ in range(80):
            y = (low + high) / 2
            below = y + np.log(np.exp(y) + 0.6) + np.log(np.exp(y) + 1.4) < 2 * np.log(np.abs(z))
            low, high = np.where(below, y, low), np.where(below, high, y)
        t = np.exp(y)
        e2 = t * (t + 0.6) + t * (t + 1.4) + (t + 0.6) * (t + 1.4)
        return np.exp(-loss(z) / T) / e2**power

    return weight


def sigma(T: float, measure: Any, kind: str) -> Weight:
    """One of two singular values with the loss (s_1^4 + s_2^4)/4 - (s_1^2 + s_2^2)/2; log(s_1/s_2) = e^t."""

    def joint(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return measure(a, b) * np.exp(-((a**4 + b**4) / 4 - (a**2 + b**2) / 2) / T)

    def at(s: np.ndarray, t: np.ndarray) -> np.ndarray:
        ratio = np.exp(-np.exp(t))
        first = (s, s * ratio) if kind == "sigma1" else (s / ratio, s)
        with np.errstate(all="ignore"):
            found = joint(*first) * (first[1] if kind == "sigma1" else first[0]) * np.exp(t)
        return np.where(np.isfinite(found), found, 0.0)

    inner = over(at, np.linspace(-45.0, 4.5, 2476))
    return lambda s: np.where(s > 0, inner(np.abs(s)), 0.0)


def matrices(m: int, n: int, group: str) -> lib.Model:
    quartic = lambda M: sum(x * x for x in M.T * M) / 4 - sum(x * x for x in M) / 2  # noqa: E731 - an argument
    return models.matrix_factorization(m, n, 2, loss=quartic, group=group)


def shifted(model: lib.Model, constant: float) -> lib.Model:
    """The same model with a constant in its loss, which means nothing."""
    content = {name: getattr(model, name) for name in ("parameters", "predictor", "symmetry", "observables", "data")}
    return lib.Model(loss=model.loss + sympy.Float(constant), **content)


ISOTROPIC = models.relu_neuron(3, loss=lambda z: (sum(x * x for x in z) - 1) ** 2 / 2)
NEURON = models.relu_neuron(2, target=0.6)
PAIR = models.hadamard(2, data=(ROWS, LABELS))
CONFINED = lib.Model(
    parameters=UV.parameters,
    predictor=UV.predictor,
    loss=UV.loss,
    symmetry=UV.symmetry,
    confinement=sympy.Rational(1, 10) * sum(x**2 for x in UV.parameters),
)
DECAY, GAUGE, RIGID, SOFT = lib.Ambient(LAM), lib.GaugeFixed(C), lib.Constrained(C), lib.SoftSlice(KAPPA)
TREE, STIFF = lib.GaugeFixed((0.4, 0.3)), lib.Constrained((0.4, 0.3))

CASES: dict[str, tuple[lib.Model, str, Any, Callable[[float], Weight], dict[str, Any]]] = {
    "uv": (UV, "theta", DECAY, lambda T: lambda z: bessel(0, T)(np.abs(z)) * np.exp(-loss(z) / T), {}),
    "uv by quadrature": (
        UV, "theta", DECAY, lambda T: lambda z: bessel(0, T)(np.abs(z)) * np.exp(-loss(z) / T), {"method": "quadrature"}
    ),
    "imbalance": (UV, "imbalance", DECAY, imbalance, {}),
    "u": (
        UV, "u", DECAY,
        lambda T: lambda u: np.exp(-(LAM * u**2 - u**2 / (u**2 + LAM)) / 2 / T) / np.sqrt(u**2 + LAM), {},
    ),
    "soft": (UV, "theta", SOFT, lambda T: lambda z: soft_bessel(T)(z) * np.exp(-loss(z) / T), {}),
    "soft with weight decay": (CONFINED, "theta", SOFT, between_weights, {}),
    "slice": (UV, "theta", GAUGE, lambda T: lambda z: np.exp(-loss(z) / T) / np.hypot(C, z), {}),
    "surface": (UV, "theta", RIGID, lambda T: lambda z: np.exp(-loss(z) / T) / np.sqrt(np.hypot(C, z)), {}),
    "shell": (
        UV, "theta", lib.Ambient(), lambda T: lambda z: np.exp(-loss(z) / T) * np.arcsinh(C / np.abs(z)),
        {"given": ("imbalance", -2 * C, 2 * C)},
    ),
    "component": (NEURON, "z0", DECAY, component_of_two, {}),
    "strength": (NEURON, "strength", DECAY, strength_of_two, {}),
    "imbalance of a neuron": (ISOTROPIC, "imbalance", DECAY, imbalance_of_three, {}),
    "pair": (PAIR, "z0", DECAY, lambda T: pair(T, bessel(0, T), bessel(0, T)), {}),
    "pair, soft": (PAIR, "z0", SOFT, lambda T: pair(T, soft_bessel(T), soft_bessel(T)), {}),
    "pair, slice": (
        PAIR, "z0", TREE, lambda T: pair(T, lambda s: 1 / np.hypot(0.4, s), lambda s: 1 / np.hypot(0.3, s)), {}
    ),
    "chain": (models.scalar_product(3), "theta", TREE, lambda T: chain(T, 1.0), {}),
    "chain, surface": (models.scalar_product(3), "theta", STIFF, lambda T: chain(T, 0.5), {}),
    "torus": (models.scalar_product(3), "theta", TREE, lambda T: chain(T, 1.0), {"method": "quadrature"}),
    "GL(2)": (
        matrices(4, 3, "gl"), "sigma2", lib.GaugeFixed(),
        lambda T: sigma(T, lambda a, b: (a - b) * np.sqrt(a * b), "sigma2"), {},
    ),
    "diagonal group": (
        matrices(3, 3, "diagonal"), "sigma1", lib.GaugeFixed(),
        lambda T: sigma(T, lambda a, b: (a**2 - b**2) * a * b * (ellipkm1((b / a) ** 2) / a) ** 2, "sigma1"), {},
    ),
}  # fmt: skip


def law_of(name: str, T: float) -> Any:
    """The first of the integrations, by itself."""
    model, observable, dynamics, _, more = CASES[name]
    return _density(LawRequest(process=Process(model, dynamics, T), observable=observable, **more))


def off(law: Any, weight: Weight) -> float:
    q = np.array([1e-6, 1e-3, 0.02, 0.1, 0.3, 0.5, 0.6, 0.8, 0.95, 0.999, 1 - 1e-6])
    x = law.ppf(q)
    with np.errstate(all="ignore"):
        right = cumulative(weight, x)
    return float(max(np.abs(law.cdf(x) - right).max(), np.abs(law.sf(x) - (1.0 - right)).max()))


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_no_law_is_off_by_more_than_it_says(name: str) -> None:
    law = law_of(name, 0.3)
    assert law.error < 1e-10
    assert off(law, CASES[name][3](0.3)) < law.error


@pytest.mark.long
@pytest.mark.parametrize("name", ["uv by quadrature", "soft", "component", "pair, slice", "chain", "torus"])
def test_nor_is_a_narrow_one_and_another_temperature_is_seen(name: str) -> None:
    law = law_of(name, 0.02)
    assert law.error < 1e-10
    assert off(law, CASES[name][3](0.02)) < law.error
    assert off(law, CASES[name][3](0.020002)) > 1e4 * law.error


@pytest.mark.parametrize("constant", [-3e4])
@pytest.mark.parametrize("name", ["pair, slice", "component", "strength"])
def test_a_constant_in_the_loss_means_nothing_but_digits(name: str, constant: float) -> None:
    """Of a loss of 3e4 at T = 0.01 only ten digits are left after the point; tables cut it off at 1e6 once."""
    model, observable, dynamics, weight, more = CASES[name]
    process = Process(shifted(model, constant), dynamics, 0.01)
    law = _density(LawRequest(process=process, observable=observable, **more))
    assert law.error < 1e-7
    assert off(law, weight(0.01)) < law.error


@pytest.mark.parametrize("dynamics", [lib.GaugeFixed(0.5), lib.Constrained(0.5), lib.GaugeFixed(5.0)])
@pytest.mark.parametrize("T", [0.02, 3.0])
def test_laws_along_curves(dynamics: Any, T: float) -> None:
    """u = +-(2c)^(1/2) cosh a on u^2 - v^2 = 2c: da or (cosh 2a)^(1/2) da, both sheets and both signs of a alike."""
    c = dynamics.level
    law = _density(LawRequest(process=Process(UV, dynamics, T), observable="u"))
    power = 0.5 if isinstance(dynamics, lib.Constrained) else 0.0

    def weight(a: np.ndarray) -> np.ndarray:
        theta = c * np.sinh(2 * a)
        return np.cosh(2 * a) ** power * (np.exp(-loss(theta) / T) + np.exp(-loss(-theta) / T))

    u = np.array([1.001, 1.05, 1.2, 1.5, 2.0]) * math.sqrt(2 * c)
    below = 2.0 * cumulative(weight, np.arccosh(u / math.sqrt(2 * c)), highest=2.0) - 1.0
    assert np.abs(law.cdf(u) - (1.0 + below) / 2.0).max() < law.error < 1e-8
    assert np.abs(law.cdf(-u) - (1.0 - below) / 2.0).max() < law.error


@pytest.mark.parametrize("unit", [1.0, 1e-9])
@pytest.mark.parametrize("halvings", [1, 24])
def test_gaussian_laws_of_nearly_singular_potentials(unit: float, halvings: int) -> None:
    """V = (x^2 + v^2 - 2 a x v)/2 - r (x + v), u = unit x, e = 1 - a = r^2: E x = 1/r, var x = 1/(1 - a^2)."""
    u, v = lib.parameters("u v")
    x, e = u / sympy.Float(unit), sympy.Rational(1, 2**halvings)
    loss = (x**2 + v**2 - 2 * (1 - e) * x * v) / 2 - sympy.sqrt(e) * (x + v)
    model = lib.Model(parameters=(u, v), predictor={"u": u}, loss=loss)
    law = _density(LawRequest(process=Process(model, lib.Ambient(), 1.0), observable="u"))
    r = 2.0 ** (-halvings / 2)
    right = scipy.stats.norm(unit / r, unit / math.sqrt(r**2 * (2.0 - r**2)))
    q = np.linspace(0.01, 0.99, 33)
    assert np.abs(law.cdf(right.ppf(q)) - q).max() < law.error < 1e-6
    assert law.method == "closed form"
