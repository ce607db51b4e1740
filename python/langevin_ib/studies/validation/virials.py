"""Rows of exact expectations: virial identities hold for any loss and any noise, and so test without a density."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.stats
import sympy

from ...display import colour
from ...laws import Identity, identities
from ...model import Model
from ...observe import Moments, Observer
from ...progress import Progress
from ...sampling import Run
from .row import Verdict, probability
from .stationary import Stationary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Estimate", "Virial", "Virials"]


@dataclass(frozen=True)
class Estimate:
    """A mean over walkers and time, its standard error over the walkers, and the identity that it should obey."""

    identity: Identity
    mean: float
    error: float

    def pvalue(self, value: float) -> float:
        """Return the p-value of the hypothesis that the expectation has this value."""
        return float(2.0 * scipy.stats.norm.sf(abs(self.mean - value) / self.error))


@dataclass(frozen=True, kw_only=True)
class Virials(Stationary):
    """A row about the virial identities of a system."""

    def quick(self) -> Virials:
        """Return the same row at a twentieth of its length."""
        return replace(self, time=self.time / 20)

    def identities(self) -> tuple[Identity, ...]:
        """Return what should hold."""
        return identities(self.model, dynamics=self.dynamics, temperature=self.temperature)

    def validate(self, *, seed: int = 0, threads: int | None = None, progress: Progress = None) -> Virial | None:
        """Sample, at h and h/2 unless the scheme is exact, and compare means with what they should be."""
        runs = self.runs(seed=seed, threads=threads, progress=progress)
        if runs is None:
            return None
        estimates = tuple(self._estimate(i, identity, runs) for i, identity in enumerate(self.identities()))
        return Virial(case=self, made=runs, estimates=estimates)

    def watched(self, step_size: float) -> Mapping[str, Observer]:
        """Return the moments, taken at the same times in runs at h and h/2."""
        every = round(self.step_size / step_size)
        return {name: Moments(order=1, every=every) for name in self._expressions()}

    def system(self) -> Model:
        """Return the model with the identities' expressions among its observables."""
        return replace(self.model, observables={**self.model.observables, **self._expressions()})

    def _expressions(self) -> dict[str, sympy.Expr]:
        return {f"virial_{i}": identity.expression for i, identity in enumerate(self.identities())}

    @staticmethod
    def _estimate(i: int, identity: Identity, runs: tuple[Run, ...]) -> Estimate:
        means = [run[f"virial_{i}"].walker_means for run in runs]
        # The runs share their Brownian paths, so the extrapolated mean of each walker is less noisy than it looks.
        extrapolated = means[0] if len(means) == 1 else 2.0 * means[1] - means[0]
        error = float(np.std(extrapolated, ddof=1) / np.sqrt(len(extrapolated)))
        return Estimate(identity, float(np.mean(extrapolated)), error)


@dataclass(frozen=True, kw_only=True)
class Virial(Verdict):
    """What the row came to.

    Attributes
    ----------
    case : Virials
        The row.
    made : tuple of Run
        The runs.
    estimates : tuple of Estimate
        One for each identity.
    """

    case: Virials
    made: tuple[Run, ...]
    estimates: tuple[Estimate, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs."""
        return self.made

    @property
    def title(self) -> str:
        """What was compared, under which dynamics."""
        return f"virial identities under {self.case.dynamics}"

    @property
    def pvalue(self) -> float:
        """The smallest p-value of an identity, times their number (Bonferroni)."""
        smallest = min(estimate.pvalue(estimate.identity.value) for estimate in self.estimates)
        return min(1.0, len(self.estimates) * smallest)

    @property
    def rival_pvalues(self) -> Mapping[str, float]:
        """The p-values of values that other measures or temperatures would give the first identity."""
        estimate, T = self.estimates[0], self.case.temperature
        value = estimate.identity.value
        rivals = {
            "temperature +5 %": 1.05 * value,
            "one dimension more": value + T,
            "one dimension less": value - T,
        }
        return {name: estimate.pvalue(rival) for name, rival in rivals.items()}

    @property
    def reference(self) -> str:
        """What is compared in place of a law."""
        return "expectations"

    def lines(self) -> list[tuple[str, str]]:
        """Return what else a reader needs: labels and values."""
        rows = [
            (each.identity.name, f"{each.mean:.5f} +- {each.error:.5f}, exact {each.identity.value:.5f}")
            for each in self.estimates
        ]
        steps = " and ".join(f"{run.settings.step_size:g}" for run in self.runs)
        return [*rows, ("step size", f"h = {steps}" + (", extrapolated to 0" if len(self.runs) > 1 else ""))]

    def details(self) -> dict[str, Any]:
        """Return everything behind it, as JSON-ready values."""
        return {
            "pvalue": self.pvalue,
            "rivals": dict(self.rival_pvalues),
            "identities": [
                {"name": e.identity.name, "exact": e.identity.value, "mean": e.mean, "standard_error": e.error}
                for e in self.estimates
            ],
        }

    def figure(self) -> Figure:
        """Draw means with their errors beside the exact values, in units of the temperature."""
        from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib is slow to import and only needed here

        drawing = Figure(figsize=(8.0, 1.6 + 0.6 * len(self.estimates)), layout="constrained")
        ax = drawing.subplots()
        T = self.case.temperature
        for row, each in enumerate(self.estimates):
            ax.errorbar(each.mean / T, row, xerr=3 * each.error / T, fmt="o", color=colour(0), capsize=4)
            ax.plot([each.identity.value / T] * 2, [row - 0.3, row + 0.3], color="black")
        ax.set_yticks(range(len(self.estimates)), [each.identity.name for each in self.estimates])
        ax.set_ylim(len(self.estimates) - 0.5, -0.5)
        ax.set_xlabel("expectation / T: run with 3 standard errors (dots), exact (bars)")
        ax.set_title(f"{self.title}: {probability(self.pvalue)}", fontsize="small")
        ax.spines[["top", "right"]].set_visible(False)
        return drawing
