"""The same matrices as formulas: generators, H, M, G and log det of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..model import Model, metric_for, tidied, vector_field
from .constraints import constraints_of
from .points import checked_model

__all__ = ["Symbolic", "log_determinant", "log_gram_formula", "symbolic"]

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
    metric, inverse : sympy.ImmutableSparseMatrix or None
        A metric g and g⁻¹, or None for the identity. Decimals such as 0.6 are taken for the fractions that they are;
        fractions that are long are decimals again in the results.
    """

    generators: sympy.ImmutableMatrix
    constraints: tuple[sympy.Expr, ...]
    gradients: sympy.ImmutableMatrix
    metric: sympy.ImmutableSparseMatrix | None = None
    inverse: sympy.ImmutableSparseMatrix | None = None

    @cached_property
    def H(self) -> sympy.ImmutableMatrix:  # noqa: N802 - the field's symbol
        """H_ab = xi_aᵀ g xi_b, shape (m, m)."""
        return _gram(self.generators, self.metric)

    @cached_property
    def M(self) -> sympy.ImmutableMatrix:  # noqa: N802 - the field's symbol
        """M_ia = dchi^i(xi_a), shape (k, m)."""
        product = _expanded(self.gradients * self.generators.T)
        return product if self.metric is None else tidied(product)

    @cached_property
    def G(self) -> sympy.ImmutableMatrix:  # noqa: N802 - the field's symbol
        """G_ij = grad chi^iᵀ g⁻¹ grad chi^j, shape (k, k)."""
        return _gram(self.gradients, self.inverse)

    @cached_property
    def log_det(self) -> sympy.Expr:
        """The logarithm of det G."""
        return log_gram_formula(self.gradients, self.inverse)

    @cached_property
    def log_det_orbit(self) -> sympy.Expr:
        """The logarithm of det H."""
        return log_gram_formula(self.generators, self.metric)


def symbolic(model: Model, chi: Any = None, *, metric: Any = None) -> Symbolic:
    """Return generators, H, M, G and log det G of a model as SymPy matrices.

    Parameters
    ----------
    model : Model
        With a symmetry.
    chi : sympy.Expr, or tuple or mapping of them, optional
        The constraints; None for those of the model, `Model.constraints`.
    metric : array_like, shape (dim, dim), optional
        A constant Riemannian metric, symmetric and positive definite; None is the identity.

    Raises
    ------
    InvalidArgumentError
        If the model has no symmetry, `chi` is something else, or `metric` is none of this model.
    UnsupportedModelError
        If the model has no canonical dual slice, in the metric.

    Examples
    --------
    >>> from langevin_ib import models
    >>> formulas = symbolic(models.scalar_product())
    >>> formulas.G, formulas.log_det
    (Matrix([[u**2 + v**2]]), log(u**2 + v**2))
    >>> symbolic(models.scalar_product(), metric=[[2, 0], [0, 0.5]]).G
    Matrix([[2*u**2 + v**2/2]])
    """
    g = metric_for(metric, checked_model(model).parameters)
    constraints = constraints_of(model, chi, g)
    rows = [
        [sympy.diff(chi, x) if x in chi.free_symbols else sympy.S.Zero for x in model.parameters]
        for chi in constraints.expressions
    ]
    if g is not None and constraints.forms is not None:
        # With all digits, so that terms which cancel in G are gone.
        rows = [list(vector_field(form.matrix, model.parameters, form.slope)) for form in constraints.forms]
    return Symbolic(
        generators=sympy.ImmutableMatrix([list(field) for field in model.generators()]),
        constraints=constraints.expressions,
        gradients=sympy.ImmutableMatrix(len(rows), model.dim, [entry for row in rows for entry in row]),
        metric=None if g is None else g.exact,
        inverse=None if g is None else g.exact_inverse,
    )


def _gram(rows: sympy.MatrixBase, form: sympy.MatrixBase | None) -> sympy.ImmutableMatrix:
    return _expanded(rows * rows.T) if form is None else tidied(_expanded(rows * form * rows.T))


def log_determinant(matrix: sympy.MatrixBase) -> sympy.Expr:
    """Return the logarithm of the determinant of a positive definite matrix, block by block."""
    return sympy.Add(*(_log_of_block(matrix.extract(block, block)) for block in _blocks(matrix)))


def log_gram_formula(rows: sympy.MatrixBase, form: sympy.MatrixBase | None = None) -> sympy.Expr:
    """Return the logarithm of det(V F Vᵀ) for the rows of V, F being the identity or `form`.

    Without a form, rows that share no column are orthogonal.
    """
    if form is not None and rows.rows:
        return tidied(log_determinant(_expanded(rows * form * rows.T)))
    logs = []
    entries = rows.todok()
    columns: dict[int, list[int]] = {}
    for i, j in entries:
        columns.setdefault(int(i), []).append(int(j))
    for block in _blocks(rows):
        used = sorted({j for i in block for j in columns.get(i, [0])})
        part = sympy.Matrix([[entries.get((i, j), sympy.S.Zero) for j in used] for i in block])
        logs.append(_log_of_block(_expanded(part * part.T)))
    return sympy.Add(*logs)


def _log_of_block(block: sympy.MatrixBase) -> sympy.Expr:
    is_short = sum(len(sympy.Add.make_args(entry)) for entry in block) <= _TERMS
    if is_short and all(entry.is_polynomial() for entry in block):
        return _log_of_product(block.det(method="berkowitz"))
    if block.rows > _ROWS:
        return sympy.log(sympy.Determinant(block.as_immutable()))
    names = {entry: sympy.Dummy(real=True) for entry in block}
    determinant = block.applyfunc(names.__getitem__).det(method="berkowitz")
    # Multiplied out entry by entry, SymPy would simplify ratios of exponentials for minutes.
    determinant = determinant.xreplace({name: entry for entry, name in names.items()})
    return _log_of_product(determinant) if is_short else sympy.log(determinant)


def _log_of_product(determinant: sympy.Expr) -> sympy.Expr:
    """Return the logarithm of what is positive as a sum over squares among its factors, and the rest of them."""
    try:
        constant, factors = sympy.factor_list(determinant)
    except sympy.PolynomialError:  # a ratio, as lengths in denominators leave it
        if not determinant.is_rational_function():
            return sympy.log(determinant)
        (constant, factors), (below, divisors) = map(sympy.factor_list, sympy.fraction(sympy.cancel(determinant)))
        constant, factors = constant / below, [*factors, *((base, -count) for base, count in divisors)]
    even = [sympy.Rational(count, 2) * sympy.log(base**2) for base, count in factors if count % 2 == 0]
    rest = sympy.Mul(constant, *(base**count for base, count in factors if count % 2))
    return sympy.Add(*even, sympy.log(rest))


def _blocks(matrix: sympy.MatrixBase) -> list[list[int]]:
    """Return the rows of each block that shares no column with the others."""
    size = matrix.rows + matrix.cols
    places = [(int(i), matrix.rows + int(j)) for i, j in matrix.todok()] or [(0, 0)]
    rows, columns = zip(*places, strict=True)
    _, label = connected_components(coo_array(([1] * len(places), (rows, columns)), shape=(size, size)), directed=False)
    kinds = label[: matrix.rows].tolist()
    return [[i for i, each in enumerate(kinds) if each == kind] for kind in dict.fromkeys(kinds)]


def _expanded(matrix: sympy.MatrixBase) -> sympy.ImmutableMatrix:
    return sympy.ImmutableMatrix(matrix.applyfunc(sympy.expand))
