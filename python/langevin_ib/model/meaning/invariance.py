"""Whether expressions are invariant under a group: proven by structure, or else looked at along orbits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

import numpy as np
import scipy.linalg
import sympy
from numpy.typing import NDArray

from ...checks import shown
from ...errors import InvarianceError
from ..expressions import (
    DATA_TOLERANCE,
    NO_DATA,
    Data,
    is_small,
    jet,
    terms_of_product,
    uses_data,
    values_of,
)
from ..symmetry import Symmetry
from .derivations import Derivation, symbols_by_part
from .homogeneity import Grading, exact_number
from .identities import Change, LinearMap, first_change

__all__ = ["Orbits", "is_constant_along", "is_invariant", "require_invariance"]

FloatArray = NDArray[np.float64]
Matrix: TypeAlias = sympy.ImmutableSparseMatrix

_TIMES = (0.37, -1.1, 3.0, -math.log(2.0), 7.0 * math.log(2.0), -11.0)
"""How far points are moved along orbits, for a generator whose largest singular value is about 1."""

_NO_DERIVATIVE = (RecursionError, ValueError, TypeError, NameError, NotImplementedError)
"""What SymPy and its printers raise where a function has no derivative that they know."""

_NAMED, _WRITTEN_OUT = 6, 300
"""So many coordinates of a point are named in a message; derivatives with more terms are not written out there."""


@dataclass(frozen=True, eq=False)
class Orbits:
    """The one-parameter groups x -> exp(t A) x of some matrices, and translations x -> x + t a.

    Parameters
    ----------
    matrices : tuple of sympy.ImmutableSparseMatrix, shape (dim, dim)
        The generators A; zero for translations.
    symbols : tuple of sympy.Symbol
        The coordinates x.
    offsets : tuple of sympy.ImmutableSparseMatrix, shape (dim, 1), optional
        The vectors a, one for each matrix, if there are any.
    """

    matrices: tuple[Matrix, ...]
    symbols: tuple[sympy.Symbol, ...]
    offsets: tuple[Matrix, ...] = ()

    @cached_property
    def scalings(self) -> frozenset[int]:
        """The numbers of the generators that are diagonal."""
        return frozenset(
            a
            for a, matrix in enumerate(self.matrices)
            if a not in self.translations and all(i == j for i, j in matrix.todok())
        )

    @cached_property
    def translations(self) -> dict[int, dict[int, sympy.Expr]]:
        """The directions of the translations among them, by their numbers; entries that are not zero, by places."""
        directions = {a: {int(i): v for (i, _), v in column.todok().items()} for a, column in enumerate(self.offsets)}
        return {a: entries for a, entries in directions.items() if entries}

    @cached_property
    def grading(self) -> Grading:
        """What the scalings among them do."""
        weights: dict[sympy.Symbol, dict[int, Fraction | float]] = {}
        for a in sorted(self.scalings):
            for (i, _), value in self.matrices[a].todok().items():
                weights.setdefault(self.symbols[int(i)], {})[a] = exact_number(value)
        return Grading(weights)

    @cached_property
    def derivations(self) -> dict[int, Derivation]:
        """The derivatives along all of them."""
        return {a: Derivation(self.field(a)) for a in range(len(self.matrices))}

    def field(self, number: int) -> dict[sympy.Symbol, sympy.Expr]:
        """Return the components of A x + a that are not zero."""
        if number in self.translations:
            return {self.symbols[i]: value for i, value in self.translations[number].items()}
        terms: dict[sympy.Symbol, list[sympy.Expr]] = {}
        for (i, j), value in sorted(self.matrices[number].todok().items()):
            terms.setdefault(self.symbols[int(i)], []).append(value * self.symbols[int(j)])
        return {x: sympy.Add(*each) for x, each in terms.items()}

    def maps(self, number: int) -> list[LinearMap]:
        """Return exp(t A) for some t; of scalings also one in exact numbers, if there is one; or shifts by t a."""
        dim = len(self.symbols)
        if number in self.translations:
            return _shifts(self.translations[number], dim)
        entries = {(int(i), int(j)): value for (i, j), value in self.matrices[number].todok().items()}
        if number not in self.scalings:
            matrix = np.zeros((dim, dim))
            for place, value in entries.items():
                matrix[place] = float(value)
            size = float(np.linalg.norm(matrix, 2))
            return [LinearMap(scipy.linalg.expm(t / size * matrix)) for t in _TIMES[:4]]
        exact = [exact_number(entries.get((i, i), sympy.S.Zero)) for i in range(dim)]
        weights = np.array([float(each) for each in exact])
        size = float(np.abs(weights).max())
        maps = [LinearMap(np.exp(t / size * weights)) for t in _TIMES]
        return [*maps, *_doubling(exact)]

    def unproven(self, expression: sympy.Expr) -> list[int]:
        """Return the numbers of the generators under which an expression is not seen to be invariant."""
        moving = self.grading.scalings_that_move(expression)
        others = [a for a in range(len(self.matrices)) if a not in self.scalings or a in moving]
        if not others:
            return []
        held = symbols_by_part(expression)
        return [
            a
            for a in others
            if not held[expression].isdisjoint(self.derivations[a].field)
            and not self.derivations[a].vanishes_on(expression, held)
        ]

    def first_change(self, expression: sympy.Expr, data: Data = NO_DATA) -> tuple[int, Change] | None:
        """Return the first generator under which an expression is not invariant, and where; None if there is none.

        Raises
        ------
        InvalidArgumentError
            If the expression has a value at none of the points where it was looked at.
        """
        for number in self.unproven(expression):
            change = first_change(expression, self.maps(number), self.symbols, data)
            if change is not None:
                return number, change
        return None


def _doubling(weights: Sequence[Fraction | float]) -> list[LinearMap]:
    """Return the scaling by powers of two, which is exact, if the weights are fractions of small numbers."""
    fractions = [weight for weight in weights if isinstance(weight, Fraction)]
    if len(fractions) < len(weights):
        return []
    common = math.lcm(*(weight.denominator for weight in fractions))
    powers = [int(weight * common) for weight in fractions]
    if max(map(abs, powers)) > 40:
        return []
    exact = tuple(Fraction(2) ** power for power in powers)
    return [LinearMap(np.array([float(each) for each in exact]), exact=exact, is_rounded=False)]


def _shifts(direction: Mapping[int, sympy.Expr], dim: int) -> list[LinearMap]:
    """Return translations by multiples of a vector; by itself, a fraction if its entries are, at last."""
    entries = [exact_number(direction.get(i, sympy.S.Zero)) for i in range(dim)]
    is_exact = all(isinstance(each, Fraction) for each in entries)
    size = Fraction(max(abs(float(each)) for each in entries))
    steps = [Fraction(t).limit_denominator(10**6) / size for t in _TIMES]
    shifts = [[step * Fraction(each) for each in entries] for step in (*steps, Fraction(1))]
    return [LinearMap.shift(shift, is_exact=is_exact) for shift in shifts]


def is_invariant(
    expression: sympy.Expr, matrices: Sequence[Matrix], symbols: Sequence[sympy.Symbol], data: Data = NO_DATA
) -> bool:
    """Decide whether an expression is invariant under the group that matrices generate.

    Parameters
    ----------
    expression : sympy.Expr
        A function of `symbols` and of `data`.
    matrices : sequence of sympy.ImmutableSparseMatrix, shape (dim, dim)
        The generators.
    symbols : sequence of sympy.Symbol
        The coordinates.
    data : mapping from str to array
        What the expression sums over.

    Raises
    ------
    InvalidArgumentError
        If the expression has a value at none of the points where it was looked at.
    """
    return Orbits(tuple(matrices), tuple(symbols)).first_change(expression, data) is None


def is_constant_along(
    expression: sympy.Expr, symmetries: Sequence[Symmetry], symbols: Sequence[sympy.Symbol], data: Data = NO_DATA
) -> bool:
    """Decide whether an expression is invariant under symmetries, translations among them; else as `is_invariant`."""
    matrices = tuple(matrix for symmetry in symmetries for matrix in symmetry.matrices(symbols))
    offsets = tuple(offset for symmetry in symmetries for offset in symmetry.offsets(symbols))
    return Orbits(matrices, tuple(symbols), offsets).first_change(expression, data) is None


def require_invariance(what: str, expression: sympy.Expr, orbits: Orbits, data: Data = NO_DATA) -> None:
    """Check that an expression has the same value on all of every orbit.

    It is proven by degrees (`homogeneity`) or by derivatives (`derivations`) where it is made of invariant parts, as
    most losses are: kinks, jumps, choices and data are no obstacles. What is left is compared with itself along orbits,
    from points of all sizes and from both sides of wherever its pieces meet, see `identities`.

    Raises
    ------
    InvarianceError
        If it is not; `what` names the expression in the message.
    InvalidArgumentError
        If the expression has a value at none of the points where it was looked at.
    """
    found = orbits.first_change(expression, data)
    if found is None:
        return
    number, change = found
    field = orbits.field(number)
    field_text = " + ".join(f"({xi}) d/d{x}" for x, xi in field.items())
    residual = _derivative(expression, field, orbits.symbols, data, change)
    wrong = f"is {residual}, not 0"
    if residual is None:
        residual = f"from {change.before:.6g} to {change.after:.6g} along an orbit"
        wrong = f"is 0 where it exists, but its value goes {residual}, that of {_place(orbits.symbols, change.point)}"
    text = f" = {shown(expression)}" if is_small(expression) else ""
    raise InvarianceError(
        f"{what}{text} is not invariant under the symmetry: its derivative along the generator "
        f"{field_text} {wrong}; change the weights of the symmetry or the expression",
        generator=field_text,
        residual=residual,
    )


def _derivative(
    expression: sympy.Expr,
    field: Mapping[sympy.Symbol, sympy.Expr],
    symbols: Sequence[sympy.Symbol],
    data: Data,
    change: Change,
) -> str | None:
    """Return the derivative along a generator, as a formula or at a point; None if it is zero at both ends."""
    ends = np.stack([change.point, change.image], axis=1)
    points = dict(zip(symbols, ends, strict=True))
    flow = {x: values_of(component, points, data) for x, component in field.items()}
    try:
        found = jet(expression, points, data, flow)
    except _NO_DERIVATIVE:
        return None
    if found.slope is None:
        return None
    with np.errstate(all="ignore"):
        shares = np.nan_to_num(np.abs(found.slope) / found.size, nan=0.0)
    end = int(np.argmax(shares))
    if not DATA_TOLERANCE < shares[end] < math.inf:
        return None
    if not uses_data(expression) and is_small(expression):
        derivative = sympy.Add(*(xi * sympy.diff(expression, x) for x, xi in field.items()))
        if terms_of_product(derivative) <= _WRITTEN_OUT:
            return str(sympy.factor_terms(sympy.expand(derivative)))
    terms = f"of terms that add up to {found.size[end]:.3g} in absolute value"
    return f"{found.slope[end]:.6g} ({terms}) at {_place(symbols, ends[:, end])}"


def _place(symbols: Sequence[sympy.Symbol], point: FloatArray) -> str:
    named = ", ".join(f"{x} = {value:.4g}" for x, value in list(zip(symbols, point, strict=True))[:_NAMED])
    more = len(symbols) - _NAMED
    return f"{named} and so on for {more} more" if more > 0 else named
