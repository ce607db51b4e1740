"""What answers where no law is given: a run, compared with another run."""

from __future__ import annotations

__all__ = ["RUNS"]

RUNS = "sample it twice, by other schemes or step sizes, and compare the runs: compare(run[name], other[name])"
"""For messages, after "or"."""
