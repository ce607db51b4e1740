r"""Hotelling's T² for the mean of independent groups of unequal size: the test that pays for autocorrelation.

Walkers are independent, so groups of walkers are, and the spread between groups measures the variance of their
mean including every correlation along a walker. No autocorrelation time has to be estimated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, stats

__all__ = ["MeanTest", "mean_is_zero"]

FLOOR = 1e-3
"""Variances below this fraction of the independent-draw variance are raised to it; see `mean_is_zero`."""


@dataclass(frozen=True, eq=False)
class MeanTest:
    """Outcome of the test that K cell deviations, which add up to zero, have mean zero.

    Attributes
    ----------
    mean : array, shape (K,)
        The weighted mean deviation.
    covariance : array, shape (K, K)
        Its estimated covariance, of rank K - 1.
    statistic : float
        The F statistic.
    dof : (int, int)
        Its degrees of freedom (K - 1, G - K + 1).
    pvalue : float
        The upper tail of F.
    inefficiency : float
        The largest ratio, over all combinations of cells, of the variance to that of independent draws.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    statistic: float
    dof: tuple[int, int]
    pvalue: float
    inefficiency: float


def mean_is_zero(
    deviations: NDArray[np.float64],
    weights: NDArray[np.float64],
    expected: NDArray[np.float64],
    *,
    independent_variance: float,
    effective_groups: int | None = None,
) -> MeanTest:
    r"""Test that the cell deviations of independent groups have mean zero.

    With d_g the deviation of group g and Cov d_g = Σ / w_g, the mean d = Σ w_g d_g / Σ w_g has the covariance
    Σ / Σ w_g, Σ is estimated by S = Σ_g w_g (d_g - d)(d_g - d)ᵀ / (G - 1), and with k = K - 1 free cells

        T² = (Σ w_g) dᵀ S⁻¹ d,        F = (G - k) / (k (G - 1)) T²  ~  F(k, G - k)

    exactly for Gaussian d_g (Hotelling 1931; unequal weights change nothing, since √w_g d_g are then Gaussian with a
    common covariance) and by the central limit theorem otherwise.

    The inverse is taken in coordinates in which independent draws from the law have unit covariance, on the k
    dimensions that the constraint Σ d = 0 leaves. There the eigenvalues of the covariance are statistical
    inefficiencies. They are kept above 1e-3: a direction without any spread between groups (a cell that nobody
    visited) then counts as overwhelming evidence instead of as a division by zero, and no honest run is touched.

    Parameters
    ----------
    deviations : array, shape (G, K)
        Observed minus expected cell proportions; rows add up to zero.
    weights : array, shape (G,)
        Positive, inversely proportional to the variances of the rows.
    expected : array, shape (K,)
        The positive cell probabilities under the law.
    independent_variance : float
        1/N if N independent draws had the mean's sampling error.
    effective_groups : int, optional
        What to take for G in the degrees of freedom if the rows are known to differ in variance in a way that the
        weights do not say; by default the number of rows.

    Returns
    -------
    MeanTest
        With the p-value and what is needed to report it.
    """
    groups, cells = deviations.shape
    dimensions = cells - 1
    effective = groups if effective_groups is None else effective_groups
    root = np.sqrt(expected)
    basis = linalg.null_space(root[None, :])
    white = (deviations / root) @ basis
    total = weights.sum()
    mean = weights @ white / total
    residuals = (white - mean) * np.sqrt(weights)[:, None]
    covariance = residuals.T @ residuals / ((groups - 1) * total)
    inefficiencies, axes = np.linalg.eigh(covariance / independent_variance)
    inefficiencies = np.maximum(inefficiencies, FLOOR)
    variances = inefficiencies * independent_variance
    t_squared = float(np.sum((axes.T @ mean) ** 2 / variances))
    statistic = t_squared * (effective - dimensions) / (dimensions * (effective - 1))
    back = root[:, None] * (basis @ axes)
    return MeanTest(
        mean=(basis @ mean) * root,
        covariance=(back * variances) @ back.T,
        statistic=statistic,
        dof=(dimensions, effective - dimensions),
        pvalue=float(stats.f.sf(statistic, dimensions, effective - dimensions)),
        inefficiency=float(inefficiencies[-1]),
    )
