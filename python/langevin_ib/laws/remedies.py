"""What answers where no formula gives a law: draws, or a run, compared with another run."""

from __future__ import annotations

__all__ = ["DRAWS", "RUNS"]

RUNS = "sample it twice, by other schemes or step sizes, and compare the runs: compare(run[name], other[name])"
"""For messages, after "or"."""

DRAWS = f"take method='sampling', or {RUNS}"
"""For messages of other methods, after a comma."""
