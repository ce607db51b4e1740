"""A second integration that shares nothing with the first: a law that it does not confirm is not returned."""

from .confirm import Target, conditioned, require_confirmation
from .importance import fitted_proposal, tail_exponent

__all__ = [
    "Target",
    "conditioned",
    "fitted_proposal",
    "require_confirmation",
    "tail_exponent",
]
