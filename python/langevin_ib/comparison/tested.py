"""The test itself: how many cells the data afford, the verdict of the groups on them, and what half the step says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidArgumentError
from ..observe import Provenance
from .band import allowing_for
from .cells import Partition, Slots, merge, split
from .comparison import RESOLVED, Discretisation
from .hotelling import MeanTest
from .proportions import Proportions, Term

__all__ = ["discretised", "measured", "most_cells", "tested"]

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
"""What the bins do not resolve is reported as rejected below this p-value, and refused above."""


def tested(sample: Proportions, slots: Slots, most: int, *, unresolved: str) -> tuple[Partition, MeanTest]:
    """Choose the cells, at most ``most``, and test the sample on them.

    Parameters
    ----------
    sample : Proportions
        What is to be that of the slots, or zero.
    slots : Slots
        Their probabilities.
    most : int
        The largest number of cells.
    unresolved : str
        The refusal of what has nearly all its probability in one slot, without what is said of that slot.

    Raises
    ------
    InvalidArgumentError
        If nearly everything is in one slot, and that is no reason to reject.
    """
    cells = merge(slots, most)
    if len(cells) < 2:
        return _refuted(sample, slots, unresolved)
    test = sample.test(cells)
    draws = 1.0 / (test.inefficiency * sample.independent_variance)
    affordable = int(min(draws / FEWEST_DRAWS_PER_CELL, math.sqrt(draws / FEWEST_DRAWS_PER_SQUARED_CELLS)))
    if affordable < len(cells):
        cells = merge(slots, max(affordable, 2))
        test = sample.test(cells)
    return cells, allowing_for(test, slots.error)


def _refuted(sample: Proportions, slots: Slots, unresolved: str) -> tuple[Partition, MeanTest]:
    """Test where nearly all probability is in one bin: such bins can refute, but never support."""
    cells = split(slots)
    test = allowing_for(sample.test(cells), slots.error) if len(cells) > 1 else None
    if test is None or test.pvalue > REFUTED:
        raise InvalidArgumentError(
            f"{unresolved}: a single bin or tail has the probability {slots.probability.max():.6f}; use a "
            "narrower range, such as law.interval(0.999) of a law, and at least 20 bins inside of it"
        )
    return cells, test


def discretised(
    sample: Proportions,
    cells: Partition,
    limit: MeanTest,
    runs: Sequence[Term],
    *,
    side: int,
    error: float = 0.0,
) -> Discretisation | None:
    """Say how much of the deviation at step h goes away at step zero; None if there is no run at h/2.

    Parameters
    ----------
    sample : Proportions
        All runs.
    cells : Partition
        The cells of the test.
    limit : MeanTest
        The test at step zero, of all sides.
    runs : sequence of Term
        The runs of the side, at h and h/2.
    side : int
        Whose step.
    error : float
        What the law is uncertain by.
    """
    if len(runs) == 1:
        return None
    sign = 1.0 if side == 0 else -1.0

    def with_side(coarse: float, fine: float, others: float = 1.0) -> MeanTest:
        mine = iter((sign * coarse, sign * fine))
        test = sample.scaled(
            [next(mine) if part.side == side else others * part.coefficient for part in sample.parts]
        ).test(cells)
        return allowing_for(test, others * error)

    coarse, bias = with_side(1.0, 0.0), with_side(2.0, -2.0, others=0.0)
    explained = None
    if max(coarse.pvalue, bias.pvalue) < RESOLVED:
        at_h, at_zero = _squared_deviation(coarse, cells), _squared_deviation(limit, cells)
        explained = min(max(1.0 - at_zero / at_h, 0.0), 1.0) if at_h > 0 else None
    return Discretisation(
        finer_step_size=runs[1][1].provenance.step_size,
        pvalue_coarse=coarse.pvalue,
        pvalue_fine=with_side(0.0, 1.0).pvalue,
        pvalue_no_bias=bias.pvalue,
        bias=_total_variation(bias),
        deviation=_total_variation(coarse),
        explained=explained,
    )


def measured(
    sample: Proportions, cells: Partition, test: MeanTest, origin: Provenance, *, expected: NDArray[np.float64]
) -> dict[str, Any]:
    """Return what a `Comparison` says of the test, by the names of its fields.

    Parameters
    ----------
    sample, cells, test : Proportions, Partition, MeanTest
        What was tested, on which cells, and the outcome.
    origin : Provenance
        Of the run that was tested.
    expected : array, shape (K,)
        What its proportions should be.
    """
    return {
        "pvalue": test.pvalue,
        "statistic": test.statistic,
        "dof": test.dof,
        "total_variation": _total_variation(test),
        "effective_samples": _effective_samples(test, expected + test.mean, sample.groups),
        "samples": sample.samples,
        "observed": expected + test.mean,
        "expected": expected,
        "z": test.mean / np.sqrt(np.diag(test.covariance)),
        "intervals": cells.intervals,
        "observable": origin.observable,
        "scheme": origin.scheme,
        "step_size": origin.step_size,
        "temperature": origin.temperature,
        "groups": sample.groups,
    }


def _total_variation(test: MeanTest) -> float:
    return 0.5 * float(np.abs(test.mean).sum())


def _squared_deviation(test: MeanTest, cells: Partition) -> float:
    """Return Σ d² / p less its expectation under sampling noise alone."""
    return float(np.sum((test.mean**2 - np.diag(test.covariance)) / cells.expected))


def _effective_samples(test: MeanTest, observed: NDArray[np.float64], groups: int) -> float:
    """Return the n for which n independent draws from the observed proportions had the observed variance."""
    shares = np.clip(observed, 0.0, 1.0)
    independent = float(np.sum(shares * (1.0 - shares)))
    if independent < 1e-12:
        # Everything is in one cell: the data show no spread, and all that is known to be independent are the groups.
        return float(groups)
    return independent / float(np.trace(test.covariance))


def most_cells(bins: object, groups: int) -> int:
    """Return the largest number of cells that so many groups can be tested on, or what the user wants.

    Raises
    ------
    InvalidArgumentError
        If that is more than half the number of groups.
    """
    if bins is None:
        return min(MOST_CELLS, max(groups // 3, 2))
    if isinstance(bins, bool) or not isinstance(bins, Integral) or not 2 <= int(bins) <= groups // 2:
        raise InvalidArgumentError(
            f"bins = {bins!r}: give a whole number of cells from 2 to {groups // 2}, half the number of groups"
        )
    return int(bins)
