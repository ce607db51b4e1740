"""A run as a file: what it says, how it survives, and whether it is the same run."""

from .archive import PathLike
from .checkpoint import Checkpoint
from .description import describe
from .differences import differences
from .snapshot import DRAWN, Snapshot, read_snapshot, write_snapshot

__all__ = [
    "DRAWN",
    "Checkpoint",
    "PathLike",
    "Snapshot",
    "describe",
    "differences",
    "read_snapshot",
    "write_snapshot",
]
