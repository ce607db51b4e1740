"""The laws that slices have, against quadratures written here, with the laws that they do not have beside them.

No run knows a correction but `fixman=True`, which says so; no reference moves a walker. Walkers are independent and
looked at once, so chi-square tests of their final places are exact: a right law fails below 1e-4 with that probability,
and with fixed seeds either always or never; rivals must fall below 1e-9. Means over walkers are allowed 4.9 standard
errors, one false alarm in a million.
"""

from __future__ import annotations

from collections.abc import Callable

import langevin_ib as lib
import numpy as np
import scipy.special
import scipy.stats
from numpy.typing import NDArray
from scipy.integrate import cumulative_simpson

Array = NDArray[np.float64]

T, LEVEL = 0.3, 0.5
UV = lib.models.scalar_product(target=1.0)
RIGHT, WRONG, SIGMAS = 1e-4, 1e-9, 4.9
GRID = np.linspace(-6.0, 8.0, 280_001)


def gibbs(theta: Array, temperature: float = T) -> Array:
    return np.exp(-((theta - 1.0) ** 2) / (2.0 * temperature))


def on_slice(power: float, temperature: float = T) -> Array:
    """Return exp(-L/T) (c² + theta²)**power on the grid: -1/2 for (det G)**(-1/2) dS, -1/4 for dS, 0 for dtheta."""
    return gibbs(GRID, temperature) * (LEVEL**2 + GRID**2) ** power


def mean(density: Array, function: Callable[[Array], Array] = lambda x: x, grid: Array = GRID) -> float:
    return float(np.trapezoid(function(grid) * density, grid) / np.trapezoid(density, grid))


def pvalue(draws: Array, density: Array, grid: Array = GRID, cells: int = 40) -> float:
    """Return the p-value of a chi-square test on cells of equal probability."""
    cdf = cumulative_simpson(density, x=grid, initial=0.0)
    inside = np.interp(np.linspace(0.0, 1.0, cells + 1)[1:-1], cdf / cdf[-1], grid)
    counts = np.bincount(np.searchsorted(inside, draws), minlength=cells)
    return float(scipy.stats.chisquare(counts).pvalue)


def sampled(model: lib.Model, dynamics: object, **changes: object) -> lib.Run:
    settings = {"temperature": T, "walkers": 40_000, "rng": 11, "progress": False}
    return lib.sample(model, dynamics=dynamics, **(settings | changes))


def theta(run: lib.Run) -> Array:
    return run.states.prod(axis=1)


def test_the_exact_sampler_with_fixman_has_the_slice_law() -> None:
    run = sampled(UV, lib.Constrained(LEVEL, fixman=True), scheme="mala", step_size=0.5, steps=60, initial=(1.2, 0.6))
    assert pvalue(theta(run), on_slice(-0.5)) > RIGHT
    for rival in (on_slice(-0.25), on_slice(0.0), on_slice(-1.0), on_slice(-0.5, 1.2 * T)):
        assert pvalue(theta(run), rival) < WRONG


def test_the_exact_sampler_without_it_has_the_rigid_law() -> None:
    # Steps so large that many ways back lead elsewhere: without that check the law would be wrong.
    run = sampled(UV, lib.Constrained(LEVEL), scheme="mala", step_size=1.5, steps=150, initial=(1.2, 0.6))
    assert 0.2 < run.acceptance < 0.7
    assert pvalue(theta(run), on_slice(-0.25)) > RIGHT
    for rival in (on_slice(-0.5), on_slice(0.0), on_slice(-0.25, 1.2 * T)):
        assert pvalue(theta(run), rival) < WRONG


def test_gauge_fixing_has_the_slice_law_with_nothing_added() -> None:
    run = sampled(UV, lib.GaugeFixed(LEVEL), step_size=0.005, steps=1600, initial=(1.2, 0.6))
    assert pvalue(theta(run), on_slice(-0.5)) > RIGHT
    for rival in (on_slice(-0.25), on_slice(0.0), on_slice(-1.0), on_slice(-0.5, 1.2 * T)):
        assert pvalue(theta(run), rival) < WRONG


def time_average(run: lib.Run, name: str) -> tuple[float, float]:
    """Return the mean of an observable and its standard error, from the means of independent walkers."""
    means = run[name].sums[:, 0] / run[name].provenance.observations
    return float(means.mean()), float(means.std() / len(means) ** 0.5)


def test_the_bias_of_gauge_fixing_is_of_first_order_and_known() -> None:
    """E theta is off by -.005631 and -.002761 at h = .04 and .02, by the leading eigenvector of the chain's kernel."""
    exact, found = mean(on_slice(-0.5)), []
    for h, bias in ((0.04, -0.005631), (0.02, -0.002761)):
        observe = {"theta": lib.Moments(order=1)}
        steps = int(200 / h)
        run = sampled(
            UV, lib.GaugeFixed(LEVEL), step_size=h, steps=steps, burn_in=steps // 20, walkers=6144, observe=observe
        )
        value, error = time_average(run, "theta")
        assert abs(value - exact - bias) < SIGMAS * error
        assert abs(value - exact) > SIGMAS * error
        found.append((value, error))
    (coarse, e1), (fine, e2) = found
    assert abs(2 * fine - coarse - exact) < SIGMAS * (4 * e2**2 + e1**2) ** 0.5


def test_normal_projection_without_metropolis_has_the_rigid_law_and_with_fixman_the_slice_law() -> None:
    for fixman, right, wrong in ((False, -0.25, -0.5), (True, -0.5, -0.25)):
        run = sampled(UV, lib.Constrained(LEVEL, fixman=fixman), step_size=0.005, steps=1200, initial=(1.2, 0.6))
        assert pvalue(theta(run), on_slice(right)) > RIGHT
        assert pvalue(theta(run), on_slice(wrong)) < WRONG


def test_a_slice_of_ones_own_has_the_law_of_its_surface() -> None:
    """On v = 1, dS = dtheta. Gauge-fixing there would give 1 / (1 + theta²)."""
    u, v = lib.parameters("u v")
    loss = (u * v - 1) ** 2 / 2
    model = lib.Model(
        parameters=(u, v), predictor={"theta": u * v}, loss=loss, symmetry=lib.Scaling({u: 1, v: -1}), slice={"v": v}
    )
    run = sampled(model, lib.Constrained(1.0), scheme="mala", step_size=0.5, steps=60)
    assert pvalue(run.states[:, 0], gibbs(GRID)) > RIGHT
    assert pvalue(run.states[:, 0], gibbs(GRID) / (1 + GRID**2)) < WRONG


def test_a_soft_slice_has_the_bessel_law() -> None:
    """e**x K0(x) exp(-L/T) dtheta, x = stiffness theta² / (4 T)."""
    grid = GRID + 0.5 * (GRID[1] - GRID[0])  # beside the infinite peak
    for stiffness, rival in ((3.0, 12.0), (40.0, 10.0)):
        dynamics = lib.SoftSlice(stiffness)
        run = sampled(UV, dynamics, scheme="mala", step_size=0.1 / stiffness**0.5, steps=1600, initial=(1.0, 1.0))
        assert pvalue(theta(run), gibbs(grid) * scipy.special.k0e(stiffness * grid**2 / (4 * T)), grid) > RIGHT
        assert pvalue(theta(run), gibbs(grid) * scipy.special.k0e(rival * grid**2 / (4 * T)), grid) < WRONG


def test_a_chain_of_three_has_the_slice_law() -> None:
    """dz / e_2(u²) on u1² - u2² = 2 c1, u2² - u3² = 2 c2, by u3, which runs over all numbers."""
    model, (c1, c2) = lib.models.scalar_product(target=1.0, depth=3), (0.4, 0.3)
    run = sampled(model, lib.GaugeFixed((c1, c2)), step_size=0.005, steps=1600, walkers=20_000, initial=(1.0, 0.7, 0.5))
    third = np.linspace(-3.0, 3.0, 200_001)
    s3 = third**2
    s2, s1 = s3 + 2 * c2, s3 + 2 * c2 + 2 * c1
    z, pairs = np.sqrt(s1 * s2) * third, s1 * s2 + s2 * s3 + s1 * s3
    slope = np.gradient(z, third)
    weight = gibbs(z) * slope
    # u1, u2 > 0 is kept but for rare hops across zero, which they cannot reach in the continuum.
    found = run.states[:, 2] * np.sign(run.states[:, 0] * run.states[:, 1])
    assert pvalue(found, weight / pairs, third) > RIGHT
    for rival in (weight / pairs**0.5, weight):
        assert pvalue(found, rival, third) < WRONG


def isotropic_neuron(d: int) -> lib.Model:
    return lib.models.relu_neuron(d, loss=lambda z: sum(zi**2 for zi in z) / 2)


def test_neurons_have_the_slice_law_at_balance() -> None:
    """s = |z| has the density s**((d - 3) / 2) exp(-s² / (2 T)), with L = |z|² / 2."""
    radius = np.linspace(1e-6, 5.0, 200_001)
    for d, h in ((5, 0.005), (3, 0.0025)):
        run = sampled(isotropic_neuron(d), lib.GaugeFixed(), step_size=h, steps=int(6 / h), walkers=20_000, initial=0.5)
        s = np.linalg.norm(run.states[:, :d], axis=1) * np.abs(run.states[:, d])
        weight = np.exp(-(radius**2) / (2 * T))
        assert pvalue(s, radius ** ((d - 3) / 2) * weight, radius) > RIGHT
        # The rigid law, and that of Lebesgue measure dz.
        for rival in ((d - 2) / 2, d - 1):
            assert pvalue(s, radius**rival * weight, radius) < WRONG


def balanced(states: Array) -> Array:
    """Return T = U Vᵀ of states of GL(2) on 4 x 3 matrices."""
    return states[:, :8].reshape(-1, 4, 2) @ states[:, 8:].reshape(-1, 3, 2).swapaxes(1, 2)


def test_the_general_linear_group_has_its_own_law_of_singular_values() -> None:
    """|s1 - s2| sqrt(s1 s2) exp(-(s1² + s2²) / (2 T)): the squared norm has the mean 4 T, the angle a the density
    (cos a - sin a) sqrt(sin 2 a)."""
    model = lib.models.matrix_factorization(4, 3, 2, group="gl", target=0.0)
    settings = {"walkers": 4096, "observe": {"norm": lib.Moments(order=2)}}
    found = []
    for h in (0.04, 0.02):
        run = sampled(model, lib.GaugeFixed(), step_size=h, steps=int(40 / h), burn_in=int(8 / h), **settings)
        squares = run["norm"].sums[:, 1] / run["norm"].provenance.observations
        found.append((squares.mean(), squares.std() / len(squares) ** 0.5))
    (coarse, e1), (fine, e2) = found
    # The step's bias is some 1.9 h.
    assert abs(2 * fine - coarse - 4.0 * T) < SIGMAS * (4 * e2**2 + e1**2) ** 0.5
    assert 0.02 < fine - 4.0 * T < 0.06
    s1, s2 = np.linalg.svd(balanced(run.states), compute_uv=False)[:, :2].T
    angle = np.linspace(0.0, np.pi / 4, 100_001)
    right = np.cos(angle) - np.sin(angle)
    assert pvalue(np.arctan(s2 / s1), right * np.sqrt(np.sin(2 * angle)), angle, cells=20) > RIGHT
    haar = np.cos(2 * angle) * np.sin(2 * angle) ** 1.5
    assert pvalue(np.arctan(s2 / s1), haar, angle, cells=20) < WRONG


def test_the_mean_time_to_absorption_is_that_of_the_diffusion() -> None:
    """From theta = 1 exactly 4.55516, E tau = int_0^x exp(L/T) int_y^inf exp(-L/T) / (2 T z) dz dy; then the rate."""
    z = np.geomspace(1e-9, 8.0, 400_001)
    inner = cumulative_simpson(gibbs(z) / (2 * T * z), x=z, initial=0.0)
    below = z <= 1.0
    exact = np.trapezoid((inner[-1] - inner[below]) / gibbs(z[below]), z[below])
    assert abs(exact - 4.55516) < 1e-4
    run = sampled(
        UV, lib.GaugeFixed(at_zero="absorb"), step_size=0.005, steps=10_000, walkers=16_384, initial=(1.0, 1.0)
    )
    times = run.absorption_times
    assert np.isinf(times).sum() < 10
    times = np.minimum(times, 50.0)
    assert abs(times.mean() - exact) < SIGMAS * times.std() / len(times) ** 0.5
    # The quasi-stationary rate is .2525488.
    late, later = (times > 8).sum(), (times > 16).sum()
    rate = np.log(late / later) / 8
    assert abs(rate - 0.2525488) < SIGMAS * (1 / later - 1 / late) ** 0.5 / 8
