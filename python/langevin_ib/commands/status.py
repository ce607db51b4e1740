"""How commands end."""

from __future__ import annotations

__all__ = ["FAILED", "INTERRUPTED", "MISUSED", "PASSED"]

PASSED, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
"""All is as it should be; a check failed; the request cannot be carried out; Ctrl-C."""
