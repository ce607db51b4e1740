"""Rows without a formula: a process into which nothing was put, against another one of the same law, and rivals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ... import plot
from ...comparison import Comparison, compare
from ...observe import Histogram, Observer
from ...process import Dynamics
from ...progress import Progress
from ...sampling import Run
from .row import Verdict, probability
from .stationary import Stationary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Pair", "Pairing"]


@dataclass(frozen=True, kw_only=True)
class Pair(Stationary):
    """A row about two processes that should have the same law, which nobody has to know.

    Parameters
    ----------
    observable : str
        What is compared.
    histogram : Histogram
        Its bins.
    other : Dynamics
        The other process, sampled by "mala".
    rivals : mapping of str to Dynamics
        Processes of other laws, sampled by "mala" as well, which both have to reject.
    other_step : float
        The step of "mala".
    shortest : float
        The least time for which the case can tell its rivals apart.
    """

    observable: str
    histogram: Histogram
    other: Dynamics
    rivals: Mapping[str, Dynamics]
    other_step: float
    shortest: float = 0.0

    def quick(self) -> Pair:
        """Return the same row at a twentieth of its length, but no shorter than it can be."""
        return replace(self, time=max(self.time / 20, self.shortest))

    def watched(self, step_size: float) -> Mapping[str, Observer]:
        """Return the histogram, whose stride counts steps of any size."""
        del step_size
        return {self.observable: self.histogram}

    def exactly(self, dynamics: Dynamics) -> Pair:
        """Return the row under another dynamics, sampled without an error of the step."""
        return replace(self, dynamics=dynamics, scheme="mala", step_size=self.other_step)

    def validate(self, *, seed: int = 0, threads: int | None = None, progress: Progress = None) -> Pairing | None:
        """Sample all processes, independently of each other, and compare each of the two with the other and rivals."""
        machine: dict[str, Any] = {"threads": threads, "progress": progress}
        own = self.runs(seed=seed, **machine)
        exact: list[Run] = []
        for number, dynamics in enumerate((self.other, *self.rivals.values()), start=1):
            found = None if own is None else self.exactly(dynamics).runs(seed=(seed, number), **machine)
            if found is None:
                return None
            exact += found
        assert own is not None  # or the first of the others would have been None
        return Pairing.of(self, own, exact[0], dict(zip(self.rivals, exact[1:], strict=True)))


@dataclass(frozen=True, kw_only=True)
class Pairing(Verdict):
    """What the row came to.

    Attributes
    ----------
    case : Pair
        The row.
    own : tuple of Run
        The runs of its process, at h and h/2.
    other : Run
        The run of the other process.
    wrong : mapping of str to Run
        The runs of the rivals.
    comparison : Comparison
        Its process, extrapolated to h = 0, against the other one.
    rivals : mapping of str to Comparison
        Both against each rival.
    """

    case: Pair
    own: tuple[Run, ...]
    other: Run
    wrong: Mapping[str, Run]
    comparison: Comparison
    rivals: Mapping[str, Comparison]

    @classmethod
    def of(cls, case: Pair, own: tuple[Run, ...], other: Run, wrong: Mapping[str, Run]) -> Pairing:
        """Compare the runs of a row."""
        name = case.observable

        def with_own(run: Run) -> Comparison:
            return compare(own[0][name], run[name], finer=own[1][name] if len(own) > 1 else None)

        rivals = {rival: with_own(run) for rival, run in wrong.items()}
        rivals |= {
            f"{rival}, by {type(case.other).__name__}": compare(other[name], run[name]) for rival, run in wrong.items()
        }
        return cls(case=case, own=own, other=other, wrong=wrong, comparison=with_own(other), rivals=rivals)

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs."""
        return (*self.own, self.other, *self.wrong.values())

    @property
    def title(self) -> str:
        """What was compared, under which dynamics."""
        return f"{self.case.observable} under {self.case.dynamics} and {self.case.other}"

    @property
    def pvalue(self) -> float:
        """The p-value of the hypothesis that both have the same law."""
        return self.comparison.pvalue

    @property
    def rival_pvalues(self) -> Mapping[str, float]:
        """The p-values of the rivals, by name."""
        return {name: comparison.pvalue for name, comparison in self.rivals.items()}

    @property
    def reference(self) -> str:
        """What is compared in place of a law."""
        return "another run"

    @property
    def ks(self) -> float:
        """The Kolmogorov-Smirnov distance of the two."""
        return self.comparison.ks

    @property
    def effective_samples(self) -> float:
        """The number of independent draws that would be as uncertain as their difference."""
        return self.comparison.effective_samples

    def lines(self) -> list[tuple[str, str]]:
        """Return what else a reader needs: labels and values."""
        c, machine = self.comparison, self.own[0].machine
        steps = " and ".join(f"{run.settings.step_size:g}" for run in self.own)
        extrapolated = ", extrapolated to 0" if len(self.own) > 1 else ""
        return [
            ("against", f"{c.law_name}, {self.other.acceptance or 0.0:.1%} accepted"),
            ("Kolmogorov-Smirnov", f"{c.ks:.2e}"),
            ("total variation", f"{c.total_variation:.2e}"),
            ("effective samples", f"{c.effective_samples:.3g} of {c.samples:.3g}"),
            ("step size", f"h = {steps}{extrapolated}"),
            ("machine", f"{machine.level_name}, {machine.threads} threads"),
        ]

    def details(self) -> dict[str, Any]:
        """Return everything behind it, as JSON-ready values."""
        return {
            "comparison": self.comparison.to_dict(),
            "rivals": {name: rival.to_dict() for name, rival in self.rivals.items()},
            "level": self.own[0].machine.level_name,
            "threads": self.own[0].machine.threads,
        }

    def figure(self) -> Figure:
        """Draw the histograms of both processes and of the rivals, and the deviations of the two, cell by cell."""
        from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib is slow to import and only needed here

        case, name = self.case, self.case.observable
        drawing = Figure(figsize=(8.0, 5.6), layout="constrained")
        histograms, z = drawing.subplots(2, 1, height_ratios=(3.2, 1))
        shown = {
            f"{case.dynamics}, nothing put in": self.own[-1],
            f"{case.other}: {probability(self.pvalue)}": self.other,
        }
        shown |= {f"rival: {rival}, {probability(self.rivals[rival].pvalue)}": run for rival, run in self.wrong.items()}
        plot.runs({label: run[name] for label, run in shown.items()}, ax=histograms)
        histograms.set_title(f"{case.name}: no formula, two processes of one law", fontsize="medium")
        plot.residuals(self.comparison, ax=z)
        histograms.set_xlim(*case.histogram.range)
        z.set_xlim(*case.histogram.range)
        z.set_title("")
        for ax in (histograms, z):
            ax.spines[["top", "right"]].set_visible(False)
        return drawing
