"""Rank-normalised split R-hat and effective sample sizes of several chains, by formulas that know no law.

Vehtari, Gelman, Simpson, Carpenter and Bürkner, Bayesian Analysis 16 (2021) 667; the autocovariances are added up as in
Geyer, Statist. Sci. 7 (1992) 473. All arrays have the shape (chains, draws).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEWEST_DRAWS", "effective_bulk", "effective_tail", "potential_scale_reduction", "ranked", "split_rhat"]

FEWEST_DRAWS = 4
"""Fewer draws cannot be split into two halves that have a spread."""

TAILS = (0.05, 0.95)
"""The quantiles whose estimates `effective_tail` is about."""

Chains = NDArray[np.float64]


def split_rhat(chains: Chains) -> float:
    """Return the larger R-hat of the ranks, and of the ranks of the distances from the median, of halved chains.

    It is near 1 if all halves of all chains have seen the same; NaN if nothing varies.
    """
    halves = _halved(chains)
    folded = np.abs(halves - np.median(halves))
    return max(potential_scale_reduction(ranked(halves)), potential_scale_reduction(ranked(folded)))


def effective_bulk(chains: Chains) -> float:
    """Return how many independent draws would tell the mean of the ranks as well."""
    return _effective(ranked(_halved(chains)))


def effective_tail(chains: Chains) -> float:
    """Return how many independent draws would tell the 5 % and the 95 % quantile as well, whichever are fewer."""
    halves = _halved(chains)
    return min(_effective((halves <= np.quantile(chains, q)).astype(np.float64)) for q in TAILS)


def potential_scale_reduction(chains: Chains) -> float:
    """Return R-hat: the root of the variance of all draws over that within chains; NaN if nothing varies."""
    draws = chains.shape[1]
    within = float(chains.var(axis=1, ddof=1).mean())
    between = float(chains.mean(axis=1).var(ddof=1)) if len(chains) > 1 else 0.0
    if within == 0.0:
        return float("inf") if between > 0.0 else float("nan")
    return float(np.sqrt((draws - 1) / draws + between / within))


def ranked(chains: Chains) -> Chains:
    """Return normal scores of the ranks among all draws; ties share their mean rank."""
    from scipy.special import ndtri  # noqa: PLC0415 - runs without traces do not wait for SciPy

    _, inverse, counts = np.unique(chains, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean_rank = last - (counts - 1) / 2.0
    scores: Chains = ndtri((mean_rank - 0.375) / (chains.size + 0.25))[inverse].reshape(chains.shape)
    return scores


def _halved(chains: Chains) -> Chains:
    half = chains.shape[1] // 2
    return np.concatenate([chains[:, :half], chains[:, -half:]])


def _effective(chains: Chains) -> float:
    count, draws = chains.shape
    if np.ptp(chains) == 0.0:
        return float(chains.size)
    covariances = _autocovariances(chains)
    within = float(covariances[0]) * draws / (draws - 1)
    variance = within * (draws - 1) / draws
    if count > 1:
        variance += float(chains.mean(axis=1).var(ddof=1))
    correlations = 1.0 - (within - covariances) / variance
    correlations[0] = 1.0
    time = max(_correlation_time(correlations), 1.0 / np.log10(chains.size))
    return float(chains.size / time)


def _autocovariances(chains: Chains) -> Chains:
    """Return the mean over chains of the autocovariances at each lag, shape (draws,)."""
    draws = chains.shape[1]
    length = 1 << (2 * draws - 1).bit_length()
    spectrum = np.fft.rfft(chains - chains.mean(axis=1, keepdims=True), n=length, axis=1)
    mean: Chains = np.fft.irfft((np.abs(spectrum) ** 2).mean(axis=0), n=length)[:draws] / draws
    return mean


def _correlation_time(correlations: Chains) -> float:
    """Return 1 + 2 times the sum of correlations: of pairs of lags, as long as they are positive, made monotone."""
    # Of the last lags there are too few products.
    last = max(-(-(len(correlations) - 2) // 2) - 1, 0)
    pairs = correlations[: 2 * last + 2].reshape(-1, 2)
    sums = pairs.sum(axis=1)
    ends = np.flatnonzero(sums <= 0.0)
    end = min(int(ends[0]), last) if len(ends) else last
    positive = np.minimum.accumulate(sums[:end])
    return float(2.0 * positive.sum() - 1.0 + max(pairs[end, 0], 0.0))
