"""The file that a run is written to on its way, and whether what it holds is a part of the same run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from ...checks import checked_int, shown
from ...errors import ArchiveError, InvalidArgumentError
from ...model import Model
from ..loop import MAX_STEPS
from . import archive
from .archive import checked_path
from .description import content_hash
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
        differences = list(_differences(there, snapshot))
        if differences:
            raise ArchiveError(
                f"{self.path} holds another run: there, {'; '.join(differences)}. Give another path, or remove the file"
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


def _differences(there: Snapshot, here: Snapshot) -> Iterator[str]:
    if there.process.model != here.process.model:
        yield from _between("the model's ", _parts(there.model), _parts(here.model))
    for name in ("dynamics", "temperature"):
        yield from _between("", {name: getattr(there.process, name)}, {name: getattr(here.process, name)})
    yield from _between("", _decisive(there), _decisive(here))
    if there.origin != here.origin:
        yield "the walkers started elsewhere (initial)"


def _between(whose: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    for name, value in there.items():
        if value != here[name]:
            yield f"{whose}{name} is {shown(value)} and not {shown(here[name])}"


def _parts(model: Model) -> dict[str, Any]:
    values = {field.name: getattr(model, field.name) for field in fields(model)}
    values["data"] = {name: content_hash(array) for name, array in model.data.items()}
    # The order of constraints is part of what they are.
    values["slice"] = None if model.slice is None else tuple(model.slice.items())
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def _decisive(snapshot: Snapshot) -> dict[str, Any]:
    """Return the settings that decide the numbers of each step; how many steps there are does not."""
    values = {field.name: getattr(snapshot.settings, field.name) for field in fields(snapshot.settings)}
    del values["steps"]
    values["rng (the key of the noise)"] = hex(values.pop("key"))
    return values
