"""A model written in coordinates in which a metric is Euclidean, for what knows no other metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import shown
from ..errors import InvalidArgumentError
from ..model import Linear, Metric, Model, Scaling, Symmetry, metric_for, numeric
from ..model.expressions import exact, parameters

__all__ = ["whitened"]

_ROUNDING = 1e-9
"""A generator of y that is symmetric up to this, is so but for the digits that going from x to y has cost."""


def whitened(model: Model, metric: Any) -> Model:
    """Return a model in y = Lᵀ x, where g = L Lᵀ is the metric of x and L is lower triangular.

    Gradient and noise are those of x in the metric: dy = -grad_y V dt + sqrt(2 T) dW is dx = -g⁻¹ grad V dt + sqrt(2 T)
    g^(-1/2) dW. A slice of the model's own stays, and the canonical dual one is that of the metric, see
    `Model.constraints`. So the Euclidean dynamics of the new model are those of the model in the metric, `GaugeFixed`
    and `Constrained` among them; but weight decay is (weight_decay / 2) xᵀ g x.

    Parameters
    ----------
    model : Model
        The model of x.
    metric : array_like, shape (dim, dim)
        A constant Riemannian metric g, symmetric and positive definite.

    Returns
    -------
    Model
        Its parameters are y, called y_u for a parameter u that comes at the same place, and x are observables by the
        names that they had. Predictor, loss and all observables are the same functions. That a generator moves y as it
        moves x, such as a scaling if the metric is diagonal, is seen; else it is given by a matrix of floating-point
        numbers.

    Raises
    ------
    InvalidArgumentError
        If `metric` is none of this model, or a name such as y_u is that of something else in it.

    Examples
    --------
    >>> from langevin_ib import models
    >>> in_y = whitened(models.scalar_product(target=1), [[4, 0], [0, 16]])
    >>> in_y.parameters, in_y.predictor["theta"], in_y.constraints()
    ((y_u, y_v), 0.125*y_u*y_v, (y_u**2/2 - y_v**2/2,))
    """
    if not isinstance(model, Model):
        raise InvalidArgumentError(f"model must be a Model, got {shown(model)}; take one from models or build one")
    g = metric_for(metric, model.parameters)
    if g is None:
        raise InvalidArgumentError("metric=None is the Euclidean one already; give a matrix, or use the model itself")
    names = parameters(" ".join(f"y_{x}" for x in model.parameters))
    x_of_y = _columns(model, g, names)
    moved: Mapping[str, Any] = {
        "parameters": names,
        "predictor": {name: f.xreplace(x_of_y) for name, f in model.predictor.items()},
        "loss": model.loss.xreplace(x_of_y),
        "symmetry": tuple(_moved(symmetry, model, g, names) for symmetry in model.symmetries) or None,
        "confinement": model.confinement.xreplace(x_of_y),
        "observables": {
            **{name: f.xreplace(x_of_y) for name, f in model.observables.items()},
            **{str(x): column for x, column in x_of_y.items()},
        },
        "data": model.data,
        "fresh": model.fresh,
        "slice": None if model.slice is None else {name: f.xreplace(x_of_y) for name, f in model.slice.items()},
    }
    # Invariance does not depend on coordinates, and was checked in x, where no digit was rounded.
    return Model.trusted(moved)


def _columns(model: Model, metric: Metric, names: tuple[sympy.Symbol, ...]) -> dict[sympy.Symbol, sympy.Expr]:
    """Return x = L⁻ᵀ y, parameter by parameter."""
    rows = metric.from_vectors(np.eye(model.dim)).T
    return {
        x: sympy.Add(*(exact(float(entry)) * y for entry, y in zip(row, names, strict=True) if entry))
        for x, row in zip(model.parameters, rows, strict=True)
    }


def _moved(symmetry: Symmetry, model: Model, metric: Metric, names: tuple[sympy.Symbol, ...]) -> Symmetry:
    """Return a symmetry as one of y: the same where its generators commute with Lᵀ."""
    given = symmetry.matrices(model.parameters)
    before = [numeric(matrix) for matrix in given]
    after = [metric.conjugated(matrix) for matrix in before]
    if isinstance(symmetry, Scaling) and after[0] is before[0]:
        to_y = dict(zip(model.parameters, names, strict=True))
        return Scaling({to_y[x]: weight for x, weight in symmetry.weights.items()})
    matrices = [
        matrix if new is old else _cleaned(new.toarray()) for matrix, old, new in zip(given, before, after, strict=True)
    ]
    return Linear(tuple(matrices), symmetry.names if isinstance(symmetry, Linear) else ())


def _cleaned(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a matrix exactly symmetric or antisymmetric if it is so up to rounding."""
    for sign in (1.0, -1.0):
        if np.abs(matrix - sign * matrix.T).max() <= _ROUNDING * np.abs(matrix).max():
            return np.asarray((matrix + sign * matrix.T) / 2.0)
    return matrix
