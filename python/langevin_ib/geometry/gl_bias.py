"""log det G on slices of GL(r), in singular values: a short formula in place of a determinant."""

from __future__ import annotations

import itertools

import numpy as np
import sympy

from ..model import Metric, Model, numeric, singular_values
from ..model.expressions import MOST_COLUMNS
from .gl import factors_of
from .symbolic import symbolic

__all__ = ["log_gram_of_slice"]


def log_gram_of_slice(model: Model, metric: Metric | None = None) -> sympy.Expr:
    """Return log det G of the constraints of a model as a formula, in singular values where the group is GL(r).

    The constraints are tr S (UᵀU - VᵀV) / 2, one for each symmetric S; their gradients (U S, -V S) have the products
    tr S (UᵀU + VᵀV) S'. In the eigenbasis of UᵀU + VᵀV this form is diagonal: its entries are s_i² + s_j², i <= j, up
    to factors, where s_i are the singular values of U on top of V. On the slice of level 0, s_i² is twice a singular
    value of U Vᵀ.

    Raises
    ------
    UnsupportedModelError
        If the model has no canonical slice, in the metric.
    """
    formulas = symbolic(model, metric=metric)
    group = None
    is_euclidean = metric is None or np.array_equal(metric.matrix, np.eye(model.dim))
    if is_euclidean and model.slice is None and not any(offset.todok() for offset in model.generator_offsets()):
        group = factors_of([numeric(matrix) for matrix in model.generator_matrices()])
    if group is None or group.rank > MOST_COLUMNS or len(group.left) + len(group.right) < group.rank:
        return formulas.log_det
    rows = [*group.left.tolist(), *group.right.tolist()]
    values = singular_values([[model.parameters[i] for i in row] for row in rows])
    pairs = list(itertools.combinations_with_replacement(range(group.rank), 2))
    # The factor belongs to the basis of the constraints: read off where U on top of V is diagonal.
    point = dict.fromkeys(model.parameters, sympy.S.Zero)
    point |= {model.parameters[rows[i][i]]: sympy.Integer(i + 1) for i in range(group.rank)}
    gradients = formulas.gradients.xreplace(point)
    there = sympy.prod((i + 1) ** 2 + (j + 1) ** 2 for i, j in pairs)
    factor = (gradients * gradients.T).det() / there
    logs = (
        sympy.log(values[i] if i == j else values[i] ** 2 + values[j] ** 2) * (2 if i == j else 1) for i, j in pairs
    )
    return sympy.log(factor * 2**group.rank) + sympy.Add(*logs)
