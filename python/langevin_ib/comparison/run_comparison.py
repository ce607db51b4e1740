"""The verdict on two runs: that of a comparison, and what half the step says of the other run."""

from __future__ import annotations

from dataclasses import dataclass

from .comparison import Comparison, Discretisation

__all__ = ["RunComparison"]


@dataclass(frozen=True, eq=False, repr=False)
class RunComparison(Comparison):
    """A calibrated test of a histogram against that of another, independent run.

    Everything is as in `Comparison`, with the other run in place of a law: `expected` are its proportions, `samples`
    those of both sides, `groups` the pairs of groups, and `effective_samples` the number of independent draws whose
    proportions would be as uncertain as the difference is.

    Attributes
    ----------
    other_scheme : str
        The scheme of the other run.
    other_step_size : float
        Its step; 0 if it has none.
    other_discretisation : Discretisation or None
        What the second run of the other side says, if there was one.
    """

    other_scheme: str = ""
    other_step_size: float = 0.0
    other_discretisation: Discretisation | None = None

    def _further_rows(self) -> list[tuple[str, str]]:
        rows = self._discretisation_rows(
            self.other_scheme, self.other_step_size, self.other_discretisation, keyword="other_finer"
        )
        return [(f"other run: {name}" if name else name, value) for name, value in rows]

    def _is_as_sampled(self) -> bool:
        return self.discretisation is None and self.other_discretisation is None
