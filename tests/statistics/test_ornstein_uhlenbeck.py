"""Calibration of the whole chain, core and comparison: the harmonic case, whose laws in discrete time are exact.

For V = k x²/2 Euler-Maruyama has the stationary law N(0, (T/k) / (1 - k h/2)), Leimkuhler-Matthews and MALA N(0, T/k).
Walkers relax over 10 steps and are observed at every step. Seeds are fixed; a test of uniformity raises a false alarm
with a probability of 0.001. The negative controls are a temperature that is 5 % off and the law of h = 0 at h > 0.
"""

from __future__ import annotations

from functools import cache

import langevin_ib as lib
import numpy as np
import pytest
from scipy import stats

REPETITIONS = 200
STIFFNESS, TEMPERATURE, STEP_SIZE = 2.0, 0.7, 0.05
BURN_IN, TIME = 20.0, 500.0
CONTINUUM = TEMPERATURE / STIFFNESS
MODEL = lib.models.harmonic(stiffness=STIFFNESS)
HISTOGRAM = lib.Histogram(bins=120, range=(-2.5, 2.5))


def euler_maruyama_variance(step_size: float) -> float:
    return CONTINUUM / (1.0 - STIFFNESS * step_size / 2.0)


VARIANCE = {
    "euler-maruyama": euler_maruyama_variance(STEP_SIZE),
    "leimkuhler-matthews": CONTINUUM,
    "mala": CONTINUUM,
}


def normal(variance: float) -> lib.Density:
    return lib.Density.from_scipy(stats.norm(scale=variance**0.5), name=f"N(0, {variance:g})", reference="dx")


@cache
def runs(scheme: str, step_size: float = STEP_SIZE, **options: str) -> list[lib.HistogramResult]:
    return [
        lib.sample(
            MODEL,
            temperature=TEMPERATURE,
            step_size=step_size,
            steps=round((BURN_IN + TIME) / step_size),
            burn_in=round(BURN_IN / step_size),
            walkers=160,  # over 64 groups: of 3 and of 2 walkers
            rng=[seed, round(1 / step_size)],
            scheme=scheme,
            observe={"x": HISTOGRAM},
            threads=1,
            progress=False,
            **options,
        )["x"]
        for seed in range(REPETITIONS)
    ]


def uniformity(results: list[lib.Comparison]) -> float:
    return float(stats.kstest([result.pvalue for result in results], "uniform").pvalue)


@pytest.mark.long
@pytest.mark.parametrize("scheme", VARIANCE)
def test_pvalues_are_uniform_under_the_exact_law_of_the_scheme(scheme) -> None:
    law = normal(VARIANCE[scheme])
    results = [lib.compare(run, law) for run in runs(scheme)]
    assert uniformity(results) > 0.001
    # Not for want of power: the cells are many, and the draws worth thousands.
    assert min(len(result.z) for result in results) >= 15
    assert min(result.effective_samples for result in results) > 50_000


@pytest.mark.long
@pytest.mark.parametrize("options", [{"dtype": "float32"}, {"noise": "single"}], ids=["float32", "single"])
def test_pvalues_are_uniform_at_single_precision(options) -> None:
    law = normal(VARIANCE["euler-maruyama"])
    assert uniformity([lib.compare(run, law) for run in runs("euler-maruyama", **options)]) > 0.001


@pytest.mark.parametrize("scheme", VARIANCE)
@pytest.mark.parametrize("factor", [1.05, 1 / 1.05])
def test_a_temperature_that_is_5_percent_off_is_rejected(scheme, factor) -> None:
    law = normal(factor * VARIANCE[scheme])
    assert np.mean([not lib.compare(run, law).consistent() for run in runs(scheme)]) >= 0.95


def test_the_law_of_continuous_time_is_rejected_at_a_finite_step() -> None:
    """The bias of Euler-Maruyama, 5 % of the variance here, is seen and looks like a wrong law."""
    law = normal(CONTINUUM)
    assert np.mean([not lib.compare(run, law).consistent() for run in runs("euler-maruyama")]) >= 0.95


@pytest.mark.long
def test_pvalues_are_uniform_when_two_step_sizes_are_extrapolated() -> None:
    # The extrapolated variance is off by (k h)²/8 = 0.1 %, a fifth of its standard error.
    law = normal(CONTINUUM)
    pairs = zip(runs("euler-maruyama"), runs("euler-maruyama", STEP_SIZE / 2), strict=True)
    results = [lib.compare(coarse, law, finer=fine) for coarse, fine in pairs]
    assert uniformity(results) > 0.001
    found = [result.discretisation for result in results]
    assert np.mean([d.pvalue_coarse < 1e-3 for d in found if d is not None]) >= 0.95


def test_extrapolation_still_rejects_a_wrong_temperature() -> None:
    law = normal(1.1 * CONTINUUM)
    pairs = zip(runs("euler-maruyama"), runs("euler-maruyama", STEP_SIZE / 2), strict=True)
    # 10 % and not 5 %, because extrapolation makes proportions noisier by the root of 5.
    assert np.mean([not lib.compare(coarse, law, finer=fine).consistent() for coarse, fine in pairs]) >= 0.95


@pytest.mark.parametrize("scheme", VARIANCE)
def test_moments_are_those_of_the_exact_law(scheme) -> None:
    """Var and E[x⁴] = 3 Var² within 4.9 standard errors: a false alarm once in a million."""
    run = lib.sample(
        MODEL,
        temperature=TEMPERATURE,
        step_size=STEP_SIZE,
        steps=20_400,
        burn_in=400,
        walkers=4096,
        rng=11,
        scheme=scheme,
        observe={"x": lib.Moments(every=5, order=4)},
        threads=1,
        progress=False,
    )
    moments, variance = run["x"], VARIANCE[scheme]
    exact = {1: 0.0, 2: variance, 3: 0.0, 4: 3.0 * variance**2}
    for k, value in exact.items():
        assert abs(moments.moment(k) - value) < 4.9 * moments.standard_error(k)
    # The error is small enough to tell the schemes apart: the laws differ by 5 %.
    assert moments.standard_error(2) < 0.002 * variance
