"""Calibration: p-values are uniform under the truth whatever the autocorrelation, and a 5 % error is found.

The process is Euler-Maruyama for V = x²/2, started in its stationary law: exactly N(0, T / (1 - h/2)) at step h.
Walkers relax over 10 steps and are observed at every step. Each test of uniformity has a false-alarm rate of 0.001 and
a fixed seed. The negative controls are a test that ignores autocorrelation and one that uses too many cells.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import numpy as np
import pytest
from langevin_ib.comparison.compare import compare
from langevin_ib.observe import Histogram, HistogramResult, Provenance
from numpy.typing import ArrayLike, NDArray
from scipy import stats

# The package may offer the function under the name of the module, so the module is looked up by name.
tested_module = importlib.import_module("langevin_ib.comparison.tested")

REPETITIONS = 200
WALKERS = 160  # over 64 groups: of 3 and of 2 walkers
GROUPS = 64
STEPS = 5000
STEP_SIZE = 0.1
TEMPERATURE = 0.7
SPEC = Histogram(bins=120, range=(-3.0, 3.0))


@dataclass(frozen=True)
class Normal:
    """N(0, variance), conditioned on intervals if they are given."""

    variance: float
    given: tuple[tuple[float, float], ...] | None = None
    name: str = "normal law"
    reference: str = "dx"

    def cdf(self, x: ArrayLike) -> NDArray[np.float64]:
        cdf = stats.norm(scale=self.variance**0.5).cdf
        pieces = self.given or ((-np.inf, np.inf),)
        below = sum(cdf(np.clip(x, lo, hi)) - cdf(lo) for lo, hi in pieces)
        return below / sum(cdf(hi) - cdf(lo) for lo, hi in pieces)

    def support(self) -> tuple[float, float]:
        return (-np.inf, np.inf) if self.given is None else (self.given[0][0], self.given[-1][1])


def stationary_variance(step_size: float) -> float:
    return TEMPERATURE / (1.0 - step_size / 2.0)


def filled(counts: NDArray[np.int64], step_size: float, walkers: int, observations: int) -> HistogramResult:
    origin = Provenance("x", "euler-maruyama", step_size, TEMPERATURE, walkers, observations, (1, 2))
    return HistogramResult(SPEC, origin, counts)


class Counter:
    """Histograms of many repetitions at once, in the layout of `HistogramResult`."""

    def __init__(self, repetitions: int, walkers: int, groups: int) -> None:
        self.shape = (repetitions, groups, SPEC.bins + 3)
        rows = np.arange(repetitions)[:, None] * groups + np.arange(walkers) % groups
        self.offsets = rows * (SPEC.bins + 3) + 1
        self.counts = np.zeros(self.shape, dtype=np.int64).ravel()
        self.waiting: list[NDArray[np.int64]] = []

    def see(self, x: NDArray[np.float64]) -> None:
        lo, hi = SPEC.range
        index = np.floor((x - lo) * (SPEC.bins / (hi - lo)))
        self.waiting.append((self.offsets + np.clip(index, -1, SPEC.bins).astype(np.int64)).ravel())
        if len(self.waiting) == 100:
            self.finish()

    def finish(self) -> NDArray[np.int64]:
        if self.waiting:
            self.counts += np.bincount(np.concatenate(self.waiting), minlength=len(self.counts))
            self.waiting = []
        return self.counts.reshape(self.shape)


@pytest.fixture(scope="module")
def runs() -> tuple[list[HistogramResult], list[HistogramResult]]:
    """200 runs at h and the same at h/2, driven by the same Brownian paths."""
    rng = np.random.default_rng(20260106)
    shape = (REPETITIONS, WALKERS)
    half = STEP_SIZE / 2.0
    start = rng.standard_normal(shape)
    coarse, fine = (start * stationary_variance(h) ** 0.5 for h in (STEP_SIZE, half))
    at_h, at_half = Counter(*shape, GROUPS), Counter(*shape, GROUPS)
    amplitude = (2.0 * TEMPERATURE * half) ** 0.5
    for _ in range(STEPS):
        first, second = amplitude * rng.standard_normal((2, *shape))
        coarse = (1.0 - STEP_SIZE) * coarse + first + second
        fine = (1.0 - half) * ((1.0 - half) * fine + first) + second
        at_h.see(coarse)
        at_half.see(fine)
    return (
        [filled(counts, STEP_SIZE, WALKERS, STEPS) for counts in at_h.finish()],
        [filled(counts, half, WALKERS, STEPS) for counts in at_half.finish()],
    )


def uniformity(pvalues: list[float]) -> float:
    return float(stats.kstest(pvalues, "uniform").pvalue)


def naive_pvalue(histogram: HistogramResult, law: Normal) -> float:
    """The chi-square test that takes every observation for an independent one."""
    edges = stats.norm(scale=law.variance**0.5).ppf(np.arange(1, 20) / 20)
    starts = np.concatenate(([0], np.searchsorted(histogram.edges, edges) + 1))
    observed = np.add.reduceat(histogram.raw_counts[:, :-1].sum(axis=0), starts)
    cuts = histogram.edges[starts[1:] - 1]
    expected = histogram.total * np.diff(np.concatenate(([0.0], law.cdf(cuts), [1.0])))
    return float(stats.chisquare(observed, expected).pvalue)


@pytest.mark.long
def test_pvalues_are_uniform_under_the_exact_law_of_the_scheme(runs) -> None:
    law = Normal(stationary_variance(STEP_SIZE))
    results = [compare(run, law) for run in runs[0]]
    assert uniformity([result.pvalue for result in results]) > 0.001
    assert all(len(result.z) >= 15 for result in results)
    # The walkers are correlated over ten steps (indicators of cells over fewer), and the test knows.
    efficiency = np.mean([result.effective_samples / result.samples for result in results])
    assert 0.2 < efficiency < 0.5


def test_a_test_that_ignores_autocorrelation_fails_the_same_calibration(runs) -> None:
    law = Normal(stationary_variance(STEP_SIZE))
    assert uniformity([naive_pvalue(run, law) for run in runs[0]]) < 1e-6


def test_a_temperature_that_is_5_percent_off_is_rejected(runs) -> None:
    law = Normal(1.05 * stationary_variance(STEP_SIZE))
    assert np.mean([not compare(run, law).consistent() for run in runs[0]]) >= 0.95


def test_extrapolated_pvalues_are_uniform_with_shared_brownian_paths(runs) -> None:
    law = Normal(TEMPERATURE)
    results = [compare(run, law, finer=finer) for run, finer in zip(*runs, strict=True)]
    assert uniformity([result.pvalue for result in results]) > 0.001
    # The runs themselves are far from the law of the continuum, and extrapolation says why.
    found = [result.discretisation for result in results]
    assert np.mean([d.pvalue_coarse < 1e-3 for d in found]) >= 0.95
    assert np.mean([d.pvalue_no_bias < 1e-3 for d in found]) >= 0.95
    assert np.median([d.explained for d in found if d.explained is not None]) > 0.9


def test_extrapolated_pvalues_are_uniform_for_independent_runs(runs) -> None:
    law = Normal(TEMPERATURE)
    coarse, fine = runs
    shifted = fine[1:] + fine[:1]
    results = [compare(run, law, finer=finer) for run, finer in zip(coarse, shifted, strict=True)]
    assert uniformity([result.pvalue for result in results]) > 0.001


def test_shared_brownian_paths_make_extrapolation_sharper(runs) -> None:
    law = Normal(TEMPERATURE)
    coarse, fine = runs
    paired = [compare(run, law, finer=finer) for run, finer in zip(coarse[:20], fine[:20], strict=True)]
    apart = [compare(run, law, finer=finer) for run, finer in zip(coarse[:20], fine[1:21], strict=True)]
    sharper = [a.effective_samples / b.effective_samples for a, b in zip(paired, apart, strict=True)]
    assert np.median(sharper) > 1.5


def test_pvalues_are_uniform_under_a_conditioned_law(runs) -> None:
    law = Normal(stationary_variance(STEP_SIZE), given=((-0.5, 0.5), (1.0, 3.0)))
    assert uniformity([compare(run, law).pvalue for run in runs[0]]) > 0.001


def share_below(level: float, *, walkers: int, repetitions: int, seed: int) -> float:
    """The share of p-values below a level for walkers that never move: one independent draw each, however long."""
    rng = np.random.default_rng(seed)
    counter = Counter(repetitions, walkers, min(walkers, GROUPS))
    counter.see(rng.standard_normal((repetitions, walkers)))
    results = [compare(filled(50 * counts, STEP_SIZE, walkers, 50), Normal(1.0)) for counts in counter.finish()]
    return float(np.mean([result.pvalue < level for result in results]))


@pytest.mark.long
@pytest.mark.parametrize("walkers", [64, 100, 512])
def test_walkers_that_never_move_are_not_rejected_too_often(walkers) -> None:
    # At a true rate of 2 %, 600 repetitions exceed 4 % with a probability of 0.001.
    assert share_below(0.01, walkers=walkers, repetitions=600, seed=walkers) < 0.04


def test_too_many_cells_for_the_draws_would_reject_too_often(monkeypatch) -> None:
    monkeypatch.setattr(tested_module, "FEWEST_DRAWS_PER_CELL", 1e-9)
    monkeypatch.setattr(tested_module, "FEWEST_DRAWS_PER_SQUARED_CELLS", 1e-9)
    assert share_below(0.01, walkers=128, repetitions=600, seed=128) > 0.04
