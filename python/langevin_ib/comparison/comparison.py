"""The verdict on a run and a law: the numbers, the table they print as, and their JSON form."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ..display import card
from ..schemes import SCHEMES

__all__ = ["RESOLVED", "Comparison", "Discretisation", "WorstCell"]

RESOLVED = 0.01
"""The level below which a deviation, or a bias, is something to talk about."""


class WorstCell(NamedTuple):
    """The cell that deviates most: its ends lo and hi (infinite in the tails) and its z."""

    lo: float
    hi: float
    z: float


@dataclass(frozen=True)
class Discretisation:
    """What a second run at half the step says about the bias of the scheme.

    The bias at step h is estimated by 2 (p_h - p_{h/2}), where p are the proportions in the cells of the test.

    Attributes
    ----------
    finer_step_size : float
        The step of the second run, h/2.
    pvalue_coarse : float
        The p-value of the law against the run at h as it stands.
    pvalue_fine : float
        The p-value of the law against the run at h/2 as it stands.
    pvalue_no_bias : float
        The p-value of the hypothesis that p_h = p_{h/2}, whatever the law: small if the bias is resolved.
    bias : float
        Total variation, over the cells, of the estimated bias at h (sampling noise included).
    deviation : float
        Total variation, over the cells, between p_h and the law (sampling noise included).
    explained : float or None
        The part of the squared deviation at h, Σ (p_h - p)² / p less its sampling noise, that extrapolation to h = 0
        removes, from 0 to 1. None if that cannot be said, because the run at h does not deviate at the level of 1 %
        or the bias is not resolved at that level.
    """

    finer_step_size: float
    pvalue_coarse: float
    pvalue_fine: float
    pvalue_no_bias: float
    bias: float
    deviation: float
    explained: float | None


@dataclass(frozen=True, eq=False)
class Comparison:
    """A calibrated test of a histogram against a law.

    With a second run at half the step everything refers to the proportions extrapolated to step zero,
    2 p_{h/2} - p_h; without, to those of the run itself.

    Attributes
    ----------
    pvalue : float
        The probability, if the law is right, of a deviation at least as large; uniform on [0, 1] then.
    statistic : float
        The F statistic of Hotelling's test between groups of walkers; infinite if values were observed that are
        impossible under the law.
    dof : (int, int)
        Its degrees of freedom.
    ks : float
        The largest difference between the cumulated proportions and the cdf, over the edges of all bins.
    total_variation : float
        Half of the summed absolute deviations over the cells of the test, sampling noise included.
    effective_samples : float
        The number of independent draws that would estimate the cell proportions with the observed error.
    samples : int
        The number of observations behind the test (of both runs if there are two).
    observed, expected, z : array, shape (cells,)
        Proportion, probability under the law, and deviation in standard errors, of each cell.
    intervals : array, shape (cells, 2)
        The ends of the cells; infinite where a tail belongs to the cell.
    observable, law_name, reference, scheme : str
        What was compared with which law, the reference measure of the law's density, and the scheme of the run.
    step_size, temperature : float
        The step h and T = sigma²/beta of the run.
    groups : int
        The number of independent groups of walkers.
    discretisation : Discretisation or None
        What the second run says, if there was one.
    law_error : float
        What the distribution function of the law is uncertain by; the test allows for it.
    """

    pvalue: float
    statistic: float
    dof: tuple[int, int]
    ks: float
    total_variation: float
    effective_samples: float
    samples: int
    observed: NDArray[np.float64]
    expected: NDArray[np.float64]
    z: NDArray[np.float64]
    intervals: NDArray[np.float64]
    observable: str
    law_name: str
    reference: str
    scheme: str
    step_size: float
    temperature: float
    groups: int
    discretisation: Discretisation | None = None
    law_error: float = 0.0

    @property
    def worst(self) -> WorstCell:
        """The cell with the largest absolute z."""
        index = int(np.argmax(np.abs(self.z)))
        lo, hi = self.intervals[index].tolist()
        return WorstCell(lo, hi, float(self.z[index]))

    def consistent(self, alpha: float = 1e-3) -> bool:
        """Say whether the law survives the test: p-value >= alpha, where alpha is the false-alarm rate."""
        return self.pvalue >= alpha

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values; infinite numbers become None."""
        entries = {name: getattr(self, name) for name in self.__dataclass_fields__}
        entries["worst"] = self.worst._asdict()
        entries["consistent"] = self.consistent()
        plain = _plain(entries)
        return cast("dict[str, Any]", plain)

    def __str__(self) -> str:
        rows = self.rows()
        width = max(len(name) for name, _ in rows)
        lines = [f"{self._run()}\nagainst {self.law_name}", *(f"  {name:<{width}}  {value}" for name, value in rows)]
        return "\n".join([*lines, self._verdict()])

    def _repr_html_(self) -> str:
        rows = [("sampled", self._run()), ("against", self.law_name), *self.rows()]
        return card(self._verdict(), rows, good=self.consistent())

    def _run(self) -> str:
        return f"{self.observable} by {self.manner(self.scheme, self.step_size)}, T = {self.temperature:g}"

    def rows(self) -> list[tuple[str, str]]:
        """Return what the test found, by name, as text."""
        lo, hi, z = self.worst
        return [
            ("reference measure", self.reference),
            ("p-value", f"{self.pvalue:.3g}   (F({self.dof[0]}, {self.dof[1]}) = {self.statistic:.4g})"),
            ("Kolmogorov-Smirnov", f"{self.ks:.3g}"),
            ("total variation", f"{self.total_variation:.3g}   (over {len(self.z)} cells)"),
            ("worst cell", f"[{lo:.4g}, {hi:.4g})   z = {z:+.2f}"),
            ("effective samples", f"{self.effective_samples:.4g} of {self.samples:.4g} in {self.groups} groups"),
            *self._discretisation_rows(self.scheme, self.step_size, self.discretisation),
            *self._further_rows(),
            *([("law", f"known within {self.law_error:.2g}, which is allowed for")] if self.law_error > 1e-6 else []),
        ]

    def __repr__(self) -> str:
        verdict = "consistent" if self.consistent() else "REJECTED"
        said = f"{self.observable} against {self.law_name!r}: p = {self.pvalue:.3g}, KS = {self.ks:.3g}"
        return f"Comparison({verdict}: {said})"

    @staticmethod
    def manner(scheme: str, step_size: float) -> str:
        """Return in words how a run was sampled."""
        return f"{scheme}, h = {step_size:g}" if step_size > 0 else scheme

    def _further_rows(self) -> list[tuple[str, str]]:
        """Return what other kinds of comparisons have to say."""
        return []

    def _discretisation_rows(
        self, scheme: str, step_size: float, d: Discretisation | None, keyword: str = "finer"
    ) -> list[tuple[str, str]]:
        """Return what is known of the bias of one scheme; `keyword` is the argument that would tell."""
        if d is None:
            if scheme not in SCHEMES or SCHEMES[scheme].order != 1.0:
                return []
            said = f"O(h) bias not separated from the law: pass {keyword}=, the same run at step h/2"
            return [("discretisation", said)]
        share = "not resolved" if d.explained is None else f"explains {d.explained:.0%} of the squared deviation"
        if d.pvalue_coarse >= RESOLVED:
            share = "no deviation at h to explain"
        return [
            ("extrapolated from", f"h = {step_size:g} (p = {d.pvalue_coarse:.3g})"),
            ("", f"h = {d.finer_step_size:g} (p = {d.pvalue_fine:.3g})"),
            ("bias at h", f"total variation {d.bias:.3g} of {d.deviation:.3g}; {share}"),
            ("no bias", f"p = {d.pvalue_no_bias:.3g}"),
        ]

    def _is_as_sampled(self) -> bool:
        """Whether nothing was extrapolated."""
        return self.discretisation is None

    def _verdict(self) -> str:
        d = self.discretisation
        limit = "" if self._is_as_sampled() else " extrapolated to h = 0"
        if not self.consistent():
            return f"verdict: REJECTED{limit} (p < 0.001)"
        verdict = f"verdict: CONSISTENT{limit} (p >= 0.001)"
        if d is not None and max(d.pvalue_coarse, d.pvalue_fine) < 1e-3 and d.pvalue_no_bias >= RESOLVED:
            return f"{verdict}, yet both runs reject it and show no bias that would explain why: sample longer"
        return verdict


def _plain(value: object) -> object:
    """Turn arrays and tuples into lists and non-finite numbers into None, all the way down."""
    if isinstance(value, Discretisation):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
