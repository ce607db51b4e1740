"""Attention: the bilinear forms of its heads, and heads with softmax and values that are fitted to sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from ..checks import checked_int
from ..model import Model, parameters
from ..model.expressions import NO_DATA, Data
from .factors import Loss, Matrix, named, square_of, symbols_of, symmetries
from .losses import flattened, indexed, loss_of, refuse_beside_data, regression

__all__ = ["attention"]


def attention(
    d_in: int,
    r: int,
    heads: int = 1,
    *,
    group: str = "diagonal",
    target: Any = None,
    loss: Loss | None = None,
    data: tuple[Any, Any] | None = None,
) -> Model:
    """Return the bilinear forms S_k = Q_k K_kᵀ of the heads of attention, whose scores are xᵀ S_k x'.

    With `data` they are whole heads: of a sequence x_1, ..., x_n the last token asks, and the output is
    sum_k sum_l a_kl (V_k . x_l) with a_k = softmax_l(x_nᵀ S_k x_l / sqrt(r)) and a vector V_k of values for each head.

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
    data : (X, y), shapes (count, tokens, d_in) and (count,), optional
        Sequences and what the output should be: the loss is then sum (output - y)**2 / (2 count). It is bounded in
        S_k, as softmax is, so that a law needs a confinement of the model, or a weight decay, besides.

    Returns
    -------
    Model
        With parameters q0_00, q0_01, ... (head, row, column), k0_00, ..., predictor "S0_00", ... and the observables
        "norm0", ... = |S_k|, Frobenius norms, and "strength0_0", ... = |Q_ka| |K_ka| of column a of head k. With
        `data` there are further parameters v0_0, ... (head, entry), which are the predictor "V0_0", ... themselves.

    Raises
    ------
    InvalidArgumentError
        If a size is not positive, `group`, `target`, `loss` or `data` is something else, or more than one of the last
        three are given.

    Examples
    --------
    >>> attention(2, 1, heads=2).predictor["S1_01"]
    k1_10*q1_00
    """
    sizes = {"d_in": d_in, "r": r, "heads": heads}
    d_in, r, heads = (checked_int(name, size, minimum=1, maximum=1_000) for name, size in sizes.items())
    pairs = [(symbols_of(f"q{k}_", d_in, r), symbols_of(f"k{k}_", d_in, r)) for k in range(heads)]
    forms = tuple(queries * keys.T for queries, keys in pairs)
    observables = {f"norm{k}": sympy.sqrt(square_of(form)) for k, form in enumerate(forms)}
    for k, (queries, keys) in enumerate(pairs):
        for a in range(r):
            strength = sympy.sqrt(square_of(queries[:, a])) * sympy.sqrt(square_of(keys[:, a]))
            observables[f"strength{k}_{a}"] = strength
    factors = tuple(x for queries, keys in pairs for x in (*queries, *keys))
    predictor = {name: each for k, form in enumerate(forms) for name, each in named(f"S{k}_", form).items()}
    values: tuple[sympy.Symbol, ...] = ()
    if data is None:
        the_loss = loss_of(forms, None, loss) if loss is not None else loss_of(Matrix.vstack(*forms), target, None)
        arrays: Data = NO_DATA
    else:
        refuse_beside_data(target, loss)
        names = [indexed(f"v{k}_", d_in) for k in range(heads)]
        vectors = [parameters(" ".join(each)) for each in names]
        values = tuple(x for vector in vectors for x in vector)
        predictor |= {str(x).upper(): x for x in values}
        x, y = flattened(data, (None, d_in), "X")
        tokens = x.shape[1] // d_in
        the_loss, arrays = regression(
            (x, y), tokens * d_in, lambda row: _output(row, tokens, [*zip(forms, vectors, strict=True)], r)
        )
    return Model(
        parameters=(*factors, *values),
        predictor=predictor,
        loss=the_loss,
        symmetry=symmetries(pairs, group, further=len(values)),
        observables=observables,
        data=arrays,
    )


def _output(
    row: Callable[[int], sympy.Expr], tokens: int, heads: list[tuple[Matrix, tuple[sympy.Symbol, ...]]], r: int
) -> sympy.Expr:
    """Return what heads (S, V) make of one sequence, whose entries are row(token * d_in + i)."""
    d_in = len(heads[0][1])
    x = [Matrix([row(token * d_in + i) for i in range(d_in)]) for token in range(tokens)]
    total = sympy.S.Zero
    for form, value in heads:
        query = x[-1].T * form / sympy.sqrt(r)
        weights = [sympy.exp((query * each)[0]) for each in x]
        # A quotient for each token, which the loop knows to be softmax and computes without overflow.
        everyone = sympy.Add(*weights)
        total += sympy.Add(*(w / everyone * each.dot(Matrix(value)) for w, each in zip(weights, x, strict=True)))
    return total
