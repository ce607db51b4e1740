"""What an expression is: invariant, zero, a function of something; by proof, or by looking at all of its pieces."""

from .identities import LinearMap, is_unchanged, same_function, vanishes
from .invariance import Orbits, is_invariant, require_invariance
from .probing import telling_points

__all__ = [
    "LinearMap",
    "Orbits",
    "is_invariant",
    "is_unchanged",
    "require_invariance",
    "same_function",
    "telling_points",
    "vanishes",
]
