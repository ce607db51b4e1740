"""The run of a process: sampled here or by workers, stopped, kept, and gone on with."""

from .loop import GROUPS
from .run import Run, load
from .sampling import SamplingInterrupted, sample

__all__ = [
    "GROUPS",
    "Run",
    "SamplingInterrupted",
    "load",
    "sample",
]
