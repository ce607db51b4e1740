"""Calibration of a run against a run: p-values are uniform however different the two are, and a 5 % error is found.

Walkers are stationary and autocorrelated, x' = a x + sqrt(1 - a²) r, or Euler-Maruyama for V = x²/2 at step h. The two
sides differ in autocorrelation, length, walkers, groups and step. Each test of uniformity has a false-alarm rate of
0.001 and a fixed seed. The negative control is a test that ignores autocorrelation.
"""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from langevin_ib.comparison import compare
from langevin_ib.observe import Histogram, HistogramResult, Provenance
from numpy.typing import NDArray
from scipy import stats

REPETITIONS = 200
SPEC = Histogram(bins=60, range=(-3.0, 3.0))
KEYS = count(1)


class Counter:
    """Histograms of many repetitions at once, walker w in group w mod groups."""

    def __init__(self, walkers: int, groups: int, **origin) -> None:
        self.shape = (REPETITIONS, groups, SPEC.bins + 3)
        rows = np.arange(REPETITIONS)[:, None] * groups + np.arange(walkers) % groups
        self.offsets = rows * (SPEC.bins + 3) + 1
        self.counts = np.zeros(self.shape, dtype=np.int64).ravel()
        self.origin = {"step_size": 0.1, "walkers": walkers, "scheme": "euler-maruyama"} | origin
        self.looks = 0

    def see(self, x: NDArray[np.float64]) -> None:
        lo, hi = SPEC.range
        index = np.floor((x - lo) * (SPEC.bins / (hi - lo)))
        places = (self.offsets + np.clip(index, -1, SPEC.bins).astype(np.int64)).ravel()
        self.counts += np.bincount(places, minlength=len(self.counts))
        self.looks += 1

    def histograms(self, spec: Histogram = SPEC) -> list[HistogramResult]:
        return [
            HistogramResult(
                spec,
                Provenance("x", temperature=1.0, observations=self.looks, key=(next(KEYS), 0), **self.origin),
                counts,
            )
            for counts in self.counts.reshape(self.shape)
        ]


def autoregressive(seed: int, *, walkers: int, groups: int, steps: int, a: float, spread: float = 1.0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((REPETITIONS, walkers))
    counter = Counter(walkers, groups)
    for _ in range(steps):
        x = a * x + (1.0 - a * a) ** 0.5 * rng.standard_normal(x.shape)
        counter.see(spread * x)
    return counter.histograms()


def coupled(seed: int, step_size: float, *, walkers: int, steps: int):
    """Runs at h and at h/2 along the same Brownian paths, each started in its own stationary law."""
    rng = np.random.default_rng(seed)
    half = step_size / 2.0
    start = rng.standard_normal((REPETITIONS, walkers))
    coarse, fine = (start / (1.0 - h / 2.0) ** 0.5 for h in (step_size, half))
    counters = [Counter(walkers, 64, step_size=h) for h in (step_size, half)]
    for _ in range(steps):
        first, second = (2.0 * half) ** 0.5 * rng.standard_normal((2, *start.shape))
        coarse = (1.0 - step_size) * coarse + first + second
        fine = (1.0 - half) * ((1.0 - half) * fine + first) + second
        for counter, x in zip(counters, (coarse, fine), strict=True):
            counter.see(x)
    return [counter.histograms() for counter in counters]


SLOW = {"walkers": 64, "groups": 64, "steps": 400, "a": 0.9}


@pytest.fixture(scope="module")
def slow() -> list[HistogramResult]:
    return autoregressive(1, **SLOW)


def pvalues(ones, others) -> list[float]:
    return [compare(one, other).pvalue for one, other in zip(ones, others, strict=True)]


def uniformity(found: list[float]) -> float:
    return float(stats.kstest(found, "uniform").pvalue)


@pytest.mark.long
@pytest.mark.parametrize(
    "other",
    [
        pytest.param(SLOW, id="alike"),
        pytest.param({"walkers": 64, "groups": 64, "steps": 60, "a": 0.0}, id="independent draws"),
        pytest.param({"walkers": 100, "groups": 64, "steps": 300, "a": 0.5}, id="groups of unequal size"),
        pytest.param({"walkers": 24, "groups": 24, "steps": 400, "a": 0.8}, id="fewer groups"),
        pytest.param({"walkers": 9, "groups": 9, "steps": 2000, "a": 0.8}, id="nine chains"),
    ],
)
def test_pvalues_are_uniform_if_the_laws_are_the_same(slow, other) -> None:
    others = autoregressive(2, **other)
    assert uniformity(pvalues(slow, others)) > 0.001
    assert uniformity(pvalues(others, slow)) > 0.001


def test_a_test_that_ignores_autocorrelation_fails_the_same_calibration(slow) -> None:
    others = autoregressive(2, **SLOW)

    def naive(one: HistogramResult, other: HistogramResult) -> float:
        table = np.add.reduceat([run.slot_counts.sum(axis=0) for run in (one, other)], range(0, 60, 5), axis=1)
        return float(stats.chi2_contingency(table).pvalue)

    found = [naive(one, other) for one, other in zip(slow, others, strict=True)]
    assert uniformity(found) < 1e-6


def test_a_spread_that_is_5_percent_off_is_rejected() -> None:
    one, other = ({"walkers": 64, "groups": 64, "steps": 1200, "a": 0.2, "spread": spread} for spread in (1.0, 1.05))
    assert np.mean(np.less(pvalues(autoregressive(3, **one), autoregressive(4, **other)), 1e-3)) >= 0.95


@pytest.fixture(scope="module")
def steps():
    """Of h = 0.15 and 0.3 extrapolation leaves h²/8 of the variance, which is not seen in so few observations."""
    return coupled(5, 0.15, walkers=64, steps=800), coupled(6, 0.3, walkers=64, steps=400)


def test_pvalues_are_uniform_when_both_sides_are_extrapolated(steps) -> None:
    (coarse, fine), (other, other_fine) = steps
    quadruples = zip(coarse, other, fine, other_fine, strict=True)
    found = [compare(a, b, finer=c, other_finer=d).pvalue for a, b, c, d in quadruples]
    assert uniformity(found) > 0.001


def test_pvalues_are_uniform_when_one_side_is_extrapolated(steps) -> None:
    (coarse, fine), _ = steps
    exact = autoregressive(7, walkers=64, groups=64, steps=200, a=0.5)
    found = [compare(a, b, finer=c).pvalue for a, b, c in zip(coarse, exact, fine, strict=True)]
    assert uniformity(found) > 0.001


def test_without_extrapolation_the_same_runs_fail_the_calibration(steps) -> None:
    (coarse, _), (other, _) = steps
    assert uniformity(pvalues(coarse, other)) < 1e-6
