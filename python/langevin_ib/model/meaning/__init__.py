"""What an expression is: invariant, zero, a function of something; by proof, or by looking at all of its pieces."""

from .identities import LinearMap, is_unchanged, same_function, slack_of, values_at, vanishes
from .invariance import Orbits, is_constant_along, is_invariant, require_invariance
from .jumps import jumps_of
from .probing import Seam, telling_points
from .separability import is_separable

__all__ = [
    "LinearMap",
    "Orbits",
    "Seam",
    "is_constant_along",
    "is_invariant",
    "is_separable",
    "is_unchanged",
    "jumps_of",
    "require_invariance",
    "same_function",
    "slack_of",
    "telling_points",
    "values_at",
    "vanishes",
]
