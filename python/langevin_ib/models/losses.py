"""What the ready-made models share: a loss from a target, from data or from a function; and names with indices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import real_array, shown
from ..errors import InvalidArgumentError
from ..model import Fresh
from ..model.expressions import Data, exact

__all__ = ["flattened", "indexed", "loss_of", "refuse_beside_data", "regression", "scaling_of"]

DEFAULT_TARGET = 1.0


def loss_of(predictor: Any, target: Any, loss: Callable[[Any], sympy.Expr] | None) -> sympy.Expr:
    """Return |predictor - target|²/2 (sums over all components), or what a user's function makes of the predictor.

    Parameters
    ----------
    predictor : tuple of sympy.Expr, or sympy.Matrix
        What the function is given.
    target : None, number or array_like
        Of the shape of the predictor, or one number for all components; None is 1.
    loss : callable or None
        From the predictor to an expression.

    Raises
    ------
    InvalidArgumentError
        If `target` is not such numbers, `loss` is not callable, or both are given.
    """
    if loss is not None and not callable(loss):
        raise InvalidArgumentError(
            f"loss must be a function of the predictor such as lambda theta: theta**4, got {shown(loss)}"
        )
    if loss is not None and target is not None:
        raise InvalidArgumentError(f"target={shown(target)} has no effect beside loss=; put it into the loss")
    if loss is not None:
        return loss(predictor)
    components = list(predictor)
    shape = predictor.shape if isinstance(predictor, sympy.MatrixBase) else (len(components),)
    goals = _checked_target(DEFAULT_TARGET if target is None else target, shape)
    return sympy.Add(*((z - exact(goal)) ** 2 for z, goal in zip(components, goals, strict=True))) / 2


def _checked_target(target: Any, shape: tuple[int, ...]) -> list[float]:
    demand = f"target={shown(target)} must be finite real numbers, one or as many as {shape}"
    try:
        array = real_array("target", target)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{demand}: {error}") from None
    try:
        numbers = np.broadcast_to(array, shape)
    except ValueError as error:
        raise InvalidArgumentError(f"target={shown(target)} does not have the shape {shape}: {error}") from None
    if not np.isfinite(numbers).all():
        raise InvalidArgumentError(demand)
    return [float(number) for number in numbers.ravel()]


def regression(
    data: Any, inputs: int, output: Callable[[Callable[[int], sympy.Expr]], sympy.Expr], *, name: str = "X"
) -> tuple[sympy.Expr, Data]:
    """Return the loss sum_k (f(X_k) - y_k)²/(2 n) over rows of data, and the data by name.

    Parameters
    ----------
    data : tuple of array_like, shapes (n, d) and (n,), or Fresh
        X and y.
    inputs : int
        d.
    output : callable
        Returns f(X_k) when it is given the function from j to X_kj.
    name : str
        What X is called.

    Raises
    ------
    InvalidArgumentError
        If the arrays do not have these shapes.
    """
    if isinstance(data, Fresh):
        if data.inputs != ((name, inputs),) or [label for label, _ in data.labels] != ["y"]:
            raise InvalidArgumentError(
                f"data={data!r} must have the inputs {{{name!r}: ({inputs},)}} and one label 'y'"
            )
        # `Model` takes it in place of arrays.
        return _squares(output, data.rows, name), cast("Data", data)
    x, y = _pair(data, name)
    if x.ndim != 2 or x.shape[1] != inputs or y.shape != x.shape[:1] or len(x) == 0:
        raise InvalidArgumentError(
            f"data has shapes {x.shape} and {y.shape}; {name} must be (n, {inputs}) and y (n,) with the same n > 0"
        )
    return _squares(output, len(x), name), {name: x, "y": y}


def _squares(output: Callable[[Callable[[int], sympy.Expr]], sympy.Expr], count: int, name: str) -> sympy.Expr:
    rows, goals, k = sympy.IndexedBase(name), sympy.IndexedBase("y"), sympy.Idx("k", count)
    residual = output(lambda j: rows[k, j]) - goals[k]
    return sympy.Sum(residual**2, (k, 0, count - 1)) / (2 * count)


def flattened(data: Any, shape: tuple[int | None, int], name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return data whose rows are matrices with these matrices row by row, as the arrays of a model are.

    Parameters
    ----------
    data : tuple of array_like, shapes (n, *shape) and (n,)
        The matrices and y.
    shape : (int or None, int)
        Of a matrix; None stands for any number of rows.
    name : str
        What the matrices are called.

    Raises
    ------
    InvalidArgumentError
        If the arrays do not have these shapes.
    """
    x, y = _pair(data, name)
    rows, columns = shape
    if (
        x.ndim != 3
        or x.shape[2] != columns
        or x.shape[1] != (rows or x.shape[1])
        or y.shape != x.shape[:1]
        or not x.size
    ):
        raise InvalidArgumentError(
            f"data has shapes {x.shape} and {y.shape}; {name} must be (n, {rows or 'any'}, {columns}) and y (n,) "
            "with the same n > 0"
        )
    return x.reshape(len(x), -1), y


def refuse_beside_data(target: Any, loss: Any) -> None:
    """Refuse a target or a loss beside data, where it would have no effect."""
    if target is not None or loss is not None:
        raise InvalidArgumentError("target= and loss= have no effect beside data=; give one of them")


def _pair(data: Any, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise InvalidArgumentError(f"data must be a pair ({name}, y) of arrays, got {shown(data)}")
    x, y = (real_array(f"data {which!r}", array, code=which) for which, array in zip((name, "y"), data, strict=True))
    return x, y


def indexed(letter: str, *sizes: int) -> NDArray[Any]:
    """Return names such as w0 or u01 (u0_1 where an index has two digits) in an array of strings."""
    separator = "_" if max(sizes) > 10 else ""
    names = np.empty(sizes, dtype=object)
    for place in np.ndindex(*sizes):
        names[place] = letter + separator.join(map(str, place))
    return names


def scaling_of(up: Sequence[sympy.Symbol], down: Sequence[sympy.Symbol]) -> dict[sympy.Symbol, int]:
    """Return the weights of (U, V) -> (s U, V / s)."""
    return dict.fromkeys(up, 1) | dict.fromkeys(down, -1)
