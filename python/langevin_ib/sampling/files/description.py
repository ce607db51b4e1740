"""Models, dynamics and settings as values that JSON can hold, and back; and the hash of what they say."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

import numpy as np
import sympy
from numpy.typing import NDArray

from ...checks import checked_int, shown
from ...errors import ArchiveError, LangevinError
from ...model import Fresh, Linear, Model, Scaling, Translation
from ...model.expressions import integer_from, integer_tree, read_tree, tree_of
from ...observe import KINDS, Observer, Trace
from ...process import SGD, Ambient, Constrained, GaugeFixed, GivenBatches, SoftSlice
from ..loop import MAX_WALKERS, Settings

__all__ = ["Arrays", "Described", "content_hash", "describe", "description_hash", "restore"]

Described: TypeAlias = Any
"""Whatever JSON can hold: None, a bool, a number, a text, a list of these, or a dict from texts to these."""

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
"""Arrays that stand beside a description, by whatever names."""

T = TypeVar("T")

_DYNAMICS = (Ambient, SoftSlice, GaugeFixed, Constrained, SGD)

_CLASSES = (Model, Fresh, Scaling, Translation, Linear, *_DYNAMICS, GivenBatches, Settings, *KINDS)

_KINDS: dict[str, type] = {kind.__name__: kind for kind in _CLASSES}


def describe(value: Any) -> Described:  # noqa: PLR0911 - one for each kind of value
    """Return a model, a symmetry, a dynamics, settings or an observer as nested dicts and lists that JSON can hold.

    Nothing is lost: `restore` gives an equal value. Of arrays of data it has shape and SHA-256 only: they have to be
    kept beside it.

    Parameters
    ----------
    value : Model, Scaling, Translation, Linear, a dynamics, Settings, Histogram, Moments or Trace
        Or any of the plain values that they are made of.

    Raises
    ------
    ArchiveError
        If a formula uses a function that no file can hold, or the value is of another kind.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            plain = integer_tree(value)
            return plain if isinstance(plain, int) else {"integer": plain}
        case float() if math.isfinite(value):
            return value
        case tuple():
            return [describe(part) for part in value]
        case sympy.MatrixBase():
            entries = sorted((int(i), int(j), entry) for (i, j), entry in value.todok().items())
            shape = [int(value.rows), int(value.cols)]
            return {"matrix": shape, "entries": [[i, j, tree_of(entry)] for i, j, entry in entries]}
        case sympy.Basic():
            return {"formula": tree_of(value)}
        case Mapping():
            return _described_mapping(value)
        case np.ndarray():
            return {"array": _hash_of(value), "shape": list(value.shape)}
    kind = type(value).__name__
    if _KINDS.get(kind) is not type(value) or not is_dataclass(value):
        raise ArchiveError(f"{shown(value)} is a {kind}; a file can hold {', '.join(_KINDS)}")
    parts = {field.name: getattr(value, field.name) for field in fields(value)}
    _say_as_before(value, parts)
    return {"kind": kind, "fields": {name: describe(part) for name, part in parts.items()}}


def _say_as_before(value: Any, parts: dict[str, Any]) -> None:
    """Leave out what a value has none of and earlier versions did not know, so that files say what they said."""
    match value:
        case Model():
            constraints = parts.pop("slice")
            if parts["fresh"] is None:
                del parts["fresh"]
            parts |= {} if constraints is None else {"slice": tuple(constraints.items())}
        case Settings(approach=0):
            del parts["approach"]
        case Trace(at=None):
            del parts["at"]
        case SoftSlice(metric=None):
            del parts["metric"]


def restore(description: Described, kind: type[T], arrays: Arrays = MappingProxyType({})) -> T:
    """Return the value that `describe` described, once it is known to be of a certain class.

    That a model is invariant under its symmetry was checked when it was made, and is not checked again.

    Parameters
    ----------
    description : object
        What a file holds; it may come from anywhere.
    kind : type
        What is wanted, for instance ``Model``.
    arrays : mapping from str to array, optional
        The arrays that were kept beside it; which is which is told by their content.

    Raises
    ------
    ArchiveError
        If it describes nothing, or something else.
    """
    try:
        value = _restored(description, {_hash_of(array): array for array in arrays.values()})
    except ArchiveError:
        raise
    except RecursionError:
        raise ArchiveError(f"the description of a {kind.__name__} is nested too deeply") from None
    except (LangevinError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ArchiveError(f"what the file says of its {kind.__name__} makes none: {error}") from error
    if not isinstance(value, kind):
        raise ArchiveError(f"{shown(value)} stands where the file should describe a {kind.__name__}")
    return value


def content_hash(*values: Any) -> str:
    """Return the SHA-256, 64 hexadecimal digits, of what values say.

    Equal values have equal hashes, on every machine and in whichever order mappings were filled.

    Parameters
    ----------
    *values : object
        Whatever `describe` takes.

    Raises
    ------
    ArchiveError
        If `describe` raises it.
    """
    return description_hash(*map(describe, values))


def description_hash(*descriptions: Described) -> str:
    """Return the `content_hash` of what was described."""
    canonical = json.dumps(descriptions, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _described_mapping(mapping: Mapping[Any, Any]) -> Described:
    if all(isinstance(key, str) for key in mapping):
        return {"mapping": {key: describe(value) for key, value in mapping.items()}}
    pairs = sorted(mapping.items(), key=lambda pair: str(pair[0]))
    return {"pairs": [[describe(key), describe(value)] for key, value in pairs]}


def _hash_of(array: NDArray[Any]) -> str:
    plain = np.ascontiguousarray(array)
    return hashlib.sha256(plain.astype(plain.dtype.newbyteorder("<"), copy=False).data).hexdigest()


def _restored(description: Described, arrays: Arrays) -> Any:  # noqa: PLR0911 - one for each kind of value
    match description:
        case None | bool() | str() | int() | float():
            return description
        case list(parts):
            return tuple(_restored(part, arrays) for part in parts)
        case {"integer": value, **others} if not others:
            return integer_from(value)
        case {"formula": tree, **others} if not others:
            return read_tree(tree)
        case {"mapping": dict(mapping), **others} if not others:
            return {key: _restored(value, arrays) for key, value in mapping.items()}
        case {"pairs": list(pairs), **others} if not others:
            return {_restored(key, arrays): _restored(value, arrays) for key, value in pairs}
        case {"matrix": [int(rows), int(columns)], "entries": list(entries), **others} if not others:
            return _matrix(rows, columns, entries)
        case {"array": str(content), "shape": list(shape), **others} if not others:
            return _array(content, shape, arrays)
        case {"kind": str(kind), "fields": dict(values), **others} if kind in _KINDS and not others:
            return _made(kind, {name: _restored(value, arrays) for name, value in values.items()})
    raise ArchiveError(
        f"{shown(description)} describes nothing; the file was not written by this version of langevin_ib"
    )


def _array(content: str, shape: list[Any], arrays: Arrays) -> NDArray[Any]:
    if content not in arrays or list(arrays[content].shape) != shape:
        raise ArchiveError(f"data of shape {shown(shape)} and SHA-256 {shown(content)} are not in the file")
    return arrays[content]


def _matrix(rows: int, columns: int, entries: list[Any]) -> sympy.ImmutableSparseMatrix:
    found: dict[tuple[int, int], sympy.Basic] = {}
    for entry in entries:
        match entry:
            case [int(row), int(column), tree] if 0 <= row < rows and 0 <= column < columns:
                found[row, column] = read_tree(tree)
            case _:
                raise ArchiveError(f"{shown(entry)} describes no entry of a matrix of shape ({rows}, {columns})")
    return sympy.ImmutableSparseMatrix(rows, columns, found)


def _made(kind: str, arguments: dict[str, Any]) -> Any:
    if kind == "Model":
        return Model.trusted(arguments)
    if kind == "Settings":
        _require_sound(**arguments)
    return _KINDS[kind](**arguments)


def _require_sound(*, walkers: Any, key: Any, observe: Any, **_: Any) -> None:
    """Check what settings do not check themselves, because in `sample` it was checked argument by argument."""
    first, last = walkers
    checked_int("walkers", last, minimum=1, maximum=MAX_WALKERS)
    checked_int("walkers", first, minimum=0, maximum=last - 1)
    checked_int("key", key, minimum=0, maximum=2**128 - 1)
    for name, spec in observe:
        if not isinstance(name, str) or not isinstance(spec, Observer):
            raise ArchiveError(f"observe of the file maps {shown(name)} to {shown(spec)}")
