"""What a comparison asks of histograms and laws before it tests anything; refusals say what to give instead."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..checks import shown
from ..errors import InvalidArgumentError
from ..observe import HistogramResult
from ..schemes import SCHEMES
from .cells import Law

__all__ = [
    "require_filled",
    "require_groups",
    "require_half_step",
    "require_independent",
    "require_law",
    "require_law_of",
    "require_same_question",
]

FEWEST_GROUPS = 8
"""Below this many groups the covariance between them is not worth the name."""


def require_filled(name: str, histogram: Any) -> None:
    """Refuse what is no histogram, and one that no test can be made of."""
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


def require_groups(groups: int, condition: str) -> None:
    """Refuse a condition that held for too few groups; of all others there are enough once each run is filled."""
    if groups < FEWEST_GROUPS:
        raise InvalidArgumentError(
            f"{condition}, where only the walkers of some {groups} groups have been long enough; {FEWEST_GROUPS} are "
            "needed: use more walkers, a longer run or a wider condition"
        )


def require_half_step(coarse: HistogramResult, finer: HistogramResult, name: str = "finer") -> None:
    """Refuse a second run that is not the first one at half the step."""
    remedy = f"{name}= takes the same run at half the step"
    coarse.provenance.require_same(finer.provenance, "observable", "scheme", "temperature", remedy=remedy)
    h, half = coarse.provenance.step_size, finer.provenance.step_size
    if not math.isclose(2.0 * half, h, rel_tol=1e-9):
        raise InvalidArgumentError(f"{name} has step_size {half!r}, which is not half of {h!r}; run it at {h / 2.0!r}")
    # 2 p_{h/2} - p_h removes a bias that is proportional to the step, and no other.
    linear = [scheme.name for scheme in SCHEMES.values() if scheme.order == 1.0]
    if coarse.provenance.scheme not in linear:
        raise InvalidArgumentError(
            f"{name}= removes a bias of first order in the step, and scheme {coarse.provenance.scheme!r} is not known "
            f"to have one (known: {', '.join(linear)}); compare without {name}="
        )
    shapes = [(run.spec.bins, run.spec.range, run.groups) for run in (coarse, finer)]
    if shapes[0] != shapes[1]:
        raise InvalidArgumentError(
            f"histogram and {name} differ in (bins, range, groups): {shapes[0]} and {shapes[1]}; bin both runs alike"
        )


def require_law(law: Any) -> None:
    """Refuse what is neither a law nor a histogram."""
    if not isinstance(law, Law):
        members = ("name", "reference", "given", "cdf", "support")
        missing = [name for name in members if not hasattr(law, name)]
        raise InvalidArgumentError(
            f"law = {shown(law)} is not a law: it has no {', '.join(missing)}; give what density(...) returns, wrap "
            "a frozen scipy.stats distribution by Density.from_scipy, or give the histogram of another run"
        )


def require_law_of(histogram: HistogramResult, law: Law) -> None:
    """Refuse the law of another observable, if it says of which it is one."""
    meant, seen = getattr(law, "observable", ""), histogram.provenance.observable
    if meant and meant != seen:
        raise InvalidArgumentError(
            f"law = {law.name!r} is the law of {meant!r}, and the histogram is one of {seen!r}; "
            f"take density(model, {seen!r}, ...), or observe {meant!r}"
        )


def require_same_question(one: HistogramResult, other: HistogramResult) -> None:
    """Refuse two runs that were not asked the same: another observable, model, temperature, condition or bins."""
    first, second = one.provenance, other.provenance
    first.require_same(second, "observable", remedy="observe the same in both runs")
    if not math.isclose(first.temperature, second.temperature, rel_tol=1e-9):
        raise InvalidArgumentError(
            f"the two runs differ in temperature: {first.temperature!r} and {second.temperature!r}; "
            "sample both at the same one"
        )
    if first.described and second.described and first.described != second.described:
        raise InvalidArgumentError(
            f"the two runs are of different models: parameters, loss, confinement, data or the formula of "
            f"{first.observable!r} are not the same; sample the same model twice (symmetry and slice may differ). If "
            "both describe the same law in other words, give one as HistogramResult.from_counts(...), which knows of "
            "no model"
        )
    if one.spec.given != other.spec.given:
        raise InvalidArgumentError(
            f"the two runs were counted under different conditions, given = {one.spec.given!r} and "
            f"{other.spec.given!r}; use the same"
        )
    bins = [(run.spec.bins, run.spec.range) for run in (one, other)]
    if bins[0] != bins[1]:
        raise InvalidArgumentError(
            f"the two runs differ in (bins, range): {bins[0]} and {bins[1]}; bin both runs alike"
        )


def require_independent(one: Sequence[HistogramResult], other: Sequence[HistogramResult]) -> None:
    """Refuse sides that share their noise: it is a function of the key, so runs of one key are not independent."""
    for first in one:
        for second in other:
            key = first.provenance.key
            if key is not None and key == second.provenance.key:
                raise InvalidArgumentError(
                    "the two runs have the same key, so their walkers were driven by the same noise and are not "
                    "independent; sample one of them with another rng="
                )
            # Everything in one bin may be so by chance, and is refused for what it is.
            if np.array_equal(first.raw_counts, second.raw_counts) and (first.raw_counts.sum(axis=0) > 0).sum() > 1:
                raise InvalidArgumentError(
                    f"the two runs have the same {first.total} counts in the same groups: that is one run twice; "
                    "compare independent runs"
                )
