"""The file that a run is written to on its way, and whether what it holds is a part of the same run."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ...checks import checked_int, shown
from ...errors import ArchiveError, InvalidArgumentError
from ..loop import MAX_STEPS
from . import archive
from .archive import checked_path
from .differences import differences
from .snapshot import Fields, Snapshot, fingerprint, read_snapshot, write_snapshot

__all__ = ["Checkpoint"]

S = TypeVar("S", bound=Snapshot)

SECONDS = 60.0
"""A run whose user names no steps is written about once a minute."""


@dataclass
class Checkpoint:
    """Where and how often a run is written.

    Parameters
    ----------
    path : Path
        The file.
    every : int or None
        It is written whenever the number of steps made is a multiple of this; None for about once a minute.
    found : Fields or None
        The run that it held at the beginning.
    is_whole : bool
        Whether the file at `path` itself is in order, so that it is worth keeping when a new one takes its place.
    """

    path: Path
    every: int | None
    found: Fields | None = None
    is_whole: bool = True
    _written: float = 0.0

    @classmethod
    def opened(cls, path: Any, every: Any) -> Checkpoint | None:
        """Return the checkpoint that a user asked for, with what it holds; None if for none.

        Raises
        ------
        InvalidArgumentError
            If an argument is wrong.
        ArchiveError
            If the folder cannot be written to, or the file is no run or damaged.
        """
        if path is None:
            if every is not None:
                raise InvalidArgumentError(
                    f"checkpoint_every={shown(every)} has no effect without checkpoint=; name a path"
                )
            return None
        target = checked_path("checkpoint", path)
        steps = None if every is None else checked_int("checkpoint_every", every, minimum=1, maximum=MAX_STEPS)
        archive.clear_way(target)
        if not target.exists():
            return cls(target, steps, _written=time.monotonic())
        found, file = read_snapshot(target)
        return cls(target, steps, found, is_whole=file.path == target, _written=time.monotonic())

    @property
    def key(self) -> int | None:
        """The key of the run in the file, if there is one."""
        return None if self.found is None else self.found["settings"].key

    def joined(self, snapshot: S) -> S:
        """Return the run of which `snapshot` is one part and the file perhaps another, where it has got farthest.

        Raises
        ------
        ArchiveError
            If the file holds another run, or one that went too far; the message names what differs.
        """
        snapshot = replace(snapshot, origin=snapshot.origin or fingerprint(snapshot.progressed))
        if self.found is None:
            return snapshot
        there = Snapshot(**self.found)
        found = list(differences(there, snapshot))
        if found:
            raise ArchiveError(
                f"{self.path} holds another run: there, {'; '.join(found)}. Give another path, or remove the file"
            )
        made, steps = there.progressed.steps, snapshot.settings.steps
        if made > steps:
            raise ArchiveError(
                f"{self.path} holds {made} steps of this run; ask for steps >= {made} or give another path"
            )
        if made < snapshot.progressed.steps:
            return snapshot
        return replace(snapshot, progressed=there.progressed, seconds=there.seconds)

    def next_stop(self, steps: int) -> int:
        """Return after which step the run is to be written next."""
        return MAX_STEPS if self.every is None else (steps // self.every + 1) * self.every

    def offer(self, snapshot: Snapshot, *, last: bool) -> None:
        """Write a run if it is time to, or if it is the last occasion.

        Raises
        ------
        ArchiveError
            If it cannot be written; ``run`` of the error is the run.
        """
        if self.every is None:
            due = time.monotonic() - self._written > SECONDS
        else:
            due = snapshot.progressed.steps % self.every == 0
        if last or due:
            self._write(snapshot)

    def _write(self, snapshot: Snapshot) -> None:
        try:
            write_snapshot(self.path, snapshot, keep=self.is_whole)
        except ArchiveError as error:
            unfinished = snapshot.progressed.steps < snapshot.settings.steps
            error.run = replace(snapshot, interrupted=snapshot.interrupted or unfinished)
            raise
        self.is_whole = True
        self._written = time.monotonic()
