"""What a model may be made of: its mappings of formulas, its data and its slice, checked; and symmetries as text."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import shown
from ..errors import ArchiveError, InvalidArgumentError
from .expressions import (
    NO_DATA,
    Ranges,
    canonical_text,
    checked_array,
    checked_expression,
    checked_name,
    index_range,
    limits_of,
    parts_of,
    read_tree,
    same_expression,
    tree_of,
)
from .symmetry import Scaling, Symmetry, Translation

__all__ = [
    "checked_data",
    "checked_mapping",
    "checked_slice",
    "digest_of",
    "packed",
    "refuse_ambiguous_names",
    "refuse_unused_data",
    "same_data",
    "same_formulas",
    "symmetry_texts",
    "texts_of",
    "unpacked",
    "warn_of_unused_rows",
]


def digest_of(texts: Sequence[str], data: Mapping[str, NDArray[np.float64]] = NO_DATA) -> str:
    """Return SHA-256 of texts and arrays, 64 hexadecimal digits: the same for equal ones in every process."""
    content = hashlib.sha256("\n".join(texts).encode())
    for name in sorted(data):
        content.update(f"\ndata {name}: {data[name].shape}\n".encode())
        content.update(data[name].astype("<f8", copy=False).data)
    return content.hexdigest()


def texts_of(kind: str, named: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Return named formulas as text."""
    return [(f"{kind} {name}", canonical_text(formula)) for name, formula in named]


def same_data(one: Mapping[str, NDArray[np.float64]], other: Mapping[str, NDArray[np.float64]]) -> bool:
    """Compare arrays byte by byte."""
    return one.keys() == other.keys() and all(
        np.array_equal(one[name].view(np.uint64), other[name].view(np.uint64)) for name in one
    )


def same_formulas(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Compare models field by field, and mappings of expressions name by name."""
    if one.keys() != other.keys():
        return False
    for name, value in one.items():
        if isinstance(value, Mapping):
            equal = same_formulas(value, other[name])
        elif isinstance(value, sympy.Expr):
            equal = same_expression(value, other[name])
        else:
            equal = value == other[name]
        if not equal:
            return False
    return True


def packed(value: Any) -> Any:
    """Return an expression, or those in a mapping, as `formulas.tree_of` has them: SymPy would evaluate them anew.

    What that module does not know remains as it is.
    """
    if isinstance(value, Mapping):
        return {name: packed(part) for name, part in value.items()}
    if not isinstance(value, sympy.Expr):
        return value
    try:
        return tree_of(value)
    except ArchiveError:
        return value


def unpacked(value: Any) -> Any:
    """Return what was packed."""
    if isinstance(value, Mapping):
        return {name: unpacked(part) for name, part in value.items()}
    return read_tree(value) if isinstance(value, list) else value


def checked_data(data: Any) -> dict[str, NDArray[np.float64]]:
    """Return copies of the arrays by name, once they are known to be usable."""
    if not isinstance(data, Mapping):
        raise InvalidArgumentError(f'data must map names to arrays, such as {{"X": X}}, got {type(data).__name__}')
    return {checked_name("data", name): checked_array(name, array) for name, array in data.items()}


def checked_mapping(
    kind: str, mapping: Any, symbols: tuple[sympy.Symbol, ...], data: Mapping[str, NDArray[np.float64]]
) -> dict[str, sympy.Expr]:
    """Return the expressions by name, once they are known to be usable; `kind` says in messages what they are."""
    if not isinstance(mapping, Mapping):
        raise InvalidArgumentError(
            f'{kind} must map names to expressions, such as {{"theta": u * v}}, got {shown(mapping)}'
        )
    return {checked_name(kind, k): checked_expression(f"{kind} {k!r}", f, symbols, data) for k, f in mapping.items()}


def refuse_ambiguous_names(
    symbols: tuple[sympy.Symbol, ...],
    predictor: Mapping[str, sympy.Expr],
    observables: Mapping[str, sympy.Expr],
    data: Mapping[str, NDArray[np.float64]],
) -> None:
    """Check that no name stands for two things."""
    meaning: dict[str, sympy.Expr] = {str(x): x for x in symbols}
    for name, expression in [*predictor.items(), *observables.items()]:
        if meaning.setdefault(name, expression) != expression:
            raise InvalidArgumentError(
                f"the name {name!r} stands for both {meaning[name]} and {expression}; rename one"
            )
    for name in data:
        if name in meaning:
            raise InvalidArgumentError(f"the name {name!r} stands for both {meaning[name]} and data; rename one")


def refuse_unused_data(data: Mapping[str, NDArray[np.float64]], expressions: list[sympy.Expr]) -> None:
    """Check that every array is used by an expression."""
    parts = (part for expression in expressions for part in parts_of(expression))
    used = {str(part.base.label) for part in parts if isinstance(part, sympy.Indexed)}
    for name in data:
        if name not in used:
            raise InvalidArgumentError(
                f"data {name!r} is used by no expression; leave it out, or index sympy.IndexedBase({name!r}) in one"
            )


def warn_of_unused_rows(model: Any, *, stacklevel: int) -> None:
    """Warn if arrays that are summed over have rows before or after all that any expression reaches."""
    reached: dict[str, list[int]] = {}
    summed = set()
    for expression in (model.loss, model.confinement, *model.predictor.values(), *model.observables.values()):
        for name, first, last in _rows(expression, {}):
            reached.setdefault(name, []).extend((first, last))
            if last > first:
                summed.add(name)
    left = {
        name: f"{min(rows)} to {max(rows)} of the {len(model.data[name])} rows of data {name!r}"
        for name, rows in sorted(reached.items())
        if name in summed and (min(rows), max(rows)) != (0, len(model.data[name]) - 1)
    }
    if left:
        warnings.warn(
            f"only {' and '.join(left.values())} are used by any expression; let sums go over (i, 0, "
            f"{len(model.data[next(iter(left))]) - 1}), or leave the other rows out of data=",
            UserWarning,
            stacklevel=stacklevel + 1,
        )


def _rows(expression: sympy.Basic, ranges: Ranges) -> Iterator[tuple[str, int, int]]:
    """Yield the first and the last row that each entry of an array in an expression stands for."""
    for part in parts_of(expression, lambda part: () if isinstance(part, sympy.Sum | sympy.Indexed) else part.args):
        if isinstance(part, sympy.Sum):
            inner = {index: (first, last) for index, first, last in limits_of("a sum", part)}
            yield from _rows(part.function, {**ranges, **inner})
        elif isinstance(part, sympy.Indexed) and (found := index_range(part.indices[0], ranges)):
            yield str(part.base.label), *found


def checked_slice(given: Any, symbols: tuple[sympy.Symbol, ...], symmetry: Any) -> dict[str, sympy.Expr]:
    """Return the constraints of a slice; they come from files as pairs, whose order no reader changes."""
    is_pairs = isinstance(given, tuple) and all(isinstance(each, (tuple, list)) and len(each) == 2 for each in given)
    mapping = dict(given) if is_pairs else given
    constraints = checked_mapping("slice", mapping, symbols, {})
    if symmetry is None:
        raise InvalidArgumentError("slice= has no meaning without a symmetry; give symmetry= or leave it out")
    symmetries = symmetry if isinstance(symmetry, tuple) else (symmetry,)
    count = sum(len(each.matrices(symbols)) for each in symmetries)
    if not 1 <= len(constraints) <= count:
        raise InvalidArgumentError(
            f"slice has {len(constraints)} constraints, but the symmetry has {count} generators; give at least one "
            "constraint, and no more than there are generators"
        )
    for name, expression in constraints.items():
        if not expression.free_symbols:
            raise InvalidArgumentError(f"slice {name!r} = {expression} is constant; it must vary along the orbits")
    return constraints


def symmetry_texts(number: int, symmetry: Symmetry) -> list[tuple[str, str]]:
    """Return a symmetry as text; the first of a model without its number, as when there could be only one."""
    which = f" in symmetry {number}" if number else ""
    if isinstance(symmetry, (Scaling, Translation)):
        what, moved = (
            ("weight", symmetry.weights) if isinstance(symmetry, Scaling) else ("translation", symmetry.direction)
        )
        numbers = {str(x): (x, w) for x, w in moved.items()}
        return [(f"{what} of {name}{which}", canonical_text(numbers[name])) for name in sorted(numbers)]
    names = symmetry.names or ("",) * len(symmetry.generators)
    return [
        (f"generator {a} {name} entry {i} {j}{which}", canonical_text(value))
        for a, (name, matrix) in enumerate(zip(names, symmetry.generators, strict=True))
        for (i, j), value in sorted(matrix.todok().items())
    ]
