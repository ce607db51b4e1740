"""The numbers that a loss is summed over: named arrays, checked once, never changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import shown
from ..errors import InvalidArgumentError
from ..model.expressions import checked_array, checked_name
from .graph import Column

__all__ = ["Data"]


class Data:
    """Named float64 arrays with one or two axes; equal by content, immutable.

    Parameters
    ----------
    arrays : mapping from str to array
        What ``sympy.IndexedBase(name)`` stands for: shape (rows,) or (rows, columns), real, finite, not empty. Copied.

    Raises
    ------
    InvalidArgumentError
        If an array or its name is not like that; the message names the array and the first bad entry.

    Examples
    --------
    >>> Data({"y": [1, 2, 3]}).arrays["y"]
    array([1., 2., 3.])
    """

    def __init__(self, arrays: Mapping[str, Any] | None = None) -> None:
        if arrays is not None and not isinstance(arrays, Mapping):
            raise InvalidArgumentError(f'data must map names to arrays, such as {{"y": y}}, got {shown(arrays)}')
        checked = {checked_name("data", name): checked_array(name, array) for name, array in (arrays or {}).items()}
        self.arrays: Mapping[str, NDArray[np.float64]] = MappingProxyType(checked)

    @cached_property
    def digest(self) -> str:
        """A hash of names, shapes and numbers, the same in every process."""
        state = hashlib.blake2b(digest_size=16)
        for name in sorted(self.arrays):
            array = self.arrays[name]
            state.update(f"{name}{array.shape}".encode())
            state.update(array.astype("<f8", copy=False).tobytes())
        return state.hexdigest()

    def values(self, column: Column) -> NDArray[np.float64]:
        """Return the entries that a column stands for, shape (rows,)."""
        steps = np.arange(column.rows)
        rows = column.row + column.row_step * steps
        if not column.name:
            return rows.astype(np.float64)
        array = self.arrays[column.name]
        return array[rows] if array.ndim == 1 else array[rows, column.column + column.column_step * steps]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Data) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Data({', '.join(f'{name}: {array.shape}' for name, array in self.arrays.items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Data, (dict(self.arrays),)
