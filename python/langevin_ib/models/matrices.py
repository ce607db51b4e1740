"""Models whose predictor is a product of two matrices: one column each, and several.

The whole group of T = U Vᵀ is GL(r), (U, V) -> (U A, V A⁻ᵀ). The diagonal matrices A are a subgroup of it, one scaling
for each pair of columns, which arXiv 2601.06597 takes in its sections on factorisation and attention. The slice, and
with it the law of T, depends on which of the two is gauge-fixed, so the group has to be named.
"""

from __future__ import annotations

from typing import Any

import sympy

from ..checks import checked_int
from ..model import Model, Scaling, parameters
from ..model.expressions import MOST_COLUMNS, NO_DATA, singular_values
from .factors import Loss, Matrix, named, square_of, symbols_of, symmetries
from .losses import flattened, indexed, loss_of, refuse_beside_data, regression, scaling_of

__all__ = ["column_pair", "matrix_factorization"]


def column_pair(m: int, n: int, *, target: Any = None, loss: Loss | None = None) -> Model:
    """Return T = U Vᵀ for a vector U of m and a vector V of n entries, invariant under (s U, V / s).

    Parameters
    ----------
    m, n : int
        The numbers of entries: u0, u1, ... and v0, v1, ....
    target : float or array_like, shape (m, n), optional
        The loss is sum (T_ij - target_ij)**2 / 2; 1 by default.
    loss : callable, optional
        Another loss instead, as a function of the SymPy matrix T.

    Returns
    -------
    Model
        With predictor "T00", "T01", ... and observables "strength" = |U| |V| and "imbalance" = |U|**2 - |V|**2.

    Raises
    ------
    InvalidArgumentError
        If a size is not positive, `target` or `loss` does not fit, or both are given.

    Examples
    --------
    >>> column_pair(2, 1).predictor["T10"]
    u1*v0
    """
    m, n = (checked_int(name, size, minimum=1, maximum=1_000) for name, size in (("m", m), ("n", n)))
    u, v = (parameters(" ".join(indexed(letter, size))) for letter, size in (("u", m), ("v", n)))
    product = Matrix(m, n, lambda i, j: u[i] * v[j])
    left, right = (sympy.Add(*(x**2 for x in side)) for side in (u, v))
    return Model(
        parameters=(*u, *v),
        predictor=named("T", product),
        loss=loss_of(product, target, loss),
        symmetry=Scaling(scaling_of(u, v)),
        observables={"strength": sympy.sqrt(left) * sympy.sqrt(right), "imbalance": left - right},
    )


def matrix_factorization(
    m: int,
    n: int,
    rank: int,
    *,
    group: str = "diagonal",
    target: Any = None,
    loss: Loss | None = None,
    data: tuple[Any, Any] | None = None,
) -> Model:
    """Return T = U Vᵀ for U of shape (m, rank) and V of shape (n, rank).

    Parameters
    ----------
    m, n, rank : int
        The shapes.
    group : {"diagonal", "gl"}
        Which symmetry is declared: one scaling for each pair of columns, or all of (U A, V A⁻ᵀ) with A in GL(rank), of
        which the slice is UᵀU = VᵀV.
    target : float or array_like, shape (m, n), optional
        The loss is sum (T_ij - target_ij)**2 / 2; 1 by default.
    loss : callable, optional
        Another loss instead, as a function of the SymPy matrix T.
    data : (A, y), shapes (count, m, n) and (count,), optional
        Measurements of T, as in matrix sensing: the loss is then sum_k (sum_ij A_kij T_ij - y_k)**2 / (2 count). A
        matrix A_k with a single 1 observes an entry, as in matrix completion.

    Returns
    -------
    Model
        With parameters u00, u01, ... (row, column), v00, ..., predictor "T00", "T01", ... and the observables "norm" =
        sqrt(sum T_ij**2), "imbalance0", ... = |U_a|**2 - |V_a|**2 of the columns, and for rank 2 the singular values of
        T "sigma1" >= "sigma2" and "angle" = atan2(sigma2, sigma1), which have no value at T = 0. For higher ranks these
        are "sigma1", "sigma2", ..., `singular_values`, if T has no more than eight rows or eight columns.

    Raises
    ------
    InvalidArgumentError
        If a size is not positive, `group`, `target`, `loss` or `data` is something else, or more than one of the last
        three are given.

    Examples
    --------
    >>> matrix_factorization(3, 2, 2).predictor["T10"]
    u10*v00 + u11*v01
    >>> matrix_factorization(3, 2, 2, group="gl").symmetry
    Linear(E00: non-compact, E01: mixed, E10: mixed, E11: non-compact 10x10)
    """
    sizes = {"m": m, "n": n, "rank": rank}
    m, n, rank = (checked_int(name, size, minimum=1, maximum=1_000) for name, size in sizes.items())
    left, right = symbols_of("u", m, rank), symbols_of("v", n, rank)
    product = left * right.T
    observables = {"norm": sympy.sqrt(sympy.Add(*(each**2 for each in product)))}
    for a in range(rank):
        observables[f"imbalance{a}"] = square_of(left[:, a]) - square_of(right[:, a])
    if rank == 2:
        observables |= _singular_values(left, right, product)
    elif rank > 2 and min(m, n) <= MOST_COLUMNS:
        values = singular_values(product)[:rank]
        observables |= {f"sigma{number}": value for number, value in enumerate(values, start=1)}
    if data is None:
        the_loss, arrays = loss_of(product, target, loss), NO_DATA
    else:
        refuse_beside_data(target, loss)
        entries = list(product)
        the_loss, arrays = regression(
            flattened(data, (m, n), "A"),
            m * n,
            lambda row: sympy.Add(*(row(place) * entry for place, entry in enumerate(entries))),
            name="A",
        )
    return Model(
        parameters=(*left, *right),
        predictor=named("T", product),
        loss=the_loss,
        symmetry=symmetries([(left, right)], group),
        observables=observables,
        data=arrays,
    )


def _singular_values(left: Matrix, right: Matrix, product: Matrix) -> dict[str, sympy.Expr]:
    """Return the singular values of a product of rank 2.

    With N = sigma1² + sigma2² = |T|² and q = sigma1 sigma2 = sqrt(det UᵀU det VᵀV) they are (sqrt(N + 2q) ± sqrt(N -
    2q))/2. Nothing cancels in N and q as sums of squares (of entries, and of 2 x 2 minors by Cauchy and Binet), nor in
    sigma2 as q/sigma1.
    """
    square, area = square_of(product), sympy.sqrt(_minors(left)) * sympy.sqrt(_minors(right))
    larger = (sympy.sqrt(square + 2 * area) + sympy.sqrt(sympy.Max(0, square - 2 * area))) / 2
    return {"sigma1": larger, "sigma2": area / larger, "angle": sympy.atan2(area, larger**2)}


def _minors(factor: Matrix) -> sympy.Expr:
    """Return det FᵀF of a matrix with two columns."""
    pairs = [(i, j) for i in range(factor.rows) for j in range(i)]
    return sympy.Add(*((factor[i, 0] * factor[j, 1] - factor[j, 0] * factor[i, 1]) ** 2 for i, j in pairs))
