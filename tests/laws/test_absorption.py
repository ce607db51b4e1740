"""Absorption at theta = 0: known numbers, an independent solver, and a simulation of the process itself."""

from functools import cache

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.stats
import sympy
from langevin_ib import models
from langevin_ib.errors import InvalidArgumentError, NotNormalizableError, OutOfTimeError, UnsupportedModelError
from langevin_ib.laws.absorption import Absorption, absorption_time
from langevin_ib.laws.density import density
from langevin_ib.model.model import Model, Scaling, parameters
from langevin_ib.process import GaugeFixed

T = 0.3
MODEL = models.scalar_product()


@cache
def absorbed(start: float = 1.0) -> Absorption:
    return absorption_time(MODEL, start, temperature=T)


def test_mean_and_rate_are_those_known() -> None:
    assert absorbed().mean == pytest.approx(4.55516, abs=5e-6)
    assert absorbed().rate == pytest.approx(0.2525488046, abs=2e-10)


def test_the_mean_of_the_law_is_the_double_integral() -> None:
    """A sum over eigenfunctions against nested quadrature by SciPy, which shares nothing with it."""

    def loss(x: float) -> float:
        return (x - 1) ** 2 / 2 / T

    def inner(y: float) -> float:
        return scipy.integrate.quad(lambda z: np.exp(loss(y) - loss(z)) / (2 * T * z), y, 8.0, limit=200)[0]

    exact = scipy.integrate.quad(inner, 0.0, 1.0, limit=200)[0]
    assert absorbed().time.mean() == pytest.approx(exact, rel=1e-7)
    assert absorbed().mean == pytest.approx(absorbed().time.mean(), rel=1e-9)


def by_finite_volumes(count: int, times: list[float]) -> tuple[float, list[float]]:
    """The rate, and P(tau > t) from theta = 1, of the conservative scheme on cells even in sqrt(theta)."""
    edges = np.linspace(0.0, np.sqrt(7.5), count + 1) ** 2
    centres = (np.linspace(0.0, np.sqrt(7.5), 2 * count + 1)[1::2]) ** 2
    mass = np.exp(-((centres - 1) ** 2) / 2 / T) / centres * np.diff(edges)
    at_edges = np.exp(-((edges - 1) ** 2) / 2 / T)
    flux = 2 * T * at_edges[:-1] / np.diff(np.concatenate([[0.0], centres]))
    root = np.sqrt(mass)
    outward = np.append(flux[1:], 0.0)
    diagonal = (flux + outward) / mass
    below = -flux[1:] / (root[1:] * root[:-1])
    rates, vectors = scipy.linalg.eigh_tridiagonal(diagonal, below)
    modes = vectors / root[:, None]
    at_start = np.array([np.interp(1.0, centres, mode) for mode in modes.T])
    totals = mass @ modes
    return float(rates[0]), [float(np.sum(at_start * totals * np.exp(-rates * t))) for t in times]


def test_survival_against_finite_volumes() -> None:
    """Second order in the width of the cells, extrapolated from two."""
    times = [0.3, 1.0, 4.0, 12.0]
    coarse, fine = by_finite_volumes(400, times), by_finite_volumes(800, times)
    assert absorbed().rate == pytest.approx((4 * fine[0] - coarse[0]) / 3, abs=2e-6)
    exact = (4 * np.array(fine[1]) - np.array(coarse[1])) / 3
    np.testing.assert_allclose(absorbed().survival(times), exact, atol=2e-5)


def test_the_laws_are_laws() -> None:
    time, survivors = absorbed().time, absorbed().survivors
    q = np.array([1e-4, 0.1, 0.5, 0.9, 1 - 1e-6])
    np.testing.assert_allclose(time.cdf(time.ppf(q)), q, atol=1e-11)
    np.testing.assert_allclose(time.isf(q[::-1]), time.ppf(1 - q[::-1]), rtol=1e-6)
    x = np.linspace(0.05, 30, 4001)
    np.testing.assert_allclose(np.diff(time.cdf(x)), (time.pdf(x[1:]) + time.pdf(x[:-1])) / 2 * np.diff(x), atol=1e-5)
    assert (time.reference, survivors.reference) == ("d t", "d theta")
    assert time.cdf(0.0) == 0.0
    assert time.pdf(-1.0) == 0.0
    assert survivors.cdf(0.0) == 0.0
    assert survivors.pdf(1e-3) == pytest.approx(survivors.pdf(1e-9), rel=0.01)


def test_survivors_are_absorbed_at_the_rate_that_flows_out_of_their_law() -> None:
    """The flux at 0 of a law p is 2T (theta p)' there, 2T p(0); and theta grows back: E[2 theta l'] balances."""
    survivors = absorbed().survivors
    assert 2 * T * survivors.pdf(1e-12) == pytest.approx(absorbed().rate, rel=1e-8)
    # d/dt E theta = -2 E[theta l'] = -mu E theta
    drift = survivors.expect(lambda x: 2 * x * (x - 1))
    assert drift == pytest.approx(absorbed().rate * survivors.mean(), rel=1e-9)


def test_a_start_below_zero_is_the_mirror_image() -> None:
    other = absorption_time(models.scalar_product(loss=lambda z: (z + 1) ** 2 / 2), -1.0, temperature=T)
    assert other.mean == pytest.approx(absorbed().mean, rel=1e-10)
    assert other.survivors.mean() == pytest.approx(-absorbed().survivors.mean(), rel=1e-8)


def test_the_simulated_process_is_absorbed_in_this_law() -> None:
    """The one-step map of gauge-fixed Euler on level 0, u = v = r: r'**2 is |(u + noise)(v + noise)|; killed at a sign.

    A Kolmogorov-Smirnov test with false-alarm rate 1e-4 after half a step of bias, and the wrong temperature rejected.
    """
    source, h, walkers = np.random.default_rng(20260107), 2e-3, 3000
    r, times, alive = np.ones(walkers), np.full(walkers, 12.0), np.arange(walkers)
    for step in range(1, 6001):
        kick = -h * (r**2 - 1) * r + np.sqrt(2 * T * h) * source.standard_normal((2, r.size))
        theta = (r + kick[0]) * (r + kick[1])
        dead = theta <= 0
        times[alive[dead]] = step * h
        alive, r = alive[~dead], np.sqrt(theta[~dead])
        if not alive.size:
            break
    law = absorbed().time
    seen = times < 12.0
    share = law.cdf(12.0)
    assert seen.mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / walkers))
    assert scipy.stats.kstest(times[seen], lambda t: law.cdf(t) / share).pvalue > 1e-4
    wrong = absorption_time(MODEL, 1.0, temperature=1.3 * T).time
    assert scipy.stats.kstest(times[seen], lambda t: wrong.cdf(t) / wrong.cdf(12.0)).pvalue < 1e-6


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"start=0\.0"):
        absorption_time(MODEL, 0.0, temperature=T)
    with pytest.raises(InvalidArgumentError, match="product model"):
        absorption_time(models.scalar_product(3), 1.0, temperature=T)
    with pytest.raises(NotNormalizableError, match="does not confine"):
        absorption_time(models.scalar_product(loss=lambda z: 0 * z), 1.0, temperature=T)
    with pytest.raises(NotNormalizableError, match="absorption_time"):
        density(MODEL, "theta", dynamics=GaugeFixed(0.0), temperature=T)


def feller(k: float) -> Model:
    """The loss k |theta|, of which the law is known: theta is Feller's branching diffusion."""
    u, v = parameters("u v")
    return Model(
        parameters=(u, v),
        predictor={"theta": u * v},
        loss=sympy.Float(k) * sympy.Abs(u * v),
        symmetry=Scaling({u: 1, v: -1}),
    )


@pytest.mark.parametrize("k", [0.3, 5.0])
@pytest.mark.parametrize("temperature", [0.02, 3.0])
@pytest.mark.parametrize("start", [1e-6, -1e-3, 0.05])
def test_no_law_is_off_by_more_than_it_says(k: float, temperature: float, start: float) -> None:
    """P(tau <= t) = exp(-(k x/T)/(e^(2kt) - 1)); survivors are exponential with the rate k/T, and mu_0 = 2k."""
    q = np.linspace(0.0005, 0.9995, 300)
    times = np.log1p(k * abs(start) / temperature / -np.log(q)) / (2.0 * k)
    found = absorption_time(feller(k), start, temperature=temperature)
    assert found.time.error < 1e-8
    assert np.abs(found.time.cdf(times) - q).max() < found.time.error
    assert np.abs(found.time.sf(times) - (1.0 - q)).max() < found.time.error
    theta = -np.log1p(-q) * temperature / k
    below = found.survivors.cdf(theta) if start > 0.0 else found.survivors.sf(-theta)
    assert np.abs(below - q).max() < found.survivors.error < 1e-11
    assert found.rate == pytest.approx(2.0 * k, rel=1e-12)
    # A law that is another by one part in a thousand would be seen.
    assert np.abs(found.time.cdf(1.001 * times) - q).max() > 1e4 * found.time.error


@pytest.mark.parametrize(("start", "temperature"), [(5.0, 0.02), (20.0, 0.3), (1e-12, 1.0)])
def test_a_law_that_is_lost_in_rounding_is_refused(start: float, temperature: float) -> None:
    with pytest.raises(UnsupportedModelError, match=r"give a larger one|at_zero=\"absorb\"|take a higher one"):
        absorption_time(feller(1.0), start, temperature=temperature)


def test_it_has_a_budget() -> None:
    with pytest.raises(OutOfTimeError, match="absorption from theta = 1 was not found within"):
        absorption_time(MODEL, 1.0, temperature=T, timeout=1e-3)


def test_a_diagonal_network_is_absorbed_as_the_product_that_it_is() -> None:
    """With p, q = (u ± v)/sqrt(2) it is w = 2 p q; so from w = 1 it lives as long as p q from 1/2 with that loss."""
    network, (u, v) = models.diagonal_network(1), parameters("u v")
    product = Model(
        parameters=(u, v), predictor={"z": u * v}, loss=(2 * u * v - 1) ** 2 / 2, symmetry=Scaling({u: 1, v: -1})
    )
    one, other = absorption_time(network, 1.0, temperature=T), absorption_time(product, 0.5, temperature=T)
    assert one.mean == pytest.approx(other.mean, rel=1e-12)
    assert one.survivors.cdf(1.2) == pytest.approx(other.survivors.cdf(0.6), abs=1e-12)
    assert one.time.cdf(2.0) == pytest.approx(other.time.cdf(2.0), abs=1e-12)


def test_of_several_coordinates_it_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"one coordinate; of others sample it"):
        absorption_time(models.diagonal_network(2), 1.0, temperature=T)
