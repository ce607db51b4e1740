"""Measured orders: how far the stationary E[theta] of each scheme is from the exact one, on u v = 1 with weight decay.

T = 0.2, lambda = 0.5. Two references stand beside the runs, and neither moves a walker: the exact law, by quadrature,
and the stationary law of each discrete scheme, as the leading eigenvector of its transition density on a grid. Runs of
one scheme at h, h/2 and h/4 follow the same Brownian paths, so their differences have little variance.

Errors are standard errors from the means of independent walkers. Seeds are fixed. A test that allows 4.9 of them raises
a false alarm once in a million; one that allows fewer says so.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import langevin_ib as lib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigs

TEMPERATURE, WEIGHT_DECAY, TARGET = 0.2, 0.5, 1.0
MODEL, DYNAMICS = lib.models.scalar_product(target=TARGET), lib.Ambient(weight_decay=WEIGHT_DECAY)
EXACT = lib.density(MODEL, "theta", temperature=TEMPERATURE, dynamics=DYNAMICS).mean()
SIGMAS = 4.9

WALKERS, BURN_IN = 4096, 20.0  # 20 units of time are more than 20 relaxation times
STEPS = {"euler-maruyama": (0.1, 0.05, 0.025), "leimkuhler-matthews": (0.2, 0.1, 0.05)}
TIME = {"euler-maruyama": 10_000.0, "leimkuhler-matthews": 32_000.0, "mala": 8_000.0}
SLOPE, CURVATURE = -0.0711, -0.0038
"""E[theta] is off by SLOPE h + O(h²) under Euler-Maruyama, and by CURVATURE h² + O(h³) under Leimkuhler-Matthews."""

Grid = NDArray[np.float64]


class Estimate(NamedTuple):
    """A number and its standard error."""

    value: float
    error: float


def estimate(walker_means: Grid) -> Estimate:
    return Estimate(float(walker_means.mean()), float(walker_means.std(ddof=1) / len(walker_means) ** 0.5))


def gradient(u: Grid, v: Grid) -> tuple[Grid, Grid]:
    return (u * v - TARGET) * v + WEIGHT_DECAY * u, (u * v - TARGET) * u + WEIGHT_DECAY * v


def gibbs(u: Grid, v: Grid) -> Grid:
    return np.exp(-((u * v - TARGET) ** 2 / 2 + WEIGHT_DECAY / 2 * (u**2 + v**2)) / TEMPERATURE)


def plane(step_size: float, extent: float) -> tuple[Grid, Grid, Grid]:
    """Return an axis and its square, as fine as one step's noise: sums over such a grid are exact to 3e-9."""
    spacing = (2.0 * TEMPERATURE * step_size) ** 0.5
    half = int(np.ceil(extent / spacing))
    axis = spacing * np.arange(-half, half + 1)
    return axis, *np.meshgrid(axis, axis, indexing="ij")


def stationary(operator: Grid | LinearOperator, u: Grid, v: Grid) -> Grid:
    """Return the leading eigenvector of a transition density, normalised, on the grid."""
    vector = np.real(eigs(operator, k=1, v0=gibbs(u, v).ravel(), tol=1e-11)[1][:, 0])
    return (vector / vector.sum()).reshape(u.shape)


@cache
def euler_maruyama_mean(step_size: float) -> float:
    """E[u v] in the law of x' = x - h grad V(x) + sqrt(2 T h) R, whose density is a product over coordinates."""
    axis, u, v = plane(step_size, 4.2)
    first, second = (
        np.exp(-((axis[:, None] - (x - step_size * slope).ravel()) ** 2) / (4.0 * TEMPERATURE * step_size))
        for x, slope in zip((u, v), gradient(u, v), strict=True)
    )

    def step(density: Grid) -> Grid:
        return ((first * density.ravel()) @ second.T).ravel()

    size = len(axis) ** 2
    return float(np.sum(stationary(LinearOperator((size, size), matvec=step, dtype=float), u, v) * u * v))


def midpoints(step_size: float, u: Grid, v: Grid) -> tuple[Grid, Grid, Grid]:
    """Solve 2 x - h grad V(x) = (u, v) for x; return it and 1 / det(2 - h Hess V).

    Far out, where there is next to no probability, there may be no solution, and 0 is returned in place of the latter.
    """
    x, y, regular = u / 2.0, v / 2.0, np.ones(u.shape, dtype=bool)
    for h in np.repeat(np.linspace(0.0, step_size, 21)[1:], 4):  # Newton's method, four times on each of 20 steps to h
        slope = gradient(x, y)
        a, b, c = 2.0 - h * (y**2 + WEIGHT_DECAY), 2.0 - h * (x**2 + WEIGHT_DECAY), h * (2.0 * x * y - TARGET)
        regular &= (a * b - c**2 > 0.0) & (a + b > 0.0)
        determinant = np.where(regular, a * b - c**2, 1.0)
        first, second = 2.0 * x - h * slope[0] - u, 2.0 * y - h * slope[1] - v
        x = np.where(regular, x - (b * first + c * second) / determinant, 0.0)
        y = np.where(regular, y - (a * second + c * first) / determinant, 0.0)
    regular &= np.hypot(first, second) < 1e-9
    return x, y, np.where(regular, 1.0 / determinant, 0.0)


@cache
def leimkuhler_matthews_mean(step_size: float) -> float:
    """E[u v] in the law of x' = x - h grad V(x) + s (R_n + R_{n+1}), s = sqrt(T h / 2).

    y = x - s R_n is a Markov chain: y' = 2 x - y - h grad V(x) with x = y + s R_n, and x is a function of y + y'. R_n
    is independent of y, and so E[u v] is the same for x and y.
    """
    axis, u, v = plane(step_size, 3.7)
    n = len(axis)
    sums = 2.0 * axis[0] + (axis[1] - axis[0]) * np.arange(2 * n - 1)
    x, y, jacobian = midpoints(step_size, *np.meshgrid(sums, sums, indexing="ij"))
    to = np.arange(n)[:, None] + np.arange(n)
    where = (to[:, None, :, None] * (2 * n - 1) + to[None, :, None, :]).reshape(n * n, n * n)
    squares = (x.ravel()[where] - u.ravel()) ** 2 + (y.ravel()[where] - v.ravel()) ** 2
    transition = jacobian.ravel()[where] * np.exp(-squares / (TEMPERATURE * step_size))
    return float(np.sum(stationary(transition, u, v) * u * v))


@cache
def walker_means(scheme: str, step_size: float, substeps: int) -> Grid:
    run = lib.sample(
        MODEL,
        dynamics=DYNAMICS,
        temperature=TEMPERATURE,
        step_size=step_size,
        substeps=substeps,
        steps=round((BURN_IN + TIME[scheme]) / step_size),
        burn_in=round(BURN_IN / step_size),
        walkers=WALKERS,
        initial=0.7,
        rng=20260106,
        scheme=scheme,
        noise="single",  # half the time, and the same law to 2^-24
        observe={"theta": lib.Moments()},
        threads=1,
        progress=False,
    )
    return run["theta"].walker_means


def bias(scheme: str, step_size: float) -> Estimate:
    """E[theta] at step h, less the exact one."""
    finest = STEPS[scheme][-1] if scheme in STEPS else step_size
    return estimate(walker_means(scheme, step_size, round(step_size / finest)) - EXACT)


def differences(scheme: str) -> tuple[Estimate, Estimate]:
    """E[theta] at step h less that at h/2, and the same for h/2 and h/4, along common Brownian paths."""
    coarse, middle, fine = (walker_means(scheme, h, 4 >> i) for i, h in enumerate(STEPS[scheme]))
    return estimate(coarse - middle), estimate(middle - fine)


def ratio(numerator: Estimate, denominator: Estimate) -> Estimate:
    """The ratio of two estimates; its error is at most this if they are correlated positively."""
    value = numerator.value / denominator.value
    relative = np.hypot(numerator.error / numerator.value, denominator.error / denominator.value)
    return Estimate(value, abs(value) * relative)


def first_order_coefficient(scheme: str) -> Estimate:
    """The slope b of b h + c h², from the two differences: 4 (m(h/2) - m(h/4)) - (m(h) - m(h/2)) = b h / 2."""
    coarse, middle, fine = (walker_means(scheme, h, 4 >> i) for i, h in enumerate(STEPS[scheme]))
    return estimate((5.0 * middle - 4.0 * fine - coarse) * 2.0 / STEPS[scheme][0])


def test_the_exact_mean_is_that_of_the_weight_in_the_plane() -> None:
    axis = np.linspace(-7.0, 7.0, 1401)
    u, v = np.meshgrid(axis, axis)
    weight = gibbs(u, v)
    assert np.sum(weight * u * v) / np.sum(weight) == pytest.approx(EXACT, rel=1e-9)


class TestTheDiscreteLaws:
    """Without sampling: orders of the schemes' own stationary laws, from their transition densities."""

    def test_euler_maruyama_is_of_order_1(self) -> None:
        biases = [euler_maruyama_mean(h) - EXACT for h in (0.1, 0.05, 0.025)]
        ratios = np.divide(biases[:-1], biases[1:])
        assert ((ratios > 1.9) & (ratios < 2.1)).all()
        # The parabola through three points and 0 has this slope there.
        slopes = np.divide(biases, (0.1, 0.05, 0.025))
        assert (slopes[0] - 6.0 * slopes[1] + 8.0 * slopes[2]) / 3.0 == pytest.approx(SLOPE, abs=2e-4)

    def test_leimkuhler_matthews_is_of_order_2(self) -> None:
        coarse, fine = (leimkuhler_matthews_mean(h) - EXACT for h in (0.1, 0.06))
        assert 1.9 < np.log(coarse / fine) / np.log(0.1 / 0.06) < 2.3
        assert fine / 0.06**2 == pytest.approx(CURVATURE, rel=0.1)


@pytest.mark.long
@pytest.mark.parametrize("step_size", STEPS["euler-maruyama"])
def test_euler_maruyama_has_the_bias_of_its_discrete_law(step_size) -> None:
    measured = bias("euler-maruyama", step_size)
    assert abs(measured.value - (euler_maruyama_mean(step_size) - EXACT)) < SIGMAS * measured.error
    # The error is small enough to mean something: the bias is more than 20 of them.
    assert abs(measured.value) > 20.0 * measured.error


def test_euler_maruyama_differences_are_those_of_its_discrete_law() -> None:
    means = [euler_maruyama_mean(h) for h in STEPS["euler-maruyama"]]
    for measured, expected in zip(differences("euler-maruyama"), -np.diff(means), strict=True):
        assert abs(measured.value - expected) < SIGMAS * measured.error
        assert measured.error < 0.005 * abs(expected)


def test_euler_maruyama_is_of_order_1() -> None:
    """The bias doubles with the step, and its slope is the known one.

    The ratio of biases is 2.09 with a standard error of 0.02, so [1.8, 2.2] is left once in a million.
    """
    coarse, fine = (bias("euler-maruyama", h) for h in STEPS["euler-maruyama"][:2])
    assert 1.8 < coarse.value / fine.value < 2.2
    slope = first_order_coefficient("euler-maruyama")
    assert slope.error < 0.002
    assert abs(slope.value - SLOPE) < SIGMAS * slope.error + 1.2e-3  # what is left of order h²


@pytest.mark.long
def test_leimkuhler_matthews_has_no_bias_of_first_order() -> None:
    """Its first-order coefficient is 0 within 4.9 standard errors, where Euler-Maruyama's is more than 100 away."""
    slope = first_order_coefficient("leimkuhler-matthews")
    # What is left of order h² in it is less than 0.001.
    assert abs(slope.value) < SIGMAS * slope.error + 1e-3
    assert abs(SLOPE) > 100.0 * slope.error


def test_leimkuhler_matthews_is_of_order_2() -> None:
    """Halving the step divides differences by 4 to 5 (4 for small h): not by 2 as for order 1, nor by 8."""
    coarse, fine = differences("leimkuhler-matthews")
    assert abs(fine.value) > SIGMAS * fine.error
    # Where h² dominates the difference is 3/4 of CURVATURE h²; a tenth is added by the next order.
    expected = leimkuhler_matthews_mean(0.1) - leimkuhler_matthews_mean(0.05)
    assert expected == pytest.approx(0.75 * CURVATURE * 0.1**2, rel=0.2)
    assert abs(fine.value - expected) < SIGMAS * fine.error
    measured = ratio(coarse, fine)
    # Three standard errors, a false alarm in 370, of which the seed is none; the control below uses the same three.
    assert measured.value - 3.0 * measured.error < 5.0
    assert measured.value + 3.0 * measured.error > 4.0
    assert measured.value - 3.0 * measured.error > 2.2
    assert measured.value + 3.0 * measured.error < 8.0


def test_the_ratio_of_differences_tells_the_orders_apart() -> None:
    """The control: what passes for order 2 above fails for Euler-Maruyama."""
    measured = ratio(*differences("euler-maruyama"))
    assert measured.value + SIGMAS * measured.error < 2.4
    assert measured.value - SIGMAS * measured.error > 1.9


def test_leimkuhler_matthews_is_within_its_small_bias_of_the_exact_mean() -> None:
    for h in STEPS["leimkuhler-matthews"]:
        measured = bias("leimkuhler-matthews", h)
        assert measured.error < 1e-4
        assert abs(measured.value) < 1.5 * abs(CURVATURE) * h**2 + SIGMAS * measured.error


def test_mala_is_unbiased_where_euler_maruyama_is_not() -> None:
    unbiased = bias("mala", 0.2)
    assert abs(unbiased.value) < SIGMAS * unbiased.error
    # Euler-Maruyama is found biased at half that step and half that precision.
    biased = bias("euler-maruyama", 0.1)
    assert abs(biased.value) > SIGMAS * 2.0 * max(unbiased.error, biased.error)


def test_common_paths_make_differences_precise() -> None:
    """At the same cost, differences of coupled runs have a hundredth of the variance of those of independent ones."""
    for scheme in STEPS:
        coupled = differences(scheme)[1].error
        apart = np.hypot(*(bias(scheme, h).error for h in STEPS[scheme][1:]))
        assert coupled < 0.1 * apart
