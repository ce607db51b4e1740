"""Metrics of models, and models rewritten in y = Lᵀ x by means of their own: what the tests of metrics share."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import scipy.linalg
import sympy
from langevin_ib import models
from langevin_ib.model.algebra import numeric
from langevin_ib.model.expressions.expressions import compiled


def spd(size, condition=10.0):
    q = np.linalg.qr(np.random.default_rng(20260106 + size).normal(size=(size, size)))[0]
    matrix = q @ np.diag(np.geomspace(condition**-0.5, condition**0.5, size)) @ q.T
    return (matrix + matrix.T) / 2.0


def on_rows(left, right, rank):
    """A metric of (U, V) that does not see the columns: every generator of GL(r) keeps its transpose as adjoint."""
    return scipy.linalg.block_diag(np.kron(left, np.eye(rank)), np.kron(right, np.eye(rank)))


def on_columns(rows, columns, rank, condition):
    """A metric of (U, V) that couples the entries of a column of U, and of a column of V, but nothing else."""
    out = np.zeros(((rows + columns) * rank,) * 2)
    for first, count in ((0, rows), (rows * rank, columns)):
        for j in range(rank):
            places = first + j + rank * np.arange(count)
            out[np.ix_(places, places)] = spd(count, condition)
    return out


def skewed(condition):
    """|U|² = tr UᵀRUK and |V|² = tr VᵀQVK⁻¹: the adjoints in GL(2) are other matrices than the transposes."""
    k = spd(2, condition**0.25)
    metric = scipy.linalg.block_diag(
        np.kron(spd(3, condition**0.25), k), np.kron(spd(2, condition**0.25), np.linalg.inv(k))
    )
    return (metric + metric.T) / 2.0


def diagonal(size, condition):
    return np.diag(np.random.default_rng(size).permutation(np.geomspace(condition**-0.5, condition**0.5, size)))


def gl():
    return models.matrix_factorization(3, 2, 2, group="gl", loss=lambda T: T[0, 0])


CASES = {
    "product": (models.scalar_product(), lambda c: diagonal(2, c)),
    "chain": (models.scalar_product(4), lambda c: diagonal(4, c)),
    "hadamard": (models.hadamard(2, 2), lambda c: diagonal(4, c)),
    "neuron": (models.relu_neuron(3), lambda c: scipy.linalg.block_diag(spd(3, c), 1.7)),
    "columns": (models.matrix_factorization(3, 2, 2), lambda c: on_columns(3, 2, 2, c)),
    "gl": (gl(), lambda c: on_rows(spd(3, c), spd(2, c), 2)),
    "gl, skewed": (gl(), skewed),
}


def in_y(model, metric):
    """Return the model of y = Lᵀ x with the generators Lᵀ A L⁻ᵀ and no slice of its own, and L.

    Where such a generator is A itself, or symmetric, up to rounding, it is made so.
    """
    lower = np.linalg.cholesky(metric)
    size = len(lower)
    back = np.linalg.inv(lower.T)
    names = sympy.symbols(f"y:{size}", real=True)
    columns = [sympy.Add(*(float(b) * y for b, y in zip(row, names, strict=True) if b)) for row in back]
    to_y = dict(zip(model.parameters, columns, strict=True))
    moved = [numeric(a).toarray() for a in model.generator_matrices()]
    moved = [a if np.allclose(lower.T @ a, a @ lower.T, rtol=1e-12) else lower.T @ a @ back for a in moved]
    moved = [(a + a.T) / 2 if np.abs(a - a.T).max() < 1e-9 * np.abs(a).max() else a for a in moved]
    content = {
        "parameters": names,
        "predictor": {name: f.xreplace(to_y) for name, f in model.predictor.items()},
        "loss": sympy.S.Zero,
        "symmetry": lib.Linear(moved),
    }
    return lib.Model.trusted(content), lower


def points(model, count=7):
    return np.random.default_rng(count).normal(size=(count, model.dim))


def numbers(expression, model, x):
    return compiled(expression, model.parameters)(*np.moveaxis(np.asarray(x), -1, 0))
