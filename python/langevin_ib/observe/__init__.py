"""What to keep of a run, as a request; and the same, filled. One observer a file; `KINDS` lists them."""

from __future__ import annotations

from .axis import RegularAxis
from .histogram import GROUPS, Histogram
from .histogram_result import HistogramResult
from .moments import Moments, MomentsResult, about_zero
from .observer import Extent, Kept, Observer
from .provenance import Provenance
from .states import States, StatesResult
from .trace import Trace, TraceResult

KINDS: tuple[type[Observer], ...] = (Histogram, Moments, Trace, States)
"""All observers."""

__all__ = [
    "GROUPS",
    "KINDS",
    "Extent",
    "Histogram",
    "HistogramResult",
    "Kept",
    "Moments",
    "MomentsResult",
    "Observer",
    "Provenance",
    "RegularAxis",
    "States",
    "StatesResult",
    "Trace",
    "TraceResult",
    "about_zero",
]
