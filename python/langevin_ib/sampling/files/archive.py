"""One file: a JSON header and arrays in NumPy's .npz format, sealed with a checksum and replaced in one instant."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...checks import shown
from ...errors import ArchiveError, InvalidArgumentError

__all__ = ["Archive", "DamagedFile", "PathLike", "checked_path", "clear_way", "read", "write"]

PathLike: TypeAlias = str | os.PathLike[str]

HEADER = "langevin_ib"
"""The first array of a file: its header as UTF-8."""

PREVIOUS = ".previous"
"""What is appended to a path for the file that was there before."""

PART = ".part"
"""How the name of a file ends that is still being written."""

_SEAL = b"langevin_ib sha256 "
_SEAL_LENGTH = len(_SEAL) + 64
_CHUNK = 2**20
_TOKEN = 8


class DamagedFile(UserWarning):
    """A file is damaged, and the one that was saved before it has been read instead."""


class _DamageError(ArchiveError):
    """The file is not as it was written."""


@dataclass(frozen=True)
class Archive:
    """What a file holds.

    Parameters
    ----------
    header : dict
        Values that JSON can hold.
    arrays : dict from str to array
        Arrays of numbers.
    path : Path
        Where it was read: at the path asked for, or at the one of the file before.
    """

    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    path: Path


def checked_path(name: str, path: Any) -> Path:
    """Return a path with all links resolved, so that what is replaced is the file and not a link to it.

    Raises
    ------
    InvalidArgumentError
        If it is no path, or that of a folder, a device, a pipe or anything else that is there and no file: it would be
        replaced by one, or waited for without end.
    """
    try:
        target = Path(os.path.realpath(os.fspath(path)))
        mode = _mode_of(target)
    except (TypeError, ValueError, OSError) as error:
        raise InvalidArgumentError(f"{name}={shown(path)} is no path of a file ({error}); give a str or Path") from None
    if mode is not None and stat.S_ISDIR(mode):
        raise InvalidArgumentError(f"{name}={str(path)!r} is a folder; give the path of a file in it")
    if mode is not None and not stat.S_ISREG(mode):
        raise InvalidArgumentError(f"{name}={str(path)!r} is a device or a pipe, and no file; give the path of a file")
    return target


def _mode_of(target: Path) -> int | None:
    """Return what the system says of a file; None where it says nothing, which whoever opens it will hear again."""
    try:
        return target.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None


def write(path: PathLike, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], *, keep: bool = True) -> None:
    """Write a file so that, whatever happens meanwhile, there is a complete one: the new one or that of before.

    The file is written under another name in the same folder, forced to the disk, and renamed; the one that was there
    stays as ``path + ".previous"``. Killing the process or cutting the power leaves at most a hidden ``.part`` file.

    Parameters
    ----------
    path : path
        Where.
    header : mapping
        Values that JSON can hold.
    arrays : mapping from str to array
        Arrays of numbers.
    keep : bool
        Whether to keep what was there; else the ``.previous`` file stays the one that it is.

    Raises
    ------
    ArchiveError
        If the system refuses: no space, no permission, no such folder. What was there before is still there.
    """
    target = checked_path("path", path)
    part, spare = _beside(target), _beside(target)
    try:
        _write_new(part, header, arrays)
        kept = keep and target.exists()
        if kept:
            _second_name(target, spare)
        # The new file takes its place first: if the former one is damaged, a good one before it must outlive it.
        part.replace(target)
        if kept:
            spare.replace(f"{target}{PREVIOUS}")
        _sync_folder(target.parent)
    except OSError as error:
        raise ArchiveError(
            f"cannot write {target}: {error.strerror or error}; nothing that was saved before is lost. "
            "Make room or give another path"
        ) from error
    finally:
        for name in (part, spare):
            with suppress(OSError):
                name.unlink()


def read(path: PathLike) -> Archive:
    """Read a file that `write` wrote, once its checksum is known to be right.

    If it is damaged and the one that was there before is not, that one is read, with a `DamagedFile` warning.

    Raises
    ------
    ArchiveError
        If there is no such file, or neither is as it was written.
    """
    target = checked_path("path", path)
    try:
        return _read(target)
    except _DamageError as damage:
        try:
            archive = _read(Path(f"{target}{PREVIOUS}"))
        except ArchiveError as error:
            raise ArchiveError(f"{damage}; nor can the file before it be used: {error}") from None
        warnings.warn(DamagedFile(f"{damage}; going on with the file before it, {archive.path}"), stacklevel=4)
        return archive


def clear_way(path: PathLike) -> None:
    """Make sure that files can be made beside a path, and remove what killed writers left there.

    Raises
    ------
    ArchiveError
        If its folder is missing or cannot be written to.
    """
    target = checked_path("path", path)
    try:
        parts = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{{2 * _TOKEN}}}{re.escape(PART)}")
        for leftover in target.parent.iterdir():
            if parts.fullmatch(leftover.name):
                leftover.unlink(missing_ok=True)
        probe = _beside(target)
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise ArchiveError(f"cannot write to {target}: {error.strerror or error}; give another path") from error


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(_TOKEN)}{PART}")


def _write_new(part: Path, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    text = json.dumps(header, allow_nan=False).encode()
    with part.open("x+b") as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.comment = bytes(_SEAL_LENGTH)
            for name, array in {HEADER: np.frombuffer(text, dtype=np.uint8), **arrays}.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
        file.flush()
        size = file.tell()
        file.seek(size - _SEAL_LENGTH)
        file.write(_seal(file, size))
        file.flush()
        os.fsync(file.fileno())


def _seal(file: BinaryIO, size: int) -> bytes:
    """Return what ends a file of this size: the checksum of all that comes before; the position stays where it is."""
    position = file.tell()
    file.seek(0)
    digest = hashlib.sha256()
    left = size - _SEAL_LENGTH
    while left > 0:
        chunk = file.read(min(_CHUNK, left))
        if not chunk:
            break
        digest.update(chunk)
        left -= len(chunk)
    file.seek(position)
    return _SEAL + digest.hexdigest().encode()


def _second_name(target: Path, spare: Path) -> None:
    """Give a file another name, or where the file system has no such thing, a copy."""
    try:
        os.link(target, spare)
    except OSError:
        shutil.copyfile(target, spare)
        with spare.open("r+b") as file:
            os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(target: Path) -> Archive:
    try:
        with target.open("rb") as file:
            _require_sealed(target, file)
            arrays = _arrays(file)
        header = json.loads(arrays.pop(HEADER).tobytes())
    except FileNotFoundError:
        raise ArchiveError(f"there is no file {target}") from None
    except PermissionError as error:
        raise ArchiveError(f"cannot read {target}: {error.strerror}") from None
    except (OSError, ValueError, KeyError, EOFError, MemoryError, RecursionError, NotImplementedError) as error:
        raise _DamageError(f"{target} cannot be read: {error}") from None
    except (zipfile.BadZipFile, zlib.error, struct.error) as error:
        raise _DamageError(f"{target} cannot be read: {error}") from None
    if not isinstance(header, dict):
        raise _DamageError(f"{target} has no header")
    return Archive(header, arrays, target)


def _require_sealed(target: Path, file: BinaryIO) -> None:
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise _DamageError(f"{target} is empty")
    file.seek(max(size - _SEAL_LENGTH, 0))
    seal = file.read()
    if seal.startswith(_SEAL) and seal == _seal(file, size):
        return
    file.seek(0)
    # A zip file tells the name of its first member from byte 30 on.
    begins_well = file.read(30 + len(HEADER))[30:] == HEADER.encode()
    if not begins_well and not seal.startswith(_SEAL):
        raise _DamageError(f"{target} was not written by langevin_ib")
    if not seal.startswith(_SEAL):
        raise _DamageError(f"{target} is damaged: its end is missing")
    raise _DamageError(f"{target} is damaged: its content does not match its checksum")


def _arrays(file: BinaryIO) -> dict[str, NDArray[Any]]:
    file.seek(0)
    arrays = {}
    with np.load(file, allow_pickle=False) as archive:
        for name in archive.files:
            array = archive[name]
            if not isinstance(array, np.ndarray):
                raise ValueError(f"{name} is no array")
            # What other byte orders and memory layouts there are stays outside.
            arrays[name] = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return arrays
