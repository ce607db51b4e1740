"""Averages over a law: right where they exist, for functions that jump too; refused where not, with the exponent."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from langevin_ib import Density
from langevin_ib.errors import InfiniteMomentError, InvalidArgumentError

INF = math.inf
LABELS = {"name": "a law", "reference": "d x"}


def weighted(frozen: Any, **more: Any) -> Density:
    return Density.from_log_weight(frozen.logpdf, support=frozen.support(), **LABELS, **more)


def both(frozen: Any) -> list[Density]:
    return [weighted(frozen), Density.from_scipy(frozen, **LABELS)]


NORMAL = weighted(scipy.stats.norm())


@settings(max_examples=40, deadline=None)
@given(edge=st.floats(-6.0, 6.0), width=st.floats(0.03, 3.0))
def test_functions_that_jump(edge: float, width: float) -> None:
    assert NORMAL.expect(lambda x: x > edge) == pytest.approx(NORMAL.sf(edge), rel=1e-11)
    inside = NORMAL.expect(lambda x: (x > edge) & (x <= edge + width))
    assert inside == pytest.approx(NORMAL.cdf(edge + width) - NORMAL.cdf(edge), abs=1e-13)


@pytest.mark.parametrize("law", both(scipy.stats.norm()), ids=["weight", "scipy"])
@pytest.mark.parametrize(
    ("function", "right"),
    [
        (lambda x: x > 0.5, float(scipy.stats.norm.sf(0.5))),
        (np.floor, -0.5),
        (np.exp, math.exp(0.5)),
        (lambda x: np.exp(0.4 * x**2), 0.2**-0.5),
        (np.abs, math.sqrt(2.0 / math.pi)),
        (lambda x: np.abs(x) ** -0.9, math.gamma(0.05) / 2**0.45 / math.sqrt(math.pi)),
        (lambda x: np.log(np.abs(x)), -0.5 * (np.euler_gamma + math.log(2.0))),
        (lambda x: 3.0, 3.0),
    ],
)
def test_against_closed_forms(law: Density, function: Callable[..., Any], right: float) -> None:
    assert law.expect(function) == pytest.approx(right, rel=2e-11)


def test_bounds_and_conditions_as_scipy_has_them() -> None:
    frozen = scipy.stats.gamma(2.5)
    for law in both(frozen):
        assert law.expect() == pytest.approx(2.5, rel=1e-12)
        assert law.expect(lb=1.0, ub=2.0) == pytest.approx(frozen.expect(lb=1.0, ub=2.0), rel=1e-10)
        part = law.expect(np.sqrt, lb=1.0, conditional=True)
        assert part == pytest.approx(frozen.expect(np.sqrt, lb=1.0, conditional=True), rel=1e-8)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.exp(x**2),
        lambda x: np.exp(0.5 * x**2),
        lambda x: 1.0 / x,
        lambda x: 1.0 / np.abs(x - 0.3),
        lambda x: np.random.default_rng(0).normal(size=x.shape),
    ],
    ids=["grows faster", "grows as fast", "a pole at 0", "a pole elsewhere", "noise"],
)
def test_functions_without_an_average(function: Callable[..., Any]) -> None:
    with pytest.raises(InfiniteMomentError, match="does not exist"):
        NORMAL.expect(function)


def test_functions_that_are_no_functions_of_the_law() -> None:
    with pytest.raises(InvalidArgumentError, match="func is nan at x = -"), np.errstate(invalid="ignore"):
        NORMAL.expect(np.log)
    with pytest.raises(InvalidArgumentError, match=r"shape \(2,\)"):
        NORMAL.expect(lambda x: np.ones(2))


@pytest.mark.parametrize("law", both(scipy.stats.cauchy()), ids=["weight", "scipy"])
def test_of_cauchy_tails_only_small_powers_have_averages(law: Density) -> None:
    for name in ("mean", "var", "std"):
        with pytest.raises(InfiniteMomentError, match=r"infinity .* a = 2, and it needs a > "):
            getattr(law, name)()
    with pytest.raises(InfiniteMomentError, match="the moment of order 3"):
        law.moment(3)
    with pytest.raises(InfiniteMomentError, match=r"grows like \|x\|\*\*1, .* a = 2"):
        weighted(scipy.stats.cauchy()).expect(np.abs)
    assert law.expect(lambda x: np.abs(x) ** 0.9) == pytest.approx(1.0 / math.cos(0.45 * math.pi), rel=1e-10)
    assert law.expect(lambda x: np.log1p(x**2)) == pytest.approx(2.0 * math.log(2.0), rel=1e-12)


@pytest.mark.parametrize("degrees", [1.0, 2.0, 2.5, 3.0, 4.5, 6.0])
def test_moments_exist_below_the_exponent_of_the_tail(degrees: float) -> None:
    """Student's density falls off like |x|**-(nu + 1), so that moments of order k < nu exist."""
    frozen = scipy.stats.t(degrees, loc=1.0)
    for law in both(frozen):
        for order in range(1, 5):
            if order < degrees:
                assert law.moment(order) == pytest.approx(frozen.moment(order), rel=1e-8)
                continue
            with pytest.raises(InfiniteMomentError, match=rf"a = {degrees + 1.0:.3g}"):
                law.moment(order)


def test_light_tails_have_all_moments() -> None:
    for frozen in (scipy.stats.t(40.0), scipy.stats.lognorm(0.7), scipy.stats.expon(), scipy.stats.norm(3.0, 0.1)):
        for law in both(frozen):
            assert law.moment(4) == pytest.approx(frozen.moment(4), rel=1e-10)
            assert law.moment(0) == 1.0


@pytest.mark.parametrize("order", [-1, 1.5, "2", 65])
def test_orders_that_are_none(order: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="order"):
        NORMAL.moment(order)
