"""How the predictor maps a slice: its volume element, and the volume of what a compact group leaves in its fibres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy

from ..errors import UnsupportedModelError
from ..model import Metric, Model, compact_part
from ..model.expressions import uses_data
from .constraints import Constraints, constraints_of
from .gram import RANK, log_gram
from .points import FloatArray, apply
from .symbolic import log_gram_formula

__all__ = ["Volume", "log_volume", "log_volume_formula", "slopes_of_predictor"]


@dataclass(frozen=True)
class Volume:
    """The formula of log det A - log det H of the compact part, if there is a short one.

    Parameters
    ----------
    formula : sympy.Expr or None
        For an orthogonal slice, no compact part, and as many components as the slice has dimensions.
    is_square : bool
        Whether the predictor has as many components as the slice has dimensions, so that dz is Lebesgue measure.
    """

    formula: sympy.Expr | None
    is_square: bool


def log_volume_formula(model: Model, metric: Metric | None = None) -> Volume:
    """Return the formula of `log_volume`.

    Raises
    ------
    UnsupportedModelError
        As `log_volume`.
    """
    constraints = constraints_of(model, None, metric)
    compact = compact_part(model.generator_matrices(), metric)
    _require_local_coordinates(model, constraints, len(compact))
    rows = list(slopes_of_predictor(model).values())
    is_square = not compact and len(rows) == model.dim - len(constraints)
    if not is_square or constraints.matrices is None:
        return Volume(None, is_square)
    # Dh vanishes along the orbits, which are normal to the slice: no projection is needed.
    inverse = None if metric is None else metric.exact_inverse
    return Volume(log_gram_formula(sympy.ImmutableMatrix(rows), inverse), is_square)


def log_volume(model: Model, x: FloatArray, metric: Metric | None = None) -> FloatArray:
    """Return log det A - log det H of the compact generators at points, shape (..., dim) -> (...).

    A = (Dh)(Dh)ᵀ on the slice. The density of a law on the slice becomes one on predictors by the factor
    (det A)^(-1/2) (coarea formula), times the volume of the fibres. These are the orbits of the compact group K that
    maps the slice to itself; K acts by isometries, so that the volume of an orbit is sqrt(det H) of its generators, up
    to a constant. With a metric all of this is said of y = Lᵀ x, where it is Euclidean.

    Raises
    ------
    UnsupportedModelError
        If the fibres of the predictor in the slice are larger than the orbits of the compact generators.
    """
    constraints = constraints_of(model, None, metric)
    compact = compact_part(model.generator_matrices(), metric)
    _require_local_coordinates(model, constraints, len(compact))
    values = _singular_values(model, constraints, x, metric)[..., : model.dim - len(constraints) - len(compact)]
    y = x if metric is None else metric.vectors(x)
    with np.errstate(divide="ignore"):
        return np.asarray(2.0 * np.log(values).sum(axis=-1) - log_gram(apply(compact, y)))


def _singular_values(model: Model, constraints: Constraints, x: FloatArray, metric: Metric | None = None) -> FloatArray:
    """Return the singular values of Dh on the tangent space of the slice, in falling order."""
    gradients = constraints.gradients(x)
    gradients = gradients if metric is None else metric.slopes(gradients)
    basis = np.linalg.qr(np.swapaxes(gradients, -1, -2), mode="complete")[0][..., len(constraints) :]
    predictor = tuple(model.predictor[name] for name in slopes_of_predictor(model))
    jacobian = Constraints(model.parameters, predictor).gradients(x)
    jacobian = jacobian if metric is None else metric.slopes(jacobian)
    return np.asarray(np.linalg.svd(jacobian @ basis, compute_uv=False))


def slopes_of_predictor(model: Model) -> dict[str, list[sympy.Expr]]:
    """Return the derivatives of those components of the predictor that are not piecewise constant, by their names.

    Raises
    ------
    UnsupportedModelError
        If a component is a function of data.
    """
    for name, component in model.predictor.items():
        if uses_data(component):
            raise UnsupportedModelError(f"predictor {name!r} is a function of data; only the surface measure is known")
    rows = {
        name: [_smooth_part(sympy.diff(z, x)) if x in z.free_symbols else sympy.S.Zero for x in model.parameters]
        for name, z in model.predictor.items()
    }
    return {name: row for name, row in rows.items() if any(entry != 0 for entry in row)}


def _require_local_coordinates(model: Model, constraints: Constraints, compact: int) -> None:
    """Check at a general point that the predictor tells the points of the slice apart, up to the compact group."""
    wanted = model.dim - len(constraints) - compact
    point = np.random.default_rng(20260106).normal(size=model.dim) + 0.1
    values = _singular_values(model, constraints, point)
    rank = int((values > RANK * values.max(initial=0.0)).sum())
    if rank < wanted:
        raise UnsupportedModelError(
            f"the predictor maps the slice of dimension {model.dim - len(constraints)} to only {rank} dimensions, "
            f"{wanted - rank} fewer than the declared group explains: it has more symmetries, and there is no density "
            "of predictors without integrals over them; find_symmetries(model) names them"
        )


def _smooth_part(expression: sympy.Expr) -> sympy.Expr:
    """Return a derivative without the point masses of sign and Heaviside."""
    return expression.replace(sympy.DiracDelta, lambda *_: sympy.S.Zero)
