"""A run at one moment: all that is needed to go on with it, and how that is kept in a file."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from ...checks import checked_real, shown
from ...errors import ArchiveError, InvalidArgumentError
from ...model import Model
from ...observe import Extent, Moments, Observer, about_zero
from ...process import Dynamics, Process
from ..loop import Acceptance, Machine, Progressed, Settings
from . import archive
from .archive import Archive, PathLike
from .description import Described, describe, description_hash, restore

__all__ = ["DRAWN", "Snapshot", "fingerprint", "read_snapshot", "write_snapshot"]

FORMAT = 3
"""Counts up whenever files change so that earlier versions of this package cannot read them.

1 knew no confinement and no data; 2 no acceptance of single walkers and no approach, and it took powers about 0 and no
pivot; such files can still be read."""

_ABOUT_ZERO = 2
"""The last format whose sums of powers are about 0."""

_DATA = "data_"
"""How the names of arrays of data begin in a file."""

_ABSORBED = "absorbed"
"""The name of the array of absorption times, as steps."""

_ACCEPTANCE = "acceptance"
"""The name of the array of `Acceptance.counts`."""

DRAWN = "drawn from the key"
"""The origin of a run whose walkers started where `sample` puts them by default."""


_DESCRIBED = ("model", "dynamics", "settings")


@dataclass(frozen=True, eq=False, repr=False)
class Snapshot:
    """A run at one moment.

    Attributes
    ----------
    process : Process
        What was sampled: a model under a dynamics at a temperature.
    settings : Settings
        Everything that decided the numbers.
    machine : Machine
        What computed them, the last part of them if there are several.
    progressed : Progressed
        The raw arrays.
    seconds : float
        Wall time spent in the core.
    interrupted : bool
        Whether the run was ended before its time: by Ctrl-C (which may have come after the last step), or, in a run
        that was loaded, because the file was written on the way.
    origin : str or None
        Where the walkers started: ``DRAWN``, a fingerprint, or None as long as nobody had to know.
    notes : tuple of str
        What was decided on the user's behalf, such as a step size.
    """

    process: Process
    settings: Settings
    machine: Machine
    progressed: Progressed
    seconds: float
    interrupted: bool
    origin: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def model(self) -> Model:
        """The model of the process."""
        return self.process.model

    @property
    def dynamics(self) -> Dynamics:
        """The dynamics of the process."""
        return self.process.dynamics


class Fields(TypedDict):
    """The attributes of a `Snapshot`."""

    process: Process
    settings: Settings
    machine: Machine
    progressed: Progressed
    seconds: float
    interrupted: bool
    origin: str | None
    notes: tuple[str, ...]


def fingerprint(progressed: Progressed) -> str:
    """Return a text that tells these states after this many steps from all others."""
    states = np.ascontiguousarray(progressed.states)
    plain = states.astype(states.dtype.newbyteorder("<"), copy=False)
    return f"step {progressed.steps}: {states.dtype} {states.shape} {hashlib.sha256(plain.data).hexdigest()}"


def write_snapshot(path: PathLike, snapshot: Snapshot, *, keep: bool = True) -> None:
    """Write a snapshot to a file, as `archive.write` does.

    Raises
    ------
    ArchiveError
        If the system refuses, or the model has a function that no file can hold.
    """
    progressed = snapshot.progressed
    described = _described(snapshot.process, snapshot.settings)
    header = {
        "format": FORMAT,
        "version": _version(),
        "content": description_hash(*described.values()),
        **described,
        "origin": snapshot.origin or fingerprint(progressed),
        "steps": progressed.steps,
        "accepted": progressed.accepted,
        "accepted_since": 0 if progressed.acceptance is None else progressed.acceptance.since,
        "seconds": snapshot.seconds,
        "interrupted": snapshot.interrupted,
        "notes": snapshot.notes,
        "machine": asdict(snapshot.machine),
        "system": {"python": platform.python_version(), "numpy": np.__version__, "platform": platform.platform()},
    }
    arrays = {"states": progressed.states} | {f"kept_{i}": kept for i, kept in enumerate(progressed.kept)}
    arrays |= {} if progressed.absorbed is None else {_ABSORBED: progressed.absorbed}
    arrays |= {} if progressed.acceptance is None else {_ACCEPTANCE: progressed.acceptance.counts}
    arrays |= {f"{_DATA}{name}": array for name, array in snapshot.model.data.items()}
    given = getattr(snapshot.dynamics, "given", None)
    # No name of the model's data has a dot.
    arrays |= {} if given is None else {f"{_DATA}given.{i}": array for i, array in enumerate(given.arrays())}
    archive.write(path, header, arrays, keep=keep)


def read_snapshot(path: PathLike) -> tuple[Fields, Archive]:
    """Return what a file holds, as the arguments of a `Snapshot`, and the file as it was read.

    Raises
    ------
    ArchiveError
        If the file is missing or damaged, or was written by an incompatible version of this package.
    """
    found = archive.read(path)
    _require_readable(found)
    try:
        return _fields(found), found
    except ArchiveError as error:
        raise ArchiveError(f"{found.path} cannot be understood: {error}") from error
    except (KeyError, TypeError, ValueError, InvalidArgumentError) as error:
        raise ArchiveError(f"{found.path} cannot be understood: {error!r}") from error


def _described(process: Process, settings: Settings) -> dict[str, Described]:
    """Return what a file says of a run; the temperature stands among the settings, as it did in version 0.1."""
    said = {"model": describe(process.model), "dynamics": describe(process.dynamics), "settings": describe(settings)}
    said["settings"]["fields"]["temperature"] = process.temperature
    return said


def _process_of(header: Mapping[str, Any], data: Mapping[str, NDArray[Any]]) -> tuple[Process, Settings]:
    """Return the two values that `_described` describes."""
    model, dynamics = restore(header["model"], Model, data), restore(header["dynamics"], Dynamics, data)  # type: ignore[type-abstract] # any of them
    said = {**header["settings"], "fields": dict(header["settings"]["fields"])}
    temperature = checked_real("temperature", said["fields"].pop("temperature"), minimum=0.0)
    settings, process = restore(said, Settings), Process(model, dynamics, temperature)
    settings.require_motion(process)
    return process, settings


def _version() -> str:
    return version("langevin-ib")


def _require_readable(found: Archive) -> None:
    form, writer, reader = found.header.get("format"), found.header.get("version"), _version()
    if not isinstance(form, int) or not isinstance(writer, str):
        raise ArchiveError(
            f"{found.path} does not say which version of langevin_ib wrote it; it was not written by one"
        )
    written = f"{found.path} was written by langevin_ib {shown(writer)} in format {form}; this is {reader}"
    if form > FORMAT:
        raise ArchiveError(f"{written} and reads formats up to {FORMAT}: install langevin-ib >= {writer}")
    if _series(writer) != _series(reader):
        raise ArchiveError(
            f"{written}, whose random numbers may differ: install langevin-ib {writer} to go on with this run"
        )


def _series(name: str) -> tuple[str, ...]:
    """Return what versions with the same random numbers share: 1 of 1.2.3, and 0.1 of 0.1.2."""
    major, minor, *_ = [*name.split("."), "", ""]
    return (major, minor) if major == "0" else (major,)


def _fields(found: Archive) -> Fields:
    header = found.header
    data = {name: array for name, array in found.arrays.items() if name.startswith(_DATA)}
    process, settings = _process_of(header, data)
    if description_hash(*(header[name] for name in _DESCRIBED)) != header["content"]:
        raise ArchiveError("its model, dynamics and settings do not match their hash")
    steps, accepted, origin = header["steps"], header["accepted"], header["origin"]
    if not (isinstance(steps, int) and 0 <= steps <= settings.steps and isinstance(accepted, int) and accepted >= 0):
        raise ArchiveError(f"steps={shown(steps)} of {settings.steps}, accepted={shown(accepted)} cannot be")
    if not isinstance(origin, str):
        raise ArchiveError(f"origin={shown(origin)} is no text")
    return {
        "process": process,
        "settings": settings,
        "machine": Machine(**header["machine"]),
        "progressed": Progressed(
            states=_checked(found.arrays, "states", (settings.count, process.model.dim), settings.dtype),
            kept=_kept(found, settings, process.model.dim, steps),
            steps=steps,
            acceptance=_acceptance(found, settings, steps, accepted),
            absorbed=_absorbed(found.arrays, settings, process.deaths),
        ),
        "seconds": float(header["seconds"]),
        "interrupted": bool(header["interrupted"]) or steps < settings.steps,
        "origin": origin,
        "notes": tuple(map(str, header["notes"])),
    }


def _kept(found: Archive, settings: Settings, dim: int, steps: int) -> tuple[NDArray[Any], ...]:
    return tuple(
        _kept_by(spec, f"kept_{i}", found, settings.extent(dim, spec, steps))
        for i, (_, spec) in enumerate(settings.observe)
    )


def _kept_by(spec: Observer, name: str, found: Archive, extent: Extent) -> NDArray[Any]:
    shape, dtype = spec.form(extent)
    if isinstance(spec, Moments) and found.header["format"] <= _ABOUT_ZERO:
        return about_zero(_checked(found.arrays, name, (extent.walkers, spec.order), dtype))
    return _checked(found.arrays, name, shape, dtype)


def _absorbed(arrays: Mapping[str, NDArray[Any]], settings: Settings, pieces: int) -> NDArray[np.int64] | None:
    return _checked(arrays, _ABSORBED, (settings.count, pieces), "int64") if _ABSORBED in arrays else None


def _acceptance(found: Archive, settings: Settings, steps: int, accepted: int) -> Acceptance | None:
    """Return what a file knows of the walkers' proposals: before format 3, of all of them together only."""
    if not settings.is_metropolis:
        return None
    if found.header["format"] < 3:
        return Acceptance.none(settings.count, since=steps, unassigned=accepted)
    nothing = Acceptance.none(settings.count)
    counts = _checked(found.arrays, _ACCEPTANCE, nothing.counts.shape, "int64")
    since, known = found.header["accepted_since"], int(counts[:, 0].sum())
    if not (isinstance(since, int) and 0 <= since <= steps and counts.min() >= 0 and known <= accepted):
        raise ArchiveError(f"accepted_since={shown(since)}, accepted={accepted} cannot be")
    return Acceptance(counts, since, accepted - known)


def _checked(arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, int], dtype: str) -> NDArray[Any]:
    array = arrays[name]
    if array.shape != shape or array.dtype != np.dtype(dtype):
        raise ArchiveError(f"{name} has shape {array.shape} and dtype {array.dtype}, not {shape} and {dtype}")
    return array
