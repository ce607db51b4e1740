"""What a row of the table is, what comes of it, and a verdict as text, as JSON and as files."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ...progress import Progress
from ...sampling import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ALPHA", "REJECTION", "Row", "Verdict", "markdown", "probability", "summary", "table", "write"]

ALPHA = 1e-3
"""What is right passes if its p-value is at least this: by chance it fails once in a thousand rows."""

REJECTION = 1e-6
"""A rival is rejected if its p-value is below this."""


class Row(ABC):
    """One row: a system, its dynamics, and how long to sample them."""

    name: str

    @abstractmethod
    def quick(self) -> Self:
        """Return the same row at a fraction of its length."""

    @abstractmethod
    def validate(self, *, seed: int = 0, threads: int | None = None, progress: Progress = None) -> Verdict | None:
        """Sample, and compare with what is right and with its rivals.

        Parameters
        ----------
        seed : int
            Seeds all runs.
        threads : int, optional
            By default all that the machine has.
        progress : bool or callable, optional
            As for `sample`.

        Returns
        -------
        Verdict or None
            None if the sampling was interrupted.
        """


class Verdict(ABC):
    """What a row came to.

    Attributes
    ----------
    case : Row
        The row.
    """

    case: Row

    @property
    @abstractmethod
    def runs(self) -> tuple[Run, ...]:
        """The runs."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What was compared, under which dynamics."""

    @property
    @abstractmethod
    def pvalue(self) -> float:
        """The p-value of what is right."""

    @property
    @abstractmethod
    def rival_pvalues(self) -> Mapping[str, float]:
        """The p-values of the rivals, by name."""

    @abstractmethod
    def lines(self) -> list[tuple[str, str]]:
        """Return what else a reader needs: labels and values."""

    @property
    @abstractmethod
    def reference(self) -> str:
        """The measure of the law, or what is compared in place of one."""

    @property
    def ks(self) -> float | None:
        """The Kolmogorov-Smirnov distance, if there is a law."""
        return None

    @property
    def effective_samples(self) -> float | None:
        """The number of independent draws that would be worth as much, if it is known."""
        return None

    @abstractmethod
    def details(self) -> dict[str, Any]:
        """Return everything behind it, as JSON-ready values."""

    @abstractmethod
    def figure(self) -> Figure:
        """Draw it."""

    @property
    def name(self) -> str:
        """The name of the row."""
        return self.case.name

    @property
    def walker_steps(self) -> int:
        """Walker-steps of all runs."""
        return sum(run.walker_steps for run in self.runs)

    @property
    def seconds(self) -> float:
        """How long the runs took."""
        return sum(run.seconds for run in self.runs)

    @property
    def is_consistent(self) -> bool:
        """Whether what is right survives."""
        return self.pvalue >= ALPHA

    @property
    def passed(self) -> bool:
        """Whether what is right survives and every rival is rejected."""
        return self.is_consistent and all(p < REJECTION for p in self.rival_pvalues.values())

    @property
    def rate(self) -> float:
        """Walker-steps per second."""
        return self.walker_steps / self.seconds


def table(verdict: Verdict) -> str:
    """Return a verdict as text for a terminal."""
    said = "ok" if verdict.is_consistent else "FAILED"
    rows = [
        ("p-value", f"{verdict.pvalue:.3g}  {said}: a right law has p >= {ALPHA:g} in 999 of 1000 runs"),
        *verdict.lines(),
    ]
    for name, p in verdict.rival_pvalues.items():
        said = "rejected" if p < REJECTION else f"NOT REJECTED at p < {REJECTION:g}"
        rows.append((f"rival: {name}", f"p = {p:.2g}  {said}"))
    rows.append(("walker-steps", f"{verdict.walker_steps:.3g} at {verdict.rate:.3g} per second"))
    width = max(len(name) for name, _ in rows)
    return "\n".join([f"{verdict.name}: {verdict.title}", *(f"  {name:<{width}}  {value}" for name, value in rows)])


def markdown(verdicts: Sequence[Verdict]) -> str:
    """Return a table with one line a row."""
    lines = [
        "| row | what, under which dynamics | with respect to | p-value | KS | effective samples | rivals: largest p |",
        "|---|---|---|---|---|---|---|",
    ]
    for verdict in verdicts:
        rival, p = max(verdict.rival_pvalues.items(), key=lambda pair: pair[1])
        ks = "" if verdict.ks is None else f"{verdict.ks:.1e}"
        effective = "" if verdict.effective_samples is None else f"{verdict.effective_samples:.1e}"
        lines.append(
            f"| {verdict.name} | {verdict.title} | {verdict.reference} | {verdict.pvalue:.2g} | {ks} | {effective} "
            f"| {p:.1e} ({rival}) of {len(verdict.rival_pvalues)} |"
        )
    return "\n".join(lines) + "\n"


def summary(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON-ready values."""
    return {
        "case": verdict.name,
        "title": verdict.title,
        "passed": verdict.passed,
        "walker_steps": verdict.walker_steps,
        "walker_steps_per_second": verdict.rate,
        "walkers": verdict.runs[0].settings.count,
        "steps": [run.steps for run in verdict.runs],
        "keys": [f"{run.settings.key:032x}" for run in verdict.runs],
        "scheme": verdict.runs[0].settings.scheme,
        **verdict.details(),
    }


def write(verdict: Verdict, folder: Path) -> list[Path]:
    """Write a verdict's figure and JSON file into a folder, which is made if need be; return the files.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    picture, data = (folder / f"{verdict.name}{suffix}" for suffix in (".png", ".json"))
    verdict.figure().savefig(picture, dpi=150)
    data.write_text(json.dumps(summary(verdict), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return [picture, data]


def probability(p: float) -> str:
    """Return a p-value as it stands in a figure."""
    return f"p = {p:.2g}" if p > 0 else "p < 1e-300"
