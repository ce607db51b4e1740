"""A run against a law: from histograms to p-values."""

from .cells import Law
from .compare import compare
from .comparison import Comparison

__all__ = [
    "Comparison",
    "Law",
    "compare",
]
