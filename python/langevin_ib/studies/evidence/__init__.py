"""What inverse design comes to beside standard solvers: settings, arms and figures; one exhibit a file."""

from .evidence import EXHIBITS, Evidence, evidence

__all__ = ["EXHIBITS", "Evidence", "evidence"]
