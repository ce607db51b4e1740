"""The laws of the product model against independent mathematics: mpmath, 2-D integrals, identities, sampling."""

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import sympy
from langevin_ib import models
from langevin_ib.errors import InvalidArgumentError, LangevinError, NotNormalizableError
from langevin_ib.laws.density import density
from langevin_ib.laws.line.distribution import Density
from langevin_ib.model.model import Model, parameters
from langevin_ib.process import Ambient
from numpy.typing import NDArray

LAM, T = 0.3, 0.2
MODEL = models.scalar_product(target=1.0)
WELLS = models.scalar_product(loss=lambda theta: (theta**2 - 1) ** 2 / 4 + theta / 10)


def law(
    observable: str = "theta", model: Model = MODEL, lam: float = LAM, temperature: float = T, **more: Any
) -> Density:
    return density(model, observable, dynamics=Ambient(weight_decay=lam), temperature=temperature, **more)


@pytest.fixture(scope="module")
def laws() -> dict[str, Density]:
    return {name: law(name) for name in ("theta", "imbalance", "norm", "u")}


@pytest.mark.parametrize(
    ("model", "lam", "temperature"),
    [
        (MODEL, LAM, T),
        (MODEL, 0.1, 0.1),
        (MODEL, 2.0, 5.0),
        (MODEL, 0.05, 1e-3),
        (models.scalar_product(target=-7), 0.5, 0.05),
        (WELLS, 0.2, 0.1),
    ],
)
def test_closed_form_and_quadrature_agree(model: Model, lam: float, temperature: float) -> None:
    closed, pushed = (
        law(model=model, lam=lam, temperature=temperature, method=m) for m in ("closed form", "quadrature")
    )
    assert (closed.method, pushed.method) == ("closed form", "quadrature")
    x = np.concatenate([closed.ppf(np.linspace(1e-6, 1 - 1e-6, 101)), 10.0 ** -np.arange(1, 16), [0.0]])
    np.testing.assert_allclose(pushed.pdf(x), closed.pdf(x), rtol=1e-10)
    np.testing.assert_allclose(pushed.cdf(x), closed.cdf(x), atol=1e-10, rtol=0)
    assert pushed.mean() == pytest.approx(closed.mean(), rel=1e-10)
    assert pushed.var() == pytest.approx(closed.var(), rel=1e-10)


@pytest.mark.long
def test_theta_against_mpmath() -> None:
    """Everything in 18 digits with mpmath's own Bessel function and quadrature."""
    with mpmath.workdps(18):
        lam, temperature = mpmath.mpf(LAM), mpmath.mpf(T)
        points = [-5, -1, mpmath.mpf(-1) / 100, 0, mpmath.mpf(1) / 100, mpmath.mpf(1) / 2, 1, 2, 6]

        def weight(x: Any) -> Any:
            return 2 * mpmath.besselk(0, lam * abs(x) / temperature) * mpmath.exp(-((x - 1) ** 2) / 2 / temperature)

        mass, first, second = (mpmath.quad(lambda x, k=k: x**k * weight(x), points) for k in range(3))
        below_half = mpmath.quad(weight, points[:6])
        mean, var = float(first / mass), float(second / mass - (first / mass) ** 2)
        at_half = float(weight(mpmath.mpf(1) / 2) / mass)
    theta = law()
    assert theta.mean() == pytest.approx(mean, rel=1e-11)
    assert theta.var() == pytest.approx(var, rel=1e-11)
    assert theta.pdf(0.5) == pytest.approx(at_half, rel=1e-11)
    assert theta.cdf(0.5) == pytest.approx(float(below_half / mass), rel=1e-11)


def gibbs_mean(function: Any) -> float:
    """E f(u, v) by the trapezoidal rule in the plane, exponentially accurate for smooth f; knows nothing of theta."""
    grid = np.linspace(-9.0, 9.0, 1801)
    u, v = grid[:, None], grid[None, :]
    weight = np.exp(-((u * v - 1) ** 2 / 2 + LAM / 2 * (u**2 + v**2)) / T)
    return float(np.sum(weight * function(u, v)) / np.sum(weight))


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("theta", lambda u, v: u * v),
        ("imbalance", lambda u, v: u**2 - v**2),
        ("norm", lambda u, v: u**2 + v**2),
        ("u", lambda u, v: u),
    ],
)
def test_every_law_has_the_moments_of_the_gibbs_measure(name: str, formula: Any, laws: dict[str, Density]) -> None:
    mean = gibbs_mean(formula)
    assert laws[name].mean() == pytest.approx(mean, abs=1e-10)
    assert laws[name].var() == pytest.approx(gibbs_mean(lambda u, v: (formula(u, v) - mean) ** 2), rel=1e-10)
    characteristic = gibbs_mean(lambda u, v: np.cos(formula(u, v) - 0.3))
    assert laws[name].expect(lambda x: np.cos(x - 0.3)) == pytest.approx(characteristic, abs=1e-10)


def test_a_box_of_theta_by_adaptive_integration_in_the_plane() -> None:
    def weight(v: float, u: float) -> float:
        return math.exp(-((u * v - 1) ** 2 / 2 + LAM / 2 * (u**2 + v**2)) / T)

    total = 2 * scipy.integrate.dblquad(weight, 0, 9, -9, 9, epsabs=1e-9)[0]
    box = (
        2
        * scipy.integrate.dblquad(
            weight, 0, 9, lambda u: 0.5 / max(u, 0.05), lambda u: 1.5 / max(u, 0.05), epsabs=1e-9
        )[0]
    )
    theta = law()
    assert theta.cdf(1.5) - theta.cdf(0.5) == pytest.approx(box / total, abs=1e-7)


def exact_samples(count: int) -> NDArray[np.float64]:
    """Points (u, v) of the Gibbs measure by rejection from its Gaussian factor."""
    rng = np.random.default_rng(20260106)
    points = rng.normal(0.0, math.sqrt(T / LAM), (12 * count, 2))
    return points[rng.random(len(points)) < np.exp(-((points[:, 0] * points[:, 1] - 1) ** 2) / 2 / T)][:count]


def test_every_law_is_that_of_exact_samples(laws: dict[str, Density]) -> None:
    """Four Kolmogorov-Smirnov tests of 50 000 exact samples, each with false-alarm rate 1e-4; the seed is fixed."""
    u, v = exact_samples(50_000).T
    assert u.size == 50_000
    for name, x in {"theta": u * v, "imbalance": u**2 - v**2, "norm": u**2 + v**2, "u": u}.items():
        assert scipy.stats.kstest(x, laws[name].cdf).pvalue > 1e-4, name
    wrong = law(temperature=1.2 * T)
    assert scipy.stats.kstest(u * v, wrong.cdf).pvalue < 1e-4


def test_virial_identity(laws: dict[str, Density]) -> None:
    """As div(x exp(-V/T)) integrates to 0, E x.grad V = 2T; as x.grad L = 2 theta l', E theta l' + lam E N / 2 = T."""
    pressure = laws["theta"].expect(lambda theta: theta * (theta - 1.0))
    assert pressure + LAM * laws["norm"].mean() / 2 == pytest.approx(T, rel=1e-11)
    assert laws["imbalance"].mean() == pytest.approx(0.0, abs=1e-12)


def test_norm_given_theta(laws: dict[str, Density]) -> None:
    """Given theta, t = log|u/v| has density exp(-x cosh t), x = lam |theta| / T: E[N | .] = 2 |theta| K1(x) / K0(x)."""

    def conditional(theta: NDArray[np.float64]) -> NDArray[np.float64]:
        x = LAM * np.abs(theta) / T
        return 2 * np.abs(theta) * scipy.special.kve(1, x) / scipy.special.kve(0, x)

    assert laws["theta"].expect(conditional) == pytest.approx(laws["norm"].mean(), rel=1e-11)


def test_second_moment_of_the_imbalance(laws: dict[str, Density]) -> None:
    """N**2 = q**2 + 4 theta**2 pointwise."""
    squares = {name: laws[name].var() + laws[name].mean() ** 2 for name in ("theta", "imbalance", "norm")}
    assert squares["norm"] == pytest.approx(squares["imbalance"] + 4 * squares["theta"], rel=1e-11)


def test_without_loss_everything_is_gaussian() -> None:
    """L = 0: u, v independent N(0, T/lam), N exponential, theta and q/2 with the density K0(lam|x|/T) lam/(pi T)."""
    free = models.scalar_product(loss=lambda theta: 0 * theta)
    s = math.sqrt(T / LAM)
    x = np.array([-3.0, -0.7, -1e-3, 1e-9, 0.2, 1.0, 4.0])
    np.testing.assert_allclose(law("u", free).cdf(x), scipy.stats.norm(0, s).cdf(x), atol=1e-11)
    np.testing.assert_allclose(law("norm", free).cdf(x), scipy.stats.expon(scale=2 * s * s).cdf(x), atol=1e-11)
    bessel = scipy.special.k0(np.abs(x) / s**2) / math.pi / s**2
    np.testing.assert_allclose(law("theta", free).pdf(x), bessel, rtol=1e-11)
    np.testing.assert_allclose(law("imbalance", free).pdf(2 * x), bessel / 2, rtol=1e-11)


def test_a_loss_with_kinks() -> None:
    """L = |theta - 1|: the quadrature has to find the kink; E f over theta against mpmath."""
    kinked = models.scalar_product(loss=lambda theta: sympy.Abs(theta - 1))

    def weight(x: Any) -> Any:
        return mpmath.besselk(0, LAM * abs(x) / T) * mpmath.exp(-abs(x - 1) / T)

    mass, first = (mpmath.quad(lambda x, k=k: x**k * weight(x), [-8, -1, 0, 0.5, 1, 2, 9]) for k in range(2))
    for method in ("closed form", "quadrature"):
        assert law(model=kinked, method=method).mean() == pytest.approx(float(first / mass), rel=1e-10)
    imbalance, theta, u = (law(name, kinked) for name in ("imbalance", "theta", "u"))
    assert imbalance.mean() == pytest.approx(0.0, abs=1e-12)
    assert theta.expect(lambda x: x * np.sign(x - 1)) + LAM * u.var() == pytest.approx(T, rel=1e-9)


@pytest.mark.parametrize("temperature", [1e-4, 1.0, 1e4])
def test_no_temperature_is_too_low_or_too_high(temperature: float) -> None:
    theta = law(temperature=temperature)
    q = np.linspace(0.001, 0.999, 99)
    np.testing.assert_allclose(theta.cdf(theta.ppf(q)), q, atol=1e-11)
    assert theta.pdf(0.0) == math.inf or temperature == 1e-4
    u, norm = law("u", temperature=temperature), law("norm", temperature=temperature)
    assert 2 * u.var() == pytest.approx(norm.mean(), rel=1e-9)


def test_low_temperature_is_laplace() -> None:
    """As T -> 0 the law concentrates where l'(theta) + lam sign(theta) = 0, theta = 1 - lam, with the variance T."""
    theta = law(temperature=1e-7)
    assert theta.mean() == pytest.approx(1.0 - LAM, abs=1e-6)
    assert theta.var() == pytest.approx(1e-7, rel=1e-5)


def test_the_law_knows_its_singularity_and_its_name() -> None:
    theta = law()
    assert theta.pdf(0.0) == math.inf
    assert not np.isnan(theta.pdf(np.array([0.0, -0.0, 1e-320, 1e308, -math.inf]))).any()
    assert theta.reference == "d theta"
    assert theta.name == "ambient Gibbs law with weight decay 0.3, T = 0.2"
    assert theta.given is None
    assert law(method="quadrature").pdf(0.0) == math.inf


def test_beta_and_sigma_mean_the_same_temperature() -> None:
    by_beta = density(MODEL, "theta", dynamics=Ambient(LAM), beta=5.0)
    np.testing.assert_array_equal(by_beta.pdf([0.3, 2.0]), law().pdf([0.3, 2.0]))


@pytest.mark.parametrize("observable", ["theta", "imbalance", "norm", "u", "v"])
def test_without_confinement_the_mass_escapes_along_the_orbits(observable: str) -> None:
    with pytest.raises(NotNormalizableError, match=r"orbits .* infinite volume.*weight_decay") as caught:
        density(MODEL, observable, dynamics=Ambient(), temperature=T)
    assert isinstance(caught.value, LangevinError)


def test_a_loss_that_outweighs_the_confinement_is_refused() -> None:
    with pytest.raises(NotNormalizableError, match=r"escapes at \+infinity: the weight grows"):
        law(model=models.scalar_product(loss=lambda theta: -theta), lam=0.5)
    assert law(model=models.scalar_product(loss=lambda theta: -theta), lam=1.5).mean() > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"observable": "w"}, "unknown observable 'w'"),
        ({"method": "exact"}, "method must be one of"),
        ({"model": 3}, "model must be a Model"),
        ({"dynamics": 0.1}, "dynamics must be"),
        ({"temperature": 0.0}, "temperature must be > 0"),
        ({"beta": 1.0}, "not both"),
        ({"observable": "norm", "method": "closed form"}, "no formula"),
    ],
)
def test_bad_requests_are_refused(arguments: dict[str, Any], words: str) -> None:
    request = {"model": MODEL, "observable": "theta", "dynamics": Ambient(LAM), "temperature": T} | arguments
    with pytest.raises(InvalidArgumentError, match=words):
        density(request.pop("model"), request.pop("observable"), **request)


def test_what_has_no_closed_form_is_said_to_have_none() -> None:
    u, v = parameters("u v")
    model = Model(parameters=(u, v), predictor={"theta": u * v}, loss=(u * v) ** 2, observables={"ratio": u / v})
    with pytest.raises(InvalidArgumentError, match=r"no formula for the law of 'ratio'.*u\*v \(closed form\)"):
        law("ratio", model, method="closed form")
    other = Model(parameters=(u, v), predictor={"z": u + v}, loss=(u + v) ** 4)
    with pytest.raises(InvalidArgumentError, match=r"no formula for the law of 'z'.*Gaussian laws"):
        law("z", other, method="closed form")


class TestConfinement:
    @pytest.mark.parametrize("observable", ["theta", "imbalance", "norm", "u"])
    def test_a_multiple_of_the_squared_norm_is_a_weight_decay(self, observable: str) -> None:
        u, v = parameters("u v")
        content = {
            name: getattr(MODEL, name) for name in ("parameters", "predictor", "loss", "symmetry", "observables")
        }
        confined = Model(**content, confinement=sympy.Rational(1, 10) * (u**2 + v**2))
        by_both = density(confined, observable, dynamics=Ambient(LAM - 0.2), temperature=T)
        x = np.array([-1.0, 0.3, 2.0])
        np.testing.assert_allclose(by_both.pdf(x), law(observable).pdf(x), rtol=1e-12)
        assert by_both.name == "ambient Gibbs law with confinement u**2/10 + v**2/10 and weight decay 0.1, T = 0.2"

    def test_another_confinement_is_no_weight_decay(self) -> None:
        u, v = parameters("u v")
        quartic = Model(parameters=(u, v), predictor={"theta": u * v}, loss=(u * v - 1) ** 2, confinement=u**4 + v**4)
        assert density(quartic, "theta", dynamics=Ambient(), temperature=T).method == "quadrature"

    def test_a_loss_with_data_has_the_closed_form_too(self) -> None:
        """The mean of (theta x - y)**2 / 2 over data is a parabola in theta."""
        u, v = parameters("u v")
        x, y = np.array([1.0, 2.0, -1.0]), np.array([0.5, 1.0, 1.0])
        i = sympy.Symbol("i", integer=True)
        a, b = sympy.IndexedBase("a"), sympy.IndexedBase("b")
        loss = sympy.Sum((u * v * a[i] - b[i]) ** 2, (i, 0, 2)) / 2
        fitted = Model(parameters=(u, v), predictor={"theta": u * v}, loss=loss, data={"a": x, "b": y})
        plain = models.scalar_product(
            loss=lambda theta: sum((theta * float(p) - float(q)) ** 2 for p, q in zip(x, y, strict=True)) / 2
        )
        assert law("theta", fitted).method == "closed form"
        assert law("theta", fitted).mean() == pytest.approx(law("theta", plain).mean(), rel=1e-12)


class TestGaussianLaws:
    def test_harmonic(self) -> None:
        model = models.harmonic(stiffness=2.0, dim=3)
        gaussian = density(model, "x1", dynamics=Ambient(0.5), temperature=0.1)
        assert gaussian.method == "closed form"
        assert gaussian.mean() == 0.0
        assert gaussian.var() == pytest.approx(0.1 / 2.5, rel=1e-14)

    def test_closed_form_and_quadrature_agree(self) -> None:
        closed, integrated = (
            density(models.harmonic(), "x", dynamics=Ambient(), beta=3.0, method=m) for m in ("auto", "quadrature")
        )
        x = np.linspace(-3, 3, 13)
        np.testing.assert_allclose(integrated.pdf(x), closed.pdf(x), rtol=1e-12)

    def test_a_coupled_quadratic_form_against_samples_of_its_inverse(self) -> None:
        """V = x.A x / 2 + b.x is Gaussian with covariance T A^-1 and mean -A^-1 b."""
        a, b = parameters("a b")
        model = Model(parameters=(a, b), predictor={"s": a - 2 * b + 1}, loss=2 * a**2 + a * b + b**2 + 3 * a)
        matrix, direction = np.array([[4.0, 1.0], [1.0, 2.0]]), np.array([1.0, -2.0])
        gaussian = density(model, "s", dynamics=Ambient(), temperature=T)
        inverse = np.linalg.inv(matrix)
        assert gaussian.mean() == pytest.approx(1.0 - direction @ inverse @ np.array([3.0, 0.0]), rel=1e-13)
        assert gaussian.var() == pytest.approx(T * direction @ inverse @ direction, rel=1e-13)

    def test_linear_regression_is_gaussian(self) -> None:
        """Data make it so: the posterior of ridge regression, mean (X'X + n lam)^-1 X'y and covariance n T (...)^-1."""
        a, b = parameters("a b")
        rng = np.random.default_rng(3)
        design, target = rng.normal(size=(30, 2)), rng.normal(size=30)
        X, y, i = sympy.IndexedBase("X"), sympy.IndexedBase("y"), sympy.Symbol("i", integer=True)
        loss = sympy.Sum((X[i, 0] * a + X[i, 1] * b - y[i]) ** 2, (i, 0, 29)) / 60
        model = Model(parameters=(a, b), predictor={"sum": a + b}, loss=loss, data={"X": design, "y": target})
        gaussian = density(model, "sum", dynamics=Ambient(0.5), temperature=T)
        precision, ones = design.T @ design / 30 + 0.5 * np.eye(2), np.ones(2)
        assert gaussian.method == "closed form"
        assert gaussian.mean() == pytest.approx(ones @ np.linalg.solve(precision, design.T @ target / 30), rel=1e-12)
        assert gaussian.var() == pytest.approx(T * ones @ np.linalg.solve(precision, ones), rel=1e-12)

    def test_a_flat_direction_is_refused(self) -> None:
        a, b = parameters("a b")
        model = Model(parameters=(a, b), predictor={"s": a + b}, loss=(a + b) ** 2)
        with pytest.raises(NotNormalizableError, match="curvature"):
            density(model, "a", dynamics=Ambient(), temperature=T)
        assert density(model, "a", dynamics=Ambient(0.1), temperature=T).var() > 0

    def test_one_parameter_with_any_potential(self) -> None:
        (x,) = parameters("x")
        model = Model(parameters=(x,), predictor={"x": x}, loss=x**4)
        quartic = density(model, "x", dynamics=Ambient(), temperature=T)
        expected = math.gamma(0.75) / math.gamma(0.25) * math.sqrt(T)
        assert quartic.var() == pytest.approx(expected, rel=1e-12)
        with pytest.raises(NotNormalizableError, match="escapes"):
            density(
                Model(parameters=(x,), predictor={"x": x}, loss=-x),
                "x",
                dynamics=Ambient(),
                temperature=T,
                method="quadrature",
            )
