"""Hotelling's test: the textbook formula, exact uniformity for Gaussian groups, and no crash without spread."""

from __future__ import annotations

import numpy as np
import pytest
from langevin_ib.comparison.hotelling import mean_is_zero
from scipy import stats

EXPECTED = np.array([0.1, 0.2, 0.3, 0.25, 0.15])


def gaussian_groups(rng, groups: int, weights, inflation: float = 1.0):
    """Deviations with the covariance of multinomial proportions of w_g draws each, times an inflation.

    They are z - p Σ z with independent z_i ~ N(0, p_i): the covariance is diag(p) - p pᵀ, and a row adds up to zero
    because the p do. (It is singular, so what a factorisation makes of its zero eigenvalue depends on the machine.)
    """
    z = np.sqrt(inflation * EXPECTED) * rng.normal(size=(groups, EXPECTED.size))
    return (z - EXPECTED * z.sum(axis=1, keepdims=True)) / np.sqrt(weights)[:, None]


def test_groups_have_the_covariance_of_proportions() -> None:
    rows = gaussian_groups(np.random.default_rng(6), 40_000, np.full(40_000, 2.0), 3.0)
    np.testing.assert_allclose(rows.sum(axis=1), 0.0, atol=1e-15)
    covariance = 1.5 * (np.diag(EXPECTED) - np.outer(EXPECTED, EXPECTED))
    # An entry of the mean of n products has a standard error of at most sqrt(2 / n) times the largest variance.
    np.testing.assert_allclose(rows.T @ rows / len(rows), covariance, atol=5 * 1.5 * 0.21 * (2 / len(rows)) ** 0.5)


def test_it_is_the_textbook_statistic_for_equal_groups() -> None:
    rng = np.random.default_rng(1)
    rows = gaussian_groups(rng, 20, np.full(20, 50.0)) + np.array([0.01, -0.01, 0.0, 0.02, -0.02])
    free = rows[:, :-1]  # T² does not depend on which cell is left out
    mean, covariance = free.mean(axis=0), np.cov(free, rowvar=False)
    t_squared = 20 * mean @ np.linalg.solve(covariance, mean)
    test = mean_is_zero(rows, np.full(20, 50.0), EXPECTED, independent_variance=1e-3)
    assert test.statistic == pytest.approx(t_squared * 16 / (4 * 19), rel=1e-10)
    assert test.dof == (4, 16)
    assert test.pvalue == pytest.approx(stats.f.sf(test.statistic, 4, 16), rel=1e-12)
    np.testing.assert_allclose(test.mean, rows.mean(axis=0), atol=1e-15)
    np.testing.assert_allclose(test.covariance, np.cov(rows, rowvar=False) / 20, atol=1e-15)


def test_the_scale_of_the_weights_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    weights = rng.uniform(1, 5, size=30)
    rows = gaussian_groups(rng, 30, weights)
    one, other = (mean_is_zero(rows, w, EXPECTED, independent_variance=0.01) for w in (weights, 77.0 * weights))
    assert one.statistic == pytest.approx(other.statistic, rel=1e-10)
    np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-15)


@pytest.mark.parametrize("inflation", [0.2, 1.0, 300.0])
def test_pvalues_are_uniform_for_gaussian_groups_of_unequal_size(inflation) -> None:
    rng = np.random.default_rng(3)
    weights = np.repeat([1.0, 2.0, 5.0], 8)
    variance = 1.0 / weights.sum()
    tests = [
        mean_is_zero(gaussian_groups(rng, 24, weights, inflation), weights, EXPECTED, independent_variance=variance)
        for _ in range(2000)
    ]
    # False-alarm rate 0.001, fixed seed.
    assert stats.kstest([test.pvalue for test in tests], "uniform").pvalue > 0.001
    np.testing.assert_allclose(np.median([test.inefficiency for test in tests]) / inflation, 1.8, atol=0.3)


def test_ignoring_the_sizes_of_the_groups_fails_the_same_calibration() -> None:
    rng = np.random.default_rng(4)
    weights = np.repeat([1.0, 300.0], [3, 21])
    variance = 1.0 / weights.sum()
    tests = [
        mean_is_zero(gaussian_groups(rng, 24, weights), np.ones(24), EXPECTED, independent_variance=variance)
        for _ in range(2000)
    ]
    assert stats.kstest([test.pvalue for test in tests], "uniform").pvalue < 1e-6


def test_a_direction_without_spread_is_evidence_and_not_a_crash() -> None:
    rows = np.tile([0.05, -0.05, 0.0, 0.0, 0.0], (16, 1))
    test = mean_is_zero(rows, np.ones(16), EXPECTED, independent_variance=1e-4)
    assert test.pvalue < 1e-12
    assert np.isfinite(test.statistic)
    assert np.all(np.diag(test.covariance) > 0)


def test_no_spread_and_no_deviation_is_no_evidence() -> None:
    test = mean_is_zero(np.zeros((16, 5)), np.ones(16), EXPECTED, independent_variance=1e-4)
    assert test.pvalue == 1.0


def test_fewer_effective_groups_cost_degrees_of_freedom() -> None:
    rows = gaussian_groups(np.random.default_rng(5), 32, np.ones(32)) + 0.1 * np.array([1, -1, 0, 0, 0])
    full, fewer = (
        mean_is_zero(rows, np.ones(32), EXPECTED, independent_variance=1 / 32, effective_groups=g) for g in (None, 12)
    )
    assert full.dof == (4, 28)
    assert fewer.dof == (4, 8)
    assert fewer.pvalue > full.pvalue
