"""The run of a process: sampled here or by workers, stopped, kept, and gone on with."""

from .diagnostics import Diagnostics
from .merging import merge
from .run import Run, load
from .sampling import SamplingInterrupted, sample
from .stuck import StuckWalkers

__all__ = [
    "Diagnostics",
    "Run",
    "SamplingInterrupted",
    "StuckWalkers",
    "load",
    "merge",
    "sample",
]
