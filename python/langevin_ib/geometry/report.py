"""Whether a slice meets the orbits as the theory wants it: transversally, at right angles, and with equation (40)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import shown
from ..model import Model, metric_for
from .constraints import constraints_of
from .gram import RANK, generators, normalised, projected, spanned
from .points import FloatArray, checked_points, place_of, transposed

__all__ = ["SliceReport", "slice_report"]

TOLERANCE = 1e-10
"""What counts as zero of an angle, or of a share of |grad chi|."""


@dataclass(frozen=True, repr=False)
class SliceReport:
    """How the level sets of constraints lie to the orbits, at points.

    Parameters
    ----------
    constraints : tuple of sympy.Expr
        The k constraints chi^i.
    values : array, shape (..., k)
        chi^i at the points: the levels of the slices through them.
    orbit_dimension : array of int, shape (...)
        The dimension of the orbits; less than the number of generators at singular points.
    angle : array, shape (...)
        The smallest sine of an angle between a direction of the slice and the orbit, in [0, 1]: 0 where the slice is
        not transversal, 1 where it is orthogonal. Angles, lengths and G are those of the metric.
    residual : array, shape (...)
        The largest share of a grad chi^i that lies outside of the span of the generators, in [0, 1]; 0 for an
        orthogonal slice, equation (35). In a metric g that is the share of g⁻¹ grad chi^i.
    identity_gap : array, shape (...)
        The largest eigenvalue of G - M H⁻¹ Mᵀ, relative to the diagonal of G; 0 where equation (40) holds.
    """

    constraints: tuple[sympy.Expr, ...]
    values: FloatArray
    orbit_dimension: NDArray[np.int64]
    angle: FloatArray
    residual: FloatArray
    identity_gap: FloatArray

    @property
    def transversal(self) -> bool:
        """Whether the rank of M is the number of constraints, at all points."""
        return bool((self.angle > TOLERANCE).all())

    @property
    def orthogonal(self) -> bool:
        """Whether all gradients lie in the span of the generators, at all points."""
        return bool((self.residual <= TOLERANCE).all())

    @property
    def identity_holds(self) -> bool:
        """Whether G = M H⁻¹ Mᵀ, equation (40), at all points."""
        return bool((self.identity_gap <= TOLERANCE).all())

    def __repr__(self) -> str:
        lines = [
            f"slice {shown(self.constraints)} at {self.angle.size} point{'s' * (self.angle.size != 1)}",
            self._line("transversal", self.angle <= TOLERANCE, "smallest angle", self.angle, np.min),
            self._line("orthogonal", self.residual > TOLERANCE, "largest residual", self.residual, np.max),
            self._line("G = M H⁻¹ Mᵀ", self.identity_gap > TOLERANCE, "largest gap", self.identity_gap, np.max),
        ]
        return "\n  ".join(lines)

    @staticmethod
    def _line(name: str, bad: NDArray[np.bool_], label: str, array: FloatArray, pick: Any) -> str:
        verdict = f"no, at {bad.sum()} of {bad.size}, the first x{place_of(bad)}" if bad.any() else "yes"
        return f"{name}: {verdict} ({label} {pick(array) if array.size else np.nan:.3g})"


def slice_report(model: Model, x: Any, chi: Any = None, *, metric: Any = None) -> SliceReport:
    """Report whether a slice is transversal and orthogonal to the orbits at points, and whether (40) holds there.

    Parameters
    ----------
    model : Model
        With a symmetry.
    x : array_like, shape (..., dim)
        The points; each lies on a slice {chi = level} of its own.
    chi : sympy.Expr, or tuple or mapping of them, optional
        The constraints; None for those of the model, `Model.constraints`.
    metric : array_like, shape (dim, dim), optional
        A constant Riemannian metric, symmetric and positive definite; None is the identity. It decides what is
        orthogonal, and which constraints are the canonical dual ones, but not what is transversal.

    Returns
    -------
    SliceReport
        With one number per point.

    Raises
    ------
    InvalidArgumentError
        If the model has no symmetry, `x` holds no finite points of it, `chi` is something else, or `metric` is none.
    UnsupportedModelError
        If the model has no canonical dual slice.

    Examples
    --------
    >>> from langevin_ib import models
    >>> model = models.scalar_product()
    >>> u, v = model.parameters
    >>> slice_report(model, [[1.0, 1.0], [2.0, 1.0]], chi=u - 1)
    slice (u - 1,) at 2 points
      transversal: yes (smallest angle 0.707)
      orthogonal: no, at 2 of 2, the first x[0] (largest residual 0.707)
      G = M H⁻¹ Mᵀ: no, at 2 of 2, the first x[0] (largest gap 0.5)
    """
    fields, _ = normalised(generators(model, x))
    points, g = checked_points(model, x), metric_for(metric, model.parameters)
    constraints = constraints_of(model, chi, g)
    gradients, _ = normalised(constraints.gradients(points))
    length = np.linalg.svd(fields, compute_uv=False)
    if g is not None:
        fields, (gradients, _) = g.vectors(spanned(fields)), normalised(g.slopes(gradients))
    along = projected(gradients, fields)
    outside = gradients - along
    return SliceReport(
        constraints=constraints.expressions,
        values=constraints.values(points),
        orbit_dimension=(length > RANK * length.max(axis=-1, initial=0.0, keepdims=True)).sum(-1),
        angle=_smallest_angle(gradients, along),
        residual=np.linalg.norm(outside, axis=-1).max(axis=-1, initial=0.0),
        # Rows have length one, so G - M H⁻¹ Mᵀ is the Gram matrix of what lies outside.
        identity_gap=np.square(np.linalg.norm(outside, ord=2, axis=(-2, -1))),
    )


def _smallest_angle(gradients: FloatArray, along: FloatArray) -> FloatArray:
    """Return the smallest share of a vector normal to the slice that lies along the orbit.

    That is the smallest singular value of (basis of normals) (projection on the orbit), and also the smallest sine of
    an angle between the orbit and the slice, for as many directions of the orbit as there are constraints.
    """
    if gradients.shape[-2] == 0:
        return np.ones(gradients.shape[:-2])
    left, length, _ = np.linalg.svd(gradients, full_matrices=False)
    small = length <= RANK * length.max(axis=-1, initial=0.0, keepdims=True)
    normals = (transposed(left) @ along) / np.where(small, 1.0, length)[..., None]
    smallest = np.linalg.svd(np.where(small[..., None], 0.0, normals), compute_uv=False).min(axis=-1)
    return np.asarray(np.minimum(smallest, 1.0))
