"""A second integration that shares nothing with the first: a law that it does not confirm is not returned."""

from .confirm import require_confirmation
from .importance import fitted_proposal, tail_exponent
from .on_curves import OnCurve
from .on_slices import OnSlice
from .population import LogWeight, cooled
from .sheets import SheetBySheet
from .target import Target, finite

__all__ = [
    "LogWeight",
    "OnCurve",
    "OnSlice",
    "SheetBySheet",
    "Target",
    "cooled",
    "finite",
    "fitted_proposal",
    "require_confirmation",
    "tail_exponent",
]
