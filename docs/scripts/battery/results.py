"""What a test reports: a statistic, what it should be, and how probable it is to be so far off by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """One line of the report; `p` is two-sided unless the note says otherwise, and None where nothing is tested."""

    group: str
    test: str
    statistic: float
    expected: float
    p: float | None
    note: str = ""

    def __str__(self) -> str:
        """Format the line."""
        p = "" if self.p is None else f"p = {self.p:.3g}"
        return f"{self.group:13} {self.test:58} {self.statistic:<12.7g} {self.expected:<12.7g} {p:13} {self.note}"


def discrete(law: stats.rv_frozen, count: float) -> float:
    """Return the two-sided p-value of a count."""
    return float(min(1.0, 2 * min(law.cdf(count), law.sf(count - 1))))


def poisson(group: str, test: str, count: int, mean: float, note: str = "") -> Result:
    """Compare a number of rare events with its expectation."""
    return Result(group, test, count, mean, discrete(stats.poisson(mean), count), note)


def chi_square(group: str, test: str, observed: Floats, expected: Floats, fewest: float = 10.0) -> Result:
    """Compare counts of cells with their exact expectations; cells that expect fewer than `fewest` are pooled."""
    observed, expected = np.ravel(observed).astype(float), np.ravel(expected).astype(float)
    if not np.isclose(observed.sum(), expected.sum(), rtol=1e-9):
        raise ValueError(f"{test}: {observed.sum()} counts, {expected.sum()} expected")
    small = expected < fewest
    if small.any() and expected[small].sum() > 0:
        observed = np.append(observed[~small], observed[small].sum())
        expected = np.append(expected[~small], expected[small].sum())
    return chi_square_sum(group, test, float(((observed - expected) ** 2 / expected).sum()), len(observed) - 1)


def chi_square_sum(group: str, test: str, statistic: float, freedom: int) -> Result:
    """Report a chi-square; fits that are too good count as much as fits that are too bad."""
    law = stats.chi2(freedom)
    p = float(min(1.0, 2 * min(law.cdf(statistic), law.sf(statistic))))
    return Result(group, test, statistic, freedom, p, "chi-square, expected: degrees of freedom")


def at_least_one(p: float, tries: int) -> float:
    """Return the probability that one of many independent tries is as extreme."""
    return float(-np.expm1(tries * np.log1p(-min(p, 1 - 1e-16))))


def standard_scores(group: str, test: str, scores: Floats) -> list[Result]:
    """Report many standard scores: the largest, corrected for their number, and the sum of squares."""
    scores = np.ravel(scores)
    worst = float(np.abs(scores).max())
    corrected = at_least_one(2 * stats.norm.sf(worst), len(scores))
    typical = float(stats.norm.isf(-np.expm1(-np.log(2) / len(scores)) / 2))
    note = f"largest of {len(scores)} standard scores, expected: median; p corrected for their number, one-sided"
    total = chi_square_sum(group, f"{test}, sum of squares", float((scores**2).sum()), len(scores))
    return [Result(group, f"{test}, largest", worst, typical, corrected, note), total]
