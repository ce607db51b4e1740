"""A law that is known up to an error is tested as the nearest one within it: p-values are never too small."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from langevin_ib.comparison import compare
from langevin_ib.comparison.band import allowing_for
from langevin_ib.comparison.hotelling import mean_is_zero
from langevin_ib.observe import HistogramResult
from numpy.typing import ArrayLike, NDArray
from scipy import stats

EXPECTED = np.array([0.2, 0.3, 0.5])
EDGES = np.linspace(-4.0, 4.0, 81)


def outcome(seed: int, shift: float = 0.0):
    """A test of 30 Gaussian groups in three cells."""
    rng = np.random.default_rng(seed)
    z = np.sqrt(EXPECTED) * rng.normal(size=(30, 3)) / 30 + shift * np.array([1.0, 1.0, -2.0])
    rows = z - EXPECTED * z.sum(axis=1, keepdims=True)
    return mean_is_zero(rows, np.ones(30), EXPECTED, independent_variance=1e-4)


@dataclass(frozen=True)
class Uncertain:
    """A normal law, and what it may be wrong by."""

    scale: float
    error: float
    given: None = None
    name: str = "uncertain law"
    reference: str = "dx"

    def cdf(self, x: ArrayLike) -> NDArray[np.float64]:
        return stats.norm(scale=self.scale).cdf(x)

    def support(self) -> tuple[float, float]:
        return -np.inf, np.inf


def counted(seed: int, spread: float = 1.0) -> HistogramResult:
    x = spread * np.random.default_rng(seed).normal(size=(64, 2000))
    counts = np.stack([np.histogram(row, EDGES)[0] for row in x])
    tails = {"underflow": (x < -4.0).sum(axis=1), "overflow": (x >= 4.0).sum(axis=1)}
    return HistogramResult.from_counts(counts, EDGES, observable="x", temperature=1.0, **tails)


@pytest.mark.parametrize(("shift", "error"), [(0.0, 1e-3), (0.01, 3e-3), (0.01, 0.02)])
def test_it_is_the_smallest_statistic_within_the_error(shift, error) -> None:
    test = outcome(1, shift)
    found = allowing_for(test, error)
    inverse = np.linalg.inv(np.cumsum(np.cumsum(test.covariance, axis=0), axis=1)[:-1, :-1])
    deviations = np.cumsum(test.mean)[:-1]
    grid = np.linspace(-error, error, 401)
    smallest = min(
        float(d @ inverse @ d) for e in itertools.product(grid, grid) if (d := deviations - np.array(e)) is not None
    )
    whole = float(deviations @ inverse @ deviations)
    assert test.statistic * 2 * 29 / 28 == pytest.approx(whole, rel=1e-9)
    assert found.statistic == pytest.approx(test.statistic * smallest / whole, rel=1e-3, abs=1e-3)
    assert found.pvalue >= test.pvalue


def test_nothing_is_left_if_the_error_is_larger_than_the_deviation() -> None:
    found = allowing_for(outcome(1, 0.01), 0.2)
    assert found.statistic == pytest.approx(0.0, abs=1e-9)
    assert found.pvalue == pytest.approx(1.0)


def test_what_nobody_could_see_plays_no_part() -> None:
    test = outcome(2)
    assert allowing_for(test, 1e-7) is test


def test_a_law_that_is_wrong_by_less_than_it_says_is_not_rejected() -> None:
    """The law is off by 0.004 at most; of 40 runs one below 0.001 would have a probability of less than 0.04."""
    off = float(np.abs(stats.norm(scale=1.0).cdf(EDGES) - stats.norm(scale=1.02).cdf(EDGES)).max())
    found = [compare(counted(seed), Uncertain(1.02, off)).pvalue for seed in range(40)]
    assert min(found) > 1e-3
    # The negative control: the same law as if it were exact.
    assert np.mean([compare(counted(seed), Uncertain(1.02, 0.0)).pvalue < 1e-3 for seed in range(40)]) > 0.9


def test_a_law_that_is_wrong_by_more_is_still_rejected() -> None:
    assert compare(counted(3), Uncertain(1.1, 0.004)).pvalue < 1e-6


def test_it_is_told() -> None:
    result = compare(counted(4), Uncertain(1.0, 0.004))
    assert result.law_error == 0.004
    assert "known within 0.004, which is allowed for" in str(result)
    assert "allowed for" not in str(compare(counted(4), Uncertain(1.0, 1e-13)))
