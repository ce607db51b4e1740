"""Whether a run has equilibrated, from nothing but what it kept: R-hat, effective samples, drift of each observable."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..observe import Histogram, Kept, Moments, Trace
from .convergence import (
    FEWEST_DRAWS,
    effective_bulk,
    effective_tail,
    ranked,
    split_rhat,
)
from .files import Snapshot
from .loop import Driver
from .stuck import remark_on_stuck

__all__ = ["Diagnosis", "Diagnostics", "diagnose", "remarked"]

MOST = 2**20
"""Of a trace, walkers are taken until there are so many values."""

MOST_FOR_REMARKS = 2**14
"""The same where nobody asked."""

MOST_WALKERS_FOR_REMARKS = 2**17
"""Of moments and final states, so many walkers are looked at where nobody asked."""

MIXED = 1.05
"""An R-hat above this is remarked on: walkers are then shorter than some ten or twenty correlation times."""

DRIFTING = 5.0
"""So is a drift of more standard errors than this: a false alarm in a million."""

FEWEST_GROUPS = 8
"""So many groups of walkers give a spread that is worth the name."""

REMARK = "diagnostics: "
"""How remarks begin, so that those of a shorter run are told from other notes."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Diagnosis:
    """What one observer says of convergence; NaN is what cannot be told from what it kept.

    Attributes
    ----------
    observable : str
        Of what.
    kept : str
        "trace", "moments" or "histogram".
    rhat : float
        How much more all observations vary than those of one walker, as a ratio of standard deviations: near 1 if each
        walker alone has seen the whole law. From traces it is the rank-normalised split R-hat of Vehtari et al. (2021),
        from moments the one of Gelman and Rubin (1992), and from histograms an estimate of that for ranks by the spread
        of groups of walkers.
    effective_bulk, effective_tail : float
        How many independent draws would tell the middle, and the 5 % and 95 % quantiles, as well. Moments: the mean.
    drift : float
        How far apart two ends of the run are, in standard errors from the spread between walkers: the two halves of a
        trace; else the final states and the average over the run. The larger one of location and spread.
    """

    observable: str
    kept: str
    rhat: float
    effective_bulk: float
    effective_tail: float
    drift: float


@dataclass(frozen=True)
class Diagnostics:
    """What a run says of its own convergence, without any law. It prints as a table.

    Attributes
    ----------
    rows : tuple of Diagnosis
        One for each observer.
    acceptance : (float, float, float) or None
        The smallest, the median and the largest acceptance of a walker under ``mala``.
    remarks : tuple of str
        What deserves attention; they are in ``run.notes``, too.
    """

    rows: tuple[Diagnosis, ...]
    acceptance: tuple[float, float, float] | None
    remarks: tuple[str, ...]

    def __getitem__(self, name: str) -> tuple[Diagnosis, ...]:
        """Return the rows of an observable."""
        return tuple(row for row in self.rows if row.observable == name)

    def __iter__(self) -> Iterator[Diagnosis]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        head = ("observable", "kept", "R-hat", "ess bulk", "ess tail", "drift")
        table = [head] + [
            (row.observable, row.kept, *map(_shown, (row.rhat, row.effective_bulk, row.effective_tail, row.drift)))
            for row in self.rows
        ]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(pairs)
            ).rstrip()
            for pairs in (tuple(zip(row, widths, strict=True)) for row in table)
        ]
        if self.acceptance is not None:
            least, median, most = self.acceptance
            lines.append(f"acceptance of walkers: {least:.1%} to {most:.1%}, median {median:.1%}")
        return "\n".join([*lines, *self.remarks])


def diagnose(snapshot: Snapshot) -> Diagnostics:
    """Return what a run says of its convergence."""
    settings, progressed = snapshot.settings, snapshot.progressed
    rows = _diagnoses(snapshot, MOST, 1)
    acceptance = None
    if progressed.acceptance is not None:
        rates = progressed.acceptance.rates(settings, progressed.steps)
        # Before the first proposal there are none.
        if not np.isnan(rates).any():
            acceptance = (float(rates.min()), float(np.median(rates)), float(rates.max()))
    return Diagnostics(rows, acceptance, tuple(_remarks(snapshot, rows)))


def remarked(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the notes of a run with the remarks that it deserves now, in place of those that it did before."""
    kept = tuple(note for note in snapshot.notes if not note.startswith(REMARK))
    # An odd number apart, so that every group of walkers is among them.
    apart = snapshot.settings.count // MOST_WALKERS_FOR_REMARKS | 1
    return (*kept, *_remarks(snapshot, _diagnoses(snapshot, MOST_FOR_REMARKS, apart)))


def _diagnoses(snapshot: Snapshot, most: int, apart: int) -> tuple[Diagnosis, ...]:
    """Return what observers say, of traces by so many values at most, and else by walkers so far apart."""
    settings, progressed = snapshot.settings, snapshot.progressed
    return tuple(
        _diagnosis(snapshot, (name, spec, kept), most, apart)
        for kept, (name, spec) in zip(progressed.kept, settings.observe, strict=True)
        if settings.observations(spec, progressed.steps) > 0 and not spec.is_of_states
    )


def _remarks(snapshot: Snapshot, rows: tuple[Diagnosis, ...]) -> Iterator[str]:
    stuck = remark_on_stuck(snapshot)
    if stuck is not None:
        yield f"{REMARK}{stuck}"
    if snapshot.process.temperature == 0.0 or snapshot.process.deaths:
        # There is nothing to converge to.
        return
    drifting = _worst(rows, "drift", DRIFTING)
    if drifting:
        yield (
            f"{REMARK}drift of {drifting} standard errors within the run: it has not equilibrated, or it escapes, as "
            "walkers do where the law has no finite mass; sample with a longer burn_in, and look whether it stays"
        )
    apart = _worst(rows, "rhat", MIXED)
    if apart:
        yield (
            f"{REMARK}R-hat of {apart}, which is above {MIXED:g}: walkers differ more than each of them varies: what "
            "they see depends on where they started, or on how long they had, or they escape; sample longer, or with a "
            "longer burn_in, and look whether it falls"
        )


def _worst(rows: tuple[Diagnosis, ...], name: str, limit: float) -> str:
    """Name the observables whose value is beyond a limit, each with its largest."""
    found: dict[str, float] = {}
    for row in rows:
        value = getattr(row, name)
        if value > limit:
            found[row.observable] = max(value, found.get(row.observable, 0.0))
    return ", ".join(f"{observable} ({value:.3g})" for observable, value in found.items())


def _diagnosis(snapshot: Snapshot, observed: tuple[str, Any, Kept], most: int, apart: int) -> Diagnosis:
    name, spec, kept = observed
    # Infinite values are told from the others where ranks are taken, and nowhere else.
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        match spec:
            case Trace() if spec.every is None:
                # What was looked at at uneven steps has no autocorrelation to speak of.
                return Diagnosis(name, "trace", math.nan, math.nan, math.nan, math.nan)
            case Trace():
                return _of_trace(name, kept, most)
            case Moments():
                draws = snapshot.settings.observations(spec, snapshot.progressed.steps)
                return _of_moments(snapshot, name, kept, draws, apart)
            case Histogram():
                return _of_histogram(snapshot, name, spec, kept, apart)
    raise AssertionError(f"{spec!r} is no observer")


def _of_trace(name: str, kept: Kept, most: int) -> Diagnosis:
    walkers, draws = kept.shape
    if draws < FEWEST_DRAWS:
        return Diagnosis(name, "trace", math.nan, math.nan, math.nan, math.nan)
    stride = -(-kept.size // most)
    values = np.asarray(kept[::stride], dtype=np.float64)
    if np.isnan(values).any():
        return Diagnosis(name, "trace", math.nan, math.nan, math.nan, math.nan)
    share = walkers / len(values)
    scores, half = ranked(values), draws // 2
    changes = [x[:, -half:].mean(axis=1) - x[:, :half].mean(axis=1) for x in (scores, np.abs(scores))]
    return Diagnosis(
        name,
        "trace",
        split_rhat(values),
        share * effective_bulk(values),
        share * effective_tail(values),
        max(map(_away_from_zero, changes)),
    )


def _of_moments(snapshot: Snapshot, name: str, sums: Kept, draws: int, apart: int) -> Diagnosis:
    sums = sums[::apart]
    powers, pivots = sums[:, :-1] / draws, sums[:, -1]
    # Powers are those of the distance from each walker's pivot; all are taken from one place near by.
    centre = float(pivots.mean())
    shifts, final = pivots - centre, _final(snapshot, name, apart) - centre
    means = [shifts + powers[:, 0]]
    if powers.shape[1] > 1:
        means.append(shifts**2 + 2.0 * shifts * powers[:, 0] + powers[:, 1])
    drift = max(_away_from_zero(final ** (k + 1) - mean) for k, mean in enumerate(means))
    if len(means) < 2 or draws < 2 or len(pivots) < 2:
        return Diagnosis(name, "moments", math.nan, math.nan, math.nan, drift)
    within = float((powers[:, 1] - powers[:, 0] ** 2).mean()) * draws / (draws - 1)
    between = float(means[0].var(ddof=1))
    return Diagnosis(
        name, "moments", *_from_variances(within, between, draws, snapshot.settings.count), math.nan, drift
    )


def _of_histogram(snapshot: Snapshot, name: str, spec: Histogram, kept: Kept, apart: int) -> Diagnosis:
    counts = kept[:, : spec.bins + 2]
    sizes = counts.sum(axis=1)
    seen = sizes > 0
    groups = int(seen.sum())
    if spec.given is not None or groups < FEWEST_GROUPS:
        return Diagnosis(name, "histogram", math.nan, math.nan, math.nan, math.nan)
    share = counts.sum(axis=0) / sizes.sum()
    scores = np.cumsum(share) - share / 2.0 - 0.5
    means = counts[seen] @ scores / sizes[seen]
    settings = snapshot.settings
    draws = settings.observations(spec, snapshot.progressed.steps)
    # A group has so many walkers, all of which were looked at as often.
    walkers = settings.count / groups
    between = walkers * float(means.var(ddof=1))
    within = float(share @ scores**2 - (share @ scores) ** 2) - between
    rhat, effective = math.nan, math.nan
    if draws > 1:
        rhat, effective = _from_variances(max(within, 0.0) * draws / (draws - 1), between, draws, settings.count)
    final, of = _final(snapshot, name, apart), np.arange(*settings.walkers, apart, dtype=np.int64) % len(counts)
    drift = max(
        _away_from_zero(change)
        for change in _changes(final, of, spec, counts, np.stack([scores, np.abs(scores)], axis=1))
    )
    return Diagnosis(name, "histogram", rhat, effective, math.nan, drift)


def _changes(
    final: Values, groups: NDArray[np.int64], spec: Histogram, counts: NDArray[Any], scores: Values
) -> Iterator[Values]:
    """Yield for each score, a column of one number a slot, by how much it is another at the end, in each group."""
    slots = np.searchsorted(np.linspace(*spec.range, spec.bins + 1), final, side="right")
    sizes = np.bincount(groups, minlength=len(counts))
    there = (sizes > 0) & (counts.sum(axis=1) > 0)
    for score in scores.T:
        at_end = np.bincount(groups, weights=score[slots], minlength=len(counts))[there] / sizes[there]
        yield at_end - counts[there] @ score / counts[there].sum(axis=1)


def _from_variances(within: float, between: float, draws: int, walkers: int) -> tuple[float, float]:
    """Return R-hat, and the effective number of draws behind the mean of all."""
    if within <= 0.0:
        return (math.inf if between > 0.0 else math.nan), math.nan
    total = (draws - 1) / draws * within + between
    return math.sqrt(total / within), (total * walkers / between if between > 0.0 else math.nan)


def _away_from_zero(changes: Values) -> float:
    """Return how many standard errors the mean of independent numbers is away from zero; NaN if that is not known."""
    if len(changes) < FEWEST_GROUPS or not np.isfinite(changes).all():
        return math.nan
    spread = float(changes.std(ddof=1))
    return abs(float(changes.mean())) / spread * math.sqrt(len(changes)) if spread > 0.0 else math.nan


def _final(snapshot: Snapshot, name: str, apart: int) -> Values:
    return Driver.of(snapshot.process).observed(name, snapshot.progressed.states[::apart])


def _shown(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"
