"""Walkers under translations and turned scalings have the laws that are written here, and not those beside them.

As in `test_slices`: walkers are independent and looked at once, so chi-square tests of their final places are exact; a
right law fails below 1e-4 with that probability, rivals must fall below 1e-9, and means are allowed 4.9 standard
errors, one false alarm in a million. Seeds are fixed.
"""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
import scipy.stats
import sympy
from numpy.typing import NDArray
from scipy.integrate import cumulative_simpson

Array = NDArray[np.float64]

T, LEVEL = 0.3, 0.5
RIGHT, WRONG, SIGMAS = 1e-4, 1e-9, 4.9
GRID = np.linspace(-6.0, 8.0, 280_001)


def on_slice(power: float, temperature: float = T) -> Array:
    """Return exp(-L/T) (w² + 4 c²)**power on the grid, L = (w - 1)²/2.

    On {u v = c} the Jacobian |d(w, chi)/d(u, v)| of w = u² - v² is 2 (u² + v²) = 2 sqrt(w² + 4 c²), so that
    delta(chi - c) du dv has the power -1/2; and dS, with another |grad chi| = sqrt(u² + v²), the power -1/4.
    """
    return np.exp(-((GRID - 1.0) ** 2) / (2.0 * temperature)) * (GRID**2 + 4.0 * LEVEL**2) ** power


def pvalue(draws: Array, density: Array, cells: int = 40) -> float:
    """Return the p-value of a chi-square test on cells of equal probability."""
    cdf = cumulative_simpson(density, x=GRID, initial=0.0)
    inside = np.interp(np.linspace(0.0, 1.0, cells + 1)[1:-1], cdf / cdf[-1], GRID)
    counts = np.bincount(np.searchsorted(inside, draws), minlength=cells)
    return float(scipy.stats.chisquare(counts).pvalue)


def sampled(model: lib.Model, dynamics: object, **changes: object) -> lib.Run:
    settings = {"temperature": T, "walkers": 40_000, "rng": 11, "progress": False}
    return lib.sample(model, dynamics=dynamics, **(settings | changes))


def weights(run: lib.Run) -> Array:
    """Return w = u² - v² of all entries."""
    return (run.states[:, ::2] ** 2 - run.states[:, 1::2] ** 2).ravel()


def test_a_gauge_fixed_diagonal_network_has_the_slice_law_with_nothing_added() -> None:
    network = lib.models.diagonal_network(1)
    run = sampled(network, lib.GaugeFixed(LEVEL), step_size=0.002, steps=2000, initial=(1.2, 0.4))
    np.testing.assert_allclose(run.states.prod(axis=1), LEVEL, rtol=1e-12)
    assert pvalue(weights(run), on_slice(-0.5)) > RIGHT
    for rival in (on_slice(-0.25), on_slice(0.0), on_slice(-1.0), on_slice(-0.5, 1.2 * T)):
        assert pvalue(weights(run), rival) < WRONG


@pytest.mark.long
def test_twenty_constraints_that_fall_into_blocks_are_held() -> None:
    """Entries are independent, and all of them, rigid or with Fixman's term, have the law of one."""
    network = lib.models.diagonal_network(20)
    settings = {"scheme": "mala", "step_size": 0.02, "steps": 300, "walkers": 2000, "initial": (1.2, 0.4) * 20}
    for fixman, power, other in ((True, -0.5, -0.25), (False, -0.25, -0.5)):
        run = sampled(network, lib.Constrained(LEVEL, fixman=fixman), **settings)
        np.testing.assert_allclose(run.states[:, ::2] * run.states[:, 1::2], LEVEL, rtol=1e-10)
        assert pvalue(weights(run), on_slice(power)) > RIGHT
        assert pvalue(weights(run), on_slice(other)) < WRONG


def test_a_translation_is_a_projection_and_the_law_of_the_rest_is_that_of_each_step() -> None:
    """d' = d - 2 h (d - 1) + 2 sqrt(T h) R, whose variance is T/(1 - h) at every h; at h = 0 it would be T/2 more."""
    a, b, h = *lib.parameters("a b"), 0.3
    model = lib.Model(
        parameters=(a, b), predictor={"d": a - b}, loss=(a - b - 1) ** 2 / 2, symmetry=lib.Translation({a: 1, b: 1})
    )
    run = sampled(model, lib.GaugeFixed(LEVEL), step_size=h, steps=60, initial=(1.0, -3.0))
    np.testing.assert_allclose(run.states.sum(axis=1), LEVEL, atol=1e-14)
    d = run.states[:, 0] - run.states[:, 1]
    share = np.sqrt(2.0 / len(d))
    assert abs(d.mean() - 1.0) < SIGMAS * np.sqrt(T / (1.0 - h) / len(d))
    assert abs(d.var() / (T / (1.0 - h)) - 1.0) < SIGMAS * share
    assert abs(d.var() / T - 1.0) > 3.0 * SIGMAS * share


def test_a_translation_and_a_turned_scaling_that_share_parameters() -> None:
    """With p = (x - y)/sqrt(2): w = sqrt(2) p z, chi = (p² - z²)/2, and x + y stays. w/sqrt(2) has the law of u v."""
    x, y, z = lib.parameters("x y z")
    half = sympy.Rational(1, 2)
    pinch = lib.Linear([[[half, -half, 0], [-half, half, 0], [0, 0, -1]]])
    w = (x - y) * z
    model = lib.Model(
        parameters=(x, y, z),
        predictor={"w": w},
        loss=(w / sympy.sqrt(2) - 1) ** 2 / 2,
        symmetry=(lib.Translation({x: 1, y: 1}), pinch),
    )
    run = sampled(model, lib.GaugeFixed((0.7, LEVEL)), step_size=0.004, steps=2000, initial=(1.5, -0.5, 0.6))
    np.testing.assert_allclose(run.states[:, :2].sum(axis=1), 0.7, atol=1e-13)
    theta = (run.states[:, 0] - run.states[:, 1]) * run.states[:, 2] / np.sqrt(2.0)
    # (theta² + c²) in place of (w² + 4 c²): c is half as large.
    assert pvalue(theta, on_slice_of_product(-0.5)) > RIGHT
    assert pvalue(theta, on_slice_of_product(-0.25)) < WRONG
    law = lib.density(model, "w", dynamics=lib.GaugeFixed((0.7, LEVEL)), temperature=T)
    assert pvalue(theta, law.pdf(np.sqrt(2.0) * GRID)) > RIGHT


def on_slice_of_product(power: float) -> Array:
    return np.exp(-((GRID - 1.0) ** 2) / (2.0 * T)) * (GRID**2 + LEVEL**2) ** power


def test_at_level_zero_entries_are_caught_at_zero_as_products_are() -> None:
    """It is the same process in other coordinates: the times of two runs have the same law (Kolmogorov and Smirnov)."""
    network, product = lib.models.diagonal_network(1), lib.models.scalar_product(loss=lambda z: (2 * z - 1) ** 2 / 2)
    settings = {"step_size": 0.004, "steps": 400, "walkers": 4000}
    runs = [
        sampled(model, lib.GaugeFixed(at_zero="absorb"), initial=start, rng=rng, **settings)
        for model, start, rng in ((network, (1.0, 0.0), 3), (product, (2**-0.5, 2**-0.5), 4), (product, (0.5, 0.5), 5))
    ]
    times = [np.minimum(run.absorption_times, 2.0) for run in runs]
    assert scipy.stats.ks_2samp(times[0], times[1]).pvalue > RIGHT
    assert scipy.stats.ks_2samp(times[0], times[2]).pvalue < WRONG
    caught = np.isfinite(runs[0].absorption_times)
    assert 0.05 < caught.mean() < 0.95
    assert np.all(runs[0].states[caught] == 0.0)
    assert np.all(runs[0].states[~caught].any(axis=1))
