"""A second integration that shares nothing with the first: a law that it does not confirm is not returned."""

from .confirm import conditioned, require_confirmation
from .importance import fitted_proposal, tail_exponent
from .on_slices import OnSlice
from .target import Target

__all__ = [
    "OnSlice",
    "Target",
    "conditioned",
    "fitted_proposal",
    "require_confirmation",
    "tail_exponent",
]
