"""Rows that compare the histogram of an observable with its law, and demand that the same run rejects every rival."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import sympy

from ... import plot
from ...comparison import compare
from ...laws import Density, density, rivals
from ...model import Model
from ...observe import Histogram, Observer
from ...process import Dynamics
from ...progress import Progress
from ...sampling import Run
from .compared import Compared
from .row import probability
from .stationary import Stationary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Case", "Validation", "figure", "validate"]

NO_CORRECTION = "no correction"
"""The rival that the figure divides by."""


@dataclass(frozen=True, kw_only=True)
class Case(Stationary):
    """A row about the law of an observable.

    Parameters
    ----------
    observable : str
        What is compared.
    histogram : Histogram
        Its bins, and the condition under which it counts, if there is one.
    law_of : Dynamics, optional
        Another process, whose law this one is to have too.
    others : mapping of str to Model
        Models for which this one could be taken: rivals are also the laws of the same observable of these.
    shortest : float
        The least time for which the case can tell its rivals apart.
    """

    observable: str
    histogram: Histogram
    law_of: Dynamics | None = None
    others: Mapping[str, Model] = field(default_factory=dict)
    shortest: float = 0.0

    def quick(self) -> Case:
        """Return the same case at a twentieth of its length, but no shorter than it can be."""
        return replace(self, time=max(self.time / 20, self.shortest))

    def law(self) -> Density:
        """Return the law that the process should have."""
        return density(self.model, self.observable, **self._lawful())

    def rivals(self) -> dict[str, Density]:
        """Return the laws that the run has to reject."""
        known = rivals(self.model, self.observable, **self._lawful())
        return known | {name: density(model, self.observable, **self._lawful()) for name, model in self.others.items()}

    def _lawful(self) -> dict[str, Any]:
        # Another process whose law this one has is not conditioned.
        given = self.histogram.given if self.law_of is None else None
        return {"dynamics": self.law_of or self.dynamics, "temperature": self.temperature, "given": given}

    def watched(self, step_size: float) -> Mapping[str, Observer]:
        """Return the histogram, whose stride counts steps of any size."""
        del step_size
        return {self.observable: self.histogram}

    def validate(self, *, seed: int = 0, threads: int | None = None, progress: Progress = None) -> Validation | None:
        """Sample, at h and h/2 unless the scheme is exact, and compare with the law and the law's rivals."""
        runs = self.runs(seed=seed, threads=threads, progress=progress)
        if runs is None:
            return None
        coarse, fine = runs[0], runs[1] if len(runs) > 1 else None
        finer = None if fine is None else fine[self.observable]
        law = self.law()
        comparison = compare(coarse[self.observable], law, finer=finer)
        rivals = {
            name: (rival, compare(coarse[self.observable], rival, finer=finer)) for name, rival in self.rivals().items()
        }
        return Validation(case=self, law=law, coarse=coarse, fine=fine, comparison=comparison, rivals=rivals)


@dataclass(frozen=True, kw_only=True)
class Validation(Compared):
    """What one case came to.

    Attributes
    ----------
    case : Case
        What was validated.
    coarse, fine : Run
        The runs at h and h/2; no second one for an exact scheme.
    """

    case: Case
    coarse: Run
    fine: Run | None

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs."""
        return (self.coarse,) if self.fine is None else (self.coarse, self.fine)

    @property
    def title(self) -> str:
        """What was compared, under which dynamics."""
        given = self.case.histogram.given
        condition = "" if given is None else f", given {given[0]} in [{given[1]:g}, {given[2]:g})"
        return f"{self.case.observable} under {self.case.dynamics}{condition}"

    def lines(self) -> list[tuple[str, str]]:
        """Return what else a reader needs: labels and values."""
        c, machine = self.comparison, self.coarse.machine
        rows = [
            ("law", self.law.name),
            ("reference measure", c.reference),
            ("Kolmogorov-Smirnov", f"{c.ks:.2e}"),
            ("total variation", f"{c.total_variation:.2e}"),
            ("effective samples", f"{c.effective_samples:.3g} of {c.samples:.3g}"),
        ]
        if c.discretisation is not None:
            d = c.discretisation
            rows.append(("step size", f"h = {c.step_size:g} and {d.finer_step_size:g}, extrapolated to 0"))
            rows.append(("", f"without extrapolation p = {d.pvalue_coarse:.2g} and {d.pvalue_fine:.2g}"))
        else:
            accepted = self.coarse.acceptance or 0.0
            rows.append(("step size", f"h = {c.step_size:g}, {c.scheme}, {accepted:.1%} accepted"))
        rows.append(("machine", f"{machine.level_name}, {machine.threads} threads"))
        return rows

    def figure(self) -> Figure:
        """Draw histogram and laws, their deviations cell by cell, and beside them the correction that the run shows."""
        return figure(self)


def validate(case: Case, *, seed: int = 0, threads: int | None = None, progress: Progress = None) -> Validation | None:
    """Return what a case comes to; see `Case.validate`."""
    return case.validate(seed=seed, threads=threads, progress=progress)


def figure(validation: Validation) -> Figure:
    """Draw histogram and laws, their deviations cell by cell, and beside them the correction that the run shows."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib is slow to import and only needed here

    case = validation.case
    last = validation.runs[-1][case.observable]
    others = {name: rival for name, (rival, _) in validation.rivals.items()}
    verdicts = [f"law of the process: {probability(validation.pvalue)}"]
    verdicts += [f"{name}: {probability(p)}" for name, p in validation.rival_pvalues.items()]
    shows_correction = NO_CORRECTION in others

    drawing = Figure(figsize=(11.0, 5.6), layout="constrained")
    layout: list[Any] = [["law", "correction"], ["z", "correction"]] if shows_correction else [["law"], ["z"]]
    panels = drawing.subplot_mosaic(layout, height_ratios=(3.2, 1))
    law, z = panels["law"], panels["z"]

    plot.density(last, validation.law, rivals=others, ax=law)
    if shows_correction and (legend := law.get_legend()) is not None:
        legend.remove()  # the one beside it names the same lines
    law.set_title(validation.law.name, fontsize="small", wrap=True)
    law.tick_params(labelbottom=False)
    law.set_xlabel("")

    plot.residuals(validation.comparison, ax=z)
    z.set_xlim(law.get_xlim())
    z.set_title("")

    if shows_correction:
        correction = panels["correction"]
        base = others[NO_CORRECTION]
        if validation.fine is None:
            plot.ratio(last, validation.law, base, rivals=others, ax=correction)
        else:
            first = validation.coarse[case.observable]
            plot.ratio(first, validation.law, base, finer=last, rivals=others, ax=correction)
        points, lines = correction.containers[0], correction.lines
        correction.legend([points, *lines], [str(points.get_label()), *verdicts], fontsize="small", frameon=False)
        correction.set_title("the correction that comes out of the run", fontsize="medium")
        correction.set_ylabel("density / density without correction")

    for name, ax in panels.items():
        if name != "law":
            ax.set_xlabel(_label(case))
        ax.spines[["top", "right"]].set_visible(False)
    return drawing


def _label(case: Case) -> str:
    """Return the axis label: the observable's formula, unless that is too long to read."""
    formula = case.model.observable(case.observable)
    if sympy.count_ops(formula) > 8:
        return case.observable
    return f"${sympy.latex(sympy.Eq(sympy.Symbol(case.observable), formula))}$"
