"""The row of absorption times: walkers of theta = u v at level 0 reach zero and stay there; when, says a law."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy.stats

from ... import plot
from ...comparison import compare
from ...laws import Density, absorption_time
from ...model import Model
from ...observe import GROUPS, Histogram, HistogramResult, Provenance
from ...process import GaugeFixed
from ...progress import Progress
from ...sampling import Run, sample
from .compared import Compared
from .row import Row, probability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Lifetimes", "Survival"]


@dataclass(frozen=True)
class Lifetimes(Row):
    """Walkers that start at theta = `start` and are watched for a time, until which most have been absorbed.

    Parameters
    ----------
    name : str
        How the row is called on the command line.
    model : Model
        The product model.
    start : float
        Where theta = u v starts.
    temperature : float
        T = sigma²/beta.
    histogram : Histogram
        The bins of the times; those who live longer are counted together.
    step_size : float
        The step h.
    walkers : int
        Independent walkers.
    """

    name: str
    model: Model
    start: float
    temperature: float
    histogram: Histogram
    step_size: float
    walkers: int

    def quick(self) -> Lifetimes:
        """Return the same row with a quarter of the walkers: fewer would not tell its rivals apart."""
        return replace(self, walkers=self.walkers // 4)

    def law(self) -> Density:
        """Return the law of the time of absorption."""
        return self._law

    @cached_property
    def _law(self) -> Density:
        return absorption_time(self.model, self.start, temperature=self.temperature).time

    def rivals(self) -> dict[str, Density]:
        """Return an exponential law of the same mean, and the law at another temperature."""
        law = self.law()
        exponential = Density.from_scipy(
            scipy.stats.expon(scale=law.mean()), name="exponential law of the same mean", reference=law.reference
        )
        hotter = absorption_time(self.model, self.start, temperature=1.05 * self.temperature).time
        return {"exponential": exponential, "temperature +5 %": hotter}

    def validate(self, *, seed: int = 0, threads: int | None = None, progress: Progress = None) -> Survival | None:
        """Sample until the end of the histogram, and compare the times with the law."""
        size = abs(self.start) ** 0.5
        run = sample(
            self.model,
            dynamics=GaugeFixed(level=0.0, at_zero="absorb"),
            temperature=self.temperature,
            step_size=self.step_size,
            steps=round(self.histogram.range[1] / self.step_size),
            walkers=self.walkers,
            initial=(size, np.copysign(size, self.start)),
            rng=seed,
            threads=threads,
            progress=progress,
        )
        if run.interrupted:
            return None
        times = self.counted(run)
        law = self.law()
        rivals = {name: (rival, compare(times, rival)) for name, rival in self.rivals().items()}
        return Survival(case=self, law=law, run=run, times=times, comparison=compare(times, law), rivals=rivals)

    def counted(self, run: Run) -> HistogramResult:
        """Return the histogram of the times of a run."""
        # A walker that is absorbed in step n was absorbed in the interval ((n - 1) h, n h]: on average half a step ago.
        times = run.absorption_times - self.step_size / 2
        slots = np.searchsorted(np.linspace(*self.histogram.range, self.histogram.bins + 1), times, side="right")
        counts = np.zeros((GROUPS, self.histogram.slots), dtype=np.int64)
        np.add.at(counts, (np.arange(len(times)) % GROUPS, slots), 1)
        provenance = Provenance(
            observable="time of absorption",
            scheme=run.settings.scheme,
            step_size=self.step_size,
            temperature=self.temperature,
            walkers=self.walkers,
            observations=1,
            key=Provenance.halves(run.settings.key),
        )
        return HistogramResult(self.histogram, provenance, counts)


@dataclass(frozen=True, kw_only=True)
class Survival(Compared):
    """What the row came to.

    Attributes
    ----------
    case : Lifetimes
        The row.
    run : Run
        The run.
    times : HistogramResult
        Its times.
    """

    case: Lifetimes
    run: Run
    times: HistogramResult

    @property
    def runs(self) -> tuple[Run, ...]:
        """The one run."""
        return (self.run,)

    @property
    def title(self) -> str:
        """What was compared, under which dynamics."""
        return f"time of absorption under {self.run.dynamics}"

    def lines(self) -> list[tuple[str, str]]:
        """Return what else a reader needs: labels and values."""
        alive = self.times.overflow / self.times.total
        return [
            ("law", self.law.name),
            ("reference measure", self.law.reference),
            ("Kolmogorov-Smirnov", f"{self.comparison.ks:.2e}"),
            ("samples", f"{self.comparison.samples:.3g} independent walkers, {alive:.2%} of them alive at the end"),
            ("mean of the law", f"{self.law.mean():.5f}"),
            ("step size", f"h = {self.case.step_size:g}"),
        ]

    def figure(self) -> Figure:
        """Draw the times with their law, and the deviations cell by cell."""
        from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib is slow to import and only needed here

        drawing = Figure(figsize=(8.0, 5.6), layout="constrained")
        law, z = drawing.subplots(2, 1, height_ratios=(3.2, 1))
        others = {name: rival for name, (rival, _) in self.rivals.items()}
        plot.density(self.times, self.law, rivals=others, ax=law)
        verdicts = [f"law of the process: {probability(self.pvalue)}"]
        verdicts += [f"{name}: {probability(p)}" for name, p in self.rival_pvalues.items()]
        law.set_title("; ".join(verdicts), fontsize="small")
        law.set_xlabel("")
        plot.residuals(self.comparison, ax=z)
        z.set_xlim(law.get_xlim())
        z.set_title("")
        z.set_xlabel("time of absorption, in units of 1 / curvature of the loss")
        for ax in (law, z):
            ax.spines[["top", "right"]].set_visible(False)
        return drawing
