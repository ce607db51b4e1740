"""A second integration that shares nothing with the first: a law that it does not confirm is not returned."""

from .confirm import require_confirmation
from .on_slices import OnSlice
from .target import Target

__all__ = [
    "OnSlice",
    "Target",
    "require_confirmation",
]
