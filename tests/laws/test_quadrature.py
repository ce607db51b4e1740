"""Quadrature finds the mass wherever it is, or says where it escapes; scipy.stats is the judge."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from langevin_ib.errors import InvalidArgumentError, NotNormalizableError
from langevin_ib.laws.line.panels import ORDER, TO_COEFFICIENTS, antiderivative
from langevin_ib.laws.line.quadrature import integrate
from numpy.polynomial import legendre
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
LINE = [(-math.inf, math.inf)]
NODES = legendre.leggauss(ORDER)[0]

LAWS = {
    "normal": (scipy.stats.norm(3.0, 2.0), 1e-12),
    "normal far away": (scipy.stats.norm(1e6, 1e3), 1e-12),
    "narrow normal far away": (scipy.stats.norm(100.0, 1e-4), 1e-10),
    "tiny normal": (scipy.stats.norm(0.0, 1e-40), 1e-12),
    "huge normal": (scipy.stats.norm(0.0, 1e12), 1e-12),
    "Cauchy": (scipy.stats.cauchy(), 1e-12),
    "Student 3": (scipy.stats.t(3.0), 1e-12),
    "Laplace, a kink off the special points": (scipy.stats.laplace(1.3), 1e-12),
    "log-normal": (scipy.stats.lognorm(2.0), 1e-12),
    "Pareto 1.5": (scipy.stats.pareto(0.5), 1e-12),
    "gamma .02, weight x^-.98": (scipy.stats.gamma(0.02), 1e-11),
    "gamma .5": (scipy.stats.gamma(0.5), 1e-12),
    "gamma 5": (scipy.stats.gamma(5.0), 1e-12),
    "uniform": (scipy.stats.uniform(2.0, 5.0), 1e-12),
    "arc sine, singular at both ends": (scipy.stats.arcsine(), 1e-11),
}


@pytest.mark.parametrize("name", LAWS)
def test_distribution_functions_agree_with_scipy(name: str) -> None:
    law, tolerance = LAWS[name]
    cells = integrate(law.logpdf, [law.support()], [])
    assert cells.log_total == pytest.approx(0.0, abs=tolerance)
    q = np.array([1e-9, 1e-4, 0.01, 0.2, 0.5, 0.77, 0.99, 0.9999])
    x = law.ppf(q)
    x = x[np.diff(x, prepend=-math.inf) > 0]
    np.testing.assert_allclose(cells.cdf(x), law.cdf(x), atol=tolerance, rtol=0)
    np.testing.assert_allclose(cells.cdf(x, upper=True), law.sf(x), atol=tolerance, rtol=0)


def test_both_tails_keep_their_relative_precision() -> None:
    law = scipy.stats.norm()
    cells = integrate(law.logpdf, LINE, [0.0])
    x = np.linspace(0.0, 30.0, 31)
    np.testing.assert_allclose(cells.cdf(x, upper=True), law.sf(x), rtol=1e-11)
    np.testing.assert_allclose(cells.cdf(-x), law.cdf(-x), rtol=1e-11)
    np.testing.assert_allclose(cells.quantile(law.sf(x[1:]), upper=True), x[1:], rtol=1e-12)


@pytest.mark.parametrize("exponent", [0.0, 0.3, 0.5, 0.9, 0.99])
def test_power_singularities_are_integrated_exactly(exponent: float) -> None:
    """The integral of |x|**-a exp(-x**2) over the line is Gamma((1 - a) / 2)."""
    cells = integrate(lambda x: -exponent * np.log(np.abs(x)) - x**2, LINE, [0.0])
    assert cells.log_total == pytest.approx(math.lgamma((1 - exponent) / 2), abs=1e-12)


def test_a_logarithmic_singularity_is_integrated_exactly() -> None:
    """The integral of -log|x| over (-1, 1) is 2; up to x it is x - x log x for x > 0, plus 1."""
    cells = integrate(lambda x: np.log(-np.log(np.abs(x))), [(-1.0, 1.0)], [0.0])
    assert cells.log_total == pytest.approx(math.log(2.0), abs=1e-13)
    x = 10.0 ** -np.arange(1.0, 14.0)
    np.testing.assert_allclose(cells.cdf(x), 0.5 * (1.0 + x - x * np.log(x)), rtol=1e-13)


def test_a_singularity_away_from_zero() -> None:
    """The integral of |x - 1|**(-1/2) over (0, 3) is 2 + 2 sqrt 2."""
    cells = integrate(lambda x: -0.5 * np.log(np.abs(x - 1.0)), [(0.0, 3.0)], [1.0])
    assert cells.log_total == pytest.approx(math.log(2.0 + 2.0 * math.sqrt(2.0)), abs=1e-10)


def test_two_narrow_wells_far_apart_are_both_found() -> None:
    cells = integrate(lambda x: -(((x - 1.0) * (x + 50.0)) ** 2) / 1e-6, LINE, [0.0])
    assert cells.cdf(np.array([0.0]))[0] == pytest.approx(0.5, abs=1e-6)
    np.testing.assert_allclose(cells.quantile(np.array([0.25, 0.75])), [-50.0, 1.0], atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(centre=st.floats(-1e4, 1e4), log_width=st.floats(-6.0, 6.0), share=st.floats(1e-6, 1 - 1e-6))
def test_quantile_inverts_cdf(centre: float, log_width: float, share: float) -> None:
    width = math.exp(log_width)
    cells = integrate(lambda x: -(((x - centre) / width) ** 2) - np.abs(x) / 1e3, LINE, [0.0])
    x = cells.quantile(np.array([share]))
    spacing = np.spacing(np.abs(x)[0]) / width
    assert cells.cdf(x)[0] == pytest.approx(share, abs=1e-11 + 2 * spacing)
    assert cells.cdf(x, upper=True)[0] == pytest.approx(1.0 - share, abs=1e-11 + 2 * spacing)


@pytest.mark.parametrize(
    ("log_weight", "words"),
    [
        (lambda x: -np.log(np.abs(x)), r"escapes at 0: .* a = 1 >= 1"),
        (lambda x: -1.5 * np.log(np.abs(x)) - x**2, r"escapes at 0: .* a = 1.5 >= 1"),
        (lambda x: -np.log(np.abs(x - 1.0)) - x**2, r"escapes at 1: .* a = 1 >= 1"),
        (lambda x: 0.0 * x, r"escapes at -infinity: .* a = 0 <= 1"),
        (lambda x: -0.9 * np.log1p(np.abs(x)), r"escapes at -infinity: .* a = 0.9 <= 1"),
        (lambda x: np.where(x > 0, 0.0, -(x**2)), r"escapes at \+infinity: .* a = 0 <= 1"),
        (lambda x: x**2, r"escapes at -infinity: the weight grows"),
        (lambda x: x, r"escapes at \+infinity: the weight grows"),
    ],
)
def test_infinite_mass_is_refused_with_place_and_exponent(
    log_weight: Callable[[FloatArray], FloatArray], words: str
) -> None:
    with pytest.raises(NotNormalizableError, match=words):
        integrate(log_weight, LINE, [0.0, 1.0])


@pytest.mark.parametrize("place", [0.0, 1.0, -300.0])
@pytest.mark.parametrize("slope", [np.abs, np.square])
def test_what_is_narrower_than_doubles_is_no_infinite_mass(place: float, slope: Callable[..., FloatArray]) -> None:
    width = 1e-151 if place == 0.0 else 1e-20 * abs(place)
    with pytest.raises(InvalidArgumentError, match=rf"narrower at {place:g} than doubles"):
        integrate(lambda x: -slope((x - place) / width), [(place, place + abs(place) + 1.0)], [0.0])
    with pytest.raises(NotNormalizableError, match=rf"escapes at {place:g}"):
        integrate(lambda x: -1.2 * np.log(np.abs(x - place)), [(place, place + abs(place) + 1.0)], [place])


def test_a_difference_of_two_poles_is_nan_where_both_overflow_and_nothing_is_left() -> None:
    cells = integrate(lambda x: -(1 / x**12 - 1 / x**6 + x**2), LINE, [0.0])
    assert cells.cdf(np.array([-1.0]))[0] == pytest.approx(
        0.5
        - scipy.integrate.quad(lambda x: np.exp(-(1 / x**12 - 1 / x**6 + x**2)), 0.3, 1.0)[0]
        / math.exp(cells.log_total),
        abs=1e-9,
    )


@pytest.mark.parametrize(
    ("log_weight", "words"),
    [
        (lambda x: x * np.nan, "nan at"),
        (lambda x: -(x**2) - np.where(x < 0, np.nan, 0.0), "no real value there; give it one"),
        (lambda x: np.where(np.abs(x - 2.0) < 1.0, np.nan, -(x**2)), "nan at"),
        (lambda x: np.where(np.abs(x) < 1.0, np.inf, -(x**2)), "infinite at"),
        (lambda x: np.full(x.shape, -np.inf), "zero everywhere"),
        (lambda x: np.zeros(3), "shape"),
    ],
)
def test_meaningless_weights_are_refused(log_weight: Any, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        integrate(log_weight, LINE, [0.0])


def test_noise_in_the_formula_does_not_hang() -> None:
    noise = np.random.default_rng(1)
    cells = integrate(lambda x: -(x**2) / 2 + 1e-6 * noise.standard_normal(x.shape), LINE, [0.0])
    assert cells.log_total == pytest.approx(0.5 * math.log(2 * math.pi), abs=1e-5)


@pytest.mark.parametrize(("power", "expected"), [(1, 2.0), (2, math.inf)])
def test_moments_of_heavy_tails_exist_or_are_infinite(power: int, expected: float) -> None:
    """Density 2 / x**3 beyond 1 has the mean 2 and no variance."""
    cells = integrate(lambda x: -3.0 * np.log(x), [(1.0, math.inf)], [])
    assert cells.moment(power, 0.0) == pytest.approx(expected, rel=1e-12)


def test_the_series_calculus() -> None:
    t = np.linspace(-1.0, 1.0, 7)
    coefficients = TO_COEFFICIENTS @ np.exp(NODES)
    np.testing.assert_allclose(legendre.legval(t, coefficients), np.exp(t), rtol=1e-12)
    np.testing.assert_allclose(legendre.legval(t, antiderivative(coefficients)), np.exp(t) - np.exp(-1.0), atol=1e-14)


def test_the_rule_integrates_other_functions() -> None:
    cells = integrate(scipy.stats.norm(1.0, 0.5).logpdf, LINE, [0.0])
    assert np.sum(cells.node_probability * np.cos(cells.nodes)) == pytest.approx(
        math.cos(1.0) * math.exp(-0.125), abs=1e-13
    )
    weight = np.exp(-(cells.nodes**2))
    seen = weight > 0
    assert np.sum(cells.measure[seen] * weight[seen]) == pytest.approx(math.sqrt(math.pi), rel=1e-12)


def _jump(place: float, height: float, law: Any) -> tuple[Callable[[FloatArray], FloatArray], float]:
    """Return a Gaussian weight that falls by exp(-height) left of a place, and the probability of what is left."""
    left, right = law.cdf(place) * math.exp(-height), law.sf(place)
    return lambda x: law.logpdf(x) - np.where(x < place, height, 0.0), left / (left + right)


def _bend(place: float, slope: float) -> tuple[Callable[[FloatArray], FloatArray], float]:
    """Return exp(-x**2/2 - slope max(0, x - place)) and the probability of what is left of it."""
    left = scipy.special.ndtr(place)
    right = 0.5 * scipy.special.erfcx((place + slope) / math.sqrt(2.0)) * math.exp(-(place**2) / 2.0)
    return lambda x: -(x**2) / 2.0 - slope * np.maximum(0.0, x - place), left / (left + right)


@pytest.mark.parametrize("declared", [True, False])
def test_what_jumps_or_bends_beside_a_node_is_seen(declared: bool) -> None:
    """Between the end of a panel and its outermost Gauss node: a rule that does not look at the end sees nothing."""
    for place, (weight, right), digits in [
        (-0.10952988, _jump(-0.10952988, 2.3, scipy.stats.norm()), 0.077638063),
        (1.55425693, _bend(1.55425693, 50.0), 0.997546702),
    ]:
        cells = integrate(weight, LINE, [0.0], [place] if declared else [])
        assert right == pytest.approx(digits, abs=1e-9)
        assert cells.error < 2e-13
        assert cells.cdf(np.array([place]))[0] == pytest.approx(right, abs=cells.error)


@settings(max_examples=60, deadline=None)
@given(
    place=st.floats(-8.0, 8.0),
    size=st.floats(-6.0, 4.0),
    scale=st.floats(-3.0, 3.0),
    centre=st.sampled_from([0.0, 1.0, -30.0]),
)
def test_jumps_and_bends_anywhere_stay_within_the_stated_error(
    place: float, size: float, scale: float, centre: float
) -> None:
    law = scipy.stats.norm(centre, 10.0**scale)
    rounding = 4.0 * np.spacing(abs(place)) / 10.0**scale
    for weight, right in (_jump(place, min(10.0**size, 30.0), law), _bend(place, 10.0**size)):
        cells = integrate(weight, LINE, [0.0])
        assert cells.error < 1e-9
        assert cells.cdf(np.array([place]))[0] == pytest.approx(right, abs=cells.error + rounding)


def test_hundreds_of_bends_are_no_burden_if_they_are_declared() -> None:
    """Of exp(-sum |x - y_i| / 3), which is an exponential function between neighbours, so the integral is a sum."""
    places = np.sort(np.random.default_rng(0).normal(size=300))
    calls = [0]

    def weight(x: FloatArray) -> FloatArray:
        calls[0] += x.size
        return -np.abs(x[:, None] - places).sum(axis=1) / 3.0

    ends = np.concatenate([[-60.0], places, [60.0]])
    logs = weight(ends)
    low, drop = np.maximum(logs[1:], logs[:-1]), np.abs(np.diff(logs)) + 1e-300
    masses = np.exp(low - low.max()) * np.diff(ends) * -np.expm1(-drop) / drop
    calls[0] = 0
    cells = integrate(weight, LINE, [0.0], places)
    assert calls[0] < 60_000
    assert cells.error < 1e-12
    exact = np.cumsum(masses)[:-1] / masses.sum()
    np.testing.assert_allclose(cells.cdf(places), exact, rtol=0, atol=cells.error)


def test_a_window_between_breaks_is_found_however_narrow() -> None:
    """Two windows of 1e-7 and 2e-7 in a line that weighs nothing elsewhere."""
    ends = np.array([3.0, 3.0 + 1e-7, 5.0, 5.0 + 2e-7])
    inside = [(ends[0], ends[1]), (ends[2], ends[3])]
    cells = integrate(
        lambda x: np.where(((x > ends[0]) & (x < ends[1])) | ((x > ends[2]) & (x < ends[3])), 0.0, -np.inf),
        LINE,
        [0.0],
        ends,
    )
    widths = np.array([high - low for low, high in inside])
    assert cells.cdf(np.array([4.0]))[0] == pytest.approx(widths[0] / widths.sum(), abs=1e-8)
    assert cells.error < 1e-6


def test_a_singularity_among_the_breaks_gets_a_chart() -> None:
    """The integral of |x - 1|**(-1/2) over (0, 3) is 2 + 2 sqrt 2."""
    cells = integrate(lambda x: -0.5 * np.log(np.abs(x - 1.0)), [(0.0, 3.0)], [], [1.0])
    assert cells.log_total == pytest.approx(math.log(2.0 + 2.0 * math.sqrt(2.0)), abs=1e-10)
    assert cells.error < 1e-9


def test_the_error_grows_with_what_the_weight_does_not_tell() -> None:
    noise = np.random.default_rng(1)
    cells = integrate(lambda x: -(x**2) / 2 + 1e-6 * noise.standard_normal(x.shape), LINE, [0.0])
    assert 1e-7 < cells.error < 1e-3
    # log|x - 1| is not known near x = 1, where doubles are 2e-16 apart.
    cells = integrate(lambda x: -0.9 * np.log(np.abs(x - 1.0)) - x**2, LINE, [1.0])
    assert 1e-10 < cells.error < 1e-3
