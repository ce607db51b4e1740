"""What the package shows of itself and of the paper, and pages that show it."""

from .report import Part, require_place, this_command, write_report

__all__ = ["Part", "require_place", "this_command", "write_report"]
