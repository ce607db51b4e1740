"""The group of a model: whether its generators make one, their vector fields, and what is not compact in it.

A generator is x -> A x + a; a is zero for scalings and linear groups, and A for translations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse
import sympy

from ..checks import shown
from ..errors import InvalidArgumentError, UnsupportedModelError
from .algebra import TOLERANCE, Span, numeric, open_commutator
from .metric import Metric
from .symmetry import ROUNDING, Linear, Scaling, Symmetry, Translation, kind_of

__all__ = [
    "Form",
    "checked_group",
    "compact_part",
    "is_translation",
    "noncompact_part",
    "potential_of",
    "self_adjoint_parts",
    "vector_field",
]

_COARSEST = 1e-6

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
        if not isinstance(symmetry, (Scaling, Translation, Linear)):
            raise InvalidArgumentError(
                f"symmetry must be a Scaling, a Translation, a Linear, a sequence of these, or None, got "
                f"{shown(symmetry)}"
            )
    labels = list(_labels(symmetries, parameters))
    matrices = [
        _homogeneous(matrix, offset)
        for symmetry in symmetries
        for matrix, offset in zip(symmetry.matrices(parameters), symmetry.offsets(parameters), strict=True)
    ]
    span = Span(len(parameters) + 1)
    for label, matrix in zip(labels, matrices, strict=True):
        if not span.add(matrix):
            raise InvalidArgumentError(f"{label} is a combination of the generators before it; leave it out")
    open_pair = open_commutator(matrices, span)
    if open_pair is not None:
        one, other = (labels[place] for place in open_pair)
        raise InvalidArgumentError(
            f"the commutator A B - B A of {one} and {other} is no combination of the generators, but it is a symmetry "
            f"wherever both are; add it as {_kind_of_commutator(matrices, open_pair)}"
        )
    if not symmetries:
        return None
    return symmetries[0] if len(symmetries) == 1 else symmetries


def _homogeneous(matrix: Matrix, offset: Matrix) -> scipy.sparse.csr_array:
    """Return the matrix that moves (x, 1) as the generator x -> A x + a moves x: commutators are theirs."""
    size = matrix.rows
    moved = {(int(i), int(j)): value for (i, j), value in matrix.todok().items()}
    moved |= {(int(i), size): value for (i, _), value in offset.todok().items()}
    return numeric(sympy.ImmutableSparseMatrix(size + 1, size + 1, moved))


def _kind_of_commutator(matrices: Sequence[scipy.sparse.csr_array], pair: tuple[int, int]) -> str:
    one, other = (matrices[place] for place in pair)
    linear = (one @ other - other @ one)[:-1][:, :-1]
    return "a generator of a Linear" if linear.count_nonzero() else "a Translation"


def vector_field(
    matrix: Matrix, parameters: Sequence[sympy.Symbol], offset: Matrix | None = None
) -> tuple[sympy.Expr, ...]:
    """Return the components of A x + a."""
    terms: list[list[sympy.Expr]] = [[] for _ in parameters]
    for (i, j), value in sorted(matrix.todok().items()):
        terms[i].append(value * parameters[j])
    for (i, _), value in () if offset is None else offset.todok().items():
        terms[i].append(value)
    return tuple(sympy.Add(*row) for row in terms)


def potential_of(matrix: Matrix, slope: Matrix, parameters: Sequence[sympy.Symbol]) -> sympy.Expr:
    """Return xᵀ S x / 2 + b . x, whose gradient is S x + b."""
    squares = (value * parameters[i] * parameters[j] / 2 for (i, j), value in matrix.todok().items())
    return sympy.Add(*squares, *(value * parameters[i] for (i, _), value in slope.todok().items()))


@dataclass(frozen=True)
class Form:
    """A canonical constraint chi = xᵀ S x / 2 + b . x.

    Parameters
    ----------
    matrix : sympy.ImmutableSparseMatrix, shape (dim, dim)
        S; in a metric g it is g times the self-adjoint generator.
    slope : sympy.ImmutableSparseMatrix, shape (dim, 1)
        b, or g times the direction of a translation.
    """

    matrix: Matrix
    slope: Matrix


@lru_cache(maxsize=32)
def noncompact_part(
    matrices: tuple[Matrix, ...], offsets: tuple[Matrix, ...], metric: Metric | None = None
) -> tuple[Form, ...]:
    """Return the canonical constraints for a basis of the self-adjoint generators, and for the translations.

    Without a metric g is the identity, and self-adjoint means symmetric.

    Raises
    ------
    UnsupportedModelError
        As `self_adjoint_parts`; or if a linear generator moves a translation, or moves points along one.
    """
    chosen = dict(self_adjoint_parts(matrices, metric))
    forms = []
    for place, (matrix, offset) in enumerate(zip(matrices, offsets, strict=True)):
        if is_translation(matrix):
            _require_apart(place, offset, matrices, metric)
            forms.append(Form(matrix, offset if metric is None else (metric.exact * offset).as_immutable()))
        elif place in chosen:
            form = matrix if metric is None else (metric.exact * matrix).as_immutable()
            if not chosen[place] or form != form.T:
                form = (form + form.T).as_immutable() / (2 if chosen[place] else 1)
            forms.append(Form(form, offset))
    return tuple(forms)


def is_translation(matrix: Matrix) -> bool:
    """Return whether a generator x -> A x + a is a translation, from A: no generator is zero."""
    return not matrix.todok()


def _require_apart(place: int, offset: Matrix, matrices: Sequence[Matrix], metric: Metric | None) -> None:
    """Refuse linear generators A with A a or its adjoint not zero: no slice is orthogonal to both orbits."""
    direction = numeric(offset).toarray()[:, 0]
    for other, matrix in enumerate(matrices):
        numbers = numeric(matrix)
        form = numbers if metric is None else scipy.sparse.csr_array(metric.matrix @ numbers.toarray())
        size = TOLERANCE * abs(form).sum() * np.abs(direction).max()
        if max(np.abs(form @ direction).max(), np.abs(form.T @ direction).max()) > size:
            raise UnsupportedModelError(
                f"generator {other} moves the direction of the translation, generator {place}, or moves points along "
                "it: they do not commute, or are not orthogonal, and there is no canonical dual slice. Give the linear "
                "generator on the other parameters alone, as the translation makes up for the rest; or give "
                "constraints of your own, slice={...}"
            )


@lru_cache(maxsize=32)
def self_adjoint_parts(matrices: tuple[Matrix, ...], metric: Metric | None = None) -> tuple[tuple[int, bool], ...]:
    """Return the generators A whose self-adjoint parts A + g⁻¹Aᵀg are a basis, and whether they are so themselves.

    Raises
    ------
    UnsupportedModelError
        If such a part is no generator, nor zero.
    """
    moved = {place: _in_frame(matrix, metric) for place, matrix in enumerate(matrices) if not is_translation(matrix)}
    span, algebra = (Span(matrices[0].rows if matrices else 0, _tolerance(metric)) for _ in range(2))
    for numbers in moved.values():
        algebra.add(numbers)
    chosen = []
    for place, numbers in moved.items():
        matrix = matrices[place]
        kind, symmetric = _kind(matrix, metric), scipy.sparse.csr_array(numbers + numbers.T)
        if kind == "mixed" and not algebra.holds(symmetric):
            raise UnsupportedModelError(_no_canonical_slice(place, metric))
        if kind != "compact" and span.add(symmetric):
            chosen.append((place, kind == "non-compact"))
    return tuple(chosen)


def compact_part(matrices: Sequence[Matrix], metric: Metric | None = None) -> tuple[scipy.sparse.csr_array, ...]:
    """Return a basis of the antisymmetric matrices in the span of generators; in y = Lᵀ x if there is a metric."""
    matrices = [matrix for matrix in matrices if not is_translation(matrix)]
    if not matrices:
        return ()
    moved = [_in_frame(matrix, metric) for matrix in matrices]
    span, algebra = (Span(matrices[0].rows, _tolerance(metric)) for _ in range(2))
    for numbers in moved:
        algebra.add(numbers)
    kinds = [_kind(matrix, metric) for matrix in matrices]
    turns = (
        numbers if kind == "compact" else scipy.sparse.csr_array(numbers - numbers.T)
        for numbers, kind in zip(moved, kinds, strict=True)
        if kind != "non-compact"
    )
    return tuple(turn for turn in turns if algebra.holds(turn) and span.add(turn))


def _in_frame(matrix: Matrix, metric: Metric | None) -> scipy.sparse.csr_array:
    numbers = numeric(matrix)
    return numbers if metric is None else metric.conjugated(numbers)


def _tolerance(metric: Metric | None) -> float:
    """Return what is zero of an adjoint g⁻¹Aᵀg, for which the last digits of a metric count if that is bad."""
    return TOLERANCE if metric is None else min(max(TOLERANCE, metric.blur), _COARSEST)


def _kind(matrix: Matrix, metric: Metric | None) -> str:
    """Return what `kind_of` says of a generator, in a metric: whether g A is symmetric, antisymmetric, or neither."""
    if metric is None:
        return kind_of(matrix)
    # In units in which the diagonal of the metric is 1, so that they do not matter.
    unit = np.sqrt(np.diagonal(metric.matrix))[:, None]
    g, a = metric.matrix / unit / unit.T, numeric(matrix).toarray() * unit / unit.T
    form, rounding = g @ a, ROUNDING * (np.abs(g) @ np.abs(a)).max()
    if (np.abs(form - form.T) <= rounding).all():
        return "non-compact"
    return "compact" if (np.abs(form + form.T) <= rounding).all() else "mixed"


def _no_canonical_slice(place: int, metric: Metric | None) -> str:
    if metric is None:
        return (
            f"generator {place} is neither symmetric nor antisymmetric, and its symmetric part generates no "
            "symmetry of the model: there is no canonical dual slice; give the model constraints of your own, "
            "slice={...}"
        )
    return (
        f"generator {place}, A, is not self-adjoint in this metric g (g A is neither symmetric nor antisymmetric), and "
        "A + g⁻¹Aᵀg generates no symmetry of the model: there is no canonical dual slice xᵀ g A x / 2, in no "
        "coordinates. Take a metric that couples only parameters which the group moves alike, such as a diagonal one "
        "for scalings; or give constraints of your own, chi= or Model(slice={...})"
    )


def _labels(symmetries: Sequence[Symmetry], parameters: Sequence[sympy.Symbol]) -> Iterator[str]:
    for symmetry in symmetries:
        if not isinstance(symmetry, Linear):
            yield shown(symmetry)
        else:
            names, whole = symmetry.names or range(len(symmetry.matrices(parameters))), repr(symmetry)
            yield from (f"generator {name!r} of {whole}" for name in names)
