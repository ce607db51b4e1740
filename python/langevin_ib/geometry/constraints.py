"""The constraints chi that cut out a slice, with their gradients: the canonical dual ones or a user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import sympy

from ..checks import shown
from ..errors import InvalidArgumentError
from ..model import Form, Metric, Model
from ..model.expressions import checked_expression, compiled
from .points import FloatArray, apply, columns

__all__ = ["Constraints", "constraints_of"]


@dataclass(frozen=True)
class Constraints:
    """Functions chi^i of the parameters.

    Parameters
    ----------
    parameters : tuple of sympy.Symbol
        The coordinates.
    expressions : tuple of sympy.Expr
        The chi^i.
    forms : tuple of Form or None
        The symmetric S_i and the slopes b_i, if chi^i = xᵀ S_i x / 2 + b_i . x.
    """

    parameters: tuple[sympy.Symbol, ...]
    expressions: tuple[sympy.Expr, ...]
    forms: tuple[Form, ...] | None = None

    @property
    def matrices(self) -> tuple[sympy.ImmutableSparseMatrix, ...] | None:
        """The S_i."""
        return None if self.forms is None else tuple(form.matrix for form in self.forms)

    @cached_property
    def slopes(self) -> FloatArray:
        """The b_i, shape (k, dim); zero if the chi^i are other functions."""
        return columns([form.slope for form in self.forms or ()], len(self.parameters))

    def __len__(self) -> int:
        return len(self.expressions)

    def values(self, x: FloatArray) -> FloatArray:
        """Return chi^i at points, shape (..., k)."""
        if self.matrices is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                return np.asarray(((self.gradients(x) + self.slopes) @ x[..., None])[..., 0] / 2.0)
        columns = tuple(np.moveaxis(x, -1, 0))
        values = [function(*columns) for function in _functions(self.parameters, self.expressions)]
        return np.stack(values, axis=-1) if values else np.zeros((*x.shape[:-1], 0))

    def gradients(self, x: FloatArray) -> FloatArray:
        """Return grad chi^i at points, shape (..., k, dim)."""
        if self.matrices is not None:
            return apply(self.matrices, x, self.slopes)
        columns = tuple(np.moveaxis(x, -1, 0))
        out = np.zeros((*x.shape[:-1], len(self), x.shape[-1]))
        for (i, j), function in _slopes(self.parameters, self.expressions).items():
            out[..., i, j] = function(*columns)
        return out


def constraints_of(model: Model, chi: Any = None, metric: Metric | None = None) -> Constraints:
    """Return the constraints that a user names: None for the model's slice, or else its canonical dual one.

    Only the canonical dual one depends on the metric.

    Raises
    ------
    InvalidArgumentError
        If `chi` is no expression, sequence or mapping of expressions of the parameters.
    UnsupportedModelError
        If there is no canonical dual slice.
    """
    if chi is None and model.slice is None:
        return _canonical(model, metric)
    if chi is None:
        return Constraints(model.parameters, model.constraints())
    given = {"chi": chi} if isinstance(chi, sympy.Expr) else chi
    if isinstance(given, (tuple, list)):
        given = {f"chi[{i}]": expression for i, expression in enumerate(given)}
    if not isinstance(given, Mapping) or not given:
        raise InvalidArgumentError(f"chi must be an expression, or a tuple or mapping of some, got {shown(chi)}")
    return Constraints(
        model.parameters, tuple(checked_expression(str(name), f, model.parameters) for name, f in given.items())
    )


@lru_cache(maxsize=64)
def _canonical(model: Model, metric: Metric | None) -> Constraints:
    return Constraints(model.parameters, model.constraints(metric=metric), model.forms(metric=metric))


@lru_cache(maxsize=64)
def _functions(
    parameters: tuple[sympy.Symbol, ...], expressions: tuple[sympy.Expr, ...]
) -> tuple[Callable[..., FloatArray], ...]:
    return tuple(compiled(expression, parameters) for expression in expressions)


@lru_cache(maxsize=64)
def _slopes(
    parameters: tuple[sympy.Symbol, ...], expressions: tuple[sympy.Expr, ...]
) -> Mapping[tuple[int, int], Callable[..., FloatArray]]:
    return {
        (i, j): compiled(sympy.diff(expression, x).replace(sympy.DiracDelta, lambda *_: sympy.S.Zero), parameters)
        for i, expression in enumerate(expressions)
        for j, x in enumerate(parameters)
        if x in expression.free_symbols
    }
