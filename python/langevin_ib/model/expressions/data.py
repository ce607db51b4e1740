"""Arrays of data that expressions sum over: which are acceptable, and whether every use of them makes sense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import sympy
from numpy.typing import NDArray

from ...checks import real_array
from ...errors import InvalidArgumentError
from .parts import has_part, parts_of

__all__ = [
    "MAX_ENTRIES",
    "Data",
    "Ranges",
    "checked_array",
    "free_symbols_of",
    "index_factors",
    "index_range",
    "limits_of",
    "uses_data",
]

Data: TypeAlias = Mapping[str, NDArray[np.float64]]
"""The arrays by the names of their `sympy.IndexedBase`."""

Ranges: TypeAlias = Mapping[sympy.Basic, tuple[int, int]]
"""The first and the last value of every index that is bound by a sum."""

MAX_ENTRIES = 10**8
"""Of one array: 800 MB."""

_SUMMING = (sympy.Sum, sympy.Product)
_WHOLE = (*_SUMMING, sympy.Indexed, sympy.IndexedBase, sympy.Idx)
"""Parts that are looked at as a whole."""


def checked_array(name: str, value: Any) -> NDArray[np.float64]:
    """Return an immutable float64 copy of an array of data once it is known to be usable.

    Parameters
    ----------
    name : str
        What expressions call it.
    value : array_like, shape (n,) or (n, p)
        Real numbers.

    Raises
    ------
    InvalidArgumentError
        If it has another rank, is empty or too large, or holds anything but finite real numbers.
    """
    array = real_array(f"data {name!r}", value, code=name)
    given = f"data {name!r} has shape {array.shape} and dtype {array.dtype}"
    if array.ndim not in {1, 2}:
        raise InvalidArgumentError(f"{given}; give shape (n,) or (n, p)")
    if not 0 < array.size <= MAX_ENTRIES:
        raise InvalidArgumentError(f"{given}; it must have between 1 and {MAX_ENTRIES} entries")
    bad = np.argwhere(~np.isfinite(array))
    if bad.size:
        place = bad[0].tolist()
        raise InvalidArgumentError(
            f"data {name!r} holds {array[tuple(place)]} at {place}, one of {len(bad)} entries that are not finite; "
            "remove those rows, or fill them in"
        )
    with np.errstate(over="ignore"):
        doubles = array.astype(np.float64, order="C")
    if not np.isfinite(doubles).all():
        raise InvalidArgumentError(f"{given} and numbers beyond the range of doubles; rescale it")
    if array.dtype.kind in "iu" and (doubles.astype(array.dtype) != array).any():
        raise InvalidArgumentError(f"{given} and integers beyond 2**53, which doubles round; rescale it")
    # An array over bytes cannot be made writeable again.
    return np.frombuffer(doubles.tobytes(), dtype=np.float64).reshape(array.shape)


def uses_data(expression: sympy.Basic) -> bool:
    """Return whether an expression is a function of data, or a sum that is to be kept as one."""
    return has_part(expression, sympy.IndexedBase, sympy.Sum)


def free_symbols_of(
    what: str, expression: sympy.Basic, data: Data, ranges: Ranges | None = None
) -> tuple[set[sympy.Basic], set[str]]:
    """Return the symbols that an expression depends on, and the names of the data that it uses.

    Parameters
    ----------
    what : str
        What the expression is, for messages.
    expression : sympy.Basic
        With sums such as ``Sum((X[i, 0] * w - y[i])**2, (i, 0, n - 1))`` over rows of data.
    data : mapping from str to array
        All data that there are.
    ranges : mapping, optional
        The indices that are bound by sums around the expression.

    Raises
    ------
    InvalidArgumentError
        If an array is missing, stands without an index or has another rank, an index is not bound by a sum, or it
        leaves the array; the message names the sub-expression.
    """
    ranges = {} if ranges is None else ranges
    symbols: set[sympy.Basic] = set()
    names: set[str] = set()
    for part in parts_of(expression, lambda part: () if isinstance(part, _WHOLE) else part.args):
        if isinstance(part, _SUMMING):
            inner = {**ranges, **{index: (first, last) for index, first, last in limits_of(what, part)}}
            more_symbols, more_names = free_symbols_of(what, part.function, data, inner)
            symbols |= more_symbols
            names |= more_names
        elif isinstance(part, sympy.Indexed):
            _require_inside(what, part, data, ranges)
            names.add(str(part.base.label))
        elif isinstance(part, sympy.IndexedBase):
            raise InvalidArgumentError(
                f"{what} contains {part} without an index; write a row of it, such as {part}[i] or "
                f"{part}[i, 0], in a sympy.Sum over i"
            )
        elif isinstance(part, (sympy.Symbol, sympy.Idx)) and part not in ranges:
            symbols.add(part)
    return symbols, names


def limits_of(what: str, total: sympy.Sum) -> list[tuple[sympy.Basic, int, int]]:
    """Return index, first and last value of each limit of a sum.

    Raises
    ------
    InvalidArgumentError
        If a limit is no whole number, or a sum is empty or has more than 10**8 terms.
    """
    limits = []
    for limit in total.limits:
        if len(limit) != 3 or not all(bound.is_Integer for bound in limit[1:]):
            raise InvalidArgumentError(
                f"{what}: the sum over {limit} needs whole numbers as limits; write sympy.Sum(..., (i, 0, n - 1)) with "
                "the number n of rows"
            )
        index, first, last = limit[0], int(limit[1]), int(limit[2])
        if last - first >= MAX_ENTRIES:
            raise InvalidArgumentError(
                f"{what}: the sum over {limit} has {last - first + 1} terms; write it in closed form, or as one of "
                f"{MAX_ENTRIES} terms at most"
            )
        if last < first:
            raise InvalidArgumentError(f"{what}: the sum over {limit} is empty; it needs at least one row")
        limits.append((index, first, last))
    return limits


def index_range(index: sympy.Expr, ranges: Ranges) -> tuple[int, int] | None:
    """Return the smallest and the largest value of an index such as 2, i + 1 or 2*i - j; None if it is no such sum."""
    factors = index_factors(index)
    if factors is None or not factors.keys() <= {sympy.S.One, *ranges}:
        return None
    ends = [[factor * end for end in ranges.get(bound, (1, 1))] for bound, factor in factors.items()]
    return sum(map(min, ends)), sum(map(max, ends))


def index_factors(index: sympy.Expr) -> dict[sympy.Basic, int] | None:
    """Return the whole numbers that indices are multiplied by in a sum such as 2*i - j + 1, the 1 by itself among them.

    None if it is no such sum.
    """
    factors = sympy.expand(index).as_coefficients_dict()
    if not all(factor.is_Integer for factor in factors.values()):
        return None
    return {bound: int(factor) for bound, factor in factors.items()}


def _require_inside(what: str, entry: sympy.Indexed, data: Data, ranges: Ranges) -> None:
    name = str(entry.base.label)
    if name not in data:
        known = f"there are {', '.join(data)}" if data else "this model has none"
        raise InvalidArgumentError(f"{what} contains {entry}, but {known} in data=; give data={{{name!r}: array}}")
    shape = data[name].shape
    if len(entry.indices) != len(shape):
        raise InvalidArgumentError(
            f"{what} contains {entry} with {len(entry.indices)} indices, but data {name!r} has shape {shape}"
        )
    if entry.base.shape is not None and tuple(entry.base.shape) != shape:
        raise InvalidArgumentError(f"{what}: {entry.base} was given the shape {entry.base.shape}, but data has {shape}")
    if entry.base.strides is not None or entry.base.offset not in {0, None}:
        raise InvalidArgumentError(f"{what}: {entry.base} has strides or an offset; index the array as it is")
    for axis, (index, size) in enumerate(zip(entry.indices, shape, strict=True)):
        found = index_range(index, ranges)
        if found is None:
            raise InvalidArgumentError(
                f"{what} contains {entry}, whose index {index} is neither a whole number nor made of the indices of "
                "sums around it and whole numbers, such as i + 1 or 2*i"
            )
        first, last = found
        if first < 0 or last >= size:
            kind = ("row", "column")[axis]
            raise InvalidArgumentError(
                f"{what} contains {entry}, which reaches {kind} {first if first < 0 else last}, but data {name!r} has "
                f"{size} {kind}s, 0 to {size - 1}"
            )
