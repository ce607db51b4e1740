"""Models whose predictor is a product of two matrices: one column each, several, and the heads of attention.

The whole group of T = U Vᵀ is GL(r), (U, V) -> (U A, V A⁻ᵀ). The diagonal matrices A are a subgroup of it, one scaling
for each pair of columns, which arXiv 2601.06597 takes in its sections on factorisation and attention. The slice, and
with it the law of T, depends on which of the two is gauge-fixed, so the group has to be named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import sympy

from ..checks import checked_int, shown
from ..errors import InvalidArgumentError
from ..model import Linear, Model, Scaling, Symmetry, parameters
from .losses import indexed, loss_of, scaling_of

__all__ = ["attention", "column_pair", "matrix_factorization"]

Matrix: TypeAlias = sympy.ImmutableMatrix
Loss = Callable[[Any], sympy.Expr]

_GROUPS = ("diagonal", "gl")


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
        predictor=_named("T", product),
        loss=loss_of(product, target, loss),
        symmetry=Scaling(scaling_of(u, v)),
        observables={"strength": sympy.sqrt(left) * sympy.sqrt(right), "imbalance": left - right},
    )


def matrix_factorization(
    m: int, n: int, rank: int, *, group: str = "diagonal", target: Any = None, loss: Loss | None = None
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

    Returns
    -------
    Model
        With parameters u00, u01, ... (row, column), v00, ..., predictor "T00", "T01", ... and the observables "norm" =
        sqrt(sum T_ij**2), "imbalance0", ... = |U_a|**2 - |V_a|**2 of the columns, and for rank 2 the singular values of
        T "sigma1" >= "sigma2" and "angle" = atan2(sigma2, sigma1), which have no value at T = 0.

    Raises
    ------
    InvalidArgumentError
        If a size is not positive, `group`, `target` or `loss` is something else, or both of these are given.

    Examples
    --------
    >>> matrix_factorization(3, 2, 2).predictor["T10"]
    u10*v00 + u11*v01
    >>> matrix_factorization(3, 2, 2, group="gl").symmetry
    Linear(E00: non-compact, E01: mixed, E10: mixed, E11: non-compact 10x10)
    """
    sizes = {"m": m, "n": n, "rank": rank}
    m, n, rank = (checked_int(name, size, minimum=1, maximum=1_000) for name, size in sizes.items())
    left, right = _symbols("u", m, rank), _symbols("v", n, rank)
    product = left * right.T
    observables = {"norm": sympy.sqrt(sympy.Add(*(each**2 for each in product)))}
    for a in range(rank):
        observables[f"imbalance{a}"] = _square(left[:, a]) - _square(right[:, a])
    if rank == 2:
        observables |= _singular_values(left, right, product)
    return Model(
        parameters=(*left, *right),
        predictor=_named("T", product),
        loss=loss_of(product, target, loss),
        symmetry=_symmetries([(left, right)], group),
        observables=observables,
    )


def attention(
    d_in: int, r: int, heads: int = 1, *, group: str = "diagonal", target: Any = None, loss: Loss | None = None
) -> Model:
    """Return the bilinear forms S_k = Q_k K_kᵀ of the heads of attention, whose scores are xᵀ S_k x'.

    Parameters
    ----------
    d_in, r, heads : int
        Q_k and K_k have the shape (d_in, r), k = 0, ..., heads - 1.
    group : {"diagonal", "gl"}
        Which symmetry of each head is declared: one scaling for each pair of columns of Q_k and K_k, or all of GL(r).
    target : float or array_like, shape (heads * d_in, d_in), optional
        The loss is sum (S_kij - target_kij)**2 / 2, heads one below the other; 1 by default.
    loss : callable, optional
        Another loss instead, as a function of the tuple of the SymPy matrices S_k.

    Returns
    -------
    Model
        With parameters q0_00, q0_01, ... (head, row, column), k0_00, ..., predictor "S0_00", ... and the observables
        "norm0", ... = |S_k|, Frobenius norms, and "strength0_0", ... = |Q_ka| |K_ka| of column a of head k.

    Raises
    ------
    InvalidArgumentError
        If a size is not positive, `group`, `target` or `loss` is something else, or both of these are given.

    Examples
    --------
    >>> attention(2, 1, heads=2).predictor["S1_01"]
    k1_10*q1_00
    """
    sizes = {"d_in": d_in, "r": r, "heads": heads}
    d_in, r, heads = (checked_int(name, size, minimum=1, maximum=1_000) for name, size in sizes.items())
    pairs = [(_symbols(f"q{k}_", d_in, r), _symbols(f"k{k}_", d_in, r)) for k in range(heads)]
    forms = tuple(queries * keys.T for queries, keys in pairs)
    observables = {f"norm{k}": sympy.sqrt(_square(form)) for k, form in enumerate(forms)}
    for k, (queries, keys) in enumerate(pairs):
        for a in range(r):
            strength = sympy.sqrt(_square(queries[:, a])) * sympy.sqrt(_square(keys[:, a]))
            observables[f"strength{k}_{a}"] = strength
    return Model(
        parameters=tuple(x for queries, keys in pairs for x in (*queries, *keys)),
        predictor={name: each for k, form in enumerate(forms) for name, each in _named(f"S{k}_", form).items()},
        loss=loss_of(forms, None, loss) if loss is not None else loss_of(Matrix.vstack(*forms), target, None),
        symmetry=_symmetries(pairs, group),
        observables=observables,
    )


def _symbols(letter: str, rows: int, columns: int) -> Matrix:
    return Matrix(rows, columns, parameters(" ".join(indexed(letter, rows, columns).ravel())))


def _named(letter: str, matrix: Matrix) -> dict[str, sympy.Expr]:
    return dict(zip(indexed(letter, *matrix.shape).ravel().tolist(), matrix, strict=True))


def _square(matrix: Matrix) -> sympy.Expr:
    return sympy.Add(*(x**2 for x in matrix))


def _symmetries(pairs: list[tuple[Matrix, Matrix]], group: str) -> tuple[Symmetry, ...]:
    """Return the declared symmetries of products U Vᵀ that have no parameters in common."""
    if not isinstance(group, str) or group not in _GROUPS:
        raise InvalidArgumentError(f"group must be one of {', '.join(map(repr, _GROUPS))}, got {shown(group)}")
    if group == "diagonal":
        return tuple(
            Scaling(scaling_of(list(left[:, a]), list(right[:, a]))) for left, right in pairs for a in range(left.cols)
        )
    dim = sum(left.rows * left.cols + right.rows * right.cols for left, right in pairs)
    starts, start = [], 0
    for left, right in pairs:
        starts.append(start)
        start += left.rows * left.cols + right.rows * right.cols
    return tuple(_general_linear(left, right, start, dim) for (left, right), start in zip(pairs, starts, strict=True))


def _general_linear(left: Matrix, right: Matrix, start: int, dim: int) -> Linear:
    """Return GL(r) by the generators E_ij, (U, V) -> (U (1 + t E_ij), V (1 - t E_ji))."""
    rank, middle = left.cols, start + left.rows * left.cols
    generators = {}
    for i in range(rank):
        for j in range(rank):
            entries = {(start + row * rank + j, start + row * rank + i): 1 for row in range(left.rows)}
            entries |= {(middle + row * rank + i, middle + row * rank + j): -1 for row in range(right.rows)}
            generators[indexed("E", rank, rank)[i, j]] = sympy.ImmutableSparseMatrix(dim, dim, entries)
    return Linear(tuple(generators.values()), tuple(generators))


def _singular_values(left: Matrix, right: Matrix, product: Matrix) -> dict[str, sympy.Expr]:
    """Return the singular values of a product of rank 2.

    With N = sigma1² + sigma2² = |T|² and q = sigma1 sigma2 = sqrt(det UᵀU det VᵀV) they are (sqrt(N + 2q) ± sqrt(N -
    2q))/2. Nothing cancels in N and q as sums of squares (of entries, and of 2 x 2 minors by Cauchy and Binet), nor in
    sigma2 as q/sigma1.
    """
    square, area = _square(product), sympy.sqrt(_minors(left)) * sympy.sqrt(_minors(right))
    larger = (sympy.sqrt(square + 2 * area) + sympy.sqrt(sympy.Max(0, square - 2 * area))) / 2
    return {"sigma1": larger, "sigma2": area / larger, "angle": sympy.atan2(area, larger**2)}


def _minors(factor: Matrix) -> sympy.Expr:
    """Return det FᵀF of a matrix with two columns."""
    pairs = [(i, j) for i in range(factor.rows) for j in range(i)]
    return sympy.Add(*((factor[i, 0] * factor[j, 1] - factor[j, 0] * factor[i, 1]) ** 2 for i, j in pairs))
