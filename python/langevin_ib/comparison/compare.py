"""Test a sampled histogram against a law, with p-values that are right whatever the autocorrelation."""

from __future__ import annotations

import math
from numbers import Integral

import numpy as np

from ..checks import shown
from ..errors import InvalidArgumentError
from ..observe import HistogramResult
from ..schemes import SCHEMES
from .cells import Cells, Law, Slots, merge, split
from .comparison import RESOLVED, Comparison, Discretisation, WorstCell
from .hotelling import MeanTest
from .proportions import Proportions

__all__ = ["Comparison", "Discretisation", "Law", "WorstCell", "compare"]

FEWEST_GROUPS = 8
"""Below this many groups the covariance between them is not worth the name."""

MOST_CELLS = 24
"""More cells than this cost power against smooth deviations and gain little resolution."""

FEWEST_DRAWS_PER_CELL = 10.0
"""Cells are merged until each is worth this many independent draws; the central limit theorem needs them."""

FEWEST_DRAWS_PER_SQUARED_CELLS = 2.0
"""Cells are merged until draws / cells² reaches this, because the skewness of T² goes like cells² / draws.

Measured for independent draws, 64 groups and 21 cells at most: with this limit 0.1 to 0.3 % of the p-values under the
truth fall below 0.1 %, however few the draws; with 10 draws per cell alone up to 0.5 %, with 3 up to 1.8 %.
"""

REFUTED = 1e-6
"""A law that the bins do not resolve is reported as rejected below this p-value, and refused above."""


def compare(
    histogram: HistogramResult, law: Law, *, finer: HistogramResult | None = None, bins: int | None = None
) -> Comparison:
    r"""Test whether a histogram of independent walkers comes from a law.

    The bins and the two tails are merged to cells of about equal probability under the law, and the cell proportions
    of the groups of walkers are tested by Hotelling's T² (`langevin_ib.hotelling`). The covariance is that between
    independent groups, so correlation along a walker is paid for and the p-value is uniform if the law is right.

    If the law is conditioned on intervals, so is the histogram, on the bins that lie wholly inside of them.

    Parameters
    ----------
    histogram : HistogramResult
        The run, at step h.
    law : Law
        Anything with ``cdf``, ``support``, ``name``, ``reference`` and ``given``, such as a `Density`.
    finer : HistogramResult, optional
        The same observable at step h/2. The test is then that of the proportions extrapolated to step zero,
        2 p_{h/2} - p_h (Talay and Tubaro 1990), with groups paired, so it holds for independent runs and profits if
        both runs share their Brownian paths. What remains of the scheme's bias is O(h²).
    bins : int, optional
        The largest number of cells; by default a third of the number of groups, at most 24. Fewer are used if the run
        is worth less than 10 independent draws per cell, or less than 2 per squared number of cells, in the combination
        of cells that varies most between groups: there the statistic would not be F yet.

    Returns
    -------
    Comparison
        The p-value and what is needed to understand it.

    Raises
    ------
    InvalidArgumentError
        If there are fewer than 8 groups with observations, nothing or NaN was observed, walkers were stuck under
        ``mala``, ``law`` has not the members named above, the bins do not resolve it, or ``finer`` is not the same
        observable, scheme, temperature and histogram at half the step.

    Notes
    -----
    A cell that no walker ever visited has no spread. Whatever the autocorrelation, W independent stationary walkers
    miss a set of probability m with a probability of at most (1 - m)^W; the p-value is never reported below that,
    times the number of cells.

    Rare switching between states is the one thing that no test on such data can see through: if the walkers of
    fewer than some ten groups have found a state, the proportions are not yet Gaussian.
    """
    _check_law(law)
    runs = [(1.0, histogram)] if finer is None else [(-1.0, histogram), (2.0, finer)]
    for name, (_, run) in zip(("histogram", "finer"), runs, strict=False):
        _check_histogram(name, run)
    if finer is not None:
        _check_half_step(histogram, finer)
    slots = Slots.of(histogram, law)
    sample = Proportions.of(slots, *runs)
    cells, test = _test(sample, slots, _most_cells(bins, _enough_groups(sample, law)), law)
    impossible = any(slots.refute(part.counts) for part in sample.parts)
    origin = histogram.provenance
    return Comparison(
        pvalue=0.0 if impossible else test.pvalue,
        statistic=math.inf if impossible else test.statistic,
        dof=test.dof,
        ks=float(np.abs(np.cumsum(sample.slot_proportions() - slots.probability)).max()),
        total_variation=_total_variation(test),
        effective_samples=_effective_samples(test, cells, sample.groups),
        samples=sample.samples,
        observed=cells.expected + test.mean,
        expected=cells.expected,
        z=test.mean / np.sqrt(np.diag(test.covariance)),
        intervals=cells.intervals,
        observable=origin.observable,
        law_name=law.name,
        reference=law.reference,
        scheme=origin.scheme,
        step_size=origin.step_size,
        temperature=origin.temperature,
        groups=sample.groups,
        discretisation=None if finer is None else _discretisation(sample, cells, test, finer.provenance.step_size),
    )


def _test(sample: Proportions, slots: Slots, most: int, law: Law) -> tuple[Cells, MeanTest]:
    """Choose the cells, at most ``most``, and test the sample on them."""
    cells = merge(slots, most)
    if len(cells) < 2:
        return _refute(sample, slots, law)
    test = sample.test(cells)
    draws = 1.0 / (test.inefficiency * sample.independent_variance)
    affordable = int(min(draws / FEWEST_DRAWS_PER_CELL, math.sqrt(draws / FEWEST_DRAWS_PER_SQUARED_CELLS)))
    if affordable >= len(cells):
        return cells, test
    cells = merge(slots, max(affordable, 2))
    return cells, sample.test(cells)


def _refute(sample: Proportions, slots: Slots, law: Law) -> tuple[Cells, MeanTest]:
    """Test a law that has nearly all its probability in one bin: such bins can refute it, but never support it."""
    cells = split(slots)
    test = sample.test(cells) if len(cells) > 1 else None
    if test is None or test.pvalue > REFUTED:
        raise InvalidArgumentError(
            f"the histogram does not resolve law = {law.name!r}: a single bin or tail has the probability "
            f"{slots.probability.max():.6f}; use a range like law.interval(0.999) and at least 20 bins inside of it"
        )
    return cells, test


def _discretisation(sample: Proportions, cells: Cells, limit: MeanTest, finer_step_size: float) -> Discretisation:
    """Say how much of the deviation at step h goes away at step zero; the parts of the sample are h and h/2."""
    coarse = sample.scaled((1.0, 0.0)).test(cells)
    bias = sample.scaled((2.0, -2.0)).test(cells)
    explained = None
    if max(coarse.pvalue, bias.pvalue) < RESOLVED:
        at_h, at_zero = _squared_deviation(coarse, cells), _squared_deviation(limit, cells)
        explained = min(max(1.0 - at_zero / at_h, 0.0), 1.0) if at_h > 0 else None
    return Discretisation(
        finer_step_size=finer_step_size,
        pvalue_coarse=coarse.pvalue,
        pvalue_fine=sample.scaled((0.0, 1.0)).test(cells).pvalue,
        pvalue_no_bias=bias.pvalue,
        bias=_total_variation(bias),
        deviation=_total_variation(coarse),
        explained=explained,
    )


def _total_variation(test: MeanTest) -> float:
    return 0.5 * float(np.abs(test.mean).sum())


def _squared_deviation(test: MeanTest, cells: Cells) -> float:
    """Return Σ d² / p less its expectation under sampling noise alone."""
    return float(np.sum((test.mean**2 - np.diag(test.covariance)) / cells.expected))


def _effective_samples(test: MeanTest, cells: Cells, groups: int) -> float:
    """Return the n for which n independent draws from the observed proportions had the observed variance."""
    observed = np.clip(cells.expected + test.mean, 0.0, 1.0)
    independent = float(np.sum(observed * (1.0 - observed)))
    if independent < 1e-12:
        # Everything is in one cell: the data show no spread, and all that is known to be independent are the groups.
        return float(groups)
    return independent / float(np.trace(test.covariance))


def _check_law(law: Law) -> None:
    if not isinstance(law, Law):
        members = ("name", "reference", "given", "cdf", "support")
        missing = [name for name in members if not hasattr(law, name)]
        raise InvalidArgumentError(
            f"law = {shown(law)} is not a law: it has no {', '.join(missing)}; give what density(...) returns, or wrap "
            "a frozen scipy.stats distribution by Density.from_scipy"
        )


def _check_histogram(name: str, histogram: HistogramResult) -> None:
    if not isinstance(histogram, HistogramResult):
        raise InvalidArgumentError(
            f"{name} is a {type(histogram).__name__}; give the filled histogram of a run, sampled with "
            'observe={"...": Histogram(...)}'
        )
    if histogram.invalid:
        raise InvalidArgumentError(
            f"{name} holds {histogram.invalid} NaN observations of {histogram.provenance.observable}, which no law "
            "describes; find out where the observable is undefined, or use a smaller step"
        )
    if histogram.provenance.stuck:
        raise InvalidArgumentError(
            f"{name} was filled by {histogram.provenance.walkers} walkers of which {histogram.provenance.stuck} were "
            "stuck where mala refused everything (run.stuck_walkers): their points make the spread between groups, and "
            "no p-value is right; use a smaller step, or a burn_in, whose first half leads walkers to where they belong"
        )
    if histogram.spec.given is not None and histogram.total == 0:
        raise InvalidArgumentError(
            f"{name} was never counted: its condition given = {histogram.spec.given!r} held in none of "
            f"{histogram.elsewhere} looks; widen it or run longer"
        )
    seen = int((histogram.group_totals > 0).sum())
    if seen < FEWEST_GROUPS:
        raise InvalidArgumentError(
            f"{name} has observations in {seen} groups of walkers, too few to estimate a covariance; "
            f"use walkers >= {FEWEST_GROUPS}, better 64 or more, and at least every = {histogram.spec.every} steps"
        )


def _enough_groups(sample: Proportions, law: Law) -> int:
    groups = sample.effective_groups
    if groups < FEWEST_GROUPS:
        raise InvalidArgumentError(
            f"law = {law.name!r} is conditioned on {law.given}, where only the walkers of some {groups} groups "
            f"have been long enough; {FEWEST_GROUPS} are needed: use more walkers, a longer run or a wider condition"
        )
    return groups


def _check_half_step(coarse: HistogramResult, finer: HistogramResult) -> None:
    remedy = "finer= takes the same run at half the step"
    coarse.provenance.require_same(finer.provenance, "observable", "scheme", "temperature", remedy=remedy)
    h, half = coarse.provenance.step_size, finer.provenance.step_size
    if not math.isclose(2.0 * half, h, rel_tol=1e-9):
        raise InvalidArgumentError(f"finer has step_size {half!r}, which is not half of {h!r}; run it at {h / 2.0!r}")
    # 2 p_{h/2} - p_h removes a bias that is proportional to the step, and no other.
    linear = [scheme.name for scheme in SCHEMES.values() if scheme.order == 1.0]
    if coarse.provenance.scheme not in linear:
        raise InvalidArgumentError(
            f"finer= removes a bias of first order in the step, and scheme {coarse.provenance.scheme!r} is not known "
            f"to have one (known: {', '.join(linear)}); compare without finer="
        )
    shapes = [(run.spec.bins, run.spec.range, run.groups) for run in (coarse, finer)]
    if shapes[0] != shapes[1]:
        raise InvalidArgumentError(
            f"histogram and finer differ in (bins, range, groups): {shapes[0]} and {shapes[1]}; bin both runs alike"
        )


def _most_cells(bins: int | None, groups: int) -> int:
    if bins is None:
        return min(MOST_CELLS, max(groups // 3, 2))
    if isinstance(bins, bool) or not isinstance(bins, Integral) or not 2 <= int(bins) <= groups // 2:
        raise InvalidArgumentError(
            f"bins = {bins!r}: give a whole number of cells from 2 to {groups // 2}, half the number of groups"
        )
    return int(bins)
