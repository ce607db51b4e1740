"""A run against a law, and a run against a run: from histograms to p-values."""

from .cells import Law
from .compare import compare
from .comparison import Comparison
from .run_comparison import RunComparison

__all__ = [
    "Comparison",
    "Law",
    "RunComparison",
    "compare",
]
