"""The model of a recipe: symbols for its parameters, its features as predictor, and a loss of its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import real_array, shown
from ..errors import InvalidArgumentError, UnsupportedModelError
from ..model import Model

if TYPE_CHECKING:
    from .recipe import Recipe

__all__ = ["checked_data", "modelled"]

FloatArray = NDArray[np.float64]


def modelled(recipe: Recipe, loss: Any, weights: int | None) -> Model:
    """Return it; `Recipe.model` says what is what."""
    operator = recipe.operator
    if operator is not None and operator.is_tall and recipe.frame == "analysis":
        raise UnsupportedModelError(
            f"{operator!r} is tall: its features are not free, and a process in their parameters leaves the z = A w; "
            "take frame='synthesis', where they are free, or fit by weight decay"
        )
    data = checked_data(loss) if isinstance(loss, tuple | list) else None
    if data is not None and weights is None and recipe.weights is None:
        weights = data[0].shape[1]
    z, w = recipe.formulas(weights)
    if data is not None and data[0].shape[1] != len(w):
        raise InvalidArgumentError(f"X has {data[0].shape[1]} columns, and there are {len(w)} weights")
    if data is None and not callable(loss):
        raise InvalidArgumentError(f"loss={shown(loss)} must be a function of the weights, or a pair (X, y)")
    return Model(
        parameters=recipe.symbols(weights),
        predictor={f"z{i}": each for i, each in enumerate(z)},
        loss=loss(tuple(w)) if data is None else _least_squares(w, len(data[0])),
        symmetry=recipe.symmetries(weights) or None,
        observables={} if operator is None else {f"w{i}": each for i, each in enumerate(w)},
        data={} if data is None else {"X": data[0], "y": data[1]},
    )


def _least_squares(w: list[sympy.Expr], count: int) -> sympy.Expr:
    rows, goals, k = sympy.IndexedBase("X"), sympy.IndexedBase("y"), sympy.Idx("k", count)
    residual = sympy.Add(*(rows[k, j] * each for j, each in enumerate(w))) - goals[k]
    return sympy.Sum(residual**2, (k, 0, count - 1)) / (2 * count)


def checked_data(data: Any) -> tuple[FloatArray, FloatArray]:
    """Return X and y of a pair.

    Raises
    ------
    InvalidArgumentError
        If they are not a matrix and as many numbers as it has rows, all finite, one row and one column at least.
    """
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise InvalidArgumentError(f"data must be a pair (X, y) of arrays, got {shown(data)}")
    X, y = (np.array(real_array(name, each), dtype=np.float64) for name, each in zip(("X", "y"), data, strict=True))
    if X.ndim != 2 or y.shape != X.shape[:1] or 0 in X.shape:
        raise InvalidArgumentError(
            f"X has shape {X.shape} and y {y.shape}; X must be (n, weights) and y (n,) with the same n > 0"
        )
    for name, array in (("X", X), ("y", y)):
        if not np.isfinite(array).all():
            place = np.argwhere(~np.isfinite(array))[0].tolist()
            raise InvalidArgumentError(f"{name}{place} is not finite; remove such rows, or fill them in")
    return X, y
