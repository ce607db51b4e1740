"""The linear group of a model: whether its generators make one, their vector fields, and what is not compact in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import sympy

from .algebra import Span, numeric, open_commutator
from .checks import shown
from .errors import InvalidArgumentError, UnsupportedModelError
from .symmetry import Linear, Scaling, Symmetry, kind_of

__all__ = ["checked_group", "compact_part", "noncompact_part", "quadratic", "vector_field"]

Matrix: TypeAlias = sympy.ImmutableSparseMatrix


def checked_group(given: Any, parameters: Sequence[sympy.Symbol]) -> Symmetry | tuple[Symmetry, ...] | None:
    """Return what a model's `symmetry` is kept as: None, one symmetry, or a tuple of several.

    Raises
    ------
    InvalidArgumentError
        If it is anything else, does not fit the parameters, a generator depends linearly on those before it, or a
        commutator of two generators is no combination of all.
    """
    symmetries = tuple(given) if isinstance(given, (tuple, list)) else () if given is None else (given,)
    for symmetry in symmetries:
        if not isinstance(symmetry, (Scaling, Linear)):
            raise InvalidArgumentError(
                f"symmetry must be a Scaling, a Linear, a sequence of these, or None, got {shown(symmetry)}"
            )
    labels = list(_labels(symmetries, parameters))
    matrices = [numeric(m) for symmetry in symmetries for m in symmetry.matrices(parameters)]
    span = Span(len(parameters))
    for label, matrix in zip(labels, matrices, strict=True):
        if not span.add(matrix):
            raise InvalidArgumentError(f"{label} is a combination of the generators before it; leave it out")
    open_pair = open_commutator(matrices, span)
    if open_pair is not None:
        one, other = (labels[place] for place in open_pair)
        raise InvalidArgumentError(
            f"the commutator A B - B A of {one} and {other} is no combination of the generators, but it is a symmetry "
            "wherever both are; add it as a generator of a Linear"
        )
    if not symmetries:
        return None
    return symmetries[0] if len(symmetries) == 1 else symmetries


def vector_field(matrix: Matrix, parameters: Sequence[sympy.Symbol]) -> tuple[sympy.Expr, ...]:
    """Return the components of A x."""
    terms: list[list[sympy.Expr]] = [[] for _ in parameters]
    for (i, j), value in sorted(matrix.todok().items()):
        terms[i].append(value * parameters[j])
    return tuple(sympy.Add(*row) for row in terms)


def quadratic(matrix: Matrix, parameters: Sequence[sympy.Symbol]) -> sympy.Expr:
    """Return xᵀ A x / 2."""
    return sympy.Add(*(value * parameters[i] * parameters[j] / 2 for (i, j), value in matrix.todok().items()))


def noncompact_part(matrices: Sequence[Matrix]) -> tuple[Matrix, ...]:
    """Return a basis of the symmetric matrices in the span of generators.

    Raises
    ------
    UnsupportedModelError
        If a generator is the sum of a symmetric and an antisymmetric matrix that are no generators.
    """
    span, chosen = Span(matrices[0].rows if matrices else 0), []
    algebra = Span(span.size)
    for matrix in matrices:
        algebra.add(numeric(matrix))
    for place, matrix in enumerate(matrices):
        kind = kind_of(matrix)
        symmetric = matrix if kind == "non-compact" else (matrix + matrix.T).as_immutable()
        numbers = numeric(symmetric)
        if kind == "mixed" and not algebra.holds(numbers):
            raise UnsupportedModelError(
                f"generator {place} is neither symmetric nor antisymmetric, and its symmetric part generates no "
                "symmetry of the model: there is no canonical dual slice; give the model constraints of your own, "
                "slice={...}"
            )
        if kind != "compact" and span.add(numbers):
            chosen.append(symmetric)
    return tuple(chosen)


def compact_part(matrices: Sequence[Matrix]) -> tuple[Matrix, ...]:
    """Return a basis of the antisymmetric matrices in the span of generators that `noncompact_part` accepts."""
    if not matrices:
        return ()
    span = Span(matrices[0].rows)
    turns = [
        m if kind_of(m) == "compact" else (m - m.T).as_immutable() for m in matrices if kind_of(m) != "non-compact"
    ]
    return tuple(turn for turn in turns if span.add(numeric(turn)))


def _labels(symmetries: Sequence[Symmetry], parameters: Sequence[sympy.Symbol]) -> Iterator[str]:
    for symmetry in symmetries:
        if isinstance(symmetry, Scaling):
            yield shown(symmetry)
        else:
            names = symmetry.names or range(len(symmetry.matrices(parameters)))
            yield from (f"generator {name!r} of {symmetry!r}" for name in names)
