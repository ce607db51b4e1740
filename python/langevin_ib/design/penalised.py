"""The penalty of weights: the sum over blocks of what a mechanism makes of each, by numbers or by symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import checked_real, real_array
from ..errors import InvalidArgumentError, UnsupportedModelError
from .mechanisms import Mechanism

if TYPE_CHECKING:
    from .recipe import Recipe

__all__ = ["finite_array", "penalty_of"]

FloatArray = NDArray[np.float64]

LARGEST = 1e100
"""Squares and products of what is smaller can be computed."""

TEMPERATURE = sympy.Symbol("T", positive=True)
"""The temperature in formulas where it has no value."""


def penalty_of(recipe: Recipe, w: Any, mechanism: Mechanism, temperature: Any) -> Any:
    """Return it; `Recipe.penalty` says what is what."""
    operator = recipe.operator
    if recipe.frame == "synthesis" and operator is not None and operator.is_tall:
        raise UnsupportedModelError(
            "with frame='synthesis' the penalty of w is the least one over all z with A⁺z = w, which has no formula; "
            "it is that of the features by a recipe without an operator: sparsity().penalty(z, under=...)"
        )
    if _is_symbolic(w):
        expressions = [sympy.sympify(each) for each in (w if isinstance(w, Sequence | np.ndarray) else [w])]
        return _symbolic(recipe, expressions, mechanism, TEMPERATURE if temperature is None else temperature)
    total = _numeric(recipe, finite_array("w", w), mechanism, temperature)
    if temperature is None and np.isnan(total).any():
        raise InvalidArgumentError(
            f"the penalty under {mechanism!r} is proportional to a temperature; give temperature="
        )
    return total if total.ndim else float(total)


def _numeric(recipe: Recipe, w: FloatArray, mechanism: Mechanism, temperature: Any) -> FloatArray:
    T = sympy.S.NaN
    if temperature is not None:
        T = sympy.Float(checked_real("temperature", temperature, minimum=0.0, open_end=True))
    z = recipe.features(w)
    total = np.zeros(z.shape[:-1])
    for batch in recipe.sized(w.shape[-1])[1]:
        formula, mine = batch.block.penalty(mechanism, T), z[..., batch.places]
        if batch.block.argument == "size":
            mine = np.abs(mine[..., 0]) if mine.shape[-1] == 1 else np.sqrt((mine**2).sum(axis=-1))
        total = total + formula.numeric(mine).reshape(*z.shape[:-1], -1).sum(axis=-1)
    return np.asarray(total)


def _symbolic(recipe: Recipe, w: Sequence[sympy.Expr], mechanism: Mechanism, T: Any) -> sympy.Expr:
    z = list(w)
    if recipe.operator is not None:
        z = list(sympy.Matrix([[_exact(a) for a in row] for row in recipe.operator.matrix.tolist()]) * sympy.Matrix(z))
    terms = []
    for batch in recipe.sized(len(w))[1]:
        formula = batch.block.penalty(mechanism, sympy.sympify(T))
        for place in batch.places:
            mine = [z[i] for i in place]
            if batch.block.argument == "entries":
                terms += [formula.symbolic(each) for each in mine]
            else:
                size = sympy.sqrt(sympy.Add(*(each**2 for each in mine))) if len(mine) > 1 else sympy.Abs(mine[0])
                terms.append(formula.symbolic(size))
    return sympy.Add(*terms)


def _exact(value: float) -> sympy.Expr:
    return sympy.Integer(int(value)) if value == int(value) else sympy.Float(value)


def _is_symbolic(w: Any) -> bool:
    entries = w if isinstance(w, list | tuple) or (isinstance(w, np.ndarray) and w.dtype == object) else [w]
    return any(isinstance(each, sympy.Expr) and not each.is_number for each in entries)


def finite_array(name: str, value: Any) -> FloatArray:
    """Return an array of finite numbers of one dimension at least.

    Raises
    ------
    InvalidArgumentError
        If it is none.
    """
    array = np.atleast_1d(np.asarray(real_array(name, value), dtype=np.float64))
    if not array.size:
        raise InvalidArgumentError(f"{name} has shape {array.shape} and is empty; give one number at least")
    if not (np.abs(array) < LARGEST).all():
        raise InvalidArgumentError(
            f"{name} has entries that are not finite, or larger than {LARGEST:g}; check where they come from"
        )
    return array
