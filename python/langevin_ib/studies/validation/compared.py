"""What all verdicts on a law have in common: the law, its comparison with the runs, and those of its rivals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...comparison import Comparison
from ...laws import Density
from .row import Verdict

__all__ = ["Compared"]


@dataclass(frozen=True, kw_only=True)
class Compared(Verdict):
    """A verdict on a law.

    Attributes
    ----------
    law : Density
        The law that should hold.
    comparison : Comparison
        The law against the runs, extrapolated to h = 0 if there are two.
    rivals : mapping of str to (Density, Comparison)
        The other laws against the same runs.
    """

    law: Density
    comparison: Comparison
    rivals: Mapping[str, tuple[Density, Comparison]]

    @property
    def pvalue(self) -> float:
        """The p-value of the law."""
        return self.comparison.pvalue

    @property
    def rival_pvalues(self) -> Mapping[str, float]:
        """The p-values of the rivals, by name."""
        return {name: comparison.pvalue for name, (_, comparison) in self.rivals.items()}

    @property
    def reference(self) -> str:
        """The measure of the law."""
        return self.law.reference

    @property
    def ks(self) -> float:
        """The Kolmogorov-Smirnov distance."""
        return self.comparison.ks

    @property
    def effective_samples(self) -> float:
        """The number of independent draws that would be worth as much."""
        return self.comparison.effective_samples

    def details(self) -> dict[str, Any]:
        """Return everything behind it, as JSON-ready values."""
        return {
            "law": self.law.name,
            "comparison": self.comparison.to_dict(),
            "rivals": {name: rival.to_dict() for name, (_, rival) in self.rivals.items()},
            "level": self.runs[0].machine.level_name,
            "threads": self.runs[0].machine.threads,
        }
