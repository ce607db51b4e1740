"""The test of a law that is known up to an error: that of the nearest distribution function within it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import linalg, optimize, stats

from .hotelling import MeanTest

__all__ = ["allowing_for"]

_NEGLIGIBLE = 1e-6
"""No run resolves less."""


def allowing_for(test: MeanTest, error: float) -> MeanTest:
    r"""Return a test of the hypothesis that the distribution function lies within an error of the law.

    With D the cumulated deviations at the boundaries of the cells and C their covariance it takes

        min { (D - e)^T C^(-1) (D - e) : |e_j| <= error }

    for T². The true law is among those, so that T² is at most what it is for that one: p-values are too large, never
    too small.

    Parameters
    ----------
    test : MeanTest
        The test of the law as it stands.
    error : float
        A bound on the error of its distribution function, at all boundaries; below 1e-6 it plays no part.
    """
    if error <= _NEGLIGIBLE:
        return test
    deviations = np.cumsum(test.mean)[:-1]
    covariance = np.cumsum(np.cumsum(test.covariance, axis=0), axis=1)[:-1, :-1]
    root = linalg.cholesky(covariance, lower=True)
    whitening = linalg.solve_triangular(root, np.eye(len(root)), lower=True)
    nearest = optimize.lsq_linear(whitening, whitening @ deviations, bounds=(-error, error))
    dimensions, rest = test.dof
    statistic = 2.0 * float(nearest.cost) * rest / (dimensions * (dimensions + rest - 1))
    pvalue = max(float(stats.f.sf(statistic, dimensions, rest)), test.pvalue)
    return replace(test, statistic=min(statistic, test.statistic), pvalue=pvalue)
