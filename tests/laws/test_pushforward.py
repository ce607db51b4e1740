"""Push-forward laws by quadrature against closed forms and integrals that share no code; and what is refused."""

from __future__ import annotations

import itertools
import math
from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import sympy
from langevin_ib.errors import InvalidArgumentError, NotNormalizableError, UnsupportedModelError
from langevin_ib.laws.integrals.nested import Axis, Nested

U, V, W, Z = lib.parameters("u v w z")
SQUARE = (U**2 + V**2) / 2


def law_of(observable: Any, potential: Any, parameters: Any = (U, V), temperature: float = 1.0, **more: Any) -> Any:
    """Return the law by quadrature, whatever closed forms there are, of f under exp(-V/T)."""
    model = lib.Model(parameters=parameters, predictor={"f": observable}, loss=sympy.sympify(potential), **more)
    return lib.density(model, "f", dynamics=lib.Ambient(), temperature=temperature, method="quadrature")


def require_equal(law: Any, reference: Any, tolerance: float) -> None:
    probability = np.array([1e-4, 0.03, 0.2, 0.45, 0.55, 0.8, 0.97, 1 - 1e-4])
    x = reference.ppf(probability)
    np.testing.assert_allclose(law.pdf(x), reference.pdf(x), rtol=tolerance)
    np.testing.assert_allclose(law.cdf(x), probability, atol=tolerance)
    assert law.method == "quadrature"


@pytest.mark.parametrize(
    ("observable", "reference"),
    [
        (U + V, scipy.stats.norm(0, math.sqrt(2))),
        (U**2 + V**2, scipy.stats.chi2(2)),
        (U**2 + V**2 + 3, scipy.stats.chi2(2, loc=3)),
        (sympy.sqrt(U**2 + V**2), scipy.stats.chi(2)),
        (U / V, scipy.stats.cauchy()),
        (U**2, scipy.stats.chi2(1)),
        (sympy.exp(U + V), scipy.stats.lognorm(math.sqrt(2))),
        (sympy.Abs(U), scipy.stats.halfnorm()),
        (sympy.Max(U, V), scipy.stats.skewnorm(1)),
        (U**3, None),
    ],
)
def test_functions_of_two_normal_variables(observable: Any, reference: Any) -> None:
    law = law_of(observable, SQUARE)
    if reference is None:
        x = np.array([-8.0, -0.3, 1e-6, 1.0, 27.0])
        np.testing.assert_allclose(law.cdf(x), scipy.stats.norm().cdf(np.cbrt(x)), atol=1e-9)
    else:
        require_equal(law, reference, 1e-8)


def test_a_ratio_of_three_is_students() -> None:
    require_equal(
        law_of(sympy.sqrt(2) * U / sympy.sqrt(V**2 + W**2), SQUARE + W**2 / 2, (U, V, W)), scipy.stats.t(2), 1e-6
    )


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e5])
def test_the_product_law_is_a_bessel_function_at_every_scale(size: float) -> None:
    law = law_of(U * V, SQUARE / size)
    t = size * np.array([-3.0, -0.1, 1e-9, 1e-3, 1.0, 5.0])
    np.testing.assert_allclose(law.pdf(t), scipy.special.k0(np.abs(t) / size) / math.pi / size, rtol=1e-8)


def test_a_confined_product_has_the_law_that_its_closed_form_gives() -> None:
    closed = lib.density(lib.models.scalar_product(), "theta", dynamics=lib.Ambient(0.3), temperature=0.2)
    law = law_of(
        U * V, (U * V - 1) ** 2 / 2, temperature=0.2, confinement=sympy.Rational(3, 20) * (U**2 + V**2) + U / 10**12
    )
    require_equal(law, closed, 1e-8)


def test_a_product_of_three_is_a_meijer_function() -> None:
    law = law_of(U * V * W, SQUARE + W**2 / 2, (U, V, W))
    for t in (1e-6, 0.1, 1.0, 4.0):
        integral = scipy.integrate.quad(
            lambda y, t=t: scipy.special.k0(t * math.exp(-y)) * math.exp(-math.exp(2 * y) / 2),
            -40,
            3,
            epsabs=0,
            epsrel=1e-10,
        )[0]
        assert law.pdf(t) == pytest.approx(2 * integral / math.pi / math.sqrt(2 * math.pi), rel=1e-6)


def test_four_parameters_of_which_two_are_integrated_in_closed_form() -> None:
    """An entry of B A, (u, v) (w, z): given u, w is normal, by a one-line integral in polar coordinates of (u, v)."""
    loss = sum((b * a - c) ** 2 for b, a, c in ((U, W, 1), (U, Z, 0), (V, W, 0), (V, Z, 0))) / 2
    law = law_of(U * W, loss, (U, V, W, Z), 0.5, confinement=(U**2 + V**2 + W**2 + Z**2) / 4)

    def joint(t: float) -> float:
        def integrand(v: float, y: float) -> float:
            u = math.exp(y)
            h, w = u * u + v * v + 0.5, t / u
            log_weight = -(w * w * h / 2 - u * w + 0.5 + u * u / 4 + v * v / 4) / 0.5
            return math.exp(log_weight) / math.sqrt(h)

        return scipy.integrate.dblquad(integrand, -16, 2.2, -6, 6, epsabs=1e-11, epsrel=1e-8)[0]

    assert law.pdf(0.8) / law.pdf(-0.4) == pytest.approx(joint(0.8) / joint(-0.4), rel=1e-6)


def test_the_curved_valley_of_rosenbrock() -> None:
    """Least along y = x², where a value of V minus a square would have no digit left from x = 1e6 on."""
    valley = ((1 - U) ** 2 + (V - U**2) ** 2) / 20
    require_equal(law_of(U, valley, temperature=0.3), scipy.stats.norm(1, math.sqrt(3.0)), 1e-9)
    require_equal(law_of(V - U**2, valley, temperature=0.3), scipy.stats.norm(0, math.sqrt(3.0)), 1e-8)
    curved = law_of(V, valley, temperature=0.3)
    by_mixing, _ = scipy.integrate.quad(
        lambda x: (
            math.exp(-((1 - x) ** 2) / 6) / math.sqrt(6 * math.pi) * scipy.special.ndtr((2 - x**2) / math.sqrt(3))
        ),
        -math.inf,
        math.inf,
    )
    assert abs(curved.cdf(2.0) - by_mixing) < 1e-8


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.01])
def test_across_a_narrow_valley_of_rosenbrock(temperature: float) -> None:
    """Given v the weight of u has two peaks, as narrow as a thousandth; the law is confirmed, and another one not."""
    model = lib.Model(parameters=(U, V), predictor={"v": V}, loss=100 * (V - U**2) ** 2 + (1 - U) ** 2)
    law = lib.density(model, "v", dynamics=lib.Ambient(), temperature=temperature)
    u = np.linspace(1.0 - 40.0 * math.sqrt(temperature), 1.0 + 40.0 * math.sqrt(temperature), 400_001)
    weight = np.exp(-((1 - u) ** 2) / temperature)  # v given u is normal about u**2
    places = np.linspace(0.0, 3.0, 13)
    below = scipy.stats.norm.cdf(places[:, None], u**2, math.sqrt(temperature / 200.0)) @ weight / weight.sum()
    np.testing.assert_allclose(law.cdf(places), below, atol=1e-7)
    assert law.mean() == pytest.approx(float(u**2 @ weight / weight.sum()), abs=1e-6)
    assert law.moment(6) == pytest.approx(_sixth(temperature), rel=1e-5)


def _sixth(temperature: float) -> float:
    """E v**6 for v = u**2 + noise, by Gauss and Hermite in both."""
    x, w = np.polynomial.hermite_e.hermegauss(20)
    u = 1.0 + math.sqrt(temperature / 2.0) * x
    v = u[:, None] ** 2 + math.sqrt(temperature / 200.0) * x
    return float(w @ v**6 @ w / w.sum() ** 2)


def test_data_and_kinks_within_sums_over_data() -> None:
    """The loss is the mean of |u v - y_i|: kinks at the data, in a sum."""
    y, i = sympy.IndexedBase("y"), sympy.Idx("i", 4)
    targets = np.array([-0.5, 0.25, 0.3, 2.0])
    loss = sympy.Sum(sympy.Abs(U * V - y[i]), (i, 0, 3)) / 4
    law = law_of(U * V, loss, temperature=0.2, confinement=(U**2 + V**2) / 10 + U / 10**12, data={"y": targets})

    def weight(t: Any) -> Any:
        return scipy.special.k0(np.abs(t)) * np.exp(-np.abs(t - targets).mean() / 0.2)

    parts = [-40, -0.5, 0, 0.25, 0.3, 2.0, 40]
    total = sum(scipy.integrate.quad(weight, a, b, epsabs=1e-12)[0] for a, b in itertools.pairwise(parts))
    for t in (-1.0, 0.1, 0.27, 1.0, 3.0):
        assert law.pdf(t) == pytest.approx(weight(t) / total, rel=1e-7, abs=1e-10)


def test_a_metric_leaves_the_law() -> None:
    model = lib.Model(parameters=(U, V), predictor={"f": U**2 - V}, loss=SQUARE + U**2 * V**2)
    laws = [
        lib.density(model, "f", dynamics=lib.Ambient(metric=metric), temperature=0.3)
        for metric in (None, [[2.0, 0.5], [0.5, 1.0]])
    ]
    np.testing.assert_array_equal(laws[0].pdf([-1.0, 0.5]), laws[1].pdf([-1.0, 0.5]))


def test_a_wrong_temperature_is_another_law() -> None:
    right, wrong = (law_of(U**2 - V, SQUARE + U**2 * V**2, temperature=t) for t in (0.3, 0.315))
    x = right.ppf(np.linspace(0.05, 0.95, 19))
    assert np.abs(right.cdf(x) - wrong.cdf(x)).max() > 3e-3


@pytest.mark.long
def test_along_a_ridge_that_grows_thin() -> None:
    """On u³ + v³ = 1 far out v is nearly -u: for each u by QUADPACK about that v, and Simpson's rule over u."""
    T, decay = 0.3, 0.1

    def across(u: float) -> float:
        def weight(v: float) -> float:
            return math.exp(-((u**3 + v**3 - 1.0) ** 2 + decay * (u * u + v * v)) / (2.0 * T))

        ends = [float(np.cbrt(1.0 - u**3 + side)) for side in (-4.0, -1.0, 1.0, 4.0)]
        pieces = itertools.pairwise(sorted([*ends, 0.0]) if ends[0] < 0.0 < ends[-1] else ends)
        return math.fsum(scipy.integrate.quad(weight, a, b, limit=200)[0] for a, b in pieces)

    u = np.linspace(-16.0, 16.0, 1601)
    below = scipy.integrate.cumulative_simpson([across(each) for each in u], x=u, initial=0.0)
    dynamics = lib.Ambient(weight_decay=decay)
    model = lib.Model(parameters=(U, V), predictor={"f": U}, loss=(U**3 + V**3 - 1) ** 2 / 2)
    law = lib.density(model, "f", dynamics=dynamics, temperature=T)
    places = u[400:1300:100]
    np.testing.assert_allclose(law.cdf(places), below[400:1300:100] / below[-1], rtol=0, atol=3e-6)
    other = lib.density(model, "f", dynamics=lib.Ambient(weight_decay=1.1 * decay), temperature=T)
    assert np.abs(other.cdf(places) - law.cdf(places)).max() > 1e-3


def test_an_unbroken_symmetry_is_refused_and_its_orbit_named() -> None:
    scaling = lib.Scaling({U: 1, V: 1, W: -2})
    model = lib.Model(parameters=(U, V, W), predictor={"f": U * V * W}, loss=(U * V * W - 1) ** 2, symmetry=scaling)
    with pytest.raises(NotNormalizableError, match=r"orbits \(u, v, w\) -> \(s u, s v, s\*\*\(-2\) w\)"):
        lib.density(model, "f", dynamics=lib.Ambient(), temperature=1.0)


@pytest.mark.parametrize(
    ("observable", "potential", "words"),
    [
        (U * V**3, (U * V - 1) ** 4 + U**4, r"infinite mass: it escapes to \|"),
        (U**2 + V, U**4 - V**2, "infinite mass"),
    ],
)
def test_infinite_mass_without_a_symmetry_is_refused(observable: Any, potential: Any, words: str) -> None:
    with pytest.raises(NotNormalizableError, match=words):
        law_of(observable, potential)


@pytest.mark.parametrize(
    ("observable", "words"),
    [
        (sympy.Max(U, 0), "takes the value 0 with positive probability"),
        (U * 0 + 2, "does not depend on the parameters"),
        (U**5 + U + V**5 + V, "could not be solved"),
        (sympy.sin(U) + U + V * sympy.cos(V), "could not be solved"),
    ],
)
def test_what_has_no_density_or_no_formula_is_refused(observable: Any, words: str) -> None:
    with pytest.raises(UnsupportedModelError, match=words):
        law_of(observable, SQUARE + U**4)


@pytest.mark.long
def test_what_draws_answer_is_said_to_be_so() -> None:
    for angle, seconds in ((sympy.atan2(U, V), 10.0), (sympy.Max(U, V, W), 0.5)):
        model = lib.Model(parameters=(U, V, W), predictor={"f": angle}, loss=SQUARE + W**2 / 2)
        asked = {"model": model, "observable": "f", "dynamics": lib.Ambient(), "temperature": 1.0}
        with pytest.raises(UnsupportedModelError, match=r"take method='sampling', or sample it twice"):
            lib.density(**asked, timeout=seconds)
        drawn = lib.density(**asked, method="sampling")
        reference = (
            scipy.stats.uniform(-math.pi, 2 * math.pi).cdf(1.0) if seconds > 1 else scipy.stats.norm.cdf(1.0) ** 3
        )
        assert abs(drawn.cdf(1.0) - reference) < drawn.error


def test_too_many_coordinates_are_refused() -> None:
    potential = sum(x**4 for x in (U, V, W, Z))
    with pytest.raises(UnsupportedModelError, match="3 coordinates are left"):
        law_of(U * V * W * Z, potential, (U, V, W, Z))
    model = lib.Model(parameters=(U, V), predictor={"f": U**2 * V}, loss=U**4 + V**4)
    with pytest.raises(InvalidArgumentError, match="no formula"):
        lib.density(model, "f", dynamics=lib.Ambient(), temperature=1.0, method="closed form")


class TestNested:
    def test_an_integral_with_a_kink_off_the_axes(self) -> None:
        def log_weight(_: Any, x: Any, y: Any) -> Any:
            return -10 * np.abs(x - 1.3 * y - 0.7) - 50 * (x - 3) ** 2 - 10 * (y - 2) ** 2

        found = Nested(log_weight, [Axis(-60.0, 5.0), Axis(-60.0, 5.0)])([np.zeros(1)], 1e-8)

        # With s = x - 1.3 y - 0.7: exp(-10 |s|) times a normal density of s.
        mean, variance = 3 - 1.3 * 2 - 0.7, 1 / 100 + 1.3**2 / 20
        normal = scipy.stats.norm(mean, math.sqrt(variance)).pdf
        halves = [
            scipy.integrate.quad(lambda s: math.exp(-10 * abs(s)) * normal(s), *ends)[0] for ends in ((-6, 0), (0, 6))
        ]
        expected = sum(halves) * math.sqrt(math.pi / 50) * math.sqrt(math.pi / 10)
        assert math.exp(found[0]) == pytest.approx(expected, rel=1e-8)

    def test_an_end_of_the_weight_between_nodes_is_found(self) -> None:
        """A spike of width 1e-3 that begins at 1.2: nodes of the first panels see next to nothing of it."""

        def log_weight(_: Any, x: Any) -> Any:
            return np.where(x > 1.2, -(x - 1.2) / 1e-3, -np.inf)

        assert Nested(log_weight, [Axis(-60.0, 6.0)])([np.zeros(1)], 1e-9)[0] == pytest.approx(math.log(1e-3), abs=1e-8)


def test_the_size_of_a_product_whose_loss_has_a_kink_is_found_over_level_sets() -> None:
    """The rule of the family, for smooth losses, has no digits here."""
    model = lib.Model(
        parameters=(U, V),
        predictor={"theta": U * V},
        loss=sympy.sqrt(sympy.Abs(U * V - 1)),
        symmetry=lib.Scaling({U: 1, V: -1}),
        observables={"size": U**2 + V**2},
    )
    law = lib.density(model, "size", dynamics=lib.Ambient(weight_decay=0.1), temperature=0.3, timeout=60)
    side = np.arange(-7.0, 7.0, 0.004)
    u, v = np.meshgrid(side + 0.0003, side + 0.0007)
    weight = np.exp(-(np.sqrt(np.abs(u * v - 1)) + (u**2 + v**2) / 20) / 0.3)
    for p in (0.1, 0.5, 0.9):
        assert weight[u**2 + v**2 <= law.ppf(p)].sum() / weight.sum() == pytest.approx(p, abs=1e-3)


def test_what_is_too_narrow_for_the_quadrature_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="narrower than this quadrature resolves; raise the"):
        law_of(U + V**2, (U - 1) ** 2 + (V - 2) ** 4, temperature=1e-10)


@pytest.mark.filterwarnings("error")
def test_a_gate_that_closes_is_no_warning() -> None:
    """sigmoid(g) a has no slope in a where sigmoid(g) is 0; the mean, by a sum over a grid."""
    g, a = lib.parameters("g a")
    gated = a / (1 + sympy.exp(-g))
    model = lib.Model(parameters=(g, a), predictor={"y": gated}, loss=(gated - 1) ** 2 / 2)
    law = lib.density(model, "y", dynamics=lib.Ambient(weight_decay=0.1), temperature=0.2)
    grid = np.linspace(-14.0, 14.0, 1401)
    y = grid / (1.0 + np.exp(-grid[:, None]))
    weight = np.exp(-((y - 1.0) ** 2 / 2 + (grid**2 + grid[:, None] ** 2) / 20) / 0.2)
    assert law.mean() == pytest.approx((weight * y).sum() / weight.sum(), abs=1e-9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("gate", [sympy.erf(U / sympy.sqrt(2)), sympy.tanh(U + U**3 / 20)], ids=str)
@pytest.mark.parametrize("written", [lambda gate: U * (1 + gate) / 2, lambda gate: U / 2 + U * gate / 2])
def test_of_a_gelu_that_closes_digits_are_left(gate: Any, written: Any) -> None:
    """The law of v u (1 + erf(u/sqrt(2)))/2 by a sum over a grid; the gate is 1e-23 at u = -10, and no rounding."""
    unit = V * written(gate)
    model = lib.Model(parameters=(U, V), predictor={"y": unit}, loss=(unit - 1) ** 2 / 2)
    law = lib.density(model, "y", dynamics=lib.Ambient(weight_decay=0.1), temperature=0.2)
    grid = np.linspace(-14.0, 14.0, 1401)
    u, v = grid[:, None], grid
    opened = 1.0 + (scipy.special.erf(u / math.sqrt(2.0)) if gate.has(sympy.erf) else np.tanh(u + u**3 / 20))
    y = v * u * opened / 2.0
    weight = np.exp(-((y - 1.0) ** 2 / 2 + (u**2 + v**2) / 20) / 0.2)
    assert law.mean() == pytest.approx((weight * y).sum() / weight.sum(), abs=1e-6)
    assert law.std() == pytest.approx(math.sqrt((weight * y**2).sum() / weight.sum() - law.mean() ** 2), abs=1e-6)
