"""A second integration that shares nothing with the first: a law that it does not confirm is not returned."""

from .confirm import Target, require_confirmation

__all__ = [
    "Target",
    "require_confirmation",
]
