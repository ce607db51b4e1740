"""Test a sampled histogram against a law or another run, with p-values that are right whatever the autocorrelation."""

from __future__ import annotations

import math

import numpy as np

from ..errors import InvalidArgumentError
from ..observe import HistogramResult
from .cells import Law, Slots
from .comparison import Comparison
from .proportions import Proportions, Term
from .required import (
    require_filled,
    require_groups,
    require_half_step,
    require_independent,
    require_law,
    require_law_of,
    require_same_question,
)
from .run_comparison import RunComparison
from .tested import discretised, measured, most_cells, tested

__all__ = ["compare"]


def compare(
    histogram: HistogramResult,
    law: Law | HistogramResult,
    *,
    finer: HistogramResult | None = None,
    other_finer: HistogramResult | None = None,
    bins: int | None = None,
) -> Comparison:
    r"""Test whether a histogram of independent walkers comes from a law, or from the same law as another run.

    The bins and the two tails are merged to cells of about equal probability under the law, and the cell proportions
    of the groups of walkers are tested by Hotelling's T² (`langevin_ib.hotelling`). The covariance is that between
    independent groups, so correlation along a walker is paid for and the p-value is uniform if the law is right.

    A law that is known up to an error (``law.error``), as one by sampling is, survives if a distribution function
    within that error does; errors below 1e-6 play no part.

    If the law is conditioned on intervals, so is the histogram, on the bins that lie wholly inside of them.

    Against another run no formula is needed: groups of the two runs are paired, and their differences are tested to be
    zero in the same way, on cells that are about equally probable in both runs together. So the spread of either run is
    paid for, however different they are. The runs have to be independent; dynamics, schemes, steps, lengths, numbers of
    walkers and groups may differ, and one may be counts that were made elsewhere (`HistogramResult.from_counts`).

    Parameters
    ----------
    histogram : HistogramResult
        The run, at step h.
    law : Law or HistogramResult
        Anything with ``cdf``, ``support``, ``name``, ``reference`` and ``given``, such as a `Density`; or the histogram
        of another run, with the same bins.
    finer : HistogramResult, optional
        The same observable at step h/2. The test is then that of the proportions extrapolated to step zero,
        2 p_{h/2} - p_h (Talay and Tubaro 1990), with groups paired, so it holds for independent runs and profits if
        both runs share their Brownian paths. What remains of the scheme's bias is O(h²).
    other_finer : HistogramResult, optional
        The same for the other run, if ``law`` is one: that at half of its step.
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
        ``mala``, ``law`` has not the members named above or is that of another observable, the bins do not resolve it,
        or ``finer`` is not the same observable, scheme, temperature and histogram at half the step. Against another
        run: if the runs share the key of their noise, or differ in observable, model (but for symmetry and slice),
        temperature, condition, bins or range.

    Notes
    -----
    A cell that no walker ever visited has no spread. Whatever the autocorrelation, W independent stationary walkers
    miss a set of probability m with a probability of at most (1 - m)^W; the p-value is never reported below that,
    times the number of cells.

    Rare switching between states is the one thing that no test on such data can see through: if the walkers of
    fewer than some ten groups have found a state, the proportions are not yet Gaussian.
    """
    runs = _side("histogram", histogram, "finer", finer)
    if isinstance(law, HistogramResult):
        return _with_run(runs, _side("law", law, "other_finer", other_finer), bins)
    require_law(law)
    if other_finer is not None:
        raise InvalidArgumentError("other_finer= belongs to another run, and law is a law; leave it out")
    return _with_law(runs, law, bins)


def _side(name: str, histogram: HistogramResult, finer_name: str, finer: HistogramResult | None) -> list[Term]:
    """Return what is tested of one side: its run, or its run and that at half the step, extrapolated to step zero."""
    require_filled(name, histogram)
    if finer is None:
        return [(1.0, histogram)]
    require_filled(finer_name, finer)
    require_half_step(histogram, finer, finer_name)
    return [(-1.0, histogram), (2.0, finer)]


def _with_law(runs: list[Term], law: Law, bins: int | None) -> Comparison:
    histogram = runs[0][1]
    require_law_of(histogram, law)
    slots = Slots.of(histogram, law)
    sample = Proportions.of(slots, *runs)
    require_groups(sample.effective_groups, f"law = {law.name!r} is conditioned on {law.given}")
    words = f"the histogram does not resolve law = {law.name!r}"
    cells, test = tested(sample, slots, most_cells(bins, sample.effective_groups), unresolved=words)
    facts = measured(sample, cells, test, histogram.provenance, expected=cells.expected)
    if any(slots.refute(part.counts) for part in sample.parts):
        facts |= {"pvalue": 0.0, "statistic": math.inf}
    return Comparison(
        **facts,
        ks=float(np.abs(np.cumsum(sample.slot_proportions() - slots.probability)).max()),
        law_name=law.name,
        reference=law.reference,
        discretisation=discretised(sample, cells, test, runs, side=0, error=slots.error),
        law_error=slots.error,
    )


def _with_run(runs: list[Term], others: list[Term], bins: int | None) -> RunComparison:
    (_, histogram), (_, other) = runs[0], others[0]
    require_same_question(histogram, other)
    require_independent([run for _, run in runs], [run for _, run in others])
    # At the smaller step, if there are two: extrapolated proportions may be negative.
    slots = Slots.pooled(runs[-1][1], others[-1][1])
    sample = Proportions.between(slots, runs, others)
    require_groups(sample.effective_groups, f"both runs were counted given {histogram.spec.given}")
    words = "the histograms do not resolve what was observed"
    cells, test = tested(sample, slots, most_cells(bins, sample.effective_groups), unresolved=words)
    return RunComparison(
        **measured(sample, cells, test, histogram.provenance, expected=sample.proportions_of(1, cells)),
        ks=float(np.abs(np.cumsum(sample.slot_proportions())).max()),
        law_name=f"another run, by {RunComparison.manner(other.provenance.scheme, other.provenance.step_size)}",
        reference="proportions of the other run",
        discretisation=discretised(sample, cells, test, runs, side=0),
        other_scheme=other.provenance.scheme,
        other_step_size=other.provenance.step_size,
        other_discretisation=discretised(sample, cells, test, others, side=1),
    )
