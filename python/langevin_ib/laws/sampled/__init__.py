"""Laws that are known by independent weighted draws, in the plane and on slices of scalings."""

from .sampling import sampled_law

__all__ = [
    "sampled_law",
]
