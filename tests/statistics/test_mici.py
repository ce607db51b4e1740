"""Mici, a sampler of other authors, finds the laws on slices that `density` has and `sample` samples.

Mici (Graham, https://github.com/matt-graham/mici) moves points on {chi = c} by constrained Hamiltonian Monte Carlo: a
leapfrog with Newton's projection and a check of its reversal (Lelievre, Rousset and Stoltz, Numer. Math. 143 (2019)
379). It is given L / T, chi and their derivatives, written here in NumPy, and nothing of this package. Its option
`dens_wrt_hausdorff` says what exp(-L/T) is a density of: if true, of the surface measure dS, which is the rigid law; if
false, of Lebesgue measure before the condition chi = c, which is the slice law. Then Mici itself finds (det G)**(-1/2).

Each test is Hotelling's, on the proportions of 64 independent chains in cells of equal probability, so correlation
along a chain is paid for; the last test is of that. A right law fails below 1e-4 with that probability, about once in
1000 for the twelve such p-values of the file together; seeds are fixed. Wrong laws must fall below 1e-9.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
import scipy.special
import scipy.stats
from langevin_ib.sampling import StuckWalkers
from numpy.typing import NDArray

mici = pytest.importorskip("mici", reason="mici is not installed; it is part of the extra 'test'")

Array = NDArray[np.float64]

CHAINS, DRAWS, BURN_IN = 64, 54, 6
CELLS = 12
RIGHT, WRONG = 1e-4, 1e-9


@dataclass(frozen=True)
class Case:
    """A model twice: as the package has it, and as functions of one state or of many.

    chi_a = sum_i signs_ai x_i**2 / 2, and L = |z - 1|**2 / 2.
    """

    model: lib.Model
    temperature: float
    step_size: float  # of Mici
    level: tuple[float, ...]
    signs: Array
    start: tuple[float, ...]
    z: Callable[[Array], Array]  # (..., dim) -> (..., k)
    slope: Callable[[Array], Array]  # (dim,) -> (k, dim)
    observables: dict[str, Callable[[Array], Array]]  # the first is compared with its law, too
    log_gibbs: Callable[[Array, float], Array]
    """exp(-L/T) dz as a density of the first observable."""

    @property
    def first(self) -> str:
        return next(iter(self.observables))


def product_of_all(x: Array) -> Array:
    return x.prod(axis=-1, keepdims=True)


def log_gibbs(theta: Array, temperature: float) -> Array:
    return -((theta - 1.0) ** 2) / (2.0 * temperature)


def log_gibbs_of_length(s: Array, temperature: float) -> Array:
    """s**2 times exp(-L/T) over directions: that of exp(s sum_i omega_i / T) is 4 pi sinh(a) / a, a = sqrt(3) s / T."""
    a = 3.0**0.5 * s / temperature
    return 2.0 * np.log(s) - s**2 / (2.0 * temperature) + a + np.log(-np.expm1(-2.0 * a) / a)


CASES = {
    "uv": Case(
        model=lib.models.scalar_product(target=1.0),
        temperature=0.3,
        step_size=0.5,
        level=(0.5,),
        signs=np.array([[1.0, -1.0]]),
        start=(1.25, 0.75),
        z=product_of_all,
        slope=lambda x: x[None, ::-1],
        observables={"theta": lambda x: x.prod(axis=-1)},
        log_gibbs=log_gibbs,
    ),
    "chain of three": Case(
        model=lib.models.scalar_product(target=1.0, depth=3),
        temperature=0.3,
        step_size=0.35,
        level=(0.4, 0.3),
        signs=np.array([[1.0, -1.0, 0.0], [0.0, 1.0, -1.0]]),
        start=((0.25 + 1.4) ** 0.5, (0.25 + 0.6) ** 0.5, 0.5),
        z=product_of_all,
        slope=lambda x: np.array([[x[1] * x[2], x[0] * x[2], x[0] * x[1]]]),
        observables={"theta": lambda x: x.prod(axis=-1)},
        log_gibbs=log_gibbs,
    ),
    "neuron": Case(
        model=lib.models.relu_neuron(3, target=1.0),
        temperature=1.0,
        step_size=0.5,
        level=(0.5,),
        signs=np.array([[1.0, 1.0, 1.0, -1.0]]),
        start=(1.0, 1.0, 1.0, 2.0**0.5),
        z=lambda x: x[..., :3] * x[..., 3:],
        slope=lambda x: np.column_stack([x[3] * np.eye(3), x[:3]]),
        observables={
            "strength": lambda x: np.linalg.norm(x[..., :3], axis=-1) * np.abs(x[..., 3]),
            "z0": lambda x: x[..., 0] * x[..., 3],
        },
        log_gibbs=log_gibbs_of_length,
    ),
}
LAWS = [
    pytest.param("uv", False, id="uv, rigid"),
    pytest.param("uv", True, id="uv, slice"),
    pytest.param("chain of three", True, id="chain of three, slice"),
    pytest.param("neuron", False, id="neuron, rigid"),
    pytest.param("neuron", True, id="neuron, slice"),
]


@cache
def law(name: str, *, fixman: bool) -> lib.Density:
    case = CASES[name]
    dynamics = lib.Constrained(case.level, fixman=fixman)
    return lib.density(case.model, case.first, temperature=case.temperature, dynamics=dynamics)


def without_correction(name: str) -> lib.Density:
    case, support = CASES[name], law(name, fixman=True).support()
    return lib.Density.from_log_weight(
        lambda z: case.log_gibbs(z, case.temperature), name="no correction", reference="dz", support=support
    )


class System(mici.systems.DenseConstrainedEuclideanMetricSystem):
    """Mici's own, but for how G is inverted."""

    def inv_gram(self, state: Any) -> Array:
        # Mici's triangular solves of 2 x 2 wait for BLAS's threads: where cores are busy, for ten times as long as
        # everything else takes.
        return np.linalg.inv(self.gram(state).array)


@cache
def by_mici(name: str, *, fixman: bool) -> Array:
    """Return states of independent chains, (CHAINS, DRAWS, dim)."""
    case = CASES[name]
    signs, level, T = case.signs, np.array(case.level), case.temperature
    system = System(
        neg_log_dens=lambda x: ((case.z(x) - 1.0) ** 2).sum() / (2.0 * T),
        grad_neg_log_dens=lambda x: (case.z(x) - 1.0) @ case.slope(x) / T,
        constr=lambda x: signs @ x**2 / 2.0 - level,
        jacob_constr=lambda x: signs * x,
        mhp_constr=lambda x: lambda m: (m * signs).sum(axis=0),
        dens_wrt_hausdorff=not fixman,
    )
    integrator = mici.integrators.ConstrainedLeapfrogIntegrator(system, step_size=case.step_size)
    sampler = mici.samplers.StaticMetropolisHMC(system, integrator, np.random.default_rng(20260106), n_step=2)
    result = sampler.sample_chains(
        0,
        BURN_IN + DRAWS,
        [np.array(case.start)] * CHAINS,
        adapters=None,
        trace_funcs=[lambda state: {"x": state.pos}],
        monitor_stats=None,
        display_progress=False,
    )
    states = np.array(result.traces["x"])
    np.testing.assert_allclose(
        states**2 @ signs.T / 2.0, np.broadcast_to(level, (*states.shape[:2], len(level))), atol=1e-7
    )
    return states[:, BURN_IN:]


@cache
def by_sample(name: str, *, fixman: bool) -> Array:
    """Return states of the package's own exact sampler, one of each walker, as (CHAINS, walkers of a group, dim)."""
    case = CASES[name]
    with warnings.catch_warnings():
        # One walker in ten thousand stays where the way back is refused: less than a share of a cell is known to.
        warnings.simplefilter("ignore", StuckWalkers)
        run = lib.sample(
            case.model,
            dynamics=lib.Constrained(case.level, fixman=fixman),
            scheme="mala",
            temperature=case.temperature,
            step_size=0.3,
            steps=200,
            walkers=CHAINS * 400,
            initial=case.start,
            rng=7,
            progress=False,
        )
    assert run.acceptance > 0.3
    return run.states.reshape(CHAINS, 400, -1)


def proportions(draws: Array, cuts: Array) -> Array:
    """Return the share of each chain's draws in each cell, (chains, cells)."""
    cells = np.searchsorted(cuts, draws)
    return (cells[:, :, None] == np.arange(len(cuts) + 1)).mean(axis=1)


def mean_is_zero(deviations: Array) -> float:
    """Return Hotelling's p-value for independent rows, each of which adds up to zero."""
    d = deviations[:, :-1]
    n, k = d.shape
    squared = n * d.mean(axis=0) @ np.linalg.solve(np.cov(d.T), d.mean(axis=0))
    return float(scipy.stats.f.sf(squared * (n - k) / (k * (n - 1)), k, n - k))


def pvalue(draws: Array, density: lib.Density) -> float:
    """Return the p-value that chains have a law."""
    cuts = density.ppf(np.arange(1, CELLS) / CELLS)
    return mean_is_zero(proportions(draws, cuts) - 1.0 / CELLS)


def pvalue_of_two(draws: Array, others: Array) -> float:
    """Return the p-value that chains have the same law as others, of which each belongs to one of them."""
    cuts = np.quantile(others, np.arange(1, CELLS) / CELLS)
    return mean_is_zero(proportions(draws, cuts) - proportions(others, cuts))


@pytest.mark.long
@pytest.mark.parametrize(("name", "fixman"), LAWS)
def test_mici_finds_the_law_that_density_has(name, fixman) -> None:
    case = CASES[name]
    draws = case.observables[case.first](by_mici(name, fixman=fixman))
    assert pvalue(draws, law(name, fixman=fixman)) > RIGHT
    for rival in (law(name, fixman=not fixman), without_correction(name)):
        assert pvalue(draws, rival) < WRONG


@pytest.mark.long
@pytest.mark.parametrize(("name", "fixman"), LAWS)
def test_mici_finds_what_the_exact_sampler_samples(name, fixman) -> None:
    case, states, ours = CASES[name], by_mici(name, fixman=fixman), by_sample(name, fixman=fixman)
    for function in case.observables.values():
        assert pvalue_of_two(function(states), function(ours)) > RIGHT
    first = case.observables[case.first]
    assert pvalue_of_two(first(states), first(by_sample(name, fixman=not fixman))) < WRONG


def test_pvalues_are_uniform_for_chains_that_are_correlated() -> None:
    """1000 repetitions of chains of Gaussians with correlation 0.5, stronger than that of the chains above."""
    rng = np.random.default_rng(20260106)
    x = rng.standard_normal((1000, CHAINS))
    draws = []
    for _ in range(DRAWS):
        draws.append(x)
        x = 0.5 * x + 0.75**0.5 * rng.standard_normal(x.shape)
    cuts = scipy.special.ndtri(np.arange(1, CELLS) / CELLS)
    found = [mean_is_zero(proportions(chains, cuts) - 1.0 / CELLS) for chains in np.stack(draws, axis=2)]
    assert scipy.stats.kstest(found, "uniform").pvalue > 0.001
    # Of 1000 at a true rate of 0.1 %, six or more are below it with a probability of 6e-4.
    assert sum(p < 0.001 for p in found) < 6
    naive = [
        scipy.stats.chisquare(CHAINS * DRAWS * proportions(chains, cuts).mean(axis=0)).pvalue
        for chains in np.stack(draws, axis=2)[:300]
    ]
    assert scipy.stats.kstest(naive, "uniform").pvalue < 1e-6
