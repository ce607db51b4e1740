"""The same matrices as formulas: generators, H, M, G and log det of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..model import Model
from .constraints import constraints_of
from .points import checked_model

__all__ = ["Symbolic", "log_determinant", "symbolic"]

_TERMS = 40
"""A block whose entries have more terms than this is not multiplied out."""

_ROWS = 4
"""Of such a block, a determinant of more rows than this is left as sympy.Determinant."""


@dataclass(frozen=True)
class Symbolic:
    """Formulas of the orbits and of a slice.

    Parameters
    ----------
    generators : sympy.ImmutableMatrix, shape (m, dim)
        The vector fields xi_a, one per row.
    constraints : tuple of sympy.Expr
        The chi^i.
    gradients : sympy.ImmutableMatrix, shape (k, dim)
        grad chi^i, one per row.
    """

    generators: sympy.ImmutableMatrix
    constraints: tuple[sympy.Expr, ...]
    gradients: sympy.ImmutableMatrix

    @cached_property
    def H(self) -> sympy.ImmutableMatrix:  # noqa: N802 - the field's symbol
        """H_ab = xi_a . xi_b, shape (m, m)."""
        return _expanded(self.generators * self.generators.T)

    @cached_property
    def M(self) -> sympy.ImmutableMatrix:  # noqa: N802 - the field's symbol
        """M_ia = dchi^i(xi_a), shape (k, m)."""
        return _expanded(self.gradients * self.generators.T)

    @cached_property
    def G(self) -> sympy.ImmutableMatrix:  # noqa: N802 - the field's symbol
        """G_ij = grad chi^i . grad chi^j, shape (k, k)."""
        return _expanded(self.gradients * self.gradients.T)

    @cached_property
    def log_det(self) -> sympy.Expr:
        """The logarithm of det G."""
        return log_determinant(self.G)

    @cached_property
    def log_det_orbit(self) -> sympy.Expr:
        """The logarithm of det H."""
        return log_determinant(self.H)


def symbolic(model: Model, chi: Any = None) -> Symbolic:
    """Return generators, H, M, G and log det G of a model as SymPy matrices.

    Parameters
    ----------
    model : Model
        With a symmetry.
    chi : sympy.Expr, or tuple or mapping of them, optional
        The constraints; None for those of the model, `Model.constraints`.

    Raises
    ------
    InvalidArgumentError
        If the model has no symmetry or `chi` is something else.
    UnsupportedModelError
        If the model has no canonical dual slice.

    Examples
    --------
    >>> from langevin_ib import models
    >>> formulas = symbolic(models.scalar_product())
    >>> formulas.G, formulas.log_det
    (Matrix([[u**2 + v**2]]), log(u**2 + v**2))
    """
    constraints = constraints_of(checked_model(model), chi).expressions
    rows = [[sympy.diff(expression, x) for x in model.parameters] for expression in constraints]
    return Symbolic(
        generators=sympy.ImmutableMatrix([list(field) for field in model.generators()]),
        constraints=constraints,
        gradients=sympy.ImmutableMatrix(len(rows), model.dim, [entry for row in rows for entry in row]),
    )


def log_determinant(matrix: sympy.MatrixBase) -> sympy.Expr:
    """Return the logarithm of the determinant of a positive definite matrix, block by block."""
    return sympy.Add(*(_log_of_block(matrix.extract(block, block)) for block in _blocks(matrix)))


def _log_of_block(block: sympy.MatrixBase) -> sympy.Expr:
    if sum(len(sympy.Add.make_args(entry)) for entry in block) <= _TERMS:
        return _log_of_product(block.det(method="berkowitz"))
    if block.rows > _ROWS:
        return sympy.log(sympy.Determinant(block.as_immutable()))
    names = {entry: sympy.Dummy(real=True) for entry in block}
    determinant = block.applyfunc(names.__getitem__).det(method="berkowitz")
    return sympy.log(determinant.xreplace({name: entry for entry, name in names.items()}))


def _log_of_product(determinant: sympy.Expr) -> sympy.Expr:
    """Return the logarithm of a positive polynomial as a sum over squares among its factors, and the rest of them."""
    constant, factors = sympy.factor_list(determinant)
    even = [sympy.Rational(count, 2) * sympy.log(base**2) for base, count in factors if count % 2 == 0]
    rest = sympy.Mul(constant, *(base**count for base, count in factors if count % 2))
    return sympy.Add(*even, sympy.log(rest))


def _blocks(matrix: sympy.MatrixBase) -> list[list[int]]:
    """Return the rows of each block of a symmetric matrix that does not couple to the others."""
    size = matrix.rows
    if size == 0:
        return []
    places = [(i, j) for i in range(size) for j in range(size) if matrix[i, j] != 0] or [(0, 0)]
    rows, columns = zip(*places, strict=True)
    count, label = connected_components(coo_array(([1] * len(places), (rows, columns)), shape=(size, size)))
    return [[i for i in range(size) if label[i] == block] for block in range(count)]


def _expanded(matrix: sympy.MatrixBase) -> sympy.ImmutableMatrix:
    return sympy.ImmutableMatrix(matrix.applyfunc(sympy.expand))
