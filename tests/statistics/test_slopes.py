"""Measured slopes in the step of what gauge-fixing gets wrong, and that nothing is wrong where nothing should be.

theta = u v on u² - v² = 2 c, c = 1/2, T = 0.3, L = (theta - 1)²/2, unless said otherwise. Two references stand beside
the runs, and neither moves a walker: the law of continuous time by quadrature, and the stationary law of the chain at
step h by Galerkin's method. Runs at h and h/2 follow the same Brownian paths, so their difference has little variance.

Errors are standard errors from the means of independent walkers, and 4.9 of them are allowed: one false alarm in a
million for each of the twelve means that are tested. Seeds are fixed.
"""

from __future__ import annotations

import warnings
from functools import cache

import langevin_ib as lib
import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[np.float64]

T, LEVEL, SIGMAS = 0.3, 0.5, 4.9
UV = lib.models.scalar_product(target=1.0)
GRID = np.linspace(-4.0, 5.0, 9001)
WEIGHT = np.exp(-((GRID - 1.0) ** 2) / (2.0 * T)) / np.hypot(LEVEL, GRID)
WEIGHT /= WEIGHT.sum()
EXACT = np.array([WEIGHT @ GRID, WEIGHT @ GRID**2])
SLOPES = np.array([-0.1355, 0.098])
"""E theta and E theta² are off by so much times h, to first order."""


class Polynomials:
    """Those that are orthonormal in the law of continuous time, by the recurrence of three terms."""

    def __init__(self, degree: int) -> None:
        self.shifts, self.norms = [], []
        before, last = np.zeros_like(GRID), np.ones_like(GRID)
        for _ in range(degree):
            self.shifts.append(WEIGHT @ (GRID * last**2))
            following = (GRID - self.shifts[-1]) * last - (self.norms[-1] * before if self.norms else 0.0)
            self.norms.append((WEIGHT @ following**2) ** 0.5)
            before, last = last, following / self.norms[-1]

    def __call__(self, x: Array) -> Array:
        """Return their values, (degree + 1, ...)."""
        values = [np.ones_like(x)]
        for k, (shift, norm) in enumerate(zip(self.shifts, self.norms, strict=True)):
            following = (x - shift) * values[-1] - (self.norms[k - 1] * values[-2] if k else 0.0)
            values.append(following / norm)
        return np.array(values)


@cache
def discrete_bias(step_size: float, degree: int = 16) -> Array:
    """Return by how much E theta and E theta² of the chain's stationary law are off.

    A step takes (u, v) to independent normals, of which only the product matters, because going back along the orbit
    keeps it. So the mean of a polynomial of theta after a step is a finite Gauss-Hermite sum. The stationary law is
    sought as the exact one times a polynomial, such that no polynomial up to the same degree changes its mean.
    """
    basis = Polynomials(degree)
    nodes, weights = np.polynomial.hermite_e.hermegauss(degree // 2 + 1)
    weights /= weights.sum()
    u = np.sqrt(LEVEL + np.hypot(LEVEL, GRID))
    v, slope, noise = GRID / u, GRID - 1.0, (2.0 * T * step_size) ** 0.5
    u, v = u - step_size * slope * v, v - step_size * slope * u
    after = sum(
        a * b * basis((u + noise * x) * (v + noise * y))
        for a, x in zip(weights, nodes, strict=True)
        for b, y in zip(weights, nodes, strict=True)
    )
    now = basis(GRID)
    balance = (after - now)[1:] @ (WEIGHT * now).T
    coefficients = np.append(1.0, np.linalg.solve(balance[:, 1:], -balance[:, 0]))
    law = WEIGHT * (coefficients @ now)
    return np.array([law @ GRID, law @ GRID**2]) - EXACT


def walker_means(step_size: float, substeps: int, **changes: object) -> Array:
    """Return the time averages of theta and theta² for each walker, (walkers, 2)."""
    settings = {
        "dynamics": lib.GaugeFixed(LEVEL),
        "temperature": T,
        "steps": round(410.0 / step_size),
        "burn_in": round(10.0 / step_size),
        "walkers": 4096,
        "initial": (1.2, 0.6),
        "rng": 3,
        "observe": {"theta": lib.Moments(order=2, every=max(round(0.05 / step_size), 1))},
        "progress": False,
    }
    moments = lib.sample(UV, step_size=step_size, substeps=substeps, **(settings | changes))["theta"]
    return moments.sums / moments.provenance.observations


def agrees(sample: Array, expected: Array) -> bool:
    return bool((np.abs(sample.mean(axis=0) - expected) < SIGMAS * error(sample)).all())


def error(sample: Array) -> Array:
    return sample.std(axis=0, ddof=1) / len(sample) ** 0.5


@cache
def coupled() -> tuple[Array, Array]:
    """Runs at h = .04 and .02 on the same paths."""
    return walker_means(0.04, 2), walker_means(0.02, 1)


def test_the_law_of_the_chain_is_off_by_a_multiple_of_the_step() -> None:
    coarse, middle, fine = (discrete_bias(h) / h for h in (0.04, 0.02, 0.01))
    # The parabola through three points has this value at 0; the last digits depend on the degree.
    np.testing.assert_allclose((coarse - 6.0 * middle + 8.0 * fine) / 3.0, SLOPES, rtol=0, atol=5e-4)
    np.testing.assert_allclose(discrete_bias(0.04, 12), discrete_bias(0.04), rtol=0, atol=1e-5)


def test_halving_the_step_changes_the_means_by_what_the_law_of_the_chain_says() -> None:
    coarse, fine = coupled()
    difference = coarse - fine
    assert agrees(difference, discrete_bias(0.04) - discrete_bias(0.02))
    # Sharp to a few hundredths of the slope, because the paths are the same: ten times sharper than each run.
    assert (error(difference) < 0.03 * np.abs(SLOPES) * 0.02).all()
    assert (10.0 * error(difference) < error(coarse)).all()
    # And not compatible with none, with the half or with twice of it.
    for wrong in (0.0, 0.5, 2.0):
        assert not agrees(difference, wrong * SLOPES * 0.02)


def test_extrapolation_removes_it() -> None:
    coarse, fine = coupled()
    assert agrees(2.0 * fine - coarse, EXACT)
    assert not agrees(coarse, EXACT)
    assert agrees(coarse, EXACT + discrete_bias(0.04))


def test_the_exact_sampler_has_none() -> None:
    found = walker_means(0.3, 1, dynamics=lib.Constrained(LEVEL, fixman=True), scheme="mala", steps=15_000, burn_in=100)
    assert agrees(found, EXACT)
    # At this step gauge-fixing would be off by more than a hundred errors.
    assert (100.0 * error(found) < np.abs(SLOPES) * 0.3).all()


def test_one_step_at_level_0_has_the_moments_to_the_second_order_in_the_step() -> None:
    """E theta' = theta (1 - h L')², Var theta' = 4 T h theta (1 - h L')² + 4 T² h²; the last term is 1.9 % of it.

    Sign changes, after which a walker would be absorbed at zero, have a probability of 5e-7 and a size of some h T.
    """
    h, theta, n = 0.1, 2.0, 1_000_000
    settings = {"dynamics": lib.GaugeFixed(at_zero="absorb"), "temperature": T, "rng": 5, "progress": False}
    run = lib.sample(UV, step_size=h, steps=1, walkers=n, initial=(theta**0.5, theta**0.5), **settings)
    after = run.states.prod(axis=1)
    kept = (1.0 - h * (theta - 1.0)) ** 2
    mean, variance = theta * kept, 4.0 * T * h * theta * kept + 4.0 * T**2 * h**2
    squares = (after - mean) ** 2
    assert abs(after.mean() - mean) < SIGMAS * (variance / n) ** 0.5
    assert abs(squares.mean() - variance) < SIGMAS * squares.std() / n**0.5
    assert abs(squares.mean() - 4.0 * T * h * theta * kept) > SIGMAS * squares.std() / n**0.5


def strength_means(step_size: float, level: float, time: float) -> Array:
    """Return the time averages of |z| for each walker of a neuron with two inputs, L = |z|²/2; (walkers, 1)."""
    moments = lib.sample(
        lib.models.relu_neuron(2, loss=lambda z: z[0] ** 2 / 2 + z[1] ** 2 / 2),
        dynamics=lib.GaugeFixed(level),
        temperature=T,
        step_size=step_size,
        steps=round((4.0 + time) / step_size),
        burn_in=round(4.0 / step_size),
        walkers=4096,
        initial=0.5,
        rng=3,
        observe={"strength": lib.Moments(order=1, every=max(round(0.02 / step_size), 1))},
        progress=False,
    )["strength"]
    return moments.sums / moments.provenance.observations


def exact_strength(level: float) -> float:
    """E s of s**(1/2) ((c + r) / s)**(1/2) / r exp(-s²/2T) ds, r = (c² + s²)**(1/2), in y = s**(1/2), ds = 2 y dy."""
    y = np.linspace(0.0, 2.3, 100_001)[1:]
    s, r = y**2, np.hypot(level, y**2)
    weight = 2.0 * y * (level + r) ** 0.5 / r * np.exp(-(s**2) / (2.0 * T))
    return float(weight @ s / weight.sum())


@pytest.mark.long
def test_where_zero_is_reached_and_left_the_error_goes_like_the_root_of_the_step() -> None:
    steps, biases, errors = ((0.02, 400.0), (0.005, 200.0), (0.00125, 100.0)), [], []
    for h, time in steps:
        with pytest.warns(UserWarning, match=r"O\(sqrt\(h\)\)"):
            found = strength_means(h, 0.0, time)
        biases.append(float(found.mean()) - exact_strength(0.0))
        errors.append(float(error(found)[0]))
    # Measured: .0297, .0148, .0074, with errors of .0002, .0003, .0005. Division of h by 4 halves it.
    for k in range(2):
        assert abs(biases[k] - 2.0 * biases[k + 1]) < SIGMAS * np.hypot(errors[k], 2.0 * errors[k + 1])
        # An error of first order would be divided by 4.
        assert abs(biases[k] - 4.0 * biases[k + 1]) > SIGMAS * np.hypot(errors[k], 4.0 * errors[k + 1])
    # At another level the same neuron has a tenth of it, and no warning.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        regular = strength_means(0.02, 0.5, 400.0)
    assert abs(regular.mean() - exact_strength(0.5)) < 0.1 * biases[0] + SIGMAS * float(error(regular)[0])
