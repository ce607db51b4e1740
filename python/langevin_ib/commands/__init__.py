"""The commands of the command line, one a file: what they print, write and end with."""

from .status import FAILED, INTERRUPTED, MISUSED, PASSED

__all__ = ["FAILED", "INTERRUPTED", "MISUSED", "PASSED"]
