"""Laws that are known by draws, from a mixture or by chains, in the plane and on slices in free coordinates."""

from .sampling import sampled_law

__all__ = [
    "sampled_law",
]
