"""Models whose predictor is made of products of scalars, and the harmonic one, which has no symmetry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import sympy

from ..checks import checked_int, checked_real
from ..errors import InvalidArgumentError
from ..model import Linear, Model, Scaling, parameters
from ..model.expressions import NO_DATA, Data, exact
from .losses import indexed, loss_of, regression, scaling_of

__all__ = ["diagonal_network", "hadamard", "harmonic", "scalar_product", "total_variation"]

Components = tuple[sympy.Expr, ...]


def scalar_product(
    depth: int = 2, *, target: float = 1.0, loss: Callable[[sympy.Expr], sympy.Expr] | None = None
) -> Model:
    """Return the product theta = u v (arXiv 2601.06597, equations (6)-(7)), or theta = u1 u2 ... of any depth.

    It is invariant under (s u, v / s), and for a greater depth under the same of all neighbours, depth - 1 scalings.

    Parameters
    ----------
    depth : int
        The number of factors: u and v for 2, u1, u2, ... for more.
    target : float
        The loss is (theta - target)**2 / 2.
    loss : callable, optional
        Another loss instead, as a function that takes theta (a SymPy expression) and returns a SymPy expression.

    Returns
    -------
    Model
        With predictor "theta" and observables "imbalance" = u**2 - v**2 ("imbalance1" = u1**2 - u2**2 and so on) and
        "norm", the sum of all squares.

    Raises
    ------
    InvalidArgumentError
        If `depth` is less than 2, `target` is no finite number, `loss` is not callable, or both are given.

    Examples
    --------
    >>> scalar_product(target=2).loss
    (u*v - 2)**2/2
    >>> scalar_product(loss=lambda theta: theta**4).loss
    u**4*v**4
    >>> scalar_product(3).predictor["theta"]
    u1*u2*u3
    """
    depth = checked_int("depth", depth, minimum=2, maximum=100)
    target = checked_real("target", target)
    if loss is not None and not callable(loss):
        raise InvalidArgumentError(f"loss must be a function of theta such as lambda theta: theta**4, got {loss!r}")
    if loss is not None and target != 1.0:
        raise InvalidArgumentError(f"target={target!r} has no effect beside loss=; put it into the loss")
    factors = parameters("u v") if depth == 2 else parameters(f"u1:{depth + 1}")
    theta = sympy.Mul(*factors)
    pairs = list(pairwise(factors))
    names = ["imbalance"] if depth == 2 else [f"imbalance{a + 1}" for a in range(depth - 1)]
    scalings = tuple(Scaling({up: +1, down: -1}) for up, down in pairs)
    return Model(
        parameters=factors,
        predictor={"theta": theta},
        loss=(theta - exact(target)) ** 2 / 2 if loss is None else loss(theta),
        symmetry=scalings,
        observables={
            **{name: up**2 - down**2 for name, (up, down) in zip(names, pairs, strict=True)},
            "norm": sympy.Add(*(x**2 for x in factors)),
        },
    )


def hadamard(
    dim: int,
    depth: int = 2,
    *,
    target: Any = None,
    loss: Callable[[Components], sympy.Expr] | None = None,
    data: tuple[Any, Any] | None = None,
) -> Model:
    """Return z = u * v entry by entry, or a product of `depth` vectors: `dim` independent `scalar_product` in one.

    The slice bias is a sum of log|z_i|, which prefers sparse z (arXiv 2601.06597, section on Hadamard products). For a
    predictor A z with a matrix A of more rows than columns, u and v remain vectors of the domain of A.

    Parameters
    ----------
    dim : int
        The number of entries: z0, z1, ....
    depth : int
        The number of factors: u0, v0, u1, v1, ... for 2, else u00, u01, ... of entry 0 and so on.
    target : float or array_like, shape (dim,), optional
        The loss is sum (z_i - target_i)**2 / 2; 1 by default.
    loss : callable, optional
        Another loss instead, as a function of the tuple of the z_i.
    data : (X, y), shapes (n, dim) and (n,), optional
        The loss is then least squares, sum_k (X_k . z - y_k)**2 / (2 n).

    Returns
    -------
    Model
        With predictor "z0", "z1", ... and observables "imbalance0", ... (depth 2) and "norm", the sum of all squares.

    Raises
    ------
    InvalidArgumentError
        If a size is too small, or more than one of `target`, `loss` and `data` is given, or one does not fit.

    Examples
    --------
    >>> hadamard(2).predictor["z1"]
    u1*v1
    """
    dim = checked_int("dim", dim, minimum=1, maximum=1_000)
    depth = checked_int("depth", depth, minimum=2, maximum=100)
    factors = _factors(dim, depth)
    z = tuple(sympy.Mul(*entry) for entry in factors)
    the_loss, arrays = _loss(z, target, loss, data)
    return Model(
        parameters=tuple(x for entry in factors for x in entry),
        predictor={f"z{i}": each for i, each in enumerate(z)},
        loss=the_loss,
        symmetry=_scalings(factors),
        observables=_views(factors),
        data=arrays,
    )


def diagonal_network(
    dim: int,
    *,
    target: Any = None,
    loss: Callable[[Components], sympy.Expr] | None = None,
    data: tuple[Any, Any] | None = None,
) -> Model:
    """Return w = u * u - v * v entry by entry, a diagonal linear network with two layers.

    Each entry is invariant under the hyperbolic rotation (u, v) -> (u cosh s + v sinh s, u sinh s + v cosh s), which is
    the scaling (eˢ p, q / eˢ) of p = (u + v)/sqrt(2) and q = (u - v)/sqrt(2): w = 2 p q is twice a `scalar_product`, in
    coordinates that are turned by 45 degrees (`geometry.aligned`). The constraint is chi = u v, so that at level 0 one
    of u and v is zero.

    Parameters
    ----------
    dim : int
        The number of entries: w0, w1, ....
    target : float or array_like, shape (dim,), optional
        The loss is sum (w_i - target_i)**2 / 2; 1 by default.
    loss : callable, optional
        Another loss instead, as a function of the tuple of the w_i.
    data : (X, y), shapes (n, dim) and (n,), optional
        The loss is then least squares, sum_k (X_k . w - y_k)**2 / (2 n).

    Returns
    -------
    Model
        With predictor "w0", "w1", ... of parameters u0, v0, u1, v1, ..., and observables "imbalance0" = 2 u0 v0 =
        p0**2 - q0**2, ... and "norm", the sum of all squares.

    Raises
    ------
    InvalidArgumentError
        As `hadamard`.

    Examples
    --------
    >>> diagonal_network(2).predictor["w1"], diagonal_network(2).constraints()
    (u1**2 - v1**2, (u0*v0, u1*v1))
    """
    dim = checked_int("dim", dim, minimum=1, maximum=1_000)
    pairs = _factors(dim, 2)
    w = tuple(u**2 - v**2 for u, v in pairs)
    the_loss, arrays = _loss(w, target, loss, data)
    turns = {
        f"entry{i}": sympy.SparseMatrix(2 * dim, 2 * dim, {(2 * i, 2 * i + 1): 1, (2 * i + 1, 2 * i): 1})
        for i in range(dim)
    }
    return Model(
        parameters=tuple(x for pair in pairs for x in pair),
        predictor={f"w{i}": each for i, each in enumerate(w)},
        loss=the_loss,
        symmetry=Linear(tuple(turns.values()), tuple(turns)),
        observables={
            **{f"imbalance{i}": 2 * u * v for i, (u, v) in enumerate(pairs)},
            "norm": sympy.Add(*(x**2 for pair in pairs for x in pair)),
        },
        data=arrays,
    )


def total_variation(
    dim: int,
    *,
    target: Any = None,
    loss: Callable[[Components], sympy.Expr] | None = None,
    data: tuple[Any, Any] | None = None,
) -> Model:
    """Return the cumulated sums f_i = u_0 v_0 + ... + u_i v_i: the jumps z = u * v of a signal are made sparse.

    The slice bias is the sum of log|z_i| over *all* entries. The first, z_0 = f_0, is not a jump but the height of the
    signal, and is penalised like the others; and a sum of logarithms of jumps is not their total variation, the sum of
    their absolute values. Subtract a mean before, or read f_0 as a jump from 0.

    Parameters
    ----------
    dim : int
        The number of entries: f0, f1, ....
    target : float or array_like, shape (dim,), optional
        The loss is sum (f_i - target_i)**2 / 2; 1 by default.
    loss : callable, optional
        Another loss instead, as a function of the tuple of the f_i.
    data : (X, y), shapes (n, dim) and (n,), optional
        The loss is then least squares, sum_k (X_k . f - y_k)**2 / (2 n).

    Returns
    -------
    Model
        With predictor "f0", "f1", ..., observables "z0", ... (the jumps), "imbalance0", ... and "norm".

    Raises
    ------
    InvalidArgumentError
        As `hadamard`.

    Examples
    --------
    >>> total_variation(2).predictor["f1"]
    u0*v0 + u1*v1
    """
    dim = checked_int("dim", dim, minimum=1, maximum=1_000)
    factors = _factors(dim, 2)
    jumps = [sympy.Mul(*entry) for entry in factors]
    signal = tuple(sympy.Add(*jumps[: i + 1]) for i in range(dim))
    the_loss, arrays = _loss(signal, target, loss, data)
    return Model(
        parameters=tuple(x for entry in factors for x in entry),
        predictor={f"f{i}": each for i, each in enumerate(signal)},
        loss=the_loss,
        symmetry=_scalings(factors),
        observables={f"z{i}": jump for i, jump in enumerate(jumps)} | _views(factors),
        data=arrays,
    )


def _factors(dim: int, depth: int) -> list[tuple[sympy.Symbol, ...]]:
    """Return the factors of every entry."""
    if depth == 2:
        return [parameters(f"u{i} v{i}") for i in range(dim)]
    return [parameters(" ".join(row)) for row in indexed("u", dim, depth)]


def _scalings(factors: Sequence[tuple[sympy.Symbol, ...]]) -> tuple[Scaling, ...]:
    return tuple(Scaling(scaling_of([a], [b])) for entry in factors for a, b in pairwise(entry))


def _views(factors: Sequence[tuple[sympy.Symbol, ...]]) -> dict[str, sympy.Expr]:
    pairs = {f"imbalance{i}": entry[0] ** 2 - entry[1] ** 2 for i, entry in enumerate(factors) if len(entry) == 2}
    return pairs | {"norm": sympy.Add(*(x**2 for entry in factors for x in entry))}


def _loss(z: Components, target: Any, loss: Any, data: Any) -> tuple[sympy.Expr, Data]:
    if data is None:
        return loss_of(z, target, loss), NO_DATA
    if target is not None or loss is not None:
        raise InvalidArgumentError("target= and loss= have no effect beside data=; give one of them")
    return regression(data, len(z), lambda row: sympy.Add(*(row(i) * each for i, each in enumerate(z))))


def harmonic(*, stiffness: float = 1.0, dim: int = 1) -> Model:
    """Return the loss (stiffness / 2) |x|**2, whose laws are Gaussian even for a finite step size; no symmetry.

    Parameters
    ----------
    stiffness : float
        Positive, in units of loss per squared parameter.
    dim : int
        The number of parameters, called x for one and x0, x1, ... for more; each is a component of the predictor.

    Raises
    ------
    InvalidArgumentError
        If `stiffness` or `dim` is not positive.

    Examples
    --------
    >>> harmonic(stiffness=2.0, dim=2).loss
    x0**2 + x1**2
    """
    stiffness = checked_real("stiffness", stiffness, minimum=0.0, open_end=True)
    dim = checked_int("dim", dim, minimum=1, maximum=1_000)
    x = parameters("x" if dim == 1 else f"x:{dim}")
    return Model(
        parameters=x,
        predictor={str(xi): xi for xi in x},
        loss=sympy.Add(*(exact(stiffness) / 2 * xi**2 for xi in x)),
    )
