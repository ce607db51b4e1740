"""Continuous symmetries of a model: scalings, translations, and linear groups given by their generating matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import sympy

from ..checks import checked_real, shown
from ..errors import InvalidArgumentError
from .expressions import checked_name, exact

__all__ = ["ROUNDING", "Linear", "Scaling", "Symmetry", "Translation", "kind_of"]

ROUNDING = 1e-12
"""By so much, relative to its largest entry, a matrix may differ from plus or minus its transpose and still be it."""


@dataclass(frozen=True)
class Scaling:
    """The one-parameter group x_i -> s**w_i x_i (s > 0), such as (u, v) -> (s u, v / s) for weights 1 and -1.

    Parameters
    ----------
    weights : mapping from sympy.Symbol to real number
        The exponent w_i of each parameter that moves; parameters that are not named stay. Give exact numbers
        (integers, fractions) where invariance depends on them.

    Raises
    ------
    InvalidArgumentError
        If a key is no symbol, a weight is no finite real number, or all weights are zero.

    Examples
    --------
    >>> u, v = sympy.symbols("u v", real=True)
    >>> Scaling({u: +1, v: -1}).generators((u, v))
    [(u, -v)]
    """

    weights: Mapping[sympy.Symbol, sympy.Expr]

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", _checked_components("weights", "weight", self.weights))

    def generators(self, parameters: Sequence[sympy.Symbol]) -> list[tuple[sympy.Expr, ...]]:
        """Return the vector fields that generate the group, here the single one with components w_i x_i.

        Parameters
        ----------
        parameters : sequence of sympy.Symbol
            The coordinates, in the order in which the components are wanted.

        Returns
        -------
        list of tuple of sympy.Expr
            One tuple of `len(parameters)` components per generator.
        """
        return [tuple(self.weights.get(x, sympy.Integer(0)) * x for x in parameters)]

    def matrices(self, parameters: Sequence[sympy.Symbol]) -> tuple[sympy.ImmutableSparseMatrix, ...]:
        """Return the matrices A of the generators x -> A x, here the single diagonal one with entries w_i.

        Parameters
        ----------
        parameters : sequence of sympy.Symbol
            The coordinates, in the order of rows and columns.

        Raises
        ------
        InvalidArgumentError
            If the scaling moves something that is no parameter.
        """
        _refuse_strangers("scales", self.weights, parameters)
        entries = {(i, i): self.weights[x] for i, x in enumerate(parameters) if self.weights.get(x, 0) != 0}
        return (_sparse(len(parameters), entries),)

    def offsets(self, parameters: Sequence[sympy.Symbol]) -> tuple[sympy.ImmutableSparseMatrix, ...]:
        """Return the constant parts of the generators, which is zero for a scaling, as a column."""
        return (_column(len(parameters), {}),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scaling) and dict(self.weights) == dict(other.weights)

    def __hash__(self) -> int:
        return hash(frozenset(self.weights.items()))

    def __repr__(self) -> str:
        return f"Scaling({dict(self.weights)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Scaling, (dict(self.weights),)


@dataclass(frozen=True)
class Translation:
    """The one-parameter group x_i -> x_i + s a_i, such as the shift of all logits of a softmax by the same number.

    Parameters
    ----------
    direction : mapping from sympy.Symbol to real number
        The component a_i of each parameter that moves; parameters that are not named stay. Give exact numbers
        (integers, fractions) where invariance depends on them.

    Raises
    ------
    InvalidArgumentError
        If a key is no symbol, a component is no finite real number, or all are zero.

    Examples
    --------
    >>> a, b, c = sympy.symbols("a b c", real=True)
    >>> Translation({a: 1, c: 2}).generators((a, b, c))
    [(1, 0, 2)]
    """

    direction: Mapping[sympy.Symbol, sympy.Expr]

    def __post_init__(self) -> None:
        object.__setattr__(self, "direction", _checked_components("direction", "component", self.direction))

    def generators(self, parameters: Sequence[sympy.Symbol]) -> list[tuple[sympy.Expr, ...]]:
        """Return the vector fields that generate the group, here the single constant one with components a_i.

        Parameters
        ----------
        parameters : sequence of sympy.Symbol
            The coordinates, in the order in which the components are wanted.
        """
        return [tuple(self.direction.get(x, sympy.Integer(0)) for x in parameters)]

    def matrices(self, parameters: Sequence[sympy.Symbol]) -> tuple[sympy.ImmutableSparseMatrix, ...]:
        """Return the matrices A of the generators x -> A x + a, here the single one that is zero."""
        return (_sparse(len(parameters), {}),)

    def offsets(self, parameters: Sequence[sympy.Symbol]) -> tuple[sympy.ImmutableSparseMatrix, ...]:
        """Return the constant parts a of the generators x -> A x + a, here the single direction, as a column.

        Raises
        ------
        InvalidArgumentError
            If the translation moves something that is no parameter.
        """
        _refuse_strangers("translates", self.direction, parameters)
        entries = {(i, 0): self.direction[x] for i, x in enumerate(parameters) if self.direction.get(x, 0) != 0}
        return (_column(len(parameters), entries),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Translation) and dict(self.direction) == dict(other.direction)

    def __hash__(self) -> int:
        return hash(("translation", frozenset(self.direction.items())))

    def __repr__(self) -> str:
        return f"Translation({dict(self.direction)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Translation, (dict(self.direction),)


@dataclass(frozen=True, repr=False)
class Linear:
    """The linear group that matrices A_a generate: x -> exp(sum_a t_a A_a) x, and products of such maps.

    A generator with A = Aᵀ moves points along hyperbolas and rays (non-compact, as scalings do); one with A = -Aᵀ
    rotates (compact). Generators of several symmetries of a model must together span a Lie algebra.

    Parameters
    ----------
    generators : sequence or mapping of array_like, shape (dim, dim)
        The matrices, acting on the model's parameters in their order; a mapping gives them names. Give exact numbers
        (integers, fractions) where invariance depends on them. Kept as a tuple of sparse SymPy matrices.
    names : sequence of str, optional
        The names, if `generators` is a sequence; it is empty or as long as that.

    Raises
    ------
    InvalidArgumentError
        If there is no generator, one is no square matrix of finite real numbers, is zero or of another size than the
        first, or names are no identifiers or occur twice.

    Examples
    --------
    >>> rotation = Linear({"turn": [[0, -1], [1, 0]]})
    >>> rotation
    Linear(turn: compact 2x2)
    >>> rotation.matrices(sympy.symbols("x y", real=True))[0]
    Matrix([
    [0, -1],
    [1,  0]])
    """

    generators: tuple[sympy.ImmutableSparseMatrix, ...]
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        given: Any = self.generators
        names = tuple(self.names)
        if isinstance(given, Mapping):
            if names:
                raise InvalidArgumentError("names has no effect beside a mapping of generators; leave it out")
            names, given = tuple(given), tuple(given.values())
        is_sequence = (
            isinstance(given, (Sequence, np.ndarray)) and not isinstance(given, str) and getattr(given, "ndim", 1) > 0
        )
        if not is_sequence or len(given) == 0:
            raise InvalidArgumentError(f"generators must be a sequence or a mapping of matrices, got {shown(given)}")
        if names and (len(names) != len(given) or len(set(names)) < len(names)):
            raise InvalidArgumentError(f"names={names!r} must be {len(given)} different ones, one for each generator")
        for name in names:
            checked_name("generator", name)
        labels = names or tuple(map(str, range(len(given))))
        matrices = tuple(_checked_matrix(f"generator {label}", m) for label, m in zip(labels, given, strict=True))
        for label, matrix in zip(labels, matrices, strict=True):
            if matrix.shape != matrices[0].shape:
                raise InvalidArgumentError(
                    f"generator {label} has shape {matrix.shape}, but the first has {matrices[0].shape}; all act on "
                    "the same parameters"
                )
        object.__setattr__(self, "generators", matrices)
        object.__setattr__(self, "names", names)

    def matrices(self, parameters: Sequence[sympy.Symbol]) -> tuple[sympy.ImmutableSparseMatrix, ...]:
        """Return the generators, once they are known to fit the parameters.

        Raises
        ------
        InvalidArgumentError
            If there are more or fewer parameters than rows.
        """
        if self.generators[0].rows != len(parameters):
            raise InvalidArgumentError(
                f"symmetry has generators of shape {self.generators[0].shape}, but there are {len(parameters)} "
                f"parameters; they need shape ({len(parameters)}, {len(parameters)})"
            )
        return self.generators

    def offsets(self, parameters: Sequence[sympy.Symbol]) -> tuple[sympy.ImmutableSparseMatrix, ...]:
        """Return the constant parts of the generators, which are zero for a linear group, as columns."""
        return (_column(len(parameters), {}),) * len(self.generators)

    def __hash__(self) -> int:
        return hash((self.names, *(frozenset(matrix.todok().items()) for matrix in self.generators)))

    def __repr__(self) -> str:
        labels = self.names or tuple(map(str, range(len(self.generators))))
        parts = [f"{label}: {kind_of(matrix)}" for label, matrix in zip(labels, self.generators, strict=True)]
        more = f", and {len(parts) - 8} more" if len(parts) > 8 else ""
        rows = self.generators[0].rows
        return f"Linear({', '.join(parts[:8])}{more} {rows}x{rows})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Linear, (self.generators, self.names)


Symmetry: TypeAlias = Scaling | Translation | Linear
"""What a model's `symmetry` is made of."""


def kind_of(matrix: sympy.ImmutableSparseMatrix) -> str:
    """Return "non-compact" for a symmetric matrix, "compact" for an antisymmetric one, "mixed" for any other.

    Both up to rounding, because matrices may have been computed.
    """
    entries = {(int(i), int(j)): float(value) for (i, j), value in matrix.todok().items()}
    size = ROUNDING * max(map(abs, entries.values()))
    turned = {(i, j): entries.get((j, i), 0.0) for i, j in entries}
    if all(abs(value - turned[place]) <= size for place, value in entries.items()):
        return "non-compact"
    return "compact" if all(abs(value + turned[place]) <= size for place, value in entries.items()) else "mixed"


def _sparse(size: int, entries: Mapping[tuple[int, int], sympy.Expr]) -> sympy.ImmutableSparseMatrix:
    return sympy.ImmutableSparseMatrix(size, size, dict(entries))


def _column(size: int, entries: Mapping[tuple[int, int], sympy.Expr]) -> sympy.ImmutableSparseMatrix:
    return sympy.ImmutableSparseMatrix(size, 1, dict(entries))


def _checked_components(what: str, each: str, given: Any) -> Mapping[sympy.Symbol, sympy.Expr]:
    """Return real numbers by the symbols that they belong to, not all of them zero."""
    if not isinstance(given, Mapping):
        raise InvalidArgumentError(f"{what} must map parameters to numbers, got {shown(given)}")
    numbers = {}
    for symbol, number in given.items():
        if not isinstance(symbol, sympy.Symbol):
            raise InvalidArgumentError(f"{what} has the key {shown(symbol)}; keys must be the symbols of parameters()")
        numbers[symbol] = _checked_number(f"{each} of {symbol}", number)
    if all(number == 0 for number in numbers.values()):
        verb = "move" if what.endswith("s") else "moves"
        raise InvalidArgumentError(f"{what}={shown(dict(given))} {verb} nothing; at least one must be non-zero")
    return MappingProxyType(numbers)


def _refuse_strangers(verb: str, moved: Mapping[sympy.Symbol, Any], parameters: Sequence[sympy.Symbol]) -> None:
    strangers = [str(s) for s in moved.keys() - set(parameters)]
    if strangers:
        raise InvalidArgumentError(
            f"symmetry {verb} {', '.join(strangers)}, but the parameters are {', '.join(map(str, parameters))}"
        )


def _checked_number(what: str, value: Any) -> sympy.Expr:
    if isinstance(value, np.generic):
        value = value.item()
    if not (isinstance(value, sympy.Expr) and value.is_number and value.is_real and value.is_finite):
        checked_real(what, value)
    return exact(value)


def _checked_matrix(what: str, value: Any) -> sympy.ImmutableSparseMatrix:
    if isinstance(value, sympy.MatrixBase):
        shape, entries = value.shape, value.todok()
    else:
        try:
            array = np.asarray(value, dtype=object) if not isinstance(value, np.ndarray) else value
        except ValueError:
            array = np.empty(0)
        shape = array.shape
        entries = {tuple(map(int, at)): array[tuple(at)] for at in np.argwhere(array != 0)}
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] == 0:
        raise InvalidArgumentError(f"{what} must be a square matrix of real numbers, got {shown(value)}")
    checked = {(int(at[0]), int(at[1])): _checked_number(f"{what}, entry {at}", entry) for at, entry in entries.items()}
    kept = {at: entry for at, entry in checked.items() if entry != 0}
    if not kept:
        raise InvalidArgumentError(f"{what} is zero and moves nothing; leave it out")
    return _sparse(shape[0], kept)
