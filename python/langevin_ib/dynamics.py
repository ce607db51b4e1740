"""The stochastic processes that a model can follow; the same value names the process and its stationary law."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from .checks import checked_real, shown
from .compiled_potential import CompiledPotential
from .errors import InvalidArgumentError
from .model import Model

__all__ = ["Ambient"]


@dataclass(frozen=True)
class Ambient:
    """The Langevin equation as it stands, in all parameters: dx = -grad V dt + sqrt(2 T) dW.

    V = L + confinement + (weight_decay / 2) |x|**2. Where exp(-V / T) dx (dx: Lebesgue measure of the parameters) has
    finite mass, it is the stationary law. For a loss with a continuous non-compact symmetry that needs a confinement of
    the model or a positive weight decay, because the orbits of the symmetry have infinite volume.

    Parameters
    ----------
    weight_decay : float
        The coefficient of |x|**2 / 2, in units of loss per squared parameter; >= 0.
    metric : array_like, shape (dim, dim), optional
        A constant Riemannian metric G, symmetric and positive definite: the process is then
        dx = -G**-1 grad V dt + sqrt(2 T) G**(-1/2) dW, that is, G**-1 preconditions gradient and noise alike. The law
        exp(-V / T) dx stays as it is (the volume element sqrt(det G) dx of a constant metric is a multiple of dx). Kept
        as a tuple of rows. None is the identity.
    compiled : CompiledPotential or function, optional
        A compiled function that takes the place of the model's loss and confinement in the loop, see
        `CompiledPotential`. The model then only says what the parameters and observables are called. Such a run stays
        in this process: it can be resumed, but neither saved nor sent to another.

    Raises
    ------
    InvalidArgumentError
        If `weight_decay` is negative or not a finite number, `metric` is no symmetric positive definite matrix, or
        `compiled` is no such function.
    """

    weight_decay: float = 0.0
    metric: tuple[tuple[float, ...], ...] | None = None
    compiled: CompiledPotential | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight_decay", checked_real("weight_decay", self.weight_decay, minimum=0.0))
        if self.metric is not None:
            object.__setattr__(self, "metric", _checked_metric(self.metric))
        if self.compiled is not None:
            object.__setattr__(self, "compiled", CompiledPotential.of(self.compiled))

    def __repr__(self) -> str:
        said = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) is not None)
        return f"Ambient({', '.join(said)})"

    def metric_of(self, model: Model) -> NDArray[np.float64] | None:
        """Return the metric as an array of shape (model.dim, model.dim), or None if it is the identity.

        Raises
        ------
        InvalidArgumentError
            If it is of another size.
        """
        if self.metric is None:
            return None
        if len(self.metric) != model.dim:
            raise InvalidArgumentError(
                f"metric has {len(self.metric)} rows, but the model has {model.dim} parameters "
                f"({', '.join(map(str, model.parameters[:8]))}{', ...' if model.dim > 8 else ''}); give one for each"
            )
        return np.array(self.metric)

    def potential(self, model: Model) -> sympy.Expr:
        """Return V = L + confinement + (weight_decay / 2) |x|**2 of `model` as a SymPy expression."""
        if self.weight_decay == 0.0:
            return model.potential()
        return model.potential() + sympy.Float(self.weight_decay) / 2 * sum(x**2 for x in model.parameters)


def _checked_metric(value: Any) -> tuple[tuple[float, ...], ...]:
    try:
        matrix = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise InvalidArgumentError(f"metric must be a square matrix of real numbers, got {shown(value)}")
    if not np.isfinite(matrix).all():
        raise InvalidArgumentError("metric has entries that are not finite; give finite numbers")
    asymmetry = float(np.abs(matrix - matrix.T).max())
    if asymmetry > 1e-12 * float(np.abs(matrix).max()):
        raise InvalidArgumentError(f"metric must be symmetric, but differs from its transpose by {asymmetry:.3g}")
    matrix = (matrix + matrix.T) / 2.0
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    if not smallest > 0.0:
        raise InvalidArgumentError(
            f"metric must be positive definite, but its smallest eigenvalue is {smallest:.3g}; a multiple of the "
            "identity added to it makes it so"
        )
    return tuple(tuple(row) for row in matrix.tolist())
