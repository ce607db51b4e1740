"""What to keep from a run (`Histogram`, `Moments`, `Trace`) and the filled results that come back."""

from __future__ import annotations

from .histogram import HistogramResult, RegularAxis
from .moments import MomentsResult, about_zero
from .provenance import Provenance
from .specs import Histogram, Moments, Spec, Trace
from .trace import TraceResult

__all__ = [
    "Histogram",
    "HistogramResult",
    "Moments",
    "MomentsResult",
    "Provenance",
    "RegularAxis",
    "Spec",
    "Trace",
    "TraceResult",
    "about_zero",
]
