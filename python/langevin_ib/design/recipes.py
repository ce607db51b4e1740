"""The recipes: sparsity, groups, low rank, nonnegative weights, the simplex, and any penalty that is concave in z²."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from ..checks import checked_int, one_of, shown
from ..errors import InvalidArgumentError
from .blocks import Factors, MatrixBlock, Shaped, Simplex, Squares
from .layout import Alike, Grouped, Whole, checked_groups
from .operator import Operator
from .recipe import Recipe

__all__ = ["concave", "group_sparsity", "low_rank", "nonnegative", "simplex", "sparsity"]

_DEEPEST = 12


def sparsity(
    operator: Any = None, *, depth: int = 2, copies: int = 1, kernel: str = "free", frame: str = "analysis"
) -> Recipe:
    """Return weights whose features A w are products of numbers, each by itself.

    Parameters
    ----------
    operator : array, sparse matrix or LinearOperator, shape (m, d), optional
        A, such as ``design.differences(n)`` for piecewise constant weights; by default the identity.
    depth : int
        K, the number of factors.
    copies : int
        q: each feature is a sum of q products of two. Two copies have exactly the lasso's posterior under weight decay.
    kernel : {"free", "refuse"}
        What to do about weights that A does not see: a free part, which is neither penalised nor decayed, or an error.
    frame : {"analysis", "synthesis"}
        Of a tall A, see `Recipe`: two different estimators.

    Raises
    ------
    InvalidArgumentError
        If an argument is wrong, or A is ill-conditioned; names the condition number.

    Examples
    --------
    >>> sparsity(depth=3).coefficient
    Coefficient(kappa=4/3, rigid=2/3, proper=False)
    """
    block = _factors(depth, 1, copies)
    return _recipe("sparsity", Alike(block), operator, kernel, frame)


def group_sparsity(
    groups: Any,
    *,
    operator: Any = None,
    depth: int = 2,
    copies: int = 1,
    kernel: str = "free",
    frame: str = "analysis",
) -> Recipe:
    """Return weights whose features are vectors times numbers, group by group: groups vanish as one.

    Parameters
    ----------
    groups : sequence of sequence of int, or of int
        The features of each group, or the number of each feature's group.
    operator, depth, copies, kernel, frame
        As for `sparsity`. With one copy more than a group has features weight decay has exactly the posterior of the
        group lasso.

    Raises
    ------
    InvalidArgumentError
        If groups overlap or miss a feature, or an argument is wrong.
    """
    block = _factors(depth, 1, copies)
    layout = Grouped(checked_groups(groups), block.depth, block.copies)
    return _recipe("group sparsity", layout, operator, kernel, frame)


def low_rank(shape: Any, rank: int, *, group: str = "diagonal") -> Recipe:
    """Return weights that are the entries, row by row, of a matrix U Vᵀ.

    Parameters
    ----------
    shape : (int, int)
        Of the matrix.
    rank : int
        The number of columns of U and V.
    group : {"diagonal", "gl"}
        The symmetry that is balanced on slices: pair by pair of columns, or all of GL(rank). Weight decay does not know
        the difference.
    """
    try:
        rows, columns = shape
    except (TypeError, ValueError):
        raise InvalidArgumentError(f"shape={shown(shape)} must be (rows, columns)") from None
    rows, columns = (checked_int("shape", each, minimum=1, maximum=1_000) for each in (rows, columns))
    rank = checked_int("rank", rank, minimum=1, maximum=min(rows, columns))
    one_of("group", group, ("diagonal", "gl"))
    return Recipe("low rank", Whole(MatrixBlock(rows, columns, rank, group)))


def nonnegative(squares: int = 1, *, operator: Any = None, kernel: str = "free", frame: str = "analysis") -> Recipe:
    """Return weights whose features are sums of squares, and so not negative.

    Parameters
    ----------
    squares : int
        q, how many for each feature: at T > 0 the exponent is 1 - q/2, so none for two.
    operator, kernel, frame
        As for `sparsity`.
    """
    block = Squares(checked_int("squares", squares, minimum=1, maximum=100))
    return _recipe("nonnegative", Alike(block), operator, kernel, frame)


def simplex(weights: int) -> Recipe:
    """Return positive weights that sum up to one, u_i²/|u|²; on a sphere with Dirichlet's law of parameters 1/2."""
    return Recipe("simplex", Whole(Simplex(checked_int("weights", weights, minimum=2, maximum=100_000))))


def concave(
    psi: Callable[[sympy.Symbol], sympy.Expr], *, operator: Any = None, kernel: str = "free", frame: str = "analysis"
) -> Recipe:
    """Return weights whose penalty under ``WeightDecay(lam)`` is lam psi(z²), for any concave psi.

    Parameters
    ----------
    psi : callable
        Takes t = z² (a SymPy symbol), returns an expression: concave, non-decreasing, 0 at 0. `mcp`, `log_sum` and
        others of this room are such.
    operator, kernel, frame
        As for `sparsity`.

    Raises
    ------
    InvalidArgumentError
        If psi is not such a function; names the place.

    Examples
    --------
    >>> recipe = concave(lambda t: sympy.log(1 + t))
    >>> recipe.penalty(sympy.Symbol("z", real=True), under=__import__("langevin_ib").design.WeightDecay(2.0))
    2*log(z**2 + 1)
    """
    return _recipe("concave", Alike(Shaped.of(psi)), operator, kernel, frame)


def _factors(depth: Any, size: int, copies: Any) -> Factors:
    depth = checked_int("depth", depth, minimum=2, maximum=_DEEPEST)
    copies = checked_int("copies", copies, minimum=1, maximum=1_000)
    if copies > 1 and depth > 2:
        raise InvalidArgumentError(
            f"copies={copies} are known for two factors only, not for depth={depth}; take depth=2"
        )
    return Factors(depth, size, copies)


def _recipe(name: str, layout: Any, operator: Any, kernel: str, frame: str) -> Recipe:
    one_of("kernel", kernel, ("free", "refuse"))
    one_of("frame", frame, ("analysis", "synthesis"))
    if operator is None:
        return Recipe(name, layout)
    seen = Operator.of(operator)
    if kernel == "refuse" and seen.rank < seen.weights:
        raise InvalidArgumentError(
            f"operator= of shape {seen.matrix.shape} has the rank {seen.rank}: it does not see "
            f"{seen.weights - seen.rank} directions of the weights (condition number infinite); leave them free by "
            "kernel='free', or add rows"
        )
    if layout.features is not None and layout.features != seen.features:
        raise InvalidArgumentError(f"groups are of {layout.features} features, and operator= has {seen.features} rows")
    return Recipe(name, layout, seen, frame)
